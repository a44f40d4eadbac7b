"""A fake provider: HTTPS (and plain HTTP) on loopback that writes down exactly what reached it.

What it answers, the path says:
  /v1/echo            200, a JSON object with the body's length and SHA-256
  /v1/bytes/N         200, N bytes, Content-Length
  /v1/chunks/N        200, N chunks of 1,000 bytes
  /v1/sse/N           200, N server-sent events; each waits until the one before it was fetched with /next (see Provider.next_event)
  /v1/status/N        that status, with a small body
  /v1/until-close     200, a body that ends with the connection
  /v1/cut             200, half of the announced body, then the connection ends
  /v1/silent          closes without an answer
  /v1/garbage         bytes that are not HTTP
  /v1/early           answers before it has read the body, and closes
  /v1/cookies         200 with Set-Cookie and Alt-Svc
  /api/...            200, {"ok": true}, as Slack says it
  /v1/reflect/FORM    says back the Authorization field as it came: raw, json, percent, base64, base64url, hex, basic, cut (over chunks,
                      byte by byte), sse (an event, which does not wait for another), header, name (of a header), gzip
  /v1/chat/completions, /v1/messages   what the SDKs of OpenAI and Anthropic expect, streamed when the body asks for it
Everything else is 200 with "ok".
"""

import base64
import gzip
import hashlib
import json
import socket
import ssl
import threading


