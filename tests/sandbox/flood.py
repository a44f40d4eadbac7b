"""Random and mutated messages on every channel between two roles: the receiver lives, serves others, and gives nothing away.

A role is started as the monitor would start it, the real program with its confinement; the tests are its monitor and all of its
peers. One of these sends whatever it likes. When the role ends a channel, as it should for what breaks the protocol, the next is
wired, as when the monitor has restarted that peer.
"""

import array
import contextlib
import fcntl
import os
import select
import socket
import struct
import tempfile
import termios
import time

import messages
from look import ALICE, equal, has_secret
from mutate import SEED, Descriptors, Mutator, World

CLAWBOX = os.environ.get("CLAWBOX_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "clawbox"))
MESSAGES = int(os.environ.get("CLAWBOX_FLOOD", "10000"))  # per channel; a million is what a long run takes
WAIT = 30
ALICES, BOBS = 1, 2  # tenant numbers
TENANTS = {ALICES: "alice", BOBS: "bob"}
HONEST_BATCH = 8
ENOTFOUND = 1008  # base/err.h


def edges():
    """(sender, receiver, whether by a stream) of every way that the table of messages knows."""
    found = set()
    for name, row in zip(messages.NAMES, messages.ROWS):
        if row[4] != "LIFE":
            found |= {(a, b, row[4] == "STREAM") for a in messages.senders(name) for b in messages.receivers(name)}
    # A gate makes streams when agents come: asks.py is the egress that answers these with noise.
    return sorted(found - {("egress", "gate", True)})


class Channel:
    def __init__(self, peer, tenant):
        self.peer, self.tenant = peer, tenant
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.ours.setblocking(False)
        self.data, self.calls, self.dead = b"", [0], False

    def close(self):
        self.ours.close()
        self.theirs.close()

    def send(self, data, descriptors=()):
        """Also into a channel that the role has ended. The descriptors go along with the first bytes, and are closed here."""
        try:
            while data:
                select.select([], [self.ours], [], WAIT)
                data = data[socket.send_fds(self.ours, [data], descriptors) if descriptors else self.ours.send(data) :]
                while descriptors:
                    os.close(descriptors.pop())
        except (BrokenPipeError, ConnectionResetError):
            self.dead = True
        for descriptor in descriptors:
            os.close(descriptor)

    def unread(self):
        size = array.array("i", [0])
        fcntl.ioctl(self.ours, termios.TIOCOUTQ, size)
        return size[0]

    def receive(self):
        """What the role has written, without waiting."""
        got = b""
        with contextlib.suppress(BlockingIOError):
            try:
                while part := self.ours.recv(1 << 20):
                    got += part
                self.dead = True
            except ConnectionResetError:
                self.dead = True
        return got

    def frames(self, got):
        self.data += got
        while (frame := messages.split(self.data)) is not None:
            self.data = self.data[frame[3] :]
            self.calls = [*self.calls[-15:], frame[1]]
            yield frame[:3]


class Role:
    """A real role, the tests being its monitor."""

    def __init__(self, name, world):
        self.name, self.world = name, world
        self.tenant = ALICES if name in ("gate", "egress") else 0
        self.directory = tempfile.mkdtemp(prefix="clawbox-flood-")
        self.life = Channel("monitor", 0)
        self.ready = False
        self.channels = {}
        here = os.getcwd()
        os.chdir(self.directory)
        self.log = open(os.path.join(self.directory, "log"), "wb+")
        self.pid = os.posix_spawn(os.path.abspath(CLAWBOX), ["clawbox", f"@{name}"], {}, file_actions=[
            (os.POSIX_SPAWN_DUP2, self.life.theirs.fileno(), 3), (os.POSIX_SPAWN_DUP2, self.log.fileno(), 2)])
        os.chdir(here)
        self.life.theirs.close()
        self.tell("START", tenant_id=self.tenant, tenant=TENANTS.get(self.tenant, ""))
        self.hand_over()
        for sender, receiver, by_stream in edges():
            if receiver == name and not by_stream:
                self.wire(sender, self.tenant or (BOBS if sender in ("gate", "egress") else 0))
        self.tell("GO")
        self.until("READY", lambda: self.ready)

    def tell(self, message, fd=None, **fields):
        data = messages.frame(message, 0, fields)
        if fd is None:
            self.life.send(data)
        else:
            select.select([], [self.life.ours], [], WAIT)
            socket.send_fds(self.life.ours, [data], [fd])

    def hand_over(self):
        if self.name == "vault":
            with tempfile.TemporaryFile() as file:
                file.write(b"5a" * 32 + b"\n")
                file.seek(0)
                self.tell("FILE", file.fileno(), what=0)
        if self.name in ("gate", "api"):
            self.address = os.path.join(self.directory, "listener")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(self.address)
            listener.listen(16)
            self.tell("LISTENER", listener.fileno(), kind=2 if self.name == "api" else 0)
            listener.close()
        if self.name == "console":
            listener = socket.create_server(("127.0.0.1", 0))
            self.address = listener.getsockname()
            self.tell("LISTENER", listener.fileno(), kind=5)
            listener.close()

    def wire(self, peer, tenant):
        """A new channel in the place of an older one."""
        older = self.channels.get((peer, tenant))
        if older:
            older.close()
        channel = self.channels[(peer, tenant)] = Channel(peer, tenant)
        self.tell("PEER", channel.theirs.fileno(), role=messages.ROLES.index(peer), tenant_id=tenant, tenant=TENANTS.get(tenant, ""))
        channel.theirs.close()
        return channel

    def stream(self):
        """A connection of an agent, announced by the gate."""
        gate = self.channels[("gate", self.tenant)]
        if gate.dead:
            gate = self.wire("gate", self.tenant)
        channel = Channel("gate", self.tenant)
        socket.send_fds(gate.ours, [messages.frame("CONNECTION", 0, {"serial": 1})], [channel.theirs.fileno()])
        channel.theirs.close()
        return channel

    def serve(self, channel):
        """Answers as an honest peer does."""
        for message, call, fields in channel.frames(channel.receive()):
            if message == "READY":
                self.ready = True
            answer = honest_answer(self.world, message)
            if answer:
                channel.send(messages.frame(answer[0], call, answer[1]))

    def serve_all(self, but=None):
        for channel in [self.life, *self.channels.values()]:
            if channel is not but:
                self.serve(channel)

    def until(self, what, condition, but=None):
        end = time.monotonic() + WAIT
        while not condition():
            self.alive()
            assert time.monotonic() < end, f"{self.name}: {what} did not come"
            self.serve_all(but)

    def alive(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.pid = 0
            self.log.seek(0)
            raise AssertionError(f"{self.name} ended with status {status:x}: {self.log.read()[-2000:].decode(errors='replace')}")

    def descriptors(self):
        """How many it has; none that can be seen, by who is not root."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except PermissionError:
            return 0

    def close(self):
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        for channel in [self.life, *self.channels.values()]:
            channel.close()
        self.log.close()
        for file in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, file))
        os.rmdir(self.directory)


def honest_answer(world, message):
    """(name, fields) of what the role is answered when it asks, or None."""
    if message == "AUDIT_DECISION":
        return "AUDIT_STORED", {"code": 0, "seq": 1}
    return {
        "VAULT_KEY_GET": ("VAULT_KEY", {}),
        "VAULT_KEY_PUT": ("DONE", {}),
        "SEALED_GET": ("SEALED", {"code": ENOTFOUND}),
        "CA_GET": ("CA_ROW", {"tenant": "alice"}),
        "CA_PUT": ("DONE", {}),
        "HOSTS_GET": ("HOSTS", {"hosts": b"api.openai.com"}),
        "UNSEAL": ("CREDENTIAL", {"binding": world.binding, "value": ALICE}),
        "SPEC_GET": ("SPEC", {"generation": 1, "spec": world.spec, "credentials": world.credentials, "token_hash": bytes(32)}),
        "LEAF_SIGN": ("LEAF", {"code": ENOTFOUND}),
        "TRUST_GET": ("TRUST", {"code": ENOTFOUND}),
    }.get(message)


def flood(stage, sender, receiver, by_stream):
    world = World(stage)
    role = Role(receiver, world)
    try:
        mutator = Mutator(sender, receiver, by_stream, SEED, world)
        descriptors = Descriptors(mutator.random)
        tenant = role.tenant or (BOBS if sender in ("gate", "egress") else 0)
        channel = role.stream() if by_stream else role.channels[(sender, tenant)]
        sent = 0
        while sent < MESSAGES:
            batch = [mutator.frame(channel.calls) for _ in range(mutator.random.randrange(1, HONEST_BATCH))]
            for data in batch if mutator.descriptors else [b"".join(batch)]:
                channel.send(data, descriptors.some() if mutator.descriptors else [])
            sent += len(batch)
            taken(role, channel)
            if channel.dead or mutator.random.random() < 0.02:
                if by_stream:
                    channel.close()
                channel = role.stream() if by_stream else role.wire(sender, tenant)
        if by_stream:
            channel.close()
        else:
            role.wire(sender, tenant)
        descriptors.close()
        PROBES[receiver](role)
        if mutator.descriptors:
            role.until("the end of what came along", lambda: role.descriptors() < 64)
        role.alive()
    except AssertionError as error:
        raise AssertionError(f"{error} (CLAWBOX_FLOOD_SEED={SEED})") from None
    finally:
        role.close()


def taken(role, channel):
    """Waits until the role has read what was sent, or has ended the channel; looks at what comes back."""
    end = time.monotonic() + WAIT
    while True:
        got = channel.receive()
        assert not has_secret(got) or (role.name, channel.peer) == ("vault", "egress"), f"{role.name} gave away {has_secret(got)}"
        for message, call, fields in channel.frames(got):
            if messages.kind(message) == "REQUEST":
                channel.calls.append(call)
        role.serve_all(but=channel)
        if channel.dead or channel.unread() == 0:
            return
        role.alive()
        if channel.peer == "gate" and time.monotonic() > end - WAIT + 1:
            channel.dead = True  # a stream is not read while a request is under way; the gate may end it
            return
        assert time.monotonic() < end, f"{role.name} does not read its channel to {channel.peer}"


def asked(role, peer, tenant, message, **fields):
    """The answer of a role to an honest request."""
    channel = role.wire(peer, tenant)
    channel.send(messages.frame(message, 0x55, fields))
    found = []
    role.until(f"the answer to {message}", lambda: found or found.extend(
        f for f in channel.frames(channel.receive()) if f[1] == 0x55), but=channel)
    return found[0][0], found[0][2]


def probe_vault(role):
    name, answer = asked(role, "api", 0, "SEAL_KEY_GET", version=1)
    equal("the vault's answer", (name, len(answer["public_key"])), ("SEAL_KEY", 32))


def probe_store(role):
    name, answer = asked(role, "api", 0, "TENANT_LIST", limit=10)
    equal("the store's answer", (name, answer["code"]), ("TENANT_PAGE", 0))


def probe_egress(role):
    for peer in ("store", "vault", "gate"):
        role.wire(peer, ALICES)
    stream = role.stream()
    request = {"host": "nowhere.example", "port": 443, "method": "GET", "path": "/", "fields": messages.header_fields([])}
    stream.send(messages.frame("REQUEST", 0, request) + messages.frame("REQUEST_END", 0, {"total": 0}))
    found = []
    role.until("the answer to a request", lambda: found or found.extend(
        f for f in stream.frames(stream.receive()) if f[0] == "RESPONSE"), but=stream)
    stream.close()
    assert found[0][2]["status"] in (403, 503), f"a request was answered {found[0][2]['status']}"


def probe_socket(role):
    """An agent of the gate, a command of the api: each is answered in HTTP."""
    with socket.socket(socket.AF_INET if role.name == "console" else socket.AF_UNIX) as client:
        client.connect(role.address)
        client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        client.setblocking(False)
        got = []

        def answered():
            with contextlib.suppress(BlockingIOError):
                got.append(client.recv(4096))
            return got

        role.until("an answer on its socket", answered)
        assert got[0].startswith(b"HTTP/1.1 4"), got


def probe_gate(role):
    text = lambda t: struct.pack(">I", len(t)) + t
    hosts = struct.pack(">I", 1) + text(b"api.openai.com") + struct.pack(">HB", 443, 0)
    role.wire("vault", ALICES)
    role.wire("egress", ALICES).send(messages.frame("GATE_CONFIG", 0, {"generation": 9, "token_hash": bytes(32), "hosts": hosts}))
    probe_socket(role)


PROBES = {"vault": probe_vault, "store": probe_store, "egress": probe_egress, "gate": probe_gate, "api": probe_socket, "console": probe_socket}
