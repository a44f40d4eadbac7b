"""What happens to a whole tenant: it is suspended, it rests while nobody needs it, its processes fail, its credentials change.

Each test starts an appliance of its own (lifecycle.Place). Nothing here waits for a fixed time.
"""

import json
import os
import re
import signal
import threading
import time

from lifecycle import HOST, OPENAI, all_gone, hold_a_stream, need_root, place, read_event, read_to_end
from process_memory import memory_has
from scenarios import absent, equal, get, need_real_memory, wait_for

TRIPWIRE = OPENAI + """    - name: other
      host: extra.example.com
      inject: {{bearer: true}}
      credential: other
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
  tripwire: suspend
"""


def refusal(response):
    assert response is not None, "there was no answer"
    return response.status, response.problem().get("reason")


SUSPENDED = (403, "tenant_suspended")


def asked(p, target):
    """The refusal of a request, or None when its connection was cut on the way."""
    try:
        return refusal(p.ask(target))
    except (OSError, AssertionError):
        return None


def changes(p, tenant="alice", among=("suspended", "resumed")):
    return [(r["change"], r["by"]) for r in p.appliance.audit(tenant) if r.get("change") in among]


def a_suspended_tenant_is_told_so_and_loses_what_it_had():
    with place() as p:
        p.make()
        p.make("bob", "sk-real-bob")
        equal("before", p.ask("/v1/before").status, 200)
        stream, idle = hold_a_stream(p), p.tunnel()
        old = [p.pid("gate", "alice"), p.pid("egress", "alice")]
        done = p.appliance.run("tenant", "suspend", "alice")
        equal("suspend", done.stdout, b"tenant alice: suspended\n")
        read_to_end(stream)  # returns, because the connection was cut
        read_to_end(idle)
        wait_for("the end of its processes", all_gone(old))
        p.provider().take()
        equal("a request", refusal(p.ask("/v1/during")), SUSPENDED)
        equal("a host of no route", refusal(p.ask("/v1/during", host="elsewhere.example.com")), SUSPENDED)
        agent = p.tunnel()
        for _ in range(3):
            equal("on one connection", refusal(get(agent, "/v1/during")), SUSPENDED)
        agent.close()
        equal("what reached the provider", p.provider().take(), [])
        equal("bob", p.ask("/v1/bob", "bob").status, 200)
        shown = p.appliance.run("tenant", "ls").stdout.decode()
        assert re.search(r"alice .*20\d\d-\d\d-\d\dT", shown.splitlines()[1]), shown
        assert b"suspended since" in p.appliance.run("tenant", "show", "alice").stdout
        p.appliance.run("tenant", "suspend", "alice")  # it is so already
        equal("changes", changes(p), [("suspended", "socket")])

        p.appliance.stop()
        p.appliance.start()
        equal("after a restart", refusal(p.ask("/v1/restarted")), SUSPENDED)
        p.set("sk-real-new")  # what changes meanwhile does not wake it
        equal("with a new credential", refusal(p.ask("/v1/restarted")), SUSPENDED)
        equal("resume", p.appliance.run("tenant", "resume", "alice").stdout, b"tenant alice: resumed\n")
        wait_for("the way out", lambda: p.ask("/v1/after").status == 200)
        equal("the credential", p.provider().take()[-1].header("Authorization"), ["Bearer sk-real-new"])
        equal("changes", changes(p), [("suspended", "socket"), ("resumed", "socket")])
        p.appliance.run("audit", "verify")
        assert b"suspended" in p.appliance.run("audit", "alice").stdout


