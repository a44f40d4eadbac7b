"""clawbox credential: above all, that the value arrives sealed, whole, and is seen nowhere else."""

import base64
import json
import os
import signal
import struct
import subprocess

from sealedbox import keypair, unseal
from server import Answer, problem
from world import CLAWBOX, WAIT, Terminal, absent, case, contains, equal

BINDING = ["api.openai.com:443", "eu.api.openai.com:443 via 10.0.0.1:8443"]
VALUE = "sk-real-0123456789 abcdefghijklmnop\\'\"~"


class Vault:
    """Answers as api does, and opens what was sealed."""

    def __init__(self, binding=BINDING, forms=()):
        self.binding = binding
        self.forms = list(forms)
        self.public, self.secret = keypair()
        self.put = None

    def __call__(self, request):
        if request.target == "/v1/tenants/alice/credentials/openai:prepare":
            return Answer(200, {"tenant_id": 2**53 + 1, "public_key": self.public.hex(), "binding": self.binding,
                                "grant": "none", "forms": self.forms})
        if (request.method, request.target) == ("PUT", "/v1/tenants/alice/credentials/openai"):
            self.put = request.json()
            return Answer(200, {"bound_to": self.binding})
        return problem(404, "not here")

    def opened(self):
        """format, tenant id, tenant, name, binding, value: as modules/tls/seal.c lays them out."""
        plain = unseal(base64.b64decode(self.put["box"], validate=True), self.public, self.secret)
        fields, at = [plain[0], struct.unpack(">Q", plain[1:9])[0]], 9
        while at < len(plain):
            size = struct.unpack(">I", plain[at:at + 4])[0]
            fields.append(plain[at + 4:at + 4 + size])
            at += 4 + size
        equal("the end of the fields", at, len(plain))
        return fields


def nowhere(value, done, server):
    absent("standard output", done.out, value)
    absent("standard error", done.err, value)
    for request in server.requests:
        absent("a request", request.body.decode() + request.target + str(request.headers), value)


@case
def set_seals_the_value_with_what_it_is_bound_to(world):
    vault = Vault()
    server = world.serve(vault)
    for ending, said in (("", False), ("\n", True), ("\r\n", True)):
        done = world.ok("credential", "set", "alice", "openai", stdin=(VALUE + ending).encode())
        equal("standard output", done.out,
              "openai is set; it may go to: api.openai.com:443, eu.api.openai.com:443 via 10.0.0.1:8443\n")
        equal("that a line break was left out is said", "line break at the end" in done.err, said)
        equal("the tenant's id", vault.put["tenant_id"], 2**53 + 1)
        equal("the binding", vault.put["binding"], BINDING)
        fields = vault.opened()
        equal("what is in the box", fields[1:],
              [2**53 + 1, b"alice", b"openai", "\n".join(BINDING).encode(), VALUE.encode()])
        nowhere(VALUE, done, server)
    document = json.loads(world.ok("credential", "set", "alice", "openai", "--json", stdin=b"x").out)
    equal("--json", document, {"bound_to": BINDING})


@case
def set_takes_values_of_every_size_that_a_header_carries(world):
    vault = Vault()
    world.serve(vault)
    for size in (1, 4095, 4096, 16384):
        world.ok("credential", "set", "alice", "openai", stdin=b"k" * size + b"\n")
        equal("the value's size", len(vault.opened()[5]), size)
    vault.put = None
    for value, part in ((b"", "empty"), (b"\n", "empty"), (b"\r\n", "empty"), (b"k" * 16385, "longer than 16384"),
                        (b"k" * 16385 + b"\n", "longer than 16384"), (b"k" * 100000, "longer than 16384"),
                        (b"uno\ntwo\n", "line break at byte 4"), (b"one\n\n", "line break at byte 4"),
                        (b"one\ttwo", "at 4 that is not printable"), (b"k\0", "at 2 that"), (b"\x7fk", "at 1 that"),
                        ("schlüssel".encode(), "at 5 that"), (b" k", "begins or ends"), (b"k ", "begins or ends")):
        done = world.fails(1, "credential", "set", "alice", "openai", stdin=value)
        contains(repr(value[:20]), done.err, part)
        absent("the message", done.err, "uno", "two", "schl", "kk")
    equal("what was sent", vault.put, None)


