"""How a scenario of cases/ is played, and the tests that are more than one connection."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

from appliance import CLAWBOX, WAIT, Agent


class Skip(Exception):
    pass


def equal(what, got, expected):
    assert got == expected, f"{what} is {got!r}, expected {expected!r}"


def absent(what, needle, text):
    assert needle not in text, f"{what} contains {needle!r}"


def wait_for(what, condition, seconds=WAIT):
    """Something that another process does in its own time, and that nothing announces."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {seconds} s")


# ---- scenarios as data ----


def fill(text, world):
    text = text.replace("{openai}", world.environment.get("OPENAI_API_KEY", "?")).replace("{real}", world.real)
    text = re.sub(r"\{env:(\w+)\}", lambda m: world.environment.get(m.group(1), "?"), text)
    text = re.sub(r"\{base64:([^}]*)\}", lambda m: base64.b64encode(m.group(1).encode()).decode(), text)
    text = text.replace("{plain_port}", str(world.plain.port)).replace("{port}", str(world.provider.port))
    text = text.replace("{interims}", "HTTP/1.1 103 Early Hints\r\n\r\n" * 17).replace("{fields}", "X-A: b\r\n" * 128)
    return re.sub(r"\{x(\d+)\}", lambda m: "x" * int(m.group(1)), text)