WORDS = ["Hello", " from", " the", " provider"]
MODELS = {
    "/v1/chat/completions": (
        lambda text: {"id": "c1", "object": "chat.completion", "created": 1, "model": "test",
                      "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]},
        lambda words: [
            *({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test",
               "choices": [{"index": 0, "delta": {"content": word}}]} for word in words),
            None,
        ],
    ),
    "/v1/messages": (
        lambda text: {"id": "m1", "type": "message", "role": "assistant", "model": "test", "stop_reason": "end_turn",
                      "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
                      "content": [{"type": "text", "text": text}]},
        lambda words: [
            {"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "model": "test",
             "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        ],
    ),
}


class Request:
    def __init__(self, method, target, headers, body_length, body_sha256, head, body=b""):
        self.method = method
        self.target = target
        self.headers = headers  # list of (name, value) as received
        self.body_length = body_length
        self.body_sha256 = body_sha256
        self.head = head  # the raw head
        self.body = body  # at most 64 KiB of it

    def header(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]


class Provider:
    def __init__(self, certificate=None, key=None, address="127.0.0.1"):
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.events = threading.Semaphore(0)
        self.said = []
        self.extra = {}  # beginnings of paths, and functions that make (type, body) of a path
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
            self.context.set_alpn_protocols(["http/1.1"])
        self.socket = socket.create_server((address, 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def close(self):
        """Nobody listens on its port afterwards: close() alone does not wake a thread that waits in accept()."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.socket.close()

    def next_event(self):
        """Lets the next server-sent event go."""
        self.events.release()

    def say(self, data):
        """The next request is answered with exactly these bytes, and then the connection ends."""
        self.said.append(data)

    def take(self):
        """The requests since the last call."""
        with self.lock:
            got, self.requests = self.requests, []
        return got

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            while self._one(connection, stream):
                pass
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            try:
                connection.close()
            except OSError:
                pass

    def _one(self, connection, stream):
        line = stream.readline(65536)
        if not line:
            return False
        head = line
        method, target, _ = line.decode("latin-1").rstrip("\r\n").split(" ")
        headers = []
        while True:
            line = stream.readline(65536)
            head += line
            if line in (b"\r\n", b""):
                break
            name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            headers.append((name, value.strip()))
        lower = {n.lower(): v for n, v in headers}
        path = target.split("?")[0]
        if path == "/v1/early":
            self._note(method, target, headers, 0, "", head)
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n")
            return False
        digest = hashlib.sha256()
        length = 0
        start = b""
        for part in self._body(stream, lower):
            digest.update(part)
            length += len(part)
            start += part[: 65536 - len(start)]
        self._note(method, target, headers, length, digest.hexdigest(), head, start)
        if self.said:
            connection.sendall(self.said.pop(0))
            if self.context:
                connection.unwrap()
            return False
        if path.startswith("/v1/reflect/"):
            return self._reflect(connection, path.rsplit("/", 1)[1], dict(headers).get("Authorization", ""))
        if path in MODELS:
            return self._model(connection, path, b'"stream":true' in start.replace(b" ", b""))
        return self._answer(connection, method, path, length, digest.hexdigest())

    def _note(self, *what):
        with self.lock:
            self.requests.append(Request(*what))

    @staticmethod
    def _body(stream, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int(stream.readline(100).split(b";")[0], 16)
                if size == 0:
                    while stream.readline(65536) not in (b"\r\n", b""):
                        pass
                    return
                left = size
                while left:
                    part = stream.read(min(left, 65536))
                    if not part:
                        raise ValueError("cut")
                    left -= len(part)
                    yield part
                stream.readline(10)
        left = int(headers.get("content-length", "0"))
        while left:
            part = stream.read(min(left, 65536))
            if not part:
                raise ValueError("cut")
            left -= len(part)
            yield part

    @staticmethod
    def _reflect(connection, form, credential):
        raw = credential.encode()
        key = credential.split(" ")[-1]
        bodies = {
            "raw": raw,
            "json": json.dumps({"you": "".join(f"\\u{ord(c):04x}" for c in credential)}).replace("\\\\", "\\").encode(),
            "percent": "".join(f"%{b:02X}" for b in raw).encode(),
            "base64": base64.b64encode(b"x" + raw),
            "base64url": base64.urlsafe_b64encode(b"xy" + raw),
            "hex": raw.hex().encode(),
            "basic": b"Basic " + base64.b64encode(b"user:" + key.encode()),
            "gzip": gzip.compress(raw),
        }
        if form in ("header", "name"):
            line = f"X-Echo: {credential}" if form == "header" else f"X-{key}: 1"
            connection.sendall(f"HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 2\r\n\r\nok".encode())
        elif form in ("cut", "sse"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            text = b"data: " + raw + b"\n\n"
            for part in ([text] if form == "sse" else [text[i : i + 1] for i in range(len(text))]):
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            connection.sendall(b"0\r\n\r\n")
        else:
            body = bodies[form]
            coding = "Content-Encoding: gzip\r\n" if form == "gzip" else ""
            connection.sendall(f"HTTP/1.1 200 OK\r\n{coding}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    @staticmethod
    def _model(connection, path, streamed):
        whole, events = MODELS[path]
        if not streamed:
            body = json.dumps(whole("".join(WORDS))).encode()
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            return True
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events(WORDS):
            name = f"event: {event['type']}\n" if event and "type" in event else ""
            text = f"{name}data: {json.dumps(event) if event else '[DONE]'}\n\n".encode()
            connection.sendall(f"{len(text):x}\r\n".encode() + text + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        return True

    def _answer(self, connection, method, path, length, sha256):
        def send(status, body, extra=""):
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
            connection.sendall(head.encode() + (b"" if method == "HEAD" else body))

        parts = path.split("/")
        kind = parts[2] if len(parts) > 2 else ""
        number = int(parts[3]) if len(parts) > 3 and parts[3].isdigit() else 0
        for start, make in self.extra.items():
            if path.startswith(start):
                kind, body = make(path)
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                return True
        if parts[1] == "api":
            send(200, b'{"ok": true}')
        elif kind == "echo":
            send(200, json.dumps({"length": length, "sha256": sha256}).encode())
        elif kind == "bytes":
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {number}\r\n\r\n".encode())
            block = b"x" * 65536
            while number:
                connection.sendall(block[: min(number, len(block))])
                number -= min(number, len(block))
        elif kind == "chunks":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(number):
                connection.sendall(b"3e8\r\n" + b"y" * 1000 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        elif kind == "sse":
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for i in range(number):
                self.events.acquire()
                event = f"data: {i}\n\n".encode()
                connection.sendall(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        elif kind == "status":
            send(number, b"{}")
        elif kind == "until-close":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
            if self.context:
                connection.unwrap()
            return False
        elif kind == "cut":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"z" * 500)
            return False
        elif kind == "silent":
            return False
        elif kind == "garbage":
            connection.sendall(b"\x00\x01 not http at all\r\n\r\n")
            return False
        elif kind == "cookies":
            send(200, b"{}", 'Set-Cookie: session=1\r\nAlt-Svc: h3=":443"\r\n')
        else:
            send(200, b"ok")
        return True