def a_tripwire_suspends_the_tenant_that_wants_it():
    with place() as p:
        p.make(routes=TRIPWIRE)
        p.make("bob", "sk-real-bob")
        p.set("sk-real-other", credential="other")
        variables = p.appliance.environment("alice")
        equal("before", p.ask("/v1/before").status, 200)
        agent = p.tunnel(host="extra.example.com")
        key = variables["OPENAI_API_KEY"]
        agent.send(f"GET /v1/x HTTP/1.1\r\nHost: extra.example.com\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        response = agent.response()
        equal("the tripwire", refusal(response), (403, "placeholder_misplaced"))
        agent.close()
        wait_for("the suspension", lambda: asked(p, "/v1/after") == SUSPENDED)
        rows = p.appliance.audit("alice")
        change = [r for r in rows if r.get("change") == "suspended"]
        equal("changes", [(r["change"], r["by"]) for r in change], [("suspended", "tripwire")])
        cause = [r for r in rows if r["kind"] == "decision" and r["request_id"] == change[0]["request_id"]]
        equal("its cause", [r["reason"] for r in cause], ["placeholder_misplaced"])
        equal("bob", p.ask("/v1/bob", "bob").status, 200)
        p.appliance.run("tenant", "resume", "alice")
        wait_for("the way out", lambda: p.ask("/v1/again").status == 200)


def a_credential_that_was_replaced_is_nowhere_in_memory():
    need_root()
    need_real_memory()
    with place() as p:
        old, new, last = (f"sk-{word}-0123456789abcdefghijklmnopqrstuv" for word in ("older", "newer", "final"))
        p.make(value=old)
        equal("before", p.ask("/v1/before").status, 200)
        egress, others = p.pid("egress", "alice"), [p.pid("gate", "alice"), p.pid("vault"), p.pid("store"), p.pid("api")]
        assert memory_has(egress, old.encode()), "the credential in use is not found where it is: the search is blind"
        stream = hold_a_stream(p)  # keeps the old one until it ends
        p.set(new)
        wait_for("the new one", lambda: p.ask("/v1/new").status == 200 and
                 p.provider().take()[-1].header("Authorization") == ["Bearer " + new])
        for number in range(1, 50):
            p.provider().next_event()
            equal("the stream", read_event(stream), f"data: {number}\n\n".encode())
        stream.close()
        wait_for("the end of the old one", lambda: not memory_has(egress, old.encode()))
        for pid in others:
            assert not memory_has(pid, old.encode()) and not memory_has(pid, new.encode()), f"found in process {pid}"
        p.appliance.run("credential", "rm", "alice", "openai")
        wait_for("the end of the new one", lambda: not memory_has(egress, new.encode()))
        p.set(last)
        wait_for("the last one", lambda: p.ask("/v1/last").status == 200)
        pids = [p.pid("gate", "alice"), p.pid("egress", "alice")]
        p.appliance.run("tenant", "suspend", "alice")
        wait_for("the end of the processes", all_gone(pids))
        equal("a request", refusal(p.ask("/v1/during")), SUSPENDED)
        assert not memory_has(p.pid("egress", "alice"), last.encode()), "a suspended tenant's egress has a credential"


def nobody_is_lost_when_processes_rest():
    """Connections hammer on the moment in which the idle time is over: each is served, by the old pair or by a new one."""
    idle = 60
    with place("--idle", str(idle)) as p:
        p.make()
        pairs, failures = set(), []
        for number in range(60):
            # Around the end of the idle time, a little earlier or later each time.
            time.sleep((idle - 20 + number % 60) / 1000)
            try:
                equal("status", p.ask(f"/v1/{number}").status, 200)
            except (AssertionError, OSError) as error:
                failures.append(f"{number}: {error}")
            pairs.add(p.pid("gate", "alice"))
        equal("lost", failures, [])
        assert len(pairs) > 5, f"the processes hardly ever rested: {len(pairs)} gates in all"
        wait_for("rest", lambda: p.pid("gate", "alice") is None and p.pid("egress", "alice") is None)
        equal("requests seen", len({r.target for r in p.provider().take()}), 60)
        absent("log", "ended with", p.appliance.log())
        p.appliance.run("audit", "verify")


def many_at_once_around_the_rest():
    with place("--idle", "50") as p:
        p.make()
        failures = []

        def worker(name):
            for number in range(25):
                time.sleep(((number * 7 + name) % 40 + 30) / 1000)
                try:
                    equal("status", p.ask(f"/v1/{name}/{number}").status, 200)
                except (AssertionError, OSError) as error:
                    failures.append(f"{name}/{number}: {error}")

        threads = [threading.Thread(target=worker, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal("lost", failures, [])


def a_tenant_that_crashes_again_and_again_waits_alone():
    with place() as p:
        p.make()
        p.make("bob", "sk-real-bob")
        equal("bob", p.ask("/v1/first", "bob").status, 200)
        bobs = (p.pid("gate", "bob"), p.pid("egress", "bob"))
        begin, rounds = time.monotonic(), 5
        for number in range(rounds):
            wait_for("alice's processes", lambda: try_ask(p) and p.pid("egress", "alice") is not None)
            both = [p.pid("gate", "alice"), p.pid("egress", "alice")]
            os.kill(both[1], signal.SIGKILL)
            wait_for("their end", all_gone(both))
            start = time.monotonic()
            equal("bob", p.ask(f"/v1/{number}", "bob").status, 200)
            assert time.monotonic() - start < 2, "bob waits for alice"
        # 100, 200, 400, 800 ms between the starts.
        assert time.monotonic() - begin > 1.5, "alice's processes were started again without a pause"
        equal("bob's processes", (p.pid("gate", "bob"), p.pid("egress", "bob")), bobs)


def try_ask(p):
    try:
        return p.ask("/v1/again").status == 200
    except (AssertionError, OSError):
        return False


def many_tenants_cost_little():
    """500 tenants that nobody uses: no process of theirs, and hardly any memory. ./dev bench scale has 10,000."""
    need_real_memory()
    with place() as p:
        document = p.tenant("t{n}")
        base = private_kib(p)
        files = []
        for n in range(500):
            files.append(document.replace("t{n}", f"t{n}"))
        p.appliance.apply("---\n".join(files))
        equal("tenants", len(json.loads(p.appliance.run("tenant", "ls", "--json").stdout)["tenants"]), 500)
        equal("roles", {tenant for _, tenant in p.appliance.roles()}, {""})
        p.appliance.stop()
        p.appliance.start()
        more = (private_kib(p) - base) / 500
        # Most of it is the monitor's; the store's page cache, which fills with each tenant's document and change, is bounded.
        assert more < 6, f"{more:.1f} KiB for each tenant"
        equal("roles", {tenant for _, tenant in p.appliance.roles()}, {""})
        for name in ("t0", "t250", "t499"):
            p.environments[name] = p.appliance.environment(name)
            equal(name, refusal(p.ask("/v1/x", name)), (503, "credential_not_set"))


def private_kib(p):
    total = 0
    for pid in p.pids():
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return total


TESTS = [
    a_suspended_tenant_is_told_so_and_loses_what_it_had,
    a_tripwire_suspends_the_tenant_that_wants_it,
    a_credential_that_was_replaced_is_nowhere_in_memory,
    nobody_is_lost_when_processes_rest,
    many_at_once_around_the_rest,
    a_tenant_that_crashes_again_and_again_waits_alone,
    many_tenants_cost_little,
]
