"""`clawbox run`: a program whose only way out is the tenant's listener, from the inside. Each probe is what an attacker would try there."""

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap

from appliance import CLAWBOX, WAIT
from lifecycle import HOST, STRANGER, need_root, place
from scenarios import Skip, equal, wait_for

PYTHON = shutil.which("python3", path="/usr/bin:/bin")
# What a probe finds at hand; it prints one JSON value.
PRELUDE = """
import ctypes, errno, json, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    r = libc.syscall(number, *arguments)
    return errno.errorcode[ctypes.get_errno()] if r < 0 else "done"
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def say(value):
    print(json.dumps(value))
"""


def need_namespaces(p):
    done = run(p, "true")
    if done.returncode and b"cannot be closed in" in done.stderr:
        raise Skip("this machine gives no namespaces: " + done.stderr.decode().strip())


def command(p, *program, options=()):
    return [p.appliance.program, "run", "alice", "--state", p.appliance.state, "-q", *options, "--", *program]


def work_folder(p):
    return os.path.join(p.home, "work")


def run(p, *program, options=(), stdin=b"", **environment):
    return subprocess.run(command(p, *program, options=options), cwd=work_folder(p), input=stdin, capture_output=True, timeout=WAIT,
                          env={**os.environ, "HOME": p.home, "PATH": "/usr/bin:/bin", **environment}, **p.appliance.user)


def probe(p, text, *arguments, options=(), **environment):
    done = run(p, PYTHON, "-c", PRELUDE + textwrap.dedent(text), *arguments, options=options, **environment)
    assert done.returncode == 0, f"the probe ended with {done.returncode}: {done.stderr.decode()}"
    return json.loads(done.stdout)


def it_reaches_what_the_routes_allow(p):
    p.provider().take()
    done = run(p, "curl", "-sS", "--fail", f"https://{HOST}/v1/models")
    equal("curl", (done.returncode, done.stderr), (0, b""))
    equal("credential", [r.header("Authorization")[0] for r in p.provider().take()], ["Bearer sk-real-alice"])
    done = run(p, "sh", "-c", f'curl -sS --fail "$CLAWBOX_BASE_URL/{HOST}/v1/models"')
    equal("by the base URL", (done.returncode, done.stderr), (0, b""))
    equal("requests", len(p.provider().take()), 1)
    size = 40_000_000
    done = run(p, "curl", "-sS", "--fail", f"https://{HOST}/v1/bytes/{size}")
    equal("a large answer", len(done.stdout), size)


def it_reaches_nothing_else(p):
    with socket.create_server(("127.0.0.1", 0)) as outside, socket.socket(socket.AF_UNIX) as named:
        path = os.path.join(work_folder(p), "outside.sock")
        named.bind(path)
        named.listen()
        os.chmod(path, 0o777)
        found = probe(p, """
            port, provider, state, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
            def tcp(*address):
                socket.create_connection(address, timeout=5).close()
            def udp(*address):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(address)
                s.send(b"x")
            def unix(name, kind=socket.SOCK_STREAM):
                s = socket.socket(socket.AF_UNIX, kind)
                s.connect(name)
            def pair(kind):
                a, b = socket.socketpair(socket.AF_UNIX, kind)
                a.connect(path)
            say({
                "a listener outside": attempt(tcp, "127.0.0.1", port), "the provider": attempt(tcp, "127.0.0.1", provider),
                "the internet": attempt(tcp, "192.0.2.1", 443), "IPv6": attempt(tcp, "2001:db8::1", 443),
                "a name server": attempt(udp, "192.0.2.53", 53), "metadata": attempt(tcp, "169.254.169.254", 80),
                "a socket in the folder": attempt(unix, path), "the control socket": attempt(unix, state + "/control.sock"),
                "an abstract one": attempt(unix, "\\0clawbox-test"), "datagrams": attempt(unix, path, socket.SOCK_DGRAM),
                "a pair that connects": attempt(pair, socket.SOCK_DGRAM), "a pair of streams": attempt(pair, socket.SOCK_STREAM),
                "VSOCK": attempt(socket.socket, 40, socket.SOCK_STREAM), "packets": attempt(socket.socket, 17, socket.SOCK_RAW),
                "raw": attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1), "io_uring": call(425, 1, 0),
            })""", str(outside.getsockname()[1]), str(p.provider().port), p.appliance.state, path)
        equal("what can be reached", found, {
            "a listener outside": "ECONNREFUSED", "the provider": "ECONNREFUSED", "the internet": "ENETUNREACH", "IPv6": "ENETUNREACH",
            "a name server": "ENETUNREACH", "metadata": "ENETUNREACH", "a socket in the folder": "EAFNOSUPPORT",
            "the control socket": "EAFNOSUPPORT", "an abstract one": "EAFNOSUPPORT", "datagrams": "EAFNOSUPPORT",
            "a pair that connects": "EPROTONOSUPPORT", "a pair of streams": "EISCONN", "VSOCK": "EAFNOSUPPORT",
            "packets": "EAFNOSUPPORT", "raw": "EPERM", "io_uring": "ENOSYS"})
        outside.settimeout(0)
        named.settimeout(0)
        for listener in (outside, named):
            try:
                listener.accept()
                raise AssertionError("somebody connected")
            except BlockingIOError:
                pass
        os.unlink(path)


