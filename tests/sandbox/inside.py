"""The other end of attacker.c: makes system calls inside a role, and speaks on its channels.

`Inside.call("openat", AT_FDCWD, b"/etc/shadow\\0", 0)` runs in the role. Arguments that are bytes are put into the role's memory
and passed by address; a callable gets the Arena and returns a number, for structures with pointers in them.
"""

import errno
import os
import socket
import struct
import threading
import time

import messages

WAIT = 30
CALL, COMPAT, JUMP, PEEK, CHANNELS, RELEASE = range(6)  # enum attack_op
ORDER = struct.Struct("=IIII32s6Q")
RESULT = struct.Struct("=q")
HELLO = struct.Struct("=16s48sQ")
CHANNEL = struct.Struct("=iHH")
SCRATCH = 1 << 20
NO_SUCH_CALL = -(1 << 20)
MSG_NOSIGNAL = 0x4000
SOL_SOCKET, SCM_RIGHTS = 1, 1


class Killed(Exception):
    """The role is no more."""


class Denied(Exception):
    """The kernel said no, and the role lives."""

    def __init__(self, what, number):
        self.name = errno.errorcode.get(number, str(number))
        super().__init__(f"{what}: {self.name}")


class Refused(Exception):
    """A peer said no, or ended the channel."""


class Arena:
    def __init__(self, base):
        self.base, self.data = base, bytearray()

    def put(self, data):
        at = len(self.data)
        self.data += data + bytes(-len(data) % 16)
        assert len(self.data) <= SCRATCH, "does not fit into the attacker's memory"
        return self.base + at

    def get(self, address, length):
        return bytes(self.data[address - self.base : address - self.base + length])


class Inside:
    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(WAIT)
        self.pid = struct.unpack("=3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        self.pending = {}  # what was read from a channel and not used yet

    def greet(self):
        """Waits for the role to be ready."""
        role, tenant, self.scratch = HELLO.unpack(self._read(HELLO.size))
        self.role, self.tenant = role.split(b"\0")[0].decode(), tenant.split(b"\0")[0].decode()
        return self

    def close(self):
        self.socket.close()

    def _read(self, length):
        data = b""
        while len(data) < length:
            try:
                part = self.socket.recv(length - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Killed(data)
            data += part
        return data

    def order(self, op, name="", arguments=(), data=b"", back=0):
        values = list(arguments) + [0] * (6 - len(arguments))
        head = ORDER.pack(op, len(data), back, 0, name.encode(), *(v & 0xFFFFFFFFFFFFFFFF for v in values))
        try:
            self.socket.sendall(head + data)
        except (BrokenPipeError, ConnectionResetError):
            raise Killed(b"") from None
        value = RESULT.unpack(self._read(RESULT.size))[0]
        return value, self._read(back)

    def call(self, name, *arguments):
        """The result, or a negative errno. The memory of the arguments is self.memory afterwards."""
        arena = Arena(self.scratch)
        values = [a(arena) if callable(a) else arena.put(a) if isinstance(a, bytes) else a for a in arguments]
        value, back = self.order(CALL, name, values, bytes(arena.data), len(arena.data))
        if value == NO_SUCH_CALL:
            raise KeyError(f"attacker.c does not know the call {name}")
        arena.data = bytearray(back)
        self.memory = arena
        return value

    def must(self, name, *arguments):
        """The same; what the kernel refuses is Denied."""
        value = self.call(name, *arguments)
        if value < 0:
            raise Denied(name, -value)
        return value

    def peek(self, address, length):
        return self.order(PEEK, arguments=[address], back=length)[1]

    def release(self):
        """The role goes on with its work."""
        self.pending.clear()
        self.order(RELEASE)

    # ---- its channels ----

    def channel(self, peer):
        """The descriptor of its newest channel to a peer, by name."""
        count, data = self.order(CHANNELS, back=CHANNEL.size * 256)
        found = [fd for fd, kind, role in CHANNEL.iter_unpack(data[: count * CHANNEL.size])
                 if messages.ROLES[role] == peer and kind != messages.STREAM]
        if not found:
            raise KeyError(f"{self.role} has no channel to {peer}")
        return found[-1]

    def write(self, fd, data, pass_fd=None):
        """All of the bytes; the descriptor travels with the first."""
        while data:
            part = data[: SCRATCH // 2]
            put = self.until_it_can(lambda: self.call("sendmsg", fd, lambda a: a.put(message_header(a, part, pass_fd)), MSG_NOSIGNAL))
            if put < 0:
                raise Refused(f"the channel is closed ({errno.errorcode.get(-put)})")
            pass_fd = None
            data = data[put:]

    @staticmethod
    def until_it_can(do, seconds=WAIT):
        """The result of a call on a descriptor that does not block, once it is another than to try again."""
        end = time.monotonic() + seconds
        while (result := do()) == -errno.EAGAIN:
            if time.monotonic() > end:
                raise TimeoutError(f"nothing happened within {seconds} s")
            time.sleep(0.001)
        return result

    def read_frame(self, fd, seconds=WAIT):
        """(message, call number, fields) of the next frame. Refused when the peer has closed."""
        data = self.pending.get(fd, b"")
        while True:
            frame = messages.split(data)
            if frame is not None:
                self.pending[fd] = data[frame[3] :]
                return frame[:3]
            got = self.until_it_can(lambda: self.call("read", fd, bytes(65536), 65536), seconds)
            if got <= 0:
                raise Refused("the peer closed the channel")
            data += self.memory.get(self.scratch, got)
            self.pending[fd] = data

    def send(self, fd, message, call=0, pass_fd=None, **fields):
        self.write(fd, messages.frame(message, call, fields), pass_fd)

    def ask(self, peer, message, **fields):
        """Sends a request and returns (name of the answer, its fields)."""
        fd = self.channel(peer)
        number = 0x7FFFF001
        self.send(fd, message, number, **fields)
        while True:
            name, call, answer = self.read_frame(fd)
            if call == number:
                return name, answer


def message_header(arena, data, fd):
    """struct msghdr, perhaps with a descriptor, and what it points to."""
    vector = arena.put(struct.pack("=QQ", arena.put(data), len(data)))
    control = arena.put(struct.pack("=Qiii4x", 20, SOL_SOCKET, SCM_RIGHTS, fd)) if fd is not None else 0
    return struct.pack("=QI4xQQQQi4x", 0, 0, vector, 1, control, 24 if control else 0, 0)


class Listener:
    """Where the roles of an attacked program, and plain processes, report."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "attacker.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.listen(64)
        self.changed = threading.Condition()
        self.connections = []  # all that were taken, in order; ended ones too
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.changed:
                self.connections.append(Inside(connection))
                self.changed.notify_all()

    def of(self, pid):
        """The connection of that process, once it is ready."""
        with self.changed:
            found = self.changed.wait_for(lambda: next((c for c in self.connections if c.pid == pid), None), WAIT)
        assert found, f"process {pid} did not report: is it the attacked program?"
        return found if hasattr(found, "role") else found.greet()

    def forget_all(self):
        with self.changed:
            for connection in self.connections:
                connection.close()
            self.connections.clear()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)
        self.forget_all()
