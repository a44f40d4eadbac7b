"""A fake `clawbox serve`: the control socket with canned answers, which remembers what it was asked."""

import json
import os
import socket
import threading
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Answer:
    def __init__(self, status, body=b"", kind="application/json", chunked=False):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        self.kind = kind
        self.chunked = chunked

    def bytes(self):
        head = f"HTTP/1.1 {self.status} Whatever\r\nContent-Type: {self.kind}\r\n"
        if self.status == 204:
            return (head + "\r\n").encode()
        if not self.chunked:
            return (head + f"Content-Length: {len(self.body)}\r\n\r\n").encode() + self.body
        out = (head + "Transfer-Encoding: chunked\r\n\r\n").encode()
        for i in range(0, len(self.body), 1000):
            part = self.body[i:i + 1000]
            out += f"{len(part):x}\r\n".encode() + part + b"\r\n"
        return out + b"0\r\n\r\n"


def problem(status, detail, errors=None):
    body = {"type": "about:blank", "title": "Something", "status": status, "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return Answer(status, body, "application/problem+json")


class Server:
    """`answer(request)` gives an Answer, or raw bytes after which the connection is closed."""

    def __init__(self, state, answer):
        self.path = os.path.join(state, "control.sock")
        self.answer = answer
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        here = os.open(state, os.O_RDONLY)
        self.listener.bind(f"/proc/self/fd/{here}/control.sock")
        os.close(here)
        self.listener.listen(16)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.serve(connection)
                except ConnectionError:
                    pass  # the client has gone; the test sees what it did

    def serve(self, connection):
        stream = connection.makefile("rb")
        method, target, version = stream.readline().decode().split()
        assert version == "HTTP/1.1", version
        headers = {}
        while (line := stream.readline().decode().rstrip("\r\n")) != "":
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.requests.append(request)
        answer = self.answer(request)
        connection.sendall(answer if isinstance(answer, bytes) else answer.bytes())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