def it_reads_no_secret(p):
    home = p.home
    os.makedirs(os.path.join(home, ".ssh"), exist_ok=True)
    os.makedirs(os.path.join(home, ".config", "gh"), exist_ok=True)
    for name in (".ssh/id_ed25519", ".config/gh/hosts.yml", ".netrc", "more.txt"):
        with open(os.path.join(home, name), "w") as file:
            file.write("a-secret-of-mine")
    found = probe(p, """
        home, state = sys.argv[1:3]
        def read(path):
            with open(os.path.join(home, path)) as file:
                return file.read()
        def folder(path):
            return sorted(os.listdir(path))
        tree = sorted(os.path.relpath(os.path.join(d, n), state) for d, ds, fs in os.walk(state) for n in fs)
        say({"state": tree, "ssh": folder(home + "/.ssh"), "gh": folder(home + "/.config/gh"), "netrc": read(".netrc"),
             "hidden": read("more.txt"), "key": os.environ.get("MY_API_KEY"), "kept": os.environ.get("KEPT"), "set": os.environ.get("SET"),
             "placeholder": os.environ["OPENAI_API_KEY"] == sys.argv[3],
             "processes": [n for n in os.listdir("/proc") if n.isdigit() and n not in ("1", str(os.getpid()))]})""",
        home, p.appliance.state, p.environments["alice"]["OPENAI_API_KEY"], MY_API_KEY="sk-mine", KEPT="kept",
        options=["--hide", os.path.join(home, "more.txt"), "--env", "KEPT", "--env", "SET=a=b"])
    equal("what it reads", found, {"state": ["tenants/alice/ca-bundle.pem"], "ssh": [], "gh": [], "netrc": "", "hidden": "", "key": None,
                                   "kept": "kept", "set": "a=b", "placeholder": True, "processes": []})


def it_writes_where_it_may(p):
    more = tempfile.mkdtemp(dir=os.path.dirname(p.home))
    mark = "clawbox-run-" + str(os.getpid())
    try:
        os.chown(more, p.owner, p.owner)
        found = probe(p, """
            home, more, mark = sys.argv[1:4]
            def write(path):
                with open(path, "w") as file:
                    file.write("x")
            def set_id(path):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755))
            say({"here": attempt(write, "here"), "tmp": attempt(write, "/tmp/" + mark), "shm": attempt(write, "/dev/shm/" + mark),
                 "more": attempt(write, more + "/x"), "home": attempt(write, home + "/.bashrc"), "etc": attempt(write, "/etc/" + mark),
                 "set-id": attempt(os.chmod, "here", 0o4755), "set-gid": attempt(os.chmod, "here", 0o2755),
                 "made set-id": attempt(set_id, "there"), "chmod": attempt(os.chmod, "here", 0o755),
                 "sysctl": attempt(write, "/proc/sys/kernel/domainname"), "devices": sorted(os.listdir("/dev")),
                 "mknod": attempt(os.mknod, "node", 0o20666, os.makedev(1, 3)), "user namespace": call(272, 0x10000000),
                 "clone": call(56, 0x10000000 | 17, 0, 0, 0, 0), "setns": call(308, 0, 0), "keyring": call(250, 0, -3, 0),
                 "into the terminal": call(16, 0, 0x5412, b"x"), "umount": call(166, b"/tmp", 0)})""",
            p.home, more, mark, options=["--write", more])
        equal("what it writes", found, {
            "here": "done", "tmp": "done", "shm": "done", "more": "done", "home": "EROFS", "etc": "EROFS", "set-id": "EPERM",
            "set-gid": "EPERM", "made set-id": "EPERM", "chmod": "done", "sysctl": "EROFS",
            "devices": ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"],
            "mknod": "EPERM", "user namespace": "EPERM", "clone": "EPERM", "setns": "EPERM", "keyring": "EPERM",
            "into the terminal": "EPERM", "umount": "EPERM"})
        equal("in the folders", (os.path.exists(os.path.join(work_folder(p), "here")), os.listdir(more)), (True, ["x"]))
        equal("outside", [d for d in ("/tmp", "/dev/shm") if os.path.exists(os.path.join(d, mark))], [])
    finally:
        shutil.rmtree(more)


