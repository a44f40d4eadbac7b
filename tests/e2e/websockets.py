"""WebSockets through the proxy: a provider that speaks them (and some that only pretend to), and agents byte by byte."""

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess

from appliance import WAIT
from lifecycle import OPENAI, place
from provider import Provider
from scenarios import Skip, absent, equal, get, wait_for

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REAL = "sk-real-0123456789-of-the-socket"
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def frame(payload, opcode=TEXT, fin=True, mask=None, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if mask:
        key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
        payload = (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
        return head + mask + payload
    return head + payload


def read_frame(stream):
    """(opcode, fin, payload), or None at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return None
    length = head[1] & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", stream.read(2))
    elif length == 127:
        (length,) = struct.unpack(">Q", stream.read(8))
    mask = stream.read(4) if head[1] & 0x80 else None
    payload = stream.read(length)
    if mask:
        key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        payload = (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
    return head[0] & 0x0F, bool(head[0] & 0x80), payload


class SocketProvider(Provider):
    """What it does with a handshake, the last part of the path says; see `_switched` and `_one`."""

    def __init__(self, *arguments):
        self.after = []  # what came on a connection after its request was refused
        super().__init__(*arguments)

    def _one(self, connection, stream):
        line = stream.readline(65536)
        if not line:
            return False
        head, headers = line, []
        method, target, _ = line.decode("latin-1").split(" ")
        while (line := stream.readline(65536)) not in (b"\r\n", b""):
            head += line
            name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
            headers.append((name, value.strip()))
        self._note(method, target, headers, 0, "", head, b"")
        lower = {n.lower(): v for n, v in headers}
        kind = target.split("?")[0].rsplit("/", 1)[1]
        accept = base64.b64encode(hashlib.sha1((lower.get("sec-websocket-key", "") + GUID).encode()).digest()).decode()
        answers = {
            "wrong-accept": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + KEY,
            "h2c": "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: " + accept,
            "extension": f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n"
                         "Sec-WebSocket-Extensions: permessage-deflate",
        }
        if kind == "refuse" or "upgrade" not in lower:
            connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            return True
        fields = answers.get(kind, f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}")
        connection.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n".encode())
        self._switched(connection, stream, kind, lower.get("authorization", ""))
        if self.context:
            connection.unwrap()
        return False

    def _switched(self, connection, stream, kind, credential):
        if kind == "compressed":
            connection.sendall(frame(b"hi", rsv=4))
        elif kind == "key":
            raw = credential.encode()
            connection.sendall(frame(raw) + frame(raw[:9], fin=False) + frame(b"pong", PING) + frame(raw[9:], opcode=0))
            connection.sendall(frame(base64.b64encode(raw), BINARY) + frame(raw.split(b" ")[1][:7]))
        while got := read_frame(stream):
            opcode, fin, payload = got
            if opcode == CLOSE:
                connection.sendall(frame(payload, CLOSE))
                return
            connection.sendall(frame(payload, opcode, fin))


class Socket:
    """An agent's side."""

    def __init__(self, p, kind="echo", extra="", early=b""):
        self.agent = p.tunnel()
        self.agent.send(f"GET /v1/ws/{kind} HTTP/1.1\r\nHost: api.openai.com\r\nConnection: keep-alive, Upgrade\r\n"
                        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{extra}\r\n".encode()
                        + early)
        line = self.agent.stream.readline()
        self.status = int(line.split(b" ")[1])
        self.headers = {}
        while (line := self.agent.stream.readline()) not in (b"\r\n", b""):
            name, value = line.decode().rstrip("\r\n").split(": ", 1)
            self.headers[name.lower()] = value

    def send(self, payload, opcode=TEXT, fin=True):
        self.agent.send(frame(payload, opcode, fin, mask=b"\x01\x02\x03\x04"))

    def read(self):
        return read_frame(self.agent.stream)

    def rest(self):
        """All that comes until the end, also when it is cut."""
        got = b""
        try:
            while part := self.agent.stream.read1(65536):
                got += part
        except OSError:
            pass
        return got

    def close(self):
        self.agent.close()


def make(p, routes=OPENAI):
    p.providers["alice"] = SocketProvider(p.certificate, p.key)
    p.make(value=REAL, routes=routes)


def outcome(p, count=1):
    rows = wait_for("the outcome", lambda: [r for r in p.appliance.audit("alice") if r["kind"] == "outcome"][count - 1 :])
    return rows[-1]


def a_websocket_goes_both_ways():
    with place() as p:
        make(p)
        s = Socket(p, extra="Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: realtime\r\n")
        equal("status", s.status, 101)
        equal("accept", s.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        equal("upgrade", (s.headers["upgrade"], s.headers["connection"]), ("websocket", "Upgrade"))
        for i in range(100):
            s.send(b"message %d" % i)
            equal("echo", s.read(), (TEXT, True, b"message %d" % i))
        big = bytes(range(256)) * 4096
        s.send(big, BINARY)
        equal("a megabyte", s.read(), (BINARY, True, big))
        s.send(b"yes")  # what begins as the key does is not held back when it ends a message
        equal("a whole message", s.read(), (TEXT, True, b"yes"))
        s.send(b"s", fin=False)
        s.send(b"", opcode=0)
        equal("a message in parts", (s.read(), s.read()), ((TEXT, False, b"s"), (0, True, b"")))
        s.send(b"\x03\xe8", CLOSE)
        equal("close", s.read(), (CLOSE, True, b"\x03\xe8"))
        equal("end", s.rest(), b"")
        s.close()
        request = p.provider().take()[0]
        equal("credential", request.header("Authorization"), ["Bearer " + REAL])
        equal("what asks", [request.header(n) for n in ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                                                        "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Host")],
              [["Upgrade"], ["websocket"], [KEY], ["13"], ["realtime"], [], ["api.openai.com"]])
        decision = [r for r in p.appliance.audit("alice") if r["kind"] == "decision"][0]
        equal("decision", (decision["verdict"], decision["path"]), ("allowed", "/v1/ws/echo"))
        row = outcome(p)
        equal("outcome", (row["reason"], row["status"]), ("route", 101))
        assert row["request_bytes"] > len(big) and row["response_bytes"] > len(big), row


def the_credential_does_not_come_back_in_a_frame():
    with place() as p:
        make(p)
        s = Socket(p, "key")
        frames = [s.read() for _ in range(6)]
        equal("shape", [(o, f, len(d)) for o, f, d in frames],
              [(1, True, 7 + len(REAL)), (1, False, 9), (9, True, 4), (0, True, len(REAL) - 2),
               (2, True, len(base64.b64encode(b"Bearer " + REAL.encode()))), (1, True, 7)])
        whole = frames[1][2] + frames[3][2]
        for text in (frames[0][2], whole, base64.b64decode(frames[4][2])):
            absent("a message", REAL[3:-1], text.decode("latin-1"))
            assert text.startswith(b"Bearer sk-proj-"), text
        equal("what is only its start", frames[5][2], REAL[:7].encode())
        s.send(b"", CLOSE)
        s.rest()
        s.close()
        equal("scrubs", outcome(p)["scrubs"], 3)


def a_switch_that_was_not_asked_for_is_refused():
    with place() as p:
        make(p)
        for number, kind in enumerate(("wrong-accept", "h2c", "extension"), 1):
            s = Socket(p, kind)
            equal(f"{kind}: status", s.status, 502)
            s.close()
            equal(f"{kind}: outcome", outcome(p, number)["reason"], "upstream_response")
        s = Socket(p, "compressed")
        equal("compressed: status", s.status, 101)
        equal("compressed: frames", s.rest(), b"")
        s.close()
        equal("compressed: outcome", outcome(p, 4)["reason"], "upstream_response")


def what_follows_a_refused_upgrade_is_a_request():
    with place() as p:
        make(p)
        s = Socket(p, "refuse", early=b"POST /admin HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 0\r\n\r\n")
        equal("status", s.status, 403)
        equal("what was sent before it", s.agent.response().problem()["reason"], "no_route_path")
        s.close()
        s = Socket(p, "refuse", early=frame(b"hello", mask=b"abcd"))
        equal("status", s.status, 403)
        equal("frames", s.agent.response().problem()["reason"], "bad_request")
        s.close()
        equal("requests", [r.target for r in p.provider().take()], ["/v1/ws/refuse"] * 2)


def a_websocket_ends_when_it_may_not_go_on():
    routes = OPENAI + """    - name: own
      host: extra.example.com
      websocket: true
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
    with place() as p:
        make(p, routes)
        s = Socket(p)
        s.send(b"one")
        equal("before", s.read()[2], b"one")
        # what has nothing to do with it
        p.appliance.apply(p.tenant(routes=routes.replace("name: own", "name: other")))
        p.set(REAL + "-rotated")
        s.send(b"two")
        equal("after an apply and a rotation", s.read()[2], b"two")
        count = 0
        for what, change in (
            ("without WebSockets", lambda: p.appliance.apply(p.tenant(
                routes=routes.replace("credential: openai", "credential: openai\n      websocket: false")))),
            ("without the route", lambda: p.appliance.apply(p.tenant(routes=routes[len(OPENAI):]))),
            ("without the credential", lambda: p.appliance.run("credential", "rm", "alice", "openai")),
            ("without the tenant", lambda: p.appliance.run("tenant", "rm", "alice", "--yes")),
        ):
            count += 1
            change()
            equal(f"{what}: the rest", s.rest(), b"")
            s.close()
            if what == "without the tenant":
                return
            row = outcome(p, count)
            assert row["reason"] in ("no_route", "no_route_method", "credential_not_set"), (what, row)
            p.appliance.apply(p.tenant(routes=routes))
            p.set(REAL)
            p.environments["alice"] = p.appliance.environment("alice")
            s = Socket(p)
            s.send(what.encode())
            equal(f"again after {what}", s.read()[2], what.encode())


def the_ends_of_a_websocket_are_seen():
    with place() as p:
        make(p)
        s = Socket(p)
        s.send(b"hello")
        equal("echo", s.read()[2], b"hello")
        s.agent.socket.unwrap().close()  # the agent goes, properly
        row = outcome(p)
        equal("outcome", (row["reason"], row["status"], row["response_bytes"]), ("route", 101, 7))
        s = Socket(p)
        s.send(b"hello")
        equal("echo", s.read()[2], b"hello")
        s.close()
        equal("cut", outcome(p, 2)["status"], 101)


def a_websocket_of_undici_works():
    modules = os.environ.get("CLAWBOX_NODE_MODULES", "")
    if not shutil.which("node") or not os.path.isdir(modules):
        raise Skip("node or the packages of tests/e2e/clients are not installed")
    folder = os.path.dirname(modules)
    for script in ("proxy.mjs", "websocket.mjs"):
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", script), folder)
    with place() as p:
        make(p)
        done = subprocess.run(["node", "--import", "./proxy.mjs", "websocket.mjs"], cwd=folder, capture_output=True, timeout=WAIT,
                              env={**os.environ, **p.environments["alice"]})
        equal("node", (done.returncode, done.stderr.decode()), (0, ""))
        equal("messages", json.loads(done.stdout), {"got": ["0", "1", "2", "3", "4"], "code": 1000})
        equal("credential", p.provider().take()[0].header("Authorization"), ["Bearer " + REAL])


WEBSOCKETS = [
    a_websocket_goes_both_ways,
    the_credential_does_not_come_back_in_a_frame,
    a_switch_that_was_not_asked_for_is_refused,
    what_follows_a_refused_upgrade_is_a_request,
    a_websocket_ends_when_it_may_not_go_on,
    the_ends_of_a_websocket_are_seen,
    a_websocket_of_undici_works,
]
