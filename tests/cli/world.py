"""What the cases share: running the program in a directory of its own, and saying what did not hold."""

import os
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import termios
import time

from server import Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLAWBOX = os.environ.get("CLAWBOX_BIN", os.path.join(ROOT, "build", "clawbox"))
WAIT = 30  # seconds after which something that must happen is said not to have happened
CASES = []


def case(function):
    CASES.append(function)
    return function


def equal(what, got, expected):
    assert got == expected, f"{what} is {got!r}, not {expected!r}"


def contains(what, text, *parts):
    for part in parts:
        assert part in text, f"{what} has no {part!r}: {text!r}"


def absent(what, text, *parts):
    for part in parts:
        assert part not in text, f"{what} has {part!r} in it: {text!r}"


class Done:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err


class World:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="clawbox-cli-")
        self.state = os.path.join(self.home, "state")
        os.mkdir(self.state, 0o700)
        self.server = None

    def close(self):
        if self.server is not None:
            self.server.close()
        shutil.rmtree(self.home)

    def serve(self, answer, state=None):
        self.server = Server(state or self.state, answer)
        return self.server

    def file(self, name, content):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "LSAN_")) or k == "PATH"}
        return kept | {"HOME": self.home} | more

    def run(self, *arguments, stdin=b"", state=True, env=None, user=None, cwd=None):
        where = ["--state", self.state] if state is True else ["--state", state] if state else []
        done = subprocess.run([CLAWBOX, *arguments, *where], input=stdin, capture_output=True, timeout=WAIT, user=user,
                              env=self.environment() if env is None else env, cwd=cwd or self.home)
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def ok(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.status == 0, f"clawbox {' '.join(arguments)}: exit code {done.status}: {done.err}"
        return done

    def fails(self, status, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.status == status, f"clawbox {' '.join(arguments)}: exit code {done.status}, not {status}: {done.err}"
        contains("standard error", done.err, "clawbox: ")
        return done


class Terminal:
    """The program with a terminal as its three streams."""

    def __init__(self, world, *arguments):
        self.master, slave = pty.openpty()
        self.seen = b""
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen([CLAWBOX, *arguments, "--state", world.state], stdin=slave, stdout=slave,
                                        stderr=slave, env=world.environment(TERM="xterm"), start_new_session=True)
        self.slave = slave  # kept open, so that the settings can be read after the end

    def wait_for(self, text):
        end = time.monotonic() + WAIT
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come, but {self.seen!r}"
            self.seen += os.read(self.master, 65536)

    def send(self, data):
        while data:
            data = data[os.write(self.master, data[:512]):]

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """The exit code (negative: the signal), and all that was shown."""
        status = self.process.wait(WAIT)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        after = termios.tcgetattr(self.slave)
        equal("the terminal's settings afterwards", after[:6], self.before[:6])
        os.close(self.master)
        os.close(self.slave)
        return status, self.seen.decode("utf-8", "replace")


def interrupt_when(process, condition):
    """SIGINT as soon as the condition holds."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        assert process.poll() is None, f"it ended by itself with {process.returncode}"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
