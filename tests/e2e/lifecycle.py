"""The life of `clawbox serve`: what it refuses to start with, how it ends, what a reload does, and who does not notice.

Each test starts appliances of its own. Nothing here waits for a fixed time.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time

from appliance import CLAWBOX, EVERYWHERE, WAIT, Agent, Appliance, make_certificates
from provider import Provider
from scenarios import Skip, absent, equal, get, wait_for

HOST = "api.openai.com"
OTHER = "api.anthropic.com"
STOP_SECONDS = 5  # what serve promises about its end
STRANGER = 54321  # a uid that is nobody's

OPENAI = """    - provider: openai
      credential: openai
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
ANTHROPIC = """    - provider: anthropic
      credential: anthropic
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
# Without a credential, so that only the route decides.
EXTRA = """    - name: extra
      host: extra.example.com
      methods: [{methods}]
      paths: ["/v1/**"]
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
EXTRA_HOST = "extra.example.com"


class Place:
    """An appliance with a directory of its own, and the providers of its tenants."""

    def __init__(self, *options, user=None):
        self.appliance = Appliance(*options, user=user)
        self.ca, self.certificate, self.key = make_certificates(self.appliance.home, [HOST, OTHER, EXTRA_HOST])
        self.providers = {}
        self.environments = {}

    def provider(self, tenant="alice"):
        if tenant not in self.providers:
            self.providers[tenant] = Provider(self.certificate, self.key)
        return self.providers[tenant]

    def tenant(self, name="alice", routes=OPENAI, **more):
        head = f"apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: {name}\nspec:\n  routes:\n"
        return head + routes.format(port=self.provider(name).port, ca=self.ca, **more)

    def make(self, name="alice", value="sk-real-alice", routes=OPENAI, **more):
        """A tenant that can be used at once."""
        self.appliance.apply(self.tenant(name, routes, **more))
        if value is not None:
            self.set(value, name)
        self.environments[name] = self.appliance.environment(name)

    def set(self, value, name="alice", credential="openai"):
        self.appliance.run("credential", "set", name, credential, stdin=value.encode())

    def tunnel(self, name="alice", host=HOST):
        agent = Agent(self.environments[name])
        try:
            response = agent.connect(host + ":443")
            assert response is not None, "CONNECT was not answered"
            equal("answer to CONNECT", response.status, 200)
            agent.start_tls(host)
        except BaseException:
            agent.close()
            raise
        return agent

    def ask(self, target, name="alice", host=HOST):
        """One request over a connection of its own."""
        agent = self.tunnel(name, host)
        try:
            response = get(agent, target, host)
            assert response is not None, f"{target} was not answered"
            return response
        finally:
            agent.close()

    def pid(self, role, tenant=""):
        return self.appliance.roles().get((role, tenant))

    def pids(self):
        return [self.appliance.process.pid, *self.appliance.roles().values()]