def request_bytes(case, world):
    request = case["request"]
    target = fill(request["target"], world)
    host = request.get("host")
    if host is None:
        host = fill(case["connect"], world) if "connect" in case else target.split("/")[2]
        host = host.removesuffix(":443")
    lines = [f"{request['method']} {target} HTTP/1.1", f"Host: {host}"]
    lines += [fill(h, world) for h in request.get("headers", [])]
    body = fill(request.get("body", ""), world).encode()
    if request.get("chunked"):
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 5]), body[i : i + 5]) for i in range(0, len(body), 5)) + b"0\r\n\r\n"
    elif body and not request.get("no_length"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + body


def check_provider(name, provider, expected, world):
    got = provider.take()
    equal(f"{name}: requests", len(got), expected.get("requests", len(got)))
    if "target" in expected:
        equal(f"{name}: target", got[0].target, fill(expected["target"], world))
    for line in expected.get("headers", []):
        field, value = fill(line, world).split(": ", 1)
        equal(f"{name}: {field}", got[0].header(field), [value])
    for field in expected.get("not_headers", []):
        equal(f"{name}: {field}", got[0].header(field), [])
    if "body" in expected:
        body = fill(expected["body"], world).encode()
        equal(f"{name}: body", got[0].body_sha256 if len(body) > 1000 else got[0].body,
              hashlib.sha256(body).hexdigest() if len(body) > 1000 else body)
    if "body_length" in expected:
        equal(f"{name}: body", got[0].body_length, expected["body_length"])


def check_response(response, expected):
    assert response is not None, "the connection was closed without an answer"
    if "status" in expected:
        equal("status", response.status, expected["status"])
    if "reason" in expected:
        equal("reason", response.problem().get("reason"), expected["reason"])
        assert response.header("Proxy-Status"), "no Proxy-Status"
        equal("Content-Type", response.header("Content-Type"), ["application/problem+json"])
    if "body" in expected:
        equal("body", response.body.decode(), expected["body"])
    if "body_length" in expected:
        equal("body length", len(response.body), expected["body_length"])
    if "complete" in expected:
        equal("complete", response.complete, expected["complete"])
    for line in expected.get("headers", []):
        field, value = line.split(": ", 1)
        equal(field, response.header(field), [value])
    for field in expected.get("not_headers", []):
        equal(field, response.header(field), [])


def check_next(agent, expected):
    """What the same connection does after its first answer: `end`, or the status and body of one more request's answer."""
    if expected == "end":
        equal("bytes after the answer", agent.stream.read(65536), b"")
        return
    response = get(agent, "/v1/models")
    check_response(response, expected)


def play(world, case):
    world.provider.take()
    world.plain.take()
    before = len(world.appliance.audit("alice")) if "audit" in case else 0
    expected = case["expect"]
    agent = world.agent()
    token = case.get("token", True)
    try:
        if "connect" in case:
            authority = fill(case["connect"], world)
            response = agent.connect(authority, token)
            assert response is not None, "CONNECT was not answered"
            equal("answer to CONNECT", response.status, expected.get("connect_status", 200))
            if response.status != 200:
                check_response(response, {k: v for k, v in expected.items() if k == "reason"})
                return
            if case.get("tls", True):
                name = case.get("sni", authority.rsplit(":", 1)[0])
                agent.start_tls(name, verify="sni" not in case)
        if "answer" in case:
            world.provider.say(fill(case["answer"], world).encode("latin-1"))
        if "raw" in case:
            data = fill(case["raw"], world).encode("latin-1")
        else:
            data = request_bytes(case, world)
        if "connect" not in case and token is True:
            head, rest = data.split(b"\r\n", 1)
            data = head + b"\r\nProxy-Authorization: Basic " + agent.token.encode() + b"\r\n" + rest
        agent.send(data)
        response = agent.response(head=data.startswith(b"HEAD "))
        if expected.get("closed"):
            assert response is None or response.status >= 400, "the connection was not closed"
            return
        check_response(response, expected)
        absent("the answer", world.real, response.body.decode("latin-1") + str(response.headers))
        if "then" in expected:
            check_next(agent, expected["then"])
    finally:
        agent.close()
    if "provider" in case:
        check_provider("provider", world.provider, case["provider"], world)
    if "plain_provider" in case:
        check_provider("plain provider", world.plain, case["plain_provider"], world)
    if "audit" in case:

        def recorded():
            kind = case["audit"].get("kind", "decision")
            rows = [r for r in world.appliance.audit("alice")[before:] if r["kind"] == kind]
            return [r for r in rows if all(r.get(k) == v for k, v in case["audit"].items())]

        wait_for(f"an audit record with {case['audit']}", recorded)


# ---- tests that are more than one connection ----


def get(agent, target, host="api.openai.com", **options):
    agent.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return agent.response(**options)


def keep_alive_on_both_sides(world):
    agent = world.tunnel()
    before = world.provider.connections
    for _ in range(20):
        equal("status", get(agent, "/v1/models").status, 200)
    agent.close()
    assert world.provider.connections - before <= 1, "the connection to the provider was not kept"


def pipelined_requests_are_answered_in_order(world):
    world.provider.take()
    agent = world.tunnel()
    agent.send(b"".join(b"GET /v1/%s HTTP/1.1\r\nHost: api.openai.com\r\n\r\n" % p for p in (b"bytes/3", b"../no", b"bytes/5")))
    equal("first", len(agent.response().body), 3)
    equal("second", agent.response().status, 403)
    equal("third", len(agent.response().body), 5)
    equal("requests", [r.target for r in world.provider.take()], ["/v1/bytes/3", "/v1/bytes/5"])
    agent.close()


def events_arrive_one_by_one(world):
    agent = world.tunnel()
    agent.send(b"GET /v1/sse/5 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
    seen = []

    def event(part):
        seen.append(part)
        world.provider.next_event()  # the next leaves only when this one has arrived

    world.provider.next_event()
    response = agent.response(on_part=event)
    equal("events", b"".join(seen), b"".join(b"data: %d\n\n" % i for i in range(5)))
    equal("complete", response.complete, True)
    agent.close()


def expect_100_continue(world):
    agent = world.tunnel()
    agent.send(b"POST /v1/echo HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    equal("interim", agent.stream.readline(), b"HTTP/1.1 100 Continue\r\n")
    equal("its end", agent.stream.readline(), b"\r\n")
    agent.send(b"hello")
    equal("status", agent.response().status, 200)
    agent.send(b"POST /admin HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    equal("refused before the body", agent.response().status, 403)
    agent.close()


def an_answer_before_the_body_was_read(world):
    """The provider answers, closes and resets while the body is still on its way. Which write fails is a race: so more than once."""
    body = b"x" * (1 << 20)
    for _ in range(20):
        agent = world.tunnel()
        agent.send(b"POST /v1/early HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        response = agent.response()
        assert response is not None, "no answer"
        assert response.status in (413, 502), f"status is {response.status}"  # a reset may destroy the answer on its way
        agent.close()


def client_half_close(world):
    agent = world.agent()
    target = f"http://plain.example.com:{world.plain.port}/files/a"
    agent.send(f"GET {target} HTTP/1.1\r\nHost: plain.example.com:{world.plain.port}\r\n"
               f"Proxy-Authorization: Basic {agent.token}\r\n\r\n".encode())
    agent.socket.shutdown(1)
    equal("body", agent.response().body, b"ok")
    agent.close()


def need_real_memory():
    if os.environ.get("CLAWBOX_SANITIZED"):
        raise Skip("a sanitizer keeps freed memory, so its size says nothing")


def role_memory(world):
    total = 0
    for (role, tenant), pid in world.appliance.roles().items():
        if tenant == "alice":
            text = open(f"/proc/{pid}/status").read()
            total += int(re.search(r"VmHWM:\s+(\d+)", text).group(1))
    return total


def a_gibibyte_down_in_constant_memory(world):
    need_real_memory()
    size = 1 << 30
    agent = world.tunnel()
    got = 0
    before = role_memory(world)

    def part(data):
        nonlocal got
        got += len(data)

    response = get(agent, f"/v1/bytes/{size}", on_part=part)
    equal("bytes", got, size)
    equal("status", response.status, 200)
    agent.close()
    grown = role_memory(world) - before
    assert grown < 16 * 1024, f"the tenant's processes grew by {grown} KiB"


def a_gibibyte_up_in_constant_memory(world):
    need_real_memory()
    size = 1 << 30
    block = bytes(range(256)) * 4096
    agent = world.tunnel()
    before = role_memory(world)
    agent.send(f"POST /v1/echo HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: {size}\r\n\r\n".encode())
    digest = hashlib.sha256()
    for _ in range(size // len(block)):
        digest.update(block)
        agent.send(block)
    answer = json.loads(agent.response().body)
    equal("what arrived", answer, {"length": size, "sha256": digest.hexdigest()})
    agent.close()
    grown = role_memory(world) - before
    assert grown < 16 * 1024, f"the tenant's processes grew by {grown} KiB"


def curl_works(world):
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    environment = {**os.environ, **world.environment}
    done = subprocess.run(
        ["curl", "-sS", "--fail", "-H", "Authorization: Bearer " + world.environment["OPENAI_API_KEY"],
         "-d", "{}", "https://api.openai.com/v1/echo"],
        env=environment, capture_output=True, timeout=WAIT)
    equal("curl", (done.returncode, done.stderr), (0, b""))
    equal("length", json.loads(done.stdout)["length"], 2)


def node_client(world, name, oldest=18, proxy=True):
    modules = os.environ.get("CLAWBOX_NODE_MODULES", "")
    if not shutil.which("node") or not os.path.isdir(modules):
        raise Skip("node or the packages of tests/e2e/clients are not installed")
    version = subprocess.run(["node", "--version"], capture_output=True).stdout.decode()
    if int(version.strip("v\n").split(".")[0]) < oldest:
        raise Skip(f"the package needs node {oldest}, and this is {version.strip()}")
    # Node looks for packages beside the script, so the scripts go to where the packages are.
    folder = os.path.dirname(modules)
    for script in ("proxy.mjs", name):
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", script), folder)
    world.provider.take()
    done = subprocess.run(["node", *(["--import", "./proxy.mjs"] if proxy else []), name], cwd=folder, capture_output=True, timeout=WAIT,
                          env={**os.environ, **world.environment})
    equal("node", (done.returncode, done.stderr.decode()), (0, ""))
    return json.loads(done.stdout)


def the_openai_package_works(world):
    answer = node_client(world, "openai.mjs")
    equal("whole", answer["whole"], "Hello from the provider")
    equal("parts", answer["parts"], ["Hello", " from", " the", " provider"])
    equal("refusal", answer["refused"]["status"], 403)
    assert "No route" in answer["refused"]["message"], answer["refused"]
    seen = world.provider.take()
    equal("what the provider saw", {r.header("Authorization")[0] for r in seen}, {"Bearer " + world.real})


def the_anthropic_package_works(world):
    world.appliance.run("credential", "set", "alice", "anthropic", stdin=b"sk-ant-real-e2e")
    answer = node_client(world, "anthropic.mjs")
    equal("whole", answer["whole"], "Hello from the provider")
    equal("parts", answer["parts"], ["Hello", " from", " the", " provider"])
    seen = world.provider.take()
    equal("what the provider saw", {r.header("x-api-key")[0] for r in seen}, {"sk-ant-real-e2e"})
    world.appliance.run("credential", "rm", "alice", "anthropic")


def no_credential_in_the_audit(world):
    out = world.appliance.run("audit", "alice", "--json", "-n", "100000").stdout.decode()
    assert "{credential}" in out, "no record of a path with a credential"
    for value in (world.real, base64.b64encode(f"x-access-token:{world.real}".encode()).decode()):
        absent("the audit", value, out)


def decodings(body):
    """What somebody who wants to find the key would make of an answer."""
    text = body.decode("latin-1")
    found = [text, urllib.parse.unquote(text), re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m.group(1), 16)), text)]
    for part in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for shift in range(4):
            piece = part[shift:].replace("-", "+").replace("_", "/")
            found.append(base64.b64decode(piece[: len(piece) // 4 * 4]).decode("latin-1"))
        if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", part):
            found.append(bytes.fromhex(part).decode("latin-1"))
    return found


def nothing_that_looks_like_the_credential_comes_back(world):
    for form in ("raw", "json", "percent", "base64", "base64url", "hex", "basic", "cut", "sse", "header", "name"):
        agent = world.tunnel()
        response = get(agent, f"/v1/reflect/{form}")
        agent.close()
        equal(f"{form}: status", response.status, 200)
        equal(f"{form}: complete", response.complete, True)
        seen = decodings(response.body) + [f"{n}: {v}" for n, v in response.headers]
        for text in seen:
            absent(form, world.real[2:-2], text)
        if form != "name":
            assert any(world.environment["OPENAI_API_KEY"][2:20] in text for text in seen), f"{form}: no placeholder in {seen}"
    rows = [r for r in world.appliance.audit("alice") if r["kind"] == "outcome"][-11:]
    equal("scrubs", [r["scrubs"] for r in rows], [1] * 11)


def an_answer_that_cannot_be_searched_is_refused(world):
    world.provider.take()
    agent = world.tunnel()
    agent.send(b"GET /v1/reflect/gzip HTTP/1.1\r\nHost: api.openai.com\r\nAccept-Encoding: gzip, br\r\n\r\n")
    response = agent.response()
    equal("answer", (response.status, response.problem().get("reason")), (502, "upstream_response"))
    equal("what was asked for", world.provider.take()[0].header("Accept-Encoding"), ["identity"])
    agent.close()


def the_chain_verifies(world):
    world.appliance.run("audit", "verify")


def every_request_that_a_provider_saw_is_on_record_though_roles_are_killed(world):
    """kill -9 of every role but the monitor, one after the other, under load."""
    world.provider.take()
    stop = threading.Event()
    sent = []

    def load(worker):
        number = 0
        while not stop.is_set():
            number += 1
            try:
                agent = Agent(world.environment)
                agent.connect("api.openai.com:443")
                agent.start_tls("api.openai.com")
                for _ in range(5):
                    number += 1
                    get(agent, f"/v1/kill/{worker}-{number}")
                    sent.append(number)
                agent.close()
            except Exception:
                pass  # connections die here on purpose

    workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    try:
        for victim in ("gate", "egress", "vault", "store", "api"):
            count = len(sent)
            wait_for("load", lambda: len(sent) > count + 20)
            pid = wait_for(victim, lambda: next((p for (r, _), p in world.appliance.roles().items() if r == victim), None))
            os.kill(pid, signal.SIGKILL)
            wait_for(f"another {victim}", lambda: any(r == victim and p != pid for (r, _), p in world.appliance.roles().items()))
        count = len(sent)
        wait_for("load after all of it", lambda: len(sent) > count + 20)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    seen = {r.target for r in world.provider.take() if r.target.startswith("/v1/kill/")}
    out = world.appliance.run("audit", "alice", "--json", "-n", "100000").stdout
    recorded = {row.get("path") for row in map(json.loads, out.splitlines()) if row.get("verdict") == "allowed"}
    missing = seen - recorded
    assert seen, "nothing reached the provider"
    assert not missing, f"{len(missing)} of {len(seen)} requests reached the provider without a record: {sorted(missing)[:5]}"
    world.appliance.run("audit", "verify")


def a_second_serve_is_refused(world):
    done = subprocess.run([CLAWBOX, "serve", "--state", world.appliance.state], capture_output=True, timeout=WAIT)
    equal("status", done.returncode, 1)
    assert b"uses" in done.stderr or b"in use" in done.stderr, done.stderr


def an_invalid_tenant_changes_nothing(world):
    before = world.appliance.run("tenant", "show", "alice", "--json").stdout
    done = world.appliance.apply(world.tenant().replace("host: plain.example.com", "host: Plain.Example.com"), check=False)
    equal("status", done.returncode, 1)
    assert b"plain.example.com" in done.stderr and b"tenant.yaml:" in done.stderr, done.stderr
    equal("tenant", world.appliance.run("tenant", "show", "alice", "--json").stdout, before)


def routes_cannot_redirect_a_credential(world):
    moved = world.tenant() + """    - name: mine
      host: attacker.example
      inject: {bearer: true}
      credential: openai
"""
    done = world.appliance.apply(moved, check=False)
    equal("status", done.returncode, 1)
    assert b"bound" in done.stderr, done.stderr


def a_reload_needs_no_restart(world):
    agent = world.tunnel()
    equal("before", get(agent, "/v1/models").status, 200)
    world.appliance.apply(world.tenant().replace("methods: [GET]", "methods: [GET, HEAD]"))
    equal("after", get(agent, "/v1/models").status, 200)
    agent.close()
    world.appliance.apply(world.tenant())


TESTS = [
    keep_alive_on_both_sides,
    pipelined_requests_are_answered_in_order,
    events_arrive_one_by_one,
    nothing_that_looks_like_the_credential_comes_back,
    an_answer_that_cannot_be_searched_is_refused,
    expect_100_continue,
    an_answer_before_the_body_was_read,
    client_half_close,
    curl_works,
    the_openai_package_works,
    the_anthropic_package_works,
    a_second_serve_is_refused,
    an_invalid_tenant_changes_nothing,
    routes_cannot_redirect_a_credential,
    a_reload_needs_no_restart,
    a_gibibyte_down_in_constant_memory,
    a_gibibyte_up_in_constant_memory,
    every_request_that_a_provider_saw_is_on_record_though_roles_are_killed,
    no_credential_in_the_audit,
    the_chain_verifies,
]