@case
def set_never_takes_the_value_as_an_argument(world):
    server = world.serve(Vault())
    done = world.fails(2, "credential", "set", "alice", "openai", "sk-Secret")
    contains("the message", done.err, "never an argument")
    absent("the message", done.err, "sk-Secret")
    done = world.fails(2, "credential", "set", "alice", "sk-Secret")
    absent("a value in the place of a name", done.err, "sk-Secret")
    equal("the requests", len(server.requests), 0)


@case
def set_on_a_terminal_asks_and_shows_nothing(world):
    vault = Vault()
    world.serve(vault)
    long = "k" * 9000  # a terminal's own editing would cut it at 4095
    for typed, value in ((b"top-secret\n", b"top-secret"), (b"top-secret\r", b"top-secret"),
                         (b"top-sekk\x7f\x08cret\n", b"top-secret"), (b"wrong\x15top-secret\n", b"top-secret"),
                         (b"top-secret\x04", b"top-secret"), (long.encode() + b"\n", long.encode())):
        terminal = Terminal(world, "credential", "set", "alice", "openai")
        terminal.wait_for("not shown): ")
        contains("before anything is typed", terminal.seen.decode(), "openai will go to: api.openai.com:443, eu.api")
        terminal.send(typed)
        status, shown = terminal.end()
        equal("the exit code", status, 0)
        absent("what was shown", shown, "secret", "kkkk")
        contains("what was shown", shown, "openai is set; it may go to: api.openai.com:443")
        equal("the value", vault.opened()[5], value)


@case
def set_on_a_terminal_can_be_left(world):
    vault = Vault()
    world.serve(vault)
    for typed, status in ((b"half\x03", 1), (b"\x04", 1), (b"\n", 1)):
        terminal = Terminal(world, "credential", "set", "alice", "openai")
        terminal.wait_for("not shown): ")
        terminal.send(typed)
        equal(f"the exit code after {typed!r}", terminal.end()[0], status)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        terminal = Terminal(world, "credential", "set", "alice", "openai")
        terminal.wait_for("not shown): ")
        terminal.signal(number)
        equal(f"the end after signal {number}", terminal.end()[0], -number)
    equal("what was sent", vault.put, None)


@case
def what_is_pasted_behind_the_line_does_not_reach_the_shell(world):
    world.serve(Vault())
    terminal = Terminal(world, "credential", "set", "alice", "openai")
    terminal.wait_for("not shown): ")
    os.write(terminal.master, b"first\nsecond\n")
    equal("the exit code", terminal.process.wait(30), 0)
    os.set_blocking(terminal.slave, False)
    try:
        left = os.read(terminal.slave, 100)
    except BlockingIOError:
        left = b""
    equal("what is left for the shell", left, b"")
    terminal.end()


@case
def set_says_why_before_it_asks(world):
    server = world.serve(lambda request: problem(404, "no route of alice uses docs: they use openai and slack"))
    terminal = Terminal(world, "credential", "set", "alice", "docs")
    status, shown = terminal.end()
    equal("the exit code", status, 1)
    contains("what was shown", shown, "they use openai and slack")
    absent("what was shown", shown, "not shown):")
    equal("the requests", [(r.method, r.target) for r in server.requests],
          [("GET", "/v1/tenants/alice/credentials/docs:prepare")])


@case
def set_tells_of_a_conflict(world):
    vault = Vault()
    world.serve(lambda request: problem(409, "the routes of alice have changed: set it again")
                if request.method == "PUT" else vault(request))
    done = world.fails(1, "credential", "set", "alice", "openai", stdin=b"k\n")
    contains("standard error", done.err, "set it again")
    equal("standard output", done.out, "")


@case
def set_refuses_a_value_that_the_routes_cannot_use(world):
    vault = Vault()
    world.serve(vault)
    for form, value, said in (("user:password", b"no-colon", "USER:PASSWORD"), ("path segment", b"a/b", "slash"),
                              ("aws", b"secret-alone", "ACCESS_KEY_ID:SECRET_ACCESS_KEY")):
        vault.forms = ["later", form]
        done = world.fails(1, "credential", "set", "alice", "openai", stdin=value)
        contains(form, done.err, "openai ", said)
        absent(form, done.err, value.decode())
        equal("what was sent", vault.put, None)
    vault.forms = ["user:password", "aws"]
    world.ok("credential", "set", "alice", "openai", stdin=b"AKIAIOSFODNN7EXAMPLE:secret")
    equal("the value", vault.opened()[5], b"AKIAIOSFODNN7EXAMPLE:secret")


