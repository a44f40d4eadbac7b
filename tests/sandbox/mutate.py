"""Frames that begin as what may be said on a channel, and end as anything."""

import os
import random
import socket
import struct

import messages
from look import row_of

SEED = os.environ.get("CLAWBOX_FLOOD_SEED", "1")


class World:
    """What the honest peers know: alice's routes and credential."""

    def __init__(self, stage):
        self.binding = row_of(stage, "alice", "openai")[1]
        self.spec = row_of(stage, "alice", "openai")[3]
        text = lambda t: struct.pack(">I", len(t)) + t
        self.credentials = struct.pack(">I", 1) + text(b"openai") + text(b"sk-placeholder-0123456789abcdef") + struct.pack(">Q", 1)


class Descriptors:
    """What comes along with frames: nothing, one, too many, and of every kind; connections have something to say, and some of them stay."""

    KEPT = 300  # more than any role takes

    def __init__(self, generator):
        self.random, self.kept = generator, []

    def close(self):
        for s in self.kept:
            s.close()

    def said(self):
        r = self.random
        request = b"%s /v1/%s HTTP/1.1\r\nHost: api\r\n%s\r\n" % (
            r.choice([b"GET", b"POST", b"DELETE"]), r.choice([b"sessions", b"session", b"sign-in/ann", b"tenants", r.randbytes(5).hex().encode()]),
            r.choice([b"", b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Authorization: Bearer cbxs_" + b"A" * 43 + b"\r\n"]))
        return r.choice([b"", request, request * 3, request[: r.randrange(len(request))], r.randbytes(r.randrange(400))])

    def one(self):
        kind = self.random.randrange(6)
        if kind == 0:
            return os.open("/dev/null", os.O_RDONLY)
        if kind == 1:
            ends = os.pipe()
            os.close(ends[0])
            return ends[1]
        if kind == 2:
            return socket.socket(self.random.choice([socket.AF_INET, socket.AF_UNIX])).detach()  # connected to nobody
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.sendall(self.said())
        self.kept.append(ours)
        if self.random.random() < 0.5 or len(self.kept) > self.KEPT:
            self.kept.pop(self.random.randrange(len(self.kept))).close()
        return theirs.detach()

    def some(self):
        return [self.one() for _ in range(self.random.choice([0, 1, 1, 1, 1, 2, 5]))]


class Mutator:
    """Frames that begin as what may be said there, and end as anything."""

    def __init__(self, sender, receiver, by_stream, seed, world):
        self.random = random.Random(f"{seed} {sender} {receiver} {by_stream}")
        kind = "STREAM" if by_stream else "PEER"
        may = [(n, row[6] == "IPC_FD") for n, row in zip(messages.NAMES, messages.ROWS)
               if row[4] == kind and sender in messages.senders(n) and receiver in messages.receivers(n)]
        self.names = [n for n, _ in may]
        self.descriptors = any(has_fd for _, has_fd in may)  # may come along: Descriptors
        self.world = world

    def value(self, kind):
        r = self.random
        if kind in messages.NUMBERS:
            size = struct.calcsize(messages.NUMBERS[kind])
            return r.choice([0, 1, 2, r.getrandbits(8 * size), (1 << (8 * size)) - 1, r.randrange(64)]) & ((1 << (8 * size)) - 1)
        return r.choice([b"", b"openai", b"api.openai.com", b"GET", b"/v1/models", b"alice", self.world.spec, self.world.binding,
                         r.randbytes(r.randrange(300)), bytes(r.choices(range(0x20, 0x7F), k=r.randrange(64))),
                         struct.pack(">HH", 1, 3) + b"abc" + struct.pack(">I", 1) + b"x"])

    def frame(self, calls):
        r = self.random
        name = r.choice(self.names)
        payload = messages.payload(name, {field: self.value(kind) for kind, field in messages.FIELDS[messages.LOWER[name]]})
        number, call = messages.NAMES.index(name), r.choice([r.choice(calls), r.getrandbits(32), 0, 1])
        if r.random() < 0.5:  # what is well formed goes deeper, and does not cost the channel
            return messages.HEAD.pack(len(payload), number, call) + payload
        data = bytearray(payload)
        for _ in range(r.randrange(1, 4)):
            if data and r.random() < 0.7:
                data[r.randrange(len(data))] = r.getrandbits(8)
            elif r.random() < 0.5:
                del data[r.randrange(len(data) + 1) :]
            else:
                data += r.randbytes(r.randrange(1, 16))
        length = len(data) if r.random() < 0.8 else r.choice([0, len(data) + 1, r.getrandbits(32), 0xFFFFFFFF])
        number = number if r.random() < 0.9 else r.getrandbits(16)
        return messages.HEAD.pack(length, number, call) + bytes(data)
