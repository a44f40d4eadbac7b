"""clawbox audit."""

import json
import re
import subprocess
import time

from server import Answer, problem
from world import CLAWBOX, absent, case, contains, equal, interrupt_when


class Audit:
    """Records as api gives them, `page` of them at once at most."""

    def __init__(self, page=10000):
        self.rows = []
        self.page = page
        self.asked = []

    def add(self, kind, tenant="alice", **fields):
        row = {"seq": len(self.rows) + 1, "time": "2026-11-24T03:15:00.042Z", "kind": kind, "tenant": tenant}
        self.rows.append(row | fields)

    def decision(self, number, tenant="alice", verdict="allowed", reason="route", **more):
        fields = {"request_id": f"{number:032x}", "verdict": verdict, "reason": reason, "route": "openai",
                  "credential": "openai", "method": "POST", "scheme": "https", "host": "api.openai.com", "port": 443,
                  "path": f"/v1/{number}", "query_keys": [], "hash": "00" * 32}
        self.add("decision", tenant, **(fields | more))

    def outcome(self, number, tenant="alice", status=200, verdict="allowed", reason="route", detail=None, **used):
        self.add("outcome", tenant, request_id=f"{number:032x}", verdict=verdict, reason=reason, status=status,
                 request_bytes=1, response_bytes=2, first_byte_us=3, duration_us=4, peer="192.0.2.1:443", detail=detail,
                 hash="00" * 32, **({"model": None, "input_tokens": 0, "output_tokens": 0} | used))

    def fill(self, count):
        for number in range(count):
            self.decision(number)
            self.outcome(number)
        return self

    def __call__(self, request):
        if request.path != "/v1/audit":
            return problem(404, "not here")
        q = request.query
        self.asked.append(q)
        limit = min(int(q.get("limit", 100)), self.page)
        rows = [r for r in list(self.rows) if r["seq"] > int(q.get("after", 0))]
        rows = [r for r in rows if q.get("tenant", r["tenant"]) == r["tenant"]]
        if q.get("denied") == "1":
            rows = [r for r in rows if r["verdict"] == "denied"]
        rows = rows[-limit:] if q.get("newest") == "1" else rows[:limit]
        body = "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in rows)
        return Answer(200, body.encode(), "application/jsonl", chunked=True)


def seqs(text):
    return [json.loads(line)["seq"] for line in text.splitlines()]


@case
def audit_is_a_table_of_requests(world):
    audit = Audit()
    audit.decision(1)
    audit.decision(2, verdict="denied", reason="no_route", route=None, credential=None, method="GET", scheme="http",
                   host="evil.example", port=8080, path="/\x1b[2J")
    audit.outcome(1, status=201, model="gpt-5.5", input_tokens=19, output_tokens=0)
    audit.decision(3, tenant="bob", path="/" + "x" * 300)
    audit.outcome(3, tenant="bob", status=502, verdict="failed", reason="upstream_tls")
    audit.decision(4, tenant="bob")
    audit.outcome(4, tenant="bob", status=502, verdict="failed", reason="upstream_certificate",
                  detail="issuer not trusted: CN=\x1b[2J" + "y" * 200)
    world.serve(audit)
    lines = [line.split() for line in world.ok("audit").out.splitlines()]
    time_text = "2026-11-24T03:15:00.042Z"
    equal("the titles", lines[0],
          ["TIME", "VERDICT", "METHOD", "REQUEST", "ROUTE", "CREDENTIAL", "STATUS", "TENANT"])
    equal("an allowed one", lines[1],
          [time_text, "allowed", "POST", "api.openai.com/v1/1", "openai", "openai", "201", "(gpt-5.5:", "19", "in,", "0", "out)", "alice"])
    equal("a denied one", lines[2],
          [time_text, "denied:", "no_route", "GET", "http://evil.example:8080/\\x1b[2J", "-", "-", "-", "alice"])
    equal("the end of a failed one", lines[3][4:], ["openai", "openai", "502", "upstream_tls", "bob"])
    assert lines[3][3].endswith("xxx...") and len(lines[3][3]) == 100, lines[3][3]
    detail = " ".join(lines[4][6:-1])
    assert detail.startswith("502 upstream_certificate (issuer not trusted: CN=\\x1b[2Jyyy"), detail
    assert detail.endswith("yyy...)") and len(detail) < 140, detail
    equal("the number of lines", len(lines), 5)
    lines = world.ok("audit", "bob").out.splitlines()
    equal("bob's", len(lines), 3)
    absent("the titles", lines[0], "TENANT")


