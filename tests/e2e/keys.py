"""Where the master key comes from, what is refused, and `clawbox rekey`, cut off at every moment.

Each test starts appliances of its own (lifecycle.Place).
"""

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading

from appliance import EVERYWHERE
from lifecycle import need_root, orphans, place
from process_memory import memory_has
from scenarios import equal, wait_for

KEY = "00112233445566778899aabbccddeeff" * 2
PASSPHRASE = "correct horse battery staple"


def write(path, text, mode):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def at(p, name):
    return os.path.join(p.appliance.state, name)


def read(p, name):
    with open(at(p, name)) as file:
        return file.read()


def public_key(p):
    """What the database is sealed for; nobody has it open."""
    database = sqlite3.connect(at(p, "store/clawbox.db"))
    try:
        return database.execute("SELECT value FROM meta WHERE name = 'vault_key'").fetchone()[0]
    finally:
        database.close()


def serves(p, value, *options):
    """A start, and a request that is given the credential."""
    p.appliance.options = list(options)
    p.appliance.start()
    try:
        p.provider().take()
        wait_for("an answer", lambda: p.ask("/v1/x").status == 200)
        equal("the credential", p.provider().take()[-1].header("Authorization"), ["Bearer " + value])
    finally:
        equal("the end", p.appliance.stop(), 0)


def refused(p, message, *options):
    done = subprocess.run([p.appliance.program, "serve", "--state", p.appliance.state, *options, *EVERYWHERE], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, text=True)
    equal("status", done.returncode, 1)
    assert message in done.stderr, f"{message!r} is not in {done.stderr!r}"


def a_mounted_key_file():
    """As Kubernetes mounts a Secret: links to a file of root's that the group may read."""
    with place(start=False) as p:
        home = p.appliance.home
        os.makedirs(os.path.join(home, "mount", "..data"))
        write(os.path.join(home, "mount", "..data", "key"), KEY + "\n", 0o440)
        mounted = os.path.join(home, "mount", "key")
        os.symlink("..data/key", mounted)
        p.appliance.options = ["--master-key-file", mounted]
        p.appliance.start()
        p.make()
        p.appliance.stop()
        serves(p, "sk-real-alice", "--master-key-file", mounted)
        assert not os.path.exists(at(p, "master.key")), "a key was made that nobody asked for"
        refused(p, "is missing, and without it the credentials in this database cannot be opened")
        other = write(os.path.join(home, "other"), KEY[::-1], 0o400)
        refused(p, "this master key is not the one", "--master-key-file", other)
        refused(p, "No such file", "--master-key-file", os.path.join(home, "nothing"))
        for mode in (0o444, 0o460, 0o402, 0o450):
            os.chmod(other, mode)
            refused(p, "others may not have it, and its group may read it at most", "--master-key-file", other)
        os.chmod(other, 0o400)
        refused(p, "is not a regular file", "--master-key-file", home)
        fifo = os.path.join(home, "fifo")
        os.mkfifo(fifo, 0o600)
        refused(p, "is not a regular file", "--master-key-file", fifo)
        write(other, "not a key", 0o400)
        refused(p, "is not 64 hexadecimal digits", "--master-key-file", other)
        if os.geteuid() == 0:
            write(other, KEY, 0o400)
            os.chown(other, 54321, 54321)
            refused(p, "must belong to uid 0 or to root", "--master-key-file", other)


def a_credential_of_systemd():
    with place(start=False) as p:
        directory = os.path.join(p.appliance.home, "credentials")
        os.mkdir(directory, 0o700)
        write(os.path.join(directory, "clawbox-master-key"), KEY, 0o400)
        os.environ["CREDENTIALS_DIRECTORY"] = directory
        try:
            p.appliance.start()
            p.make()
            p.appliance.stop()
            assert not os.path.exists(at(p, "master.key")), "a key was made that nobody asked for"
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]
        serves(p, "sk-real-alice", "--master-key-file", os.path.join(directory, "clawbox-master-key"))