@contextlib.contextmanager
def place(*options, user=None, start=True):
    p = Place(*options, user=user)
    try:
        if start:
            p.appliance.start()
        yield p
    except BaseException:
        print(p.appliance.log()[-3000:] if os.path.exists(p.appliance.log_path) else "")
        raise
    finally:
        p.appliance.stop()
        for provider in p.providers.values():
            for _ in range(100):
                provider.next_event()  # its threads shall not wait for ever
            provider.close()
        shutil.rmtree(p.appliance.home, ignore_errors=True)


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def is_gone(pid):
    """It has ended; that nobody has waited for it yet is not its fault."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def all_gone(pids):
    return lambda: all(is_gone(pid) for pid in pids)


def orphans(program):
    """Processes of the program whose monitor is gone, and which are about to go."""
    executables = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            executables[int(pid)] = os.readlink(f"/proc/{pid}/exe")
    found = []
    for pid, executable in executables.items():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            if executable == program and executables.get(parent) != program:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    found += [pid] if b"\0@" in file.read() else []
    return found


def sockets(directory):
    return sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(directory)
        for name in names
        if stat.S_ISSOCK(os.lstat(os.path.join(folder, name)).st_mode)
    )


def contents(directory):
    """What is in a directory and below: kind, mode, owner, bytes."""
    found = {}
    for path in [directory] + [os.path.join(d, n) for d, ds, fs in os.walk(directory) for n in ds + fs]:
        st = os.lstat(path)
        digest = None
        # The lock's bytes are the pid of who tried last.
        if stat.S_ISREG(st.st_mode) and os.path.basename(path) != "lock":
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
        found[os.path.relpath(path, directory)] = (stat.filemode(st.st_mode), st.st_uid, digest)
    return found


def start_refused(state, *options):
    arguments = [CLAWBOX, "serve", "--state", state, *options, *EVERYWHERE]
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT, text=True)


def refused(state, message, *options, watched=None):
    """serve ends with 1, its first complaint is exactly this one, it never says ready, and nothing has changed."""
    watched = watched or state
    before = contents(watched)
    done = start_refused(state, *options)
    equal("status", done.returncode, 1)
    equal("standard output", done.stdout, "")
    complaints = [line for line in done.stderr.splitlines() if ": error: " in line]
    equal("complaint", complaints[:1], [message])
    noise = [line for line in complaints[1:] if not re.search(r"ended with status \d$|the start failed|cannot be used", line)]
    equal("complaints that only follow from it", noise, [])
    equal("contents", contents(watched), before)
    equal("sockets", sockets(watched), [])


# ---- what serve refuses to start with ----


def a_second_serve_leaves_the_first_alone():
    with place() as p:
        p.make()
        state = p.appliance.state
        before = contents(state)
        done = start_refused(state)
        equal("status", done.returncode, 1)
        complaints = [line for line in done.stderr.splitlines() if "WAIVED: " not in line]
        equal("complaint", complaints, [
            f"clawbox[monitor]: error: another `clawbox serve` (pid {p.appliance.process.pid}) uses {state}: "
            "stop it, or give this one a --state of its own"])
        equal("contents", contents(state), before)
        equal("the first one", p.ask("/v1/after").status, 200)


def wrong_usage_is_refused_before_anything_is_made():
    home = tempfile.mkdtemp(prefix="clawbox-e2e-")
    state = os.path.join(home, "state")
    wrong = [
        (["--uid-base", "many"], "--uid-base many: it is a number from 1000 to 2000000000"),
        (["--uid-base", "0"], "--uid-base 0: it is a number from 1000 to 2000000000"),
        (["--uid-base", "-5"], "--uid-base -5: it is a number from 1000 to 2000000000"),
        (["--uid-base", "4294967296"], "--uid-base 4294967296: it is a number from 1000 to 2000000000"),
        (["--waive", "everything"], "--waive everything: the layers are no_new_privs, dumpable, limits, seccomp, uid, namespaces, root, landlock and capabilities"),
        (["--waive", ""], "--waive : the layers are no_new_privs, dumpable, limits, seccomp, uid, namespaces, root, landlock and capabilities"),
        (["--log-level", "loud"], "--log-level loud: it is error, warn, info or debug"),
        (["--listen", "localhost"], "--listen localhost: it is an IPv4 or IPv6 address without a port"),
        (["--listen", "127.0.0.1:80"], "--listen 127.0.0.1:80: it is an IPv4 or IPv6 address without a port"),
        (["--wave", "uid"], "there is no option --wave here: did you mean --waive?"),
        (["--uid-base"], "the option --uid-base needs a value"),
    ]
    try:
        for options, message in wrong:
            done = subprocess.run([CLAWBOX, "serve", "--state", state, *options], capture_output=True, timeout=WAIT, text=True)
            equal(f"status of {options}", done.returncode, 2)
            equal(f"complaint about {options}", done.stderr, f"clawbox: {message}\nsee: clawbox serve --help\n")
            equal(f"what {options} made", os.listdir(home), [])
        done = subprocess.run([CLAWBOX, "serve", "--state", state, "--roots", home + "/none"], capture_output=True,
                              timeout=WAIT, text=True)
        equal("a missing file of roots", (done.returncode, done.stderr),
              (1, f"clawbox: --roots {home}/none: No such file or directory\n"))
        equal("what it made", os.listdir(home), [])
    finally:
        shutil.rmtree(home)


def state_directories_that_cannot_be_one_are_refused():
    home = tempfile.mkdtemp(prefix="clawbox-e2e-")

    def path(name):
        return os.path.join(home, name)

    try:
        with open(path("file"), "w") as file:
            file.write("precious")
        refused(path("file"), f"clawbox[monitor]: error: {path('file')} is not a directory", watched=home)
        refused(path("file/below"),
                f"clawbox[monitor]: error: the directory {path('file/below')} cannot be made: Not a directory", watched=home)
        refused(path("a/b"),
                f"clawbox[monitor]: error: the directory {path('a/b')} cannot be made: No such file or directory",
                watched=home)
        os.symlink("elsewhere", path("link"))
        refused(path("link"), f"clawbox[monitor]: error: {path('link')} is not a directory", watched=home)
        too_long = "clawbox[monitor]: error: the path of the state directory is too long for a socket in it (at most 107 bytes in all)"
        refused(path("x" * 100), too_long, watched=home)
        # The longest that fits is one of 107 bytes with "/control.sock".
        refused(path("y" * (107 - len("/control.sock") - len(home))), too_long, watched=home)
        os.mkdir(path("open"), 0o700)
        os.chmod(path("open"), 0o777)
        refused(path("open"), f"clawbox[monitor]: error: {path('open')} has mode 0777, which lets others in: "
                f"`chmod go-w {path('open')}`")
        if os.geteuid() == 0:
            os.mkdir(path("stranger"), 0o711)
            os.chown(path("stranger"), STRANGER, STRANGER)
            refused(path("stranger"), f"clawbox[monitor]: error: {path('stranger')} belongs to uid {STRANGER}, but must "
                    f"belong to uid 0: `chown 0 {path('stranger')}`")
    finally:
        shutil.rmtree(home)


def replace(path, content):
    """With other bytes, and the owner that it had."""
    st = os.stat(path)
    with open(path, "r+b") as file:
        file.truncate()
        file.write(content)
    os.chown(path, st.st_uid, st.st_gid)


def damaged_state_is_refused_and_left_as_it_is():
    with place() as p:
        p.make()
        equal("status", p.ask("/v1/before").status, 200)
        equal("end", p.appliance.stop(), 0)
        whole = p.appliance.state
        state = whole + ".copy"
        key, store = os.path.join(state, "master.key"), os.path.join(state, "store")
        database = os.path.join(store, "clawbox.db")
        left = ": nothing was changed; put a good copy in its place, or start with another --state"
        not_hex = "the master key is not 64 hexadecimal digits, with at most a newline after them"

        def damage(message, do):
            subprocess.run(["cp", "-a", whole, state], check=True)
            try:
                do()
                refused(state, "clawbox[" + message)
            finally:
                shutil.rmtree(state)

        def first_page():
            with open(database, "r+b") as file:
                file.write(b"\xa5" * 4096)

        def inner_page():
            with open(database, "r+b") as file:
                file.seek(4096)
                file.write(b"\xa5" * 4096)

        def another_program():
            foreign = os.path.join(p.appliance.home, "other.db")
            with contextlib.closing(sqlite3.connect(foreign)) as connection:
                connection.execute("CREATE TABLE theirs (text)")
                connection.execute("INSERT INTO theirs VALUES ('precious')")
                connection.commit()
            with open(foreign, "rb") as file:
                replace(database, file.read())
            os.remove(foreign)

        def directory_instead(path):
            os.remove(path)
            os.mkdir(path, 0o700)
            os.chown(path, os.stat(store).st_uid, -1)

        def fifo_instead(path):
            os.remove(path)
            os.mkfifo(path, 0o600)

        damage(f"monitor]: error: the master key {key} is missing, and without it the credentials in this database cannot "
               "be opened: put it back, or name it (--master-key-file, --passphrase-file)", lambda: os.remove(key))
        damage("vault]: error: this master key is not the one that the credentials in this database are sealed for: put the "
               "right one in its place", lambda: replace(key, b"ab" * 32 + b"\n"))
        damage("vault]: error: " + not_hex, lambda: replace(key, b"correct horse battery staple\n"))
        damage("vault]: error: " + not_hex, lambda: replace(key, b"ab" * 33 + b"\n"))
        damage("vault]: error: " + not_hex, lambda: replace(key, b""))
        damage(f"monitor]: error: {key} has mode 0644, which lets others in: `chmod go-rwx {key}`",
               lambda: os.chmod(key, 0o644))
        damage(f"monitor]: error: the master key {key} is not a regular file", lambda: fifo_instead(key))
        damage(f"monitor]: error: the master key {key} is not a regular file", lambda: directory_instead(key))
        damage("store]: error: clawbox.db: the database is truncated: the file is shorter than its header says" + left,
               lambda: os.truncate(database, os.path.getsize(database) // 2 // 4096 * 4096))
        damage("store]: error: clawbox.db: the database is truncated: the file is shorter than its header says" + left,
               lambda: os.truncate(database, os.path.getsize(database) // 2 + 100))
        damage("store]: error: clawbox.db: the file is not a database, or is truncated" + left,
               lambda: os.truncate(database, 50))
        damage("store]: error: clawbox.db: the file is not a database" + left, first_page)
        damage("store]: error: clawbox.db: the file is a database of some other program" + left, another_program)
        damage("store]: error: clawbox.db: the file is not a database" + left, lambda: replace(database, b"notes\n" * 1000))
        damage("store]: error: clawbox.db: Is a directory" + left, lambda: directory_instead(database))
        damage(f"monitor]: error: {store} has mode 0755, which lets others in: `chmod go-rwx {store}`",
               lambda: os.chmod(store, 0o755))
        damage(f"monitor]: error: {state}/run is not a directory",
               lambda: (os.rmdir(state + "/run"), open(state + "/run", "w").close()))
        if os.geteuid() == 0:
            owner = os.stat(os.path.join(whole, "store")).st_uid
            damage(f"monitor]: error: {store} belongs to uid {STRANGER}, but must belong to uid {owner}: "
                   f"`chown {owner} {store}`", lambda: os.chown(store, STRANGER, STRANGER))
            damage(f"monitor]: error: {key} belongs to uid {STRANGER}, but must belong to uid 0: `chown 0 {key}`",
                   lambda: os.chown(key, STRANGER, STRANGER))
            damage("store]: error: clawbox.db: Permission denied" + left, lambda: os.chown(database, 0, 0))

        # sqlite words what it finds in a damaged page, so only the beginning and the end of that line are ours.
        subprocess.run(["cp", "-a", whole, state], check=True)
        inner_page()
        before = contents(state)
        done = start_refused(state)
        equal("status with a damaged page", done.returncode, 1)
        line = next(line for line in done.stderr.splitlines() if ": error: " in line)
        assert line.startswith("clawbox[store]: error: clawbox.db: ") and line.endswith(left), line
        after = contents(state)
        # To look into the file sqlite makes a log for it, which stays empty.
        log = after.pop("store/clawbox.db-wal", None)
        equal("contents", after, before)
        equal("log", log and log[2], log and hashlib.sha256(b"").hexdigest())
        shutil.rmtree(state)

        # And the original, which all of that was copied from, still serves.
        p.appliance.start()
        equal("status", p.ask("/v1/after").status, 200)
        p.appliance.run("audit", "verify")


# ---- how it ends ----


class Load:
    """Workers that send requests until they are told to stop, or until that is no longer possible."""

    def __init__(self, place, workers=4, prefix="load"):
        self.place = place
        self.prefix = prefix
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.completed = []
        self.threads = [threading.Thread(target=self._work, args=(i,)) for i in range(workers)]
        for thread in self.threads:
            thread.start()

    def _work(self, worker):
        number = 0
        while not self.stop.is_set():
            try:
                agent = self.place.tunnel()
                try:
                    for _ in range(20):
                        number += 1
                        target = f"/v1/{self.prefix}/{worker}-{number}"
                        response = get(agent, target)
                        if response is None or response.status != 200 or not response.complete or self.stop.is_set():
                            break
                        with self.lock:
                            self.completed.append(target)
                finally:
                    agent.close()
            except (OSError, AssertionError, ValueError, IndexError):
                pass  # connections die here on purpose

    def more(self, count):
        before = len(self.completed)
        wait_for("load", lambda: len(self.completed) >= before + count)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def check_records(p, load, all_outcomes):
    """Every request that the provider saw has a decision, and those that were completed have an outcome."""
    seen = {r.target for r in p.provider().take()}
    rows = [json.loads(line) for line in p.appliance.run("audit", "--json", "-n", "1000000").stdout.splitlines()]
    paths = {r["request_id"]: r["path"] for r in rows if r["kind"] == "decision" and r["verdict"] == "allowed"}
    ended = {paths.get(r["request_id"]) for r in rows if r["kind"] == "outcome"}
    equal("requests without a decision", sorted(seen - set(paths.values())), [])
    equal("completed requests without an outcome", sorted(set(load.completed) - ended), [])
    if all_outcomes:
        equal("requests without an outcome", sorted(set(paths.values()) - ended), [])
    assert len(seen) >= len(load.completed) > 0, f"{len(load.completed)} of {len(seen)}"
    p.appliance.run("audit", "verify")


def hold_a_stream(p, name="alice"):
    """An answer that has begun and does not end until its provider is told to go on."""
    agent = p.tunnel(name)
    agent.send(f"GET /v1/sse/50 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    p.provider(name).next_event()
    line = agent.stream.readline()
    equal("status of the stream", line.split(b" ")[1], b"200")
    while agent.stream.readline() not in (b"\r\n", b""):
        pass
    equal("first event", read_event(agent), b"data: 0\n\n")
    return agent


def read_event(agent):
    """One chunk of the stream, or None at its end."""
    try:
        size = agent.stream.readline(100)
        if not size.strip() or int(size, 16) == 0:
            return None
        data = agent.stream.read(int(size, 16))
        agent.stream.readline(10)
        return data
    except OSError:
        return None


def read_to_end(agent):
    """How many bytes came before the connection ended in whatever way."""
    got = 0
    try:
        while part := agent.stream.read1(1 << 20):
            got += len(part)
    except OSError:
        pass
    return got


def stops_cleanly(signum, with_stream):
    with place() as p:
        p.make()
        load = Load(p)
        held = None
        try:
            load.more(100)
            held = hold_a_stream(p) if with_stream else None
            load.more(20)
            pids = p.pids()
            assert len(pids) >= 6, pids
            begun = time.monotonic()
            status = p.appliance.stop(signum)
            took = time.monotonic() - begun
        finally:
            load.end()
        equal("status", status, 0)
        assert took < STOP_SECONDS, f"the stop took {took:.1f} s"
        assert all_gone(pids)(), "processes are left"
        equal("sockets", sockets(p.appliance.state), [])
        if held:
            equal("the stream", read_event(held), None)
            held.close()
        errors = [line for line in p.appliance.log().splitlines() if "error:" in line]
        equal("errors in the log", errors, [])
        p.appliance.start()
        check_records(p, load, all_outcomes=True)
        equal("a request after the restart", p.ask("/v1/again").status, 200)


def sigterm_under_load_loses_nothing():
    stops_cleanly(signal.SIGTERM, with_stream=True)


def sigint_under_load_loses_nothing():
    stops_cleanly(signal.SIGINT, with_stream=False)


def kill_9_of_the_monitor_ends_everything_and_loses_no_record():
    with place() as p:
        p.make()
        load = Load(p)
        try:
            load.more(100)
            pids = p.pids()
            assert len(pids) >= 6, pids
            p.appliance.process.kill()
            p.appliance.process.wait()
            p.appliance.process.stdout.close()
            p.appliance.process = None
            wait_for("the end of all roles", all_gone(pids))
        finally:
            load.end()
        # An outcome may die with its egress; a decision may not.
        completed, load.completed = load.completed, load.completed[:1]
        p.appliance.start()
        seen = {r.target for r in p.provider().requests}
        equal("completed requests that the provider did not see", set(completed) - seen, set())
        check_records(p, load, all_outcomes=False)
        equal("a request after the restart", p.ask("/v1/again").status, 200)


def a_restart_keeps_everything():
    with place() as p:
        p.make("alice")
        p.make("bob", "sk-real-bob")

        def everything():
            known = {}
            for name in ("alice", "bob"):
                environment = p.appliance.environment(name)
                with open(environment["SSL_CERT_FILE"]) as file:
                    environment["the bundle"] = file.read()
                known[name] = (environment, json.loads(p.appliance.run("tenant", "show", name, "--json").stdout))
            return known

        before = everything()
        assert before["alice"][0]["HTTPS_PROXY"] != before["bob"][0]["HTTPS_PROXY"]
        assert before["alice"][0]["OPENAI_API_KEY"] != before["bob"][0]["OPENAI_API_KEY"]
        for _ in range(2):
            equal("end", p.appliance.stop(), 0)
            p.appliance.start()
            equal("what is known", everything(), before)
            for name in ("alice", "bob"):
                equal("status", p.ask("/v1/after", name).status, 200)
                equal("credential", p.provider(name).take()[-1].header("Authorization"), [f"Bearer sk-real-{name}"])


def a_full_disk_stops_requests_and_nothing_else():
    need_root()
    with place(start=False) as p:
        os.mkdir(p.appliance.state)
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0711", "clawbox-e2e", p.appliance.state]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            raise Skip("a tmpfs cannot be mounted here")
        try:
            p.appliance.start()
            p.make()
            equal("before", p.ask("/v1/before").status, 200)
            filler = os.path.join(p.appliance.state, "filler")
            fill(filler)
            agent = p.tunnel()
            # What the log of the database has room for already may still be recorded, and then it may be sent.
            allowed = 0
            while (response := get(agent, f"/v1/full/{allowed}")).status == 200:
                allowed += 1
                assert allowed < 5000, "a full disk goes unnoticed"
            p.provider().take()
            for _ in range(5):
                equal("status", response.status, 503)
                equal("reason", response.problem()["reason"], "audit_unavailable")
                equal("detail", response.problem()["detail"], "The request could not be recorded, so it was not sent.")
                response = get(agent, "/v1/full/refused")
            equal("what reached the provider", [r.target for r in p.provider().take()], [])
            os.remove(filler)
            wait_for("a request that is allowed again", lambda: get(agent, "/v1/again").status == 200)
            equal("what reached the provider", [r.target for r in p.provider().take()], ["/v1/again"])
            agent.close()
            p.appliance.run("audit", "verify")
            log = p.appliance.log()
            assert "the audit takes no records, so requests are refused" in log, log
            assert "the audit takes records again" in log, log
            equal("end", p.appliance.stop(), 0)
        finally:
            p.appliance.stop()
            subprocess.run(["umount", p.appliance.state], check=True, capture_output=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"f" * size)
            except OSError:
                pass


# ---- two tenants ----


def one_tenant_is_nothing_to_another():
    with place() as p:
        p.make("alice")
        p.make("bob", "sk-real-bob")
        # alice's token at bob's port
        for token in (Agent(p.environments["alice"]), None):
            agent = Agent(p.environments["bob"])
            response = agent.connect(HOST + ":443", token.token if token else False)
            equal("status", response.status, 407)
            equal("reason", response.problem()["reason"], "proxy_auth")
            agent.close()
            if token:
                token.close()
        # alice's placeholder at bob's route, and bob's own
        for name, status, reason in (("alice", 403, "foreign_credential"), ("bob", 200, None)):
            agent = p.tunnel("bob")
            agent.send(f"GET /v1/{name} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer "
                       f"{p.environments[name]['OPENAI_API_KEY']}\r\n\r\n".encode())
            response = agent.response()
            equal(f"{name}'s placeholder at bob's route", (response.status, response.problem().get("reason")), (status, reason))
            agent.close()
        equal("what reached bob's provider", [r.target for r in p.provider("bob").take()], ["/v1/bob"])
        # alice's CA is not the one that bob's gate has
        agent = Agent({**p.environments["bob"], "SSL_CERT_FILE": p.environments["alice"]["SSL_CERT_FILE"]})
        equal("CONNECT", agent.connect(HOST + ":443").status, 200)
        try:
            agent.start_tls(HOST)
            raise AssertionError("bob's gate has a certificate of alice's CA")
        except OSError:
            pass
        finally:
            agent.close()
        rows = [r for r in p.appliance.audit("alice") if r["kind"] == "decision"]
        equal("alice's records of it", rows, [])


def the_end_of_one_tenants_processes_is_not_noticed_by_another():
    with place() as p:
        p.make("alice")
        p.make("bob", "sk-real-bob")
        equal("alice", p.ask("/v1/first").status, 200)
        bob = hold_a_stream(p, "bob")
        bobs = (p.pid("gate", "bob"), p.pid("egress", "bob"))
        number = 0
        for role in ("gate", "egress", "gate", "egress"):
            alice = p.tunnel("alice")
            alice.send(f"GET /v1/bytes/{1 << 30} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            equal("alice's answer", alice.stream.readline(), b"HTTP/1.1 200 OK\r\n")  # the rest is not read, so it stays under way
            both = [p.pid("gate", "alice"), p.pid("egress", "alice")]
            os.kill(p.pid(role, "alice"), signal.SIGKILL)
            assert read_to_end(alice) < 1 << 30, "alice's answer was complete"
            alice.close()
            wait_for("the end of alice's processes", all_gone(both))
            number += 1
            p.provider("bob").next_event()
            equal("bob's stream", read_event(bob), f"data: {number}\n\n".encode())
            wait_for("alice's new processes", lambda: p.ask("/v1/again").status == 200)
        for number in range(number + 1, 50):
            p.provider("bob").next_event()
            equal("bob's stream", read_event(bob), f"data: {number}\n\n".encode())
        equal("the end of bob's stream", bob.stream.readline(), b"0\r\n")
        equal("bob's processes", (p.pid("gate", "bob"), p.pid("egress", "bob")), bobs)
        bob.close()


# ---- reloads ----


def a_reload_under_load_fails_only_what_it_takes_away():
    with place() as p:
        with_extra = OPENAI + EXTRA
        p.make(routes=with_extra, methods="GET")
        p.set("sk-real-alice")
        stop = threading.Event()
        wrong, counts = [], {"stays": 0, "goes": 0, "refused": 0}

        def work(host, stays, fresh):
            agent = None
            try:
                while not stop.is_set():
                    agent = agent or p.tunnel(host=host)
                    response = get(agent, "/v1/echo", host)
                    what = (response.status, response.problem().get("reason"), response.complete) if response else None
                    if what == (200, None, True):
                        counts["stays" if stays else "goes"] += 1
                    elif not stays and what == (403, "no_route", True):
                        counts["refused"] += 1
                    else:
                        wrong.append((host, what))
                    if fresh:
                        agent.close()
                        agent = None
            except Exception as error:
                if stays:  # to a host without a route there is no tunnel either
                    wrong.append((host, repr(error)))
            finally:
                if agent:
                    agent.close()

        workers = [threading.Thread(target=work, args=a) for a in
                   ((HOST, True, False), (HOST, True, False), (HOST, True, True), (EXTRA_HOST, False, False))]
        for worker in workers:
            worker.start()
        try:
            wait_for("load", lambda: counts["stays"] > 20 and counts["goes"] > 5)
            for i in range(12):
                p.appliance.apply(p.tenant(routes=with_extra, methods=("GET, HEAD", "GET")[i % 2]))
                count = counts["stays"]
                wait_for("load", lambda: counts["stays"] > count + 10)
            equal("refused while the route was there", counts["refused"], 0)
            p.appliance.apply(p.tenant(routes=OPENAI))
            wait_for("the refusal of what has no route", lambda: counts["refused"] > 5)
            count = counts["stays"]
            wait_for("load", lambda: counts["stays"] > count + 20)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        equal("failures", wrong, [])


def a_reload_ends_the_streams_whose_route_is_gone():
    with place() as p:
        p.make(routes=OPENAI + EXTRA, methods="GET", value="sk-real-alice")
        agent = p.tunnel(host=EXTRA_HOST)
        agent.send(f"GET /v1/sse/50 HTTP/1.1\r\nHost: {EXTRA_HOST}\r\n\r\n".encode())
        p.provider().next_event()
        while agent.stream.readline() not in (b"\r\n", b""):
            pass
        equal("first event", read_event(agent), b"data: 0\n\n")
        p.appliance.apply(p.tenant(routes=OPENAI + EXTRA, methods="GET, HEAD"))
        p.provider().next_event()
        equal("after a reload that keeps the route", read_event(agent), b"data: 1\n\n")
        p.appliance.apply(p.tenant(routes=OPENAI))
        equal("after one that takes it away", read_event(agent), None)
        agent.close()
        outcome = wait_for("the outcome", lambda: [r for r in p.appliance.audit() if r["kind"] == "outcome"])
        equal("outcome", (outcome[0]["reason"], outcome[0]["response_bytes"]), ("no_route", 18))
        equal("the other route", p.ask("/v1/other").status, 200)


# ---- tenants and credentials come and go ----


def a_removed_tenant_is_gone_and_its_successor_is_another():
    with place() as p:
        p.make()
        equal("status", p.ask("/v1/first").status, 200)
        held = hold_a_stream(p)
        pids = [p.pid("gate", "alice"), p.pid("egress", "alice")]

        def known():
            environment = p.appliance.environment("alice")
            shown = json.loads(p.appliance.run("tenant", "show", "alice", "--json").stdout)
            with open(environment["SSL_CERT_FILE"]) as file:
                first = file.read().split("-----END CERTIFICATE-----")
            return {"id": shown["id"], "token": environment["HTTPS_PROXY"].split("@")[0],
                    "placeholder": environment["OPENAI_API_KEY"], "certificates": set(c.strip() for c in first)}

        before = known()
        unix = os.path.join(p.appliance.state, "run", "alice.sock")
        assert os.path.exists(unix)
        port = int(p.environments["alice"]["HTTPS_PROXY"].rsplit(":", 1)[1])
        p.appliance.run("tenant", "rm", "alice", "--yes")
        wait_for("the end of its processes", all_gone(pids))
        equal("its stream", read_event(held), None)
        held.close()

        def nobody_listens():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=WAIT).close()
                return False
            except ConnectionRefusedError:
                return True

        wait_for("the end of its listener", nobody_listens)
        wait_for("the end of its socket", lambda: not os.path.exists(unix))
        done = p.appliance.run("env", "alice", check=False)
        equal("env", (done.returncode, done.stderr), (1, b'clawbox: There is no tenant "alice".\n'))
        p.make(value=None)
        after = known()
        for what in ("id", "token", "placeholder"):
            assert before[what] != after[what], f"the new tenant has the {what} of the old one"
        assert after["certificates"] - before["certificates"], "the new tenant has the CA of the old one"
        equal("certificates of the old one that are left", len(before["certificates"] - after["certificates"]), 1)
        response = p.ask("/v1/second")
        equal("status", (response.status, response.problem()["reason"]), (503, "credential_not_set"))
        p.set("sk-real-new")
        equal("status", p.ask("/v1/third").status, 200)
        equal("credential", p.provider().take()[-1].header("Authorization"), ["Bearer sk-real-new"])
        p.appliance.run("audit", "verify")


def credentials_change_without_a_restart():
    with place() as p:
        p.make(value=None)
        agent = p.tunnel()

        def not_set():
            response = get(agent, "/v1/without")
            return (response.status, response.problem().get("reason")) == (503, "credential_not_set")

        def reaches(value):
            equal("status", get(agent, "/v1/with").status, 200)
            return p.provider().take()[-1].header("Authorization") == ["Bearer " + value]

        assert not_set(), "a credential that was never set"
        p.set("sk-real-one")
        wait_for("the first value", lambda: get(agent, "/v1/first").status == 200)
        assert reaches("sk-real-one"), "the first value"
        pids = p.pids()
        p.set("sk-real-two")
        wait_for("the second value", lambda: reaches("sk-real-two"))
        done = p.appliance.run("credential", "rm", "alice", "openai")
        equal("rm", done.stdout, b"openai is removed; requests that need it are answered with 503 until it is set again\n")
        wait_for("the end of it", not_set)
        p.provider().take()
        assert not_set(), "a credential that was removed"
        equal("what reached the provider", p.provider().take(), [])
        p.set("sk-real-three")
        wait_for("the third value", lambda: get(agent, "/v1/third").status == 200)
        assert reaches("sk-real-three"), "the third value"
        agent.close()
        equal("processes", sorted(p.pids()), sorted(pids))
        for value in ("sk-real-one", "sk-real-two", "sk-real-three"):
            absent("log", value, p.appliance.log())
            absent("audit", value, str(p.appliance.audit()))
        done = p.appliance.run("credential", "rm", "alice", "openai")
        done = p.appliance.run("credential", "rm", "alice", "openai", check=False)
        equal("a second rm", (done.returncode, done.stderr), (1, b"clawbox: the credential is not set\n"))


# ---- the audit, as people see it ----


def the_audit_shows_what_was_done():
    with place() as p:
        done = p.appliance.run("audit")
        equal("before anything", (done.stdout, done.stderr), (b"", b"clawbox: there are no such records\n"))
        p.make("alice")
        p.make("bob", "sk-real-bob")
        made = [(r["tenant"], r["change"], r["by"], r["detail"]) for r in p.appliance.audit()]
        equal("who made them", made, [(name, change, "socket", detail) for name in ("alice", "bob")
                                      for change, detail in (("created", None), ("credential-set", "openai"))])
        for name, target, status in (("alice", "/v1/one?name=secret-value", 200), ("alice", "/admin", 403),
                                     ("bob", "/v1/two", 200), ("alice", "/v1/status/500", 500), ("bob", "/v2", 403)):
            equal(target, p.ask(target, name).status, status)
        wait_for("all records", lambda: len(p.appliance.audit()) == 12)

        def lines(*options):
            """(what, of whom) of each line of the table that is a request"""
            rows = p.appliance.run("audit", *options).stdout.decode().splitlines()
            title, rows = rows[0], rows[1:]
            columns = [m.start() for m in re.finditer(r"\S+", title)]
            cells = [[r[a:b].strip() for a, b in zip(columns, columns[1:] + [None])] for r in rows]
            return title.split(), [tuple(c[1:]) for c in cells if c[2] != "-"]

        one = ("allowed", "GET", HOST + "/v1/one", "openai", "openai", "200", "alice")
        two = ("denied: no_route_path", "GET", HOST + "/admin", "openai", "openai", "-", "alice")
        three = ("allowed", "GET", HOST + "/v1/two", "openai", "openai", "200", "bob")
        four = ("allowed", "GET", HOST + "/v1/status/500", "openai", "openai", "500", "alice")
        five = ("denied: no_route_path", "GET", HOST + "/v2", "openai", "openai", "-", "bob")
        title = ["TIME", "VERDICT", "METHOD", "REQUEST", "ROUTE", "CREDENTIAL", "STATUS", "TENANT"]
        for options, expected in (
            ([], [one, two, three, four, five]),
            (["-n", "2"], [four, five]),
            (["-n", "1"], [five]),
            (["--denied"], [two, five]),
            (["--denied", "-n", "1"], [five]),
            (["--since", "1h"], [one, two, three, four, five]),
            (["--since", "1h", "--denied"], [two, five]),
        ):
            equal(f"audit {options}", lines(*options), (title, expected))
        equal("audit alice", lines("alice"), (title[:-1], [r[:-1] for r in (one, two, four)]))
        equal("audit alice --denied", lines("alice", "--denied"), (title[:-1], [two[:-1]]))

        rows = p.appliance.audit()
        equal("numbers", [r["seq"] for r in rows], list(range(1, 13)))
        decisions = [r for r in rows if r["kind"] == "decision"]
        equal("paths", [r["path"] for r in decisions], ["/v1/one", "/admin", "/v1/two", "/v1/status/500", "/v2"])
        equal("keys", decisions[0]["query_keys"], ["name"])
        absent("the audit", "secret-value", str(rows))
        outcomes = {r["request_id"]: r for r in rows if r["kind"] == "outcome"}
        equal("statuses", [outcomes[d["request_id"]]["status"] for d in decisions if d["request_id"] in outcomes], [200, 200, 500])
        last = [json.loads(line) for line in p.appliance.run("audit", "--json", "-n", "3").stdout.splitlines()]
        equal("audit --json -n 3", last, rows[-3:])
        denied = [json.loads(line) for line in p.appliance.run("audit", "--json", "--denied").stdout.splitlines()]
        equal("audit --json --denied", denied, [decisions[1], decisions[4]])
        verified = json.loads(p.appliance.run("audit", "verify", "--json").stdout)
        equal("verify", verified, {"ok": True, "rows": 12, "last_seq": 12, "hash": rows[-1]["hash"]})
        # Whatever was done is older than a second sooner or later.
        wait_for("records that are too old", lambda: p.appliance.run("audit", "--json", "--since", "1s").stdout == b"")
        done = p.appliance.run("audit", "--since", "soon", check=False)
        equal("nonsense", (done.returncode, done.stderr),
              (2, b"clawbox: --since takes a time such as 90s, 30m, 1h or 2d\nsee: clawbox audit --help\n"))


# ---- not as root ----


def an_ordinary_user_runs_it():
    need_root()  # otherwise every test does that
    with place(user=STRANGER, start=False) as p:
        # The program may lie where that user has no way to, and so may a copy of it not.
        p.appliance.program = os.path.join(p.appliance.home, "clawbox")
        shutil.copy(CLAWBOX, p.appliance.program)
        os.chown(p.appliance.home, STRANGER, STRANGER)
        os.chmod(p.ca, 0o644)
        p.appliance.start()
        p.make()
        equal("status", p.ask("/v1/once").status, 200)
        equal("credential", p.provider().take()[0].header("Authorization"), ["Bearer sk-real-alice"])
        for pid in p.pids():
            with open(f"/proc/{pid}/status") as file:
                equal("uids", re.search(r"^Uid:\s+(.*)$", file.read(), re.M).group(1).split(), [str(STRANGER)] * 4)
        owners = {owner for _, owner, _ in contents(p.appliance.state).values()}
        equal("owners", owners, {STRANGER})
        equal("mode", stat.filemode(os.stat(p.appliance.state).st_mode), "drwx------")
        p.appliance.run("audit", "verify")
        # Root may ask as well, although in the api's user namespace there is no root.
        p.appliance.user = {}
        equal("root sees", [t["name"] for t in json.loads(p.appliance.run("tenant", "ls", "--json").stdout)["tenants"]], ["alice"])
        equal("end", p.appliance.stop(), 0)


LIFECYCLE = [
    a_second_serve_leaves_the_first_alone,
    wrong_usage_is_refused_before_anything_is_made,
    state_directories_that_cannot_be_one_are_refused,
    damaged_state_is_refused_and_left_as_it_is,
    sigterm_under_load_loses_nothing,
    sigint_under_load_loses_nothing,
    kill_9_of_the_monitor_ends_everything_and_loses_no_record,
    a_restart_keeps_everything,
    a_full_disk_stops_requests_and_nothing_else,
    one_tenant_is_nothing_to_another,
    the_end_of_one_tenants_processes_is_not_noticed_by_another,
    a_reload_under_load_fails_only_what_it_takes_away,
    a_reload_ends_the_streams_whose_route_is_gone,
    a_removed_tenant_is_gone_and_its_successor_is_another,
    credentials_change_without_a_restart,
    the_audit_shows_what_was_done,
    an_ordinary_user_runs_it,
]