@case
def audit_shows_the_last_requests(world):
    world.serve(Audit().fill(300))
    for arguments, first, count in (([], 280, 20), (["-n", "5"], 295, 5), (["-n", "1"], 299, 1), (["-n", "250"], 50, 250),
                                    (["-n", "5000"], 0, 300)):
        lines = world.ok("audit", "alice", *arguments).out.splitlines()[1:]
        equal(f"the lines of {arguments}", len(lines), count)
        contains("the first line", lines[0], f"/v1/{first} ")
        contains("the last line", lines[-1], "/v1/299 ", " 200")
    equal("none", world.ok("audit", "-n", "0").out, "")


@case
def audit_json_passes_the_records_on(world):
    audit = Audit().fill(40)
    world.serve(audit)
    done = world.ok("audit", "--json")
    equal("the records", [json.loads(line) for line in done.out.splitlines()], audit.rows[-20:])
    equal("-n", seqs(world.ok("audit", "alice", "--json", "-n", "7").out), list(range(74, 81)))
    equal("one page", [q.get("limit") for q in audit.asked], ["20", "7"])
    equal("the tenant", audit.asked[1]["tenant"], "alice")


@case
def audit_pages_when_one_page_does_not_do(world):
    audit = Audit(page=150).fill(1000)
    world.serve(audit)
    for count in (151, 400, 1999, 2000, 100000):
        got = seqs(world.ok("audit", "--json", "-n", str(count)).out)
        equal(f"the last {count}", got, list(range(max(1, 2001 - count), 2001)))
    # Only every tenth record is bob's, so the walk has to start further back than their number.
    for row in audit.rows:
        row["tenant"] = "bob" if row["seq"] % 10 == 0 else "alice"
    got = seqs(world.ok("audit", "bob", "--json", "-n", "180").out)
    equal("bob's last 180", got, list(range(210, 2001, 10)))
    got = seqs(world.ok("audit", "bob", "--json", "-n", "1000").out)
    equal("all of bob's", got, list(range(10, 2001, 10)))