@case
def set_refuses_a_binding_that_does_not_show_as_it_is(world):
    for binding in ([], ["a.example:443\nb.example:443"], ["\x1b[8mevil.example:443"], [""], [["a"]], "a.example:443"):
        vault = Vault(binding)
        server = world.serve(vault)
        done = world.fails(1, "credential", "set", "alice", "openai", stdin=b"k\n")
        contains(repr(binding), done.err, "did not say how to seal")
        equal("what was sent", vault.put, None)
        server.close()
        world.server = None
        os.unlink(server.path)


@case
def ls_and_rm(world):
    credentials = {"credentials": [
        {"name": "openai", "placeholder": "sk-proj-p", "env": "OPENAI_API_KEY", "version": 1,
         "set": "2026-11-24T03:15:00.042Z", "bound_to": BINDING},
        {"name": "docs", "placeholder": "p", "env": "CLAWBOX_DOCS", "version": 0, "set": None, "bound_to": []}]}
    server = world.serve(lambda request: Answer(204) if request.method == "DELETE" else Answer(200, credentials))
    lines = world.ok("credential", "ls", "alice").out.splitlines()
    equal("the titles", lines[0].split(), ["CREDENTIAL", "SET", "MAY", "GO", "TO", "VARIABLE"])
    contains("one that is set", lines[1], "openai", "2026-11-24T03:15:00.042Z", ", ".join(BINDING), "OPENAI_API_KEY")
    equal("one that is not", lines[2].split(), ["docs", "not", "yet", "-", "CLAWBOX_DOCS"])
    equal("--json", json.loads(world.ok("credential", "ls", "alice", "--json").out), credentials)
    contains("rm", world.ok("credential", "rm", "alice", "openai").out, "openai is removed", "503")
    equal("the requests", [(r.method, r.target) for r in server.requests],
          [("GET", "/v1/tenants/alice/credentials")] * 2 + [("DELETE", "/v1/tenants/alice/credentials/openai")])


def write_file(world, name, text):
    path = os.path.join(world.home, name)
    with open(path, "w") as file:
        file.write(text)
    return path


@case
def set_takes_the_value_from_a_file(world):
    vault = Vault()
    server = world.serve(vault)
    done = world.ok("credential", "set", "alice", "openai", "--from-file", write_file(world, "key", VALUE + "\n"))
    equal("the value", vault.opened()[-1].decode(), VALUE)
    nowhere(VALUE, done, server)
    done = world.fails(1, "credential", "set", "alice", "openai", "--from-file", world.home + "/none")
    contains("standard error", done.err, "/none", "No such file")
    done = world.fails(1, "credential", "set", "alice", "openai", "--from-file", write_file(world, "key", "a\nb\n"))
    contains("standard error", done.err, "line break at byte 2")
    done = world.fails(2, "credential", "set", "alice", "openai", "--follow")
    contains("standard error", done.err, "--follow needs --from-file")


@case
def a_followed_file_is_set_again_when_it_changes_and_never_bound_elsewhere(world):
    vault = Vault()
    world.serve(vault)
    # As a volume of Kubernetes does it: the name is a link into a directory that is itself a link, which is swapped.
    for version in ("1", "2", "3"):
        os.mkdir(os.path.join(world.home, version))
        write_file(world, os.path.join(version, "token"), f"token-{version}\n")
    data = os.path.join(world.home, "data")
    os.symlink("1", data)

    def swap(version):
        os.symlink(version, data + ".new")
        os.rename(data + ".new", data)

    follower = subprocess.Popen(
        [CLAWBOX, "credential", "set", "alice", "openai", "--state", world.state, "--from-file", data + "/token", "--follow"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        contains("the first", follower.stdout.readline(), "openai is set")
        equal("the first value", vault.opened()[-1], b"token-1")
        swap("2")
        contains("the second", follower.stdout.readline(), "openai is set")
        equal("the second value", vault.opened()[-1], b"token-2")
        vault.binding = ["evil.example:443"]
        swap("3")
        equal("status", follower.wait(WAIT), 1)
        contains("standard error", follower.stderr.read(), "send openai elsewhere")
        equal("the last value", vault.opened()[-1], b"token-2")
    finally:
        follower.kill()
        follower.wait()