def a_passphrase():
    with place(start=False) as p:
        file = write(os.path.join(p.appliance.home, "passphrase"), PASSPHRASE + "\n", 0o600)
        p.appliance.options = ["--passphrase-file", file]
        p.appliance.start()
        p.make()
        vault = p.pid("vault")
        os.kill(vault, signal.SIGKILL)  # the next one is given the passphrase again
        wait_for("another vault", lambda: p.pid("vault") not in (None, vault))
        wait_for("an answer", lambda: p.ask("/v1/x").status == 200)
        p.appliance.stop()
        serves(p, "sk-real-alice", "--passphrase-file", file)
        assert not os.path.exists(at(p, "master.key")), "a key was made that nobody asked for"
        # By standard input, and the monitor has it nowhere.
        process = subprocess.Popen([p.appliance.program, "serve", "--state", p.appliance.state, "--passphrase-file", "-", *EVERYWHERE],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(PASSPHRASE.encode() + b"\n")
        process.stdin.close()
        equal("the start", process.stdout.readline(), b"clawbox: ready\n")
        if os.geteuid() == 0 and not os.environ.get("CLAWBOX_SANITIZED"):
            assert not memory_has(process.pid, PASSPHRASE.encode()), "the monitor has the passphrase"
        process.send_signal(signal.SIGTERM)
        equal("the end", process.wait(30), 0)
        process.stdout.close()
        process.stderr.close()
        wrong = write(os.path.join(p.appliance.home, "wrong"), PASSPHRASE + "r", 0o600)
        refused(p, "this passphrase is not the one", "--passphrase-file", wrong)
        write(wrong, "short\n", 0o600)
        refused(p, "the passphrase has 5 bytes: it must have 12 to 1024", "--passphrase-file", wrong)
        write(wrong, KEY, 0o600)
        refused(p, "sealed for a passphrase: give it", "--master-key-file", wrong)


def rekey(p, *options, check=True):
    return p.appliance.run("rekey", *options, *EVERYWHERE, check=check)


def everything_is_sealed_for_another_key():
    with place() as p:
        p.make()
        p.make("bob", "sk-real-bob")
        for name in ("alice", "bob"):
            equal(name, p.ask("/v1/x", name).status, 200)  # both have a CA now
        done = rekey(p, check=False)
        equal("while it serves", done.returncode, 1)
        assert b"another `clawbox serve`" in done.stderr, done.stderr
        p.appliance.stop()
        old_key, old_public = read(p, "master.key"), public_key(p)
        shutil.copytree(p.appliance.state, p.appliance.home + "/backup", symlinks=True,
                        ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        done = rekey(p)
        equal("what it says", done.stdout,
              b"4 sealed values are sealed for the new master key; the old one opens nothing any more\n")
        assert read(p, "master.key") != old_key and public_key(p) != old_public
        equal("what is there", [n for n in os.listdir(p.appliance.state) if n.startswith("master")], ["master.key"])
        equal("its mode", stat.S_IMODE(os.stat(at(p, "master.key")).st_mode), 0o600)
        serves(p, "sk-real-alice")
        new_key = read(p, "master.key")
        write(at(p, "master.key"), old_key, 0o600)
        refused(p, "this master key is not the one")
        write(at(p, "master.key"), new_key, 0o600)

        # To a passphrase, to a file, and back to a key of its own; each is what serve has to be given.
        phrase = write(os.path.join(p.appliance.home, "phrase"), PASSPHRASE, 0o400)
        mounted = write(os.path.join(p.appliance.home, "mounted"), KEY, 0o400)
        rekey(p, "--new-passphrase-file", phrase)
        refused(p, "sealed for a passphrase: give it")
        serves(p, "sk-real-alice", "--passphrase-file", phrase)
        rekey(p, "--passphrase-file", phrase, "--new-master-key-file", mounted)
        serves(p, "sk-real-alice", "--master-key-file", mounted)
        done = rekey(p, "--master-key-file", mounted, check=False)
        equal("an old key in the way", done.returncode, 1)
        assert b"is there but not in use" in done.stderr, done.stderr
        os.unlink(at(p, "master.key"))
        rekey(p, "--master-key-file", mounted)
        serves(p, "sk-real-alice")
        done = rekey(p, "--master-key-file", mounted, check=False)
        equal("the wrong key", done.returncode, 1)
        p.appliance.options = []
        p.appliance.start()
        p.appliance.run("audit", "verify")


def a_rekey_that_was_cut_off_between_its_steps():
    """Each state in which it can leave the directory, put together by hand; a start and another rekey both go on from it."""
    with place() as p:
        p.make()
        p.appliance.stop()
        before = p.appliance.home + "/before"
        shutil.copytree(p.appliance.state, before, symlinks=True,
                        ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        old_key = read(p, "master.key")
        rekey(p)
        new_key = read(p, "master.key")
        after = p.appliance.home + "/after"
        shutil.copytree(p.appliance.state, after, symlinks=True)

        def put(from_, **files):
            shutil.rmtree(p.appliance.state)
            shutil.copytree(from_, p.appliance.state, symlinks=True)
            if os.geteuid() == 0:
                for part in ("store", "store/clawbox.db"):
                    owner = os.stat(os.path.join(after_owner, part))
                    os.chown(at(p, part), owner.st_uid, owner.st_gid)
            os.unlink(at(p, "master.key"))
            for name, text in files.items():
                write(at(p, "master." + name), text, 0o600)

        after_owner = p.appliance.home + "/owner"
        shutil.copytree(p.appliance.state, after_owner, symlinks=True)
        for part in ("store", "store/clawbox.db"):
            owner = os.stat(at(p, part))
            os.chown(os.path.join(after_owner, part), owner.st_uid, owner.st_gid)
        states = {
            "half a key": (before, {"key": old_key, "part": new_key[:20]}, old_key),
            "a new key and nothing else": (before, {"key": old_key, "key.new": new_key}, old_key),
            "committed, but the key has not its name": (after, {"key": old_key, "key.new": new_key}, new_key),
            "renamed": (after, {"key": new_key}, new_key),
        }
        for name, (directory, files, key) in states.items():
            put(directory, **files)
            serves(p, "sk-real-alice")
            equal(f"{name}: the key", read(p, "master.key"), key)
            assert not os.path.exists(at(p, "master.key.new")), name
            put(directory, **files)
            rekey(p)
            serves(p, "sk-real-alice")
            assert not os.path.exists(at(p, "master.key.new")), name


def a_rekey_killed_at_any_moment():
    rounds = 15
    with place() as p:
        p.make()
        equal("before", p.ask("/v1/x").status, 200)
        for number in range(40):  # enough for a while of work
            text = f"""    - name: more-{number}
      host: more-{number}.example.com
      inject: {{bearer: true}}
      credential: more-{number}
"""
            p.more = getattr(p, "more", "") + text
        p.appliance.apply(p.tenant() + p.more)
        for number in range(40):
            p.set(f"sk-real-more-{number}", credential=f"more-{number}")
        p.appliance.stop()
        changed = set()
        rng = random.Random(7)
        for number in range(rounds):
            process = subprocess.Popen([p.appliance.program, "rekey", "--state", p.appliance.state, *EVERYWHERE], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            timer = threading.Timer(rng.uniform(0.005, 0.12), process.kill)
            timer.start()
            process.wait()
            timer.cancel()
            wait_for("the end of its roles", lambda: not orphans(os.path.realpath(p.appliance.program)))
            serves(p, "sk-real-alice")
            changed.add(public_key(p))
            equal("files", sorted(n for n in os.listdir(p.appliance.state) if n.startswith("master")), ["master.key"])
        rekey(p)
        serves(p, "sk-real-alice")


TESTS = [
    a_mounted_key_file,
    a_credential_of_systemd,
    a_passphrase,
    everything_is_sealed_for_another_key,
    a_rekey_that_was_cut_off_between_its_steps,
    a_rekey_killed_at_any_moment,
]