@case
def audit_denied_and_since(world):
    audit = Audit(page=150).fill(200)
    audit.decision(900, verdict="denied", reason="no_route")
    world.serve(audit)
    equal("--denied", seqs(world.ok("audit", "--denied", "--json").out), [401])
    for text, seconds in (("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800)):
        audit.asked.clear()
        before = time.time()
        got = seqs(world.ok("audit", "--since", text, "--json").out)
        equal("all since then", got, list(range(1, 402)))
        since = int(audit.asked[0]["since"]) / 1000
        assert before - seconds - 1 <= since <= time.time() - seconds + 1, f"{text}: {since}"
    audit.asked.clear()
    equal("-n with --since", seqs(world.ok("audit", "--since", "1h", "-n", "3", "--json").out), [399, 400, 401])
    contains("since in the query", audit.asked[0], "since", "newest")
    equal("since in a table", len(world.ok("audit", "--since", "1h").out.splitlines()), 202)


@case
def audit_without_records(world):
    world.serve(Audit())
    done = world.ok("audit", "alice", "--denied")
    equal("standard output", done.out, "")
    contains("standard error", done.err, "no such records")


@case
def audit_tells_of_problems_and_strange_records(world):
    answers = []
    world.serve(lambda request: answers[0])
    for answer, part in ((problem(404, "there is no tenant alice"), "there is no tenant alice"),
                         (Answer(200, b"{\"seq\":1\nnot json", "application/jsonl"), "not the JSON"),
                         (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"seq\":1}\n", "ended the connection")):
        answers[:] = [answer]
        contains("standard error", world.fails(1, "audit", "alice").err, part)


def follow(world, audit, *arguments):
    return subprocess.Popen([CLAWBOX, "audit", "--follow", *arguments, "--state", world.state], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=world.environment())


@case
def audit_follow_goes_on_with_new_records(world):
    audit = Audit(page=150).fill(30)
    world.serve(audit)
    process = follow(world, audit, "--json", "-n", "2")
    got = [json.loads(process.stdout.readline())["seq"] for _ in range(2)]
    equal("the last ones", got, [59, 60])
    for number in range(200):
        audit.decision(1000 + number)
    got = [json.loads(process.stdout.readline())["seq"] for _ in range(200)]
    equal("the new ones", got, list(range(61, 261)))
    process.send_signal(2)
    out, err = process.communicate(timeout=30)
    equal("nothing else", (out, err, process.returncode), (b"", b"", -2))


@case
def audit_follow_joins_late_outcomes(world):
    audit = Audit().fill(3)
    world.serve(audit)
    process = follow(world, audit, "-n", "0")
    while len(audit.asked) < 2:  # it knows where the audit ends
        time.sleep(0.01)
    audit.decision(77)
    contains("the titles", process.stdout.readline().decode(), "TIME")
    line = process.stdout.readline().decode()
    assert re.search(r"allowed +POST +api.openai.com/v1/77 +openai +openai +- ", line), line
    audit.outcome(77, status=204)
    line = process.stdout.readline().decode()
    assert re.search(r"allowed +POST +api.openai.com/v1/77 +openai +openai +204 ", line), line
    asked = len(audit.asked)
    interrupt_when(process, lambda: len(audit.asked) > asked)
    equal("nothing else", process.communicate(timeout=30)[0], b"")


@case
def audit_follow_ends_with_the_server(world):
    audit = Audit().fill(1)
    server = world.serve(audit)
    process = follow(world, audit, "--json")
    process.stdout.readline()
    server.close()
    world.server = None
    _, err = process.communicate(timeout=30)
    equal("the exit code", process.returncode, 1)
    contains("standard error", err.decode(), "no clawbox serve is running")


@case
def audit_verify_says_whether_the_chain_holds(world):
    good = {"ok": True, "rows": 1234, "last_seq": 1234, "hash": "ab" * 32}
    bad = {"ok": False, "rows": 77, "last_seq": 78, "detail": "record 78 does not continue the chain"}
    answers = [Answer(200, good)]
    server = world.serve(lambda request: answers[0])
    contains("standard output", world.ok("audit", "verify").out, "the chain holds: 1234 records", "ab" * 32)
    equal("--json", json.loads(world.ok("audit", "verify", "--json").out), good)
    equal("the request", server.requests[0].target, "/v1/audit:verify")
    answers[0] = Answer(200, {"ok": True, "rows": 0, "last_seq": 0, "hash": "00" * 32})
    equal("nothing yet", world.ok("audit", "verify").out, "the chain holds: there are no records yet\n")
    answers[0] = Answer(200, bad)
    done = world.fails(1, "audit", "verify")
    equal("standard output", done.out, "")
    contains("standard error", done.err, "broken at record 78", "77 good ones", "does not continue the chain")
    done = world.run("audit", "verify", "--json")
    equal("the exit code", done.status, 1)
    equal("--json", json.loads(done.out), bad)
    answers[0] = problem(503, "the store is not there")
    contains("no store", world.fails(1, "audit", "verify").err, "the store is not there")