def it_has_no_capability(p):
    lines = dict(line.split(":\t", 1) for line in run(p, "cat", "/proc/self/status").stdout.decode().splitlines())
    equal("capabilities", [int(lines["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Amb")], [0] * 4)
    equal("no_new_privs and the filter", (lines["NoNewPrivs"], lines["Seccomp"]), ("1", "2"))


def it_ends_as_the_program_does(p):
    equal("status", run(p, "sh", "-c", "exit 7").returncode, 7)
    equal("signal", run(p, "sh", "-c", "kill -KILL $$").returncode, 128 + 9)
    missing = run(p, "no-such-program")
    equal("not found", (missing.returncode, missing.stderr), (127, b"clawbox: no-such-program cannot be executed: No such file or directory\n"))
    equal("no program", run(p, "/etc/passwd").returncode, 126)
    equal("standard input", run(p, "cat", stdin=b"from outside").stdout, b"from outside")


def nothing_of_it_is_left(p):
    """What it started ends with it, and with `clawbox run`, whatever that is ended by."""
    mark = f"{900000 + os.getpid() % 90000}"

    def left():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    found += [pid] if file.read().split(b"\0")[:2] == [b"sleep", mark.encode()] else []
            except OSError:
                pass
        return found

    equal("status", run(p, "sh", "-c", f"sleep {mark} >/dev/null 2>&1 & exit 3").returncode, 3)
    wait_for("the end of what was left behind", lambda: not left())
    for signum, status in ((signal.SIGTERM, 128 + 15), (signal.SIGKILL, -9)):
        process = subprocess.Popen(command(p, "sleep", mark), cwd=work_folder(p), env={**os.environ, "HOME": p.home}, **p.appliance.user)
        wait_for("the program", left)
        process.send_signal(signum)
        equal("status", process.wait(WAIT), status)
        wait_for("its end", lambda: not left())


def it_is_refused_where_it_could_write_too_much(p):
    for folder, what in [(p.home, "the files that your shell reads"), ("/", "the files that your shell reads"),
                         (p.appliance.state, "the state directory")]:
        done = subprocess.run(command(p, "true"), cwd=folder, capture_output=True, timeout=WAIT,
                              env={**os.environ, "HOME": p.home}, **p.appliance.user)
        equal(folder, done.returncode, 1)
        assert what in done.stderr.decode(), done.stderr
    done = run(p, "true", options=["--write", p.home])
    equal("--write", done.returncode, 1)


PROBES = [it_reaches_what_the_routes_allow, it_reaches_nothing_else, it_reads_no_secret, it_writes_where_it_may, it_has_no_capability,
          it_ends_as_the_program_does, nothing_of_it_is_left, it_is_refused_where_it_could_write_too_much]


def all_probes(who):
    if PYTHON is None:
        raise Skip("there is no python3 that every user can run")
    if platform.machine() != "x86_64":
        raise Skip("the probes have the numbers of x86-64's calls")
    if os.environ.get("CLAWBOX_SANITIZED"):
        raise Skip("a sanitizer's calls do not pass the filter of the process that passes bytes on")
    home = tempfile.mkdtemp(prefix="clawbox-home-", dir="/var/lib" if os.geteuid() == 0 else os.path.expanduser("~"))
    try:
        with place(user=who, start=False) as p:
            # The program may lie where that user has no way to, and so may a copy of it not. /tmp is empty in there, so home is elsewhere.
            p.appliance.program = os.path.join(p.appliance.home, "clawbox")
            shutil.copy(CLAWBOX, p.appliance.program)
            p.home, p.owner = home, who or os.geteuid()
            os.mkdir(work_folder(p))
            for path in (p.appliance.home, home, work_folder(p)):
                os.chown(path, p.owner, p.owner)
                os.chmod(path, 0o755)
            os.chmod(p.ca, 0o644)
            p.appliance.start()
            p.make()
            need_namespaces(p)
            for one in PROBES:
                try:
                    one(p)
                except Exception as error:
                    raise AssertionError(f"{one.__name__.replace('_', ' ')}: {error}") from error
    finally:
        shutil.rmtree(home, ignore_errors=True)


def a_program_is_closed_in():
    all_probes(None)


def a_program_is_closed_in_by_an_ordinary_user():
    need_root()
    all_probes(STRANGER)


TESTS = [a_program_is_closed_in, a_program_is_closed_in_by_an_ordinary_user]
