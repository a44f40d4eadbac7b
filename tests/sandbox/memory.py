"""Whose memory has what: reads every byte of every process of a running server, as root, and looks for the secrets.

This runs the real program. What is looked for is found where it must be, so the search works; and nowhere else.
"""

import hashlib
import os
import threading

from look import equal, query
from stage import OPENAI, SECRETS, WAIT, Stage, wait_for
from process_memory import forms, holders, processes_of  # stage says where that is

CLAWBOX = os.environ.get("CLAWBOX_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "clawbox"))
GIT_ROUTE = """    - provider: github-git
      credential: git
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
GIT = "ghp_realAliceGit0a1b2c3d4e5f60718293a4"
GIT_BASIC = f"x-access-token:{GIT}"
EVENTS = 50
NEW = "sk-real-alice-rotated-5d2e8c1b7f40"


def master_forms(stage):
    """The master key as a file, as bytes, and the secret key that the vault makes of it (tls/seal.c)."""
    with open(os.path.join(stage.appliance.state, "master.key")) as file:
        digits = file.read().strip()
    master = bytes.fromhex(digits)
    subkey = hashlib.blake2b(digest_size=32, key=master, salt=(1).to_bytes(16, "little"), person=b"clawseal".ljust(16, b"\0")).digest()
    database_id, = query(stage, "SELECT value FROM meta WHERE name = 'database_id'")
    seed = hashlib.blake2b(database_id, digest_size=32, key=subkey).digest()
    return {"master key": {master, digits.encode(), digits.upper().encode()}, "subkey": {subkey}, "seed": {seed},
            "vault key": {hashlib.sha512(seed).digest()[:32]}}


class Flight:
    """A request under way: its answer is half there."""

    def __init__(self, stage, tenant):
        self.agent = stage.tunnel(tenant)
        self.agent.send(f"GET /v1/sse/{EVENTS} HTTP/1.1\r\nHost: api.openai.com\r\n\r\n".encode())
        self.parts = []
        self.thread = threading.Thread(target=self.agent.response, kwargs={"on_part": self.parts.append})
        self.thread.start()

    def end(self):
        self.thread.join(WAIT)
        assert not self.thread.is_alive(), "an answer did not end"
        equal("events of a request that was in flight during the rotation", len(self.parts), EVENTS)
        self.agent.close()


def use_in_every_way(stage):
    """Requests that end well, badly and in the middle: what each leaves in memory has to be gone when the credential is."""
    for target in ("/v1/models", "/v1/cut", "/v1/until-close", "/v1/silent", "/v1/garbage", "/v1/status/500", "/v1/chunks/50",
                   *(f"/v1/reflect/{form}" for form in ("raw", "json", "base64", "basic", "cut", "header", "gzip"))):
        stage.ask("alice", target)
    body = b'{"prompt": "' + b"x" * (1 << 20) + b'"}'
    agent = stage.tunnel("alice")
    agent.send(b"POST /v1/echo HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    equal("a large body", agent.response().status, 200)
    agent.close()
    for start in (b"GET /v1/sse/1 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
                  b"POST /v1/echo HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 1000\r\n\r\nhalf"):
        stage.provider.take()
        agent = stage.tunnel("alice")
        agent.send(start)
        wait_for("a record of it", lambda: stage.appliance.audit("alice")[-1].get("verdict"))
        agent.close()
        stage.provider.next_event()


def secrets(stage):
    """All that is looked for, and who may have it while requests are in flight."""
    wanted = {f"{name} of {tenant}": {*forms(value)} for (tenant, name), value in SECRETS.items()}
    wanted["git of alice"] = {*forms(GIT), *forms(GIT_BASIC)}
    wanted["new openai of alice"] = {*forms(NEW)}
    return {**wanted, **master_forms(stage)}


def check_server(user):
    stage = Stage(None, user, CLAWBOX, ("--idle", "500"))
    try:
        check(stage)
    except BaseException:
        print(stage.appliance.log()[-2000:])
        raise
    finally:
        for _ in range(2 * EVENTS):
            stage.provider.next_event()  # its threads shall not wait for ever
        stage.close()


def check(stage):
    stage.appliance.apply(stage.tenant("alice", OPENAI + GIT_ROUTE))
    stage.set("alice", "git", GIT)
    stage.look()
    wanted = secrets(stage)

    def expect(when, **where):
        processes = processes_of(stage.appliance.process.pid)
        found = holders(processes, wanted)
        expected = {name: set() for name in wanted}
        expected["vault key"] = {"vault"}
        expected.update({name.replace("_", " "): set(who) for name, who in where.items()})
        for name in wanted:
            places = "".join(f"\n  {who}: {place}" for who, all_ in found[name].items() for place in all_ if who not in expected[name])
            equal(f"{when}: who has the {name}{places}\n", sorted(found[name]), sorted(expected[name]))
        return processes

    # The credentials have just been set, and sealed by the command: nobody here has seen them.
    expect("after credentials were set")
    stage.stop()
    stage.start()
    expect("after the start")

    flights = [Flight(stage, "alice"), Flight(stage, "bob")]
    events = 0
    while not all(flight.parts for flight in flights):
        stage.provider.next_event()  # either of them takes it
        events += 1
        wait_for("an event", lambda: sum(len(flight.parts) for flight in flights) == events)
    equal("keys.example.com", stage.ask("bob", "/v1/echo", "keys.example.com").status, 200)
    equal("github.com", stage.ask("alice", "/a/b.git/info/refs?service=git-upload-pack", "github.com").status, 200)
    held = {"openai_of_alice": ["egress alice"], "openai_of_bob": ["egress bob"], "keys_of_bob": ["egress bob"],
            "git_of_alice": ["egress alice"]}
    processes = expect("while requests are in flight", **held)
    equal("processes", sorted(processes), sorted(["monitor", "store", "vault", "api", "console", "gate alice", "egress alice", "gate bob",
                                                  "egress bob"]))

    held_open = [stage.tunnel("alice"), stage.tunnel("bob")]  # nobody goes to rest before all has been looked at
    use_in_every_way(stage)
    stage.set("alice", "openai", NEW)
    stage.provider.take()
    wait_for("the new credential", lambda: stage.ask("alice").status == 200
             and stage.provider.take()[-1].header("Authorization") == [f"Bearer {NEW}"])
    for _ in range(EVENTS * len(flights) - events):
        stage.provider.next_event()
    for flight in flights:
        flight.end()
    stage.ask("alice")
    del held["openai_of_alice"]
    expect("after the rotation", new_openai_of_alice=["egress alice"], **held)

    for agent in held_open:
        agent.close()
    wait_for("the tenants to rest", lambda: {role for role, _ in stage.appliance.roles()} == {"store", "vault", "api", "console"})
    expect("after the tenants went to rest")
