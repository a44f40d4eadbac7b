"""The API over TCP of a real server: tokens, what each scope may do, what a browser may not, and what trying tokens comes to."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import time

from appliance import WAIT
from health import free_port
from lifecycle import place
from scenarios import absent, equal

# What each scope may do: a for admin, v for viewer, t for a token of the tenant that is asked about. All else is 403.
ALLOWED = {
    ("POST", "/v1/tenants:apply"): "a",
    ("GET", "/v1/tenants"): "avt",
    ("GET", "/v1/tenants/{tenant}"): "avt",
    ("PUT", "/v1/tenants/{tenant}"): "at",
    ("DELETE", "/v1/tenants/{tenant}"): "a",
    ("POST", "/v1/tenants/{tenant}:suspend"): "at",
    ("POST", "/v1/tenants/{tenant}:resume"): "a",
    ("POST", "/v1/tenants/{tenant}:rotate-ca"): "at",
    ("POST", "/v1/tenants/{tenant}:finish-ca"): "at",
    ("PUT", "/v1/tenants/{tenant}/proxy-token"): "at",
    ("GET", "/v1/tenants/{tenant}/routes"): "avt",
    ("GET", "/v1/tenants/{tenant}/manifests"): "at",
    ("POST", "/v1/tenants/{tenant}/manifests:preview"): "at",
    ("GET", "/v1/tenants/{tenant}/ca"): "at",
    ("GET", "/v1/tenants/{tenant}/env"): "at",
    ("GET", "/v1/tenants/{tenant}/policy"): "at",
    ("GET", "/v1/tenants/{tenant}/document"): "at",
    ("POST", "/v1/tenants/{tenant}:explain"): "at",
    ("POST", "/v1/tenants/{tenant}:diff"): "at",
    ("GET", "/v1/tenants/{tenant}/credentials"): "avt",
    ("GET", "/v1/tenants/{tenant}/credentials/{credential}:prepare"): "at",
    ("PUT", "/v1/tenants/{tenant}/credentials/{credential}"): "at",
    ("DELETE", "/v1/tenants/{tenant}/credentials/{credential}"): "at",
    ("GET", "/v1/denials"): "av",
    ("POST", "/v1/tenants/{tenant}/denials:mute"): "at",
    ("POST", "/v1/tenants/{tenant}/grants"): "at",
    ("GET", "/v1/tenants/{tenant}/grants"): "avt",
    ("DELETE", "/v1/tenants/{tenant}/grants/{grant}"): "at",
    ("GET", "/v1/audit"): "av",
    ("GET", "/v1/audit:follow"): "av",
    ("GET", "/v1/audit:search"): "av",
    ("GET", "/v1/audit:verify"): "av",
    ("GET", "/v1/series"): "av",
    ("GET", "/v1/status"): "av",
    ("GET", "/v1/presets"): "avt",
    ("GET", "/v1/openapi.yaml"): "avt",
    ("GET", "/v1/tokens"): "a",
    ("POST", "/v1/tokens"): "a",
    ("DELETE", "/v1/tokens/{token}"): "a",
    ("GET", "/v1/tenants/{tenant}/history"): "avt",
    ("GET", "/v1/tenants/{tenant}/history/{generation}"): "at",
    ("GET", "/v1/changes"): "av",
    ("GET", "/v1/administrators"): "a",
    ("PUT", "/v1/administrators/{administrator}"): "a",
    ("DELETE", "/v1/administrators/{administrator}"): "a",
    ("POST", "/v1/sign-in-links"): "a",
}
TENANT = """apiVersion: clawbox/v1
kind: Tenant
metadata: {{name: {0}}}
spec:
  routes:
    - {{provider: openai, credential: openai}}
    - {{name: docs, host: docs.example.com, methods: [GET]}}
"""
TRIES = 10000
TRYING_AT_ONCE = 48  # more than the places there are


class Place:
    def __init__(self, p, port):
        self.p, self.port = p, port
        self.admin = self.token("root", "admin")

    def token(self, name, scope, *more):
        done = self.p.appliance.run("token", "create", name, "--scope", scope, *more)
        value = done.stdout.decode().strip()
        assert re.fullmatch(r"cbxt_[A-Za-z0-9_-]{43}", value), f"no token: {done.stdout!r}"
        absent("what is said beside it", value, done.stderr.decode())
        return value

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def ask(self, token, method, target, body=None, connection=None, **fields):
        """(status, text, fields); one request over a connection of its own, or over that one."""
        own = connection or self.connect()
        head = {"Authorization": "Bearer " + token} if token is not None else {}
        head |= {name.replace("_", "-"): value for name, value in fields.items()}
        try:
            own.request(method, target, body if body is None or isinstance(body, str) else json.dumps(body), head)
            response = own.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            if connection is None:
                own.close()

    def expect(self, status, token, method, target, *body, **more):
        found, text, _ = self.ask(token, method, target, *body, **more)
        assert found == status, f"{method} {target} was answered with {found}, not {status}: {text[:300]}"
        return text


@contextlib.contextmanager
def api(*tenants):
    port = free_port()
    with place("--api", f"127.0.0.1:{port}") as p:
        a = Place(p, port)
        for name in tenants:
            a.expect(201, a.admin, "PUT", f"/v1/tenants/{name}", TENANT.format(name))
        yield a


def served(a):
    """Every route that the server's own description has, but for those of the console alone."""
    for path in re.findall(r"^  (/v1/\S+):\n(?!    x-console: true)", a.expect(200, a.admin, "GET", "/v1/openapi.yaml"), re.M):
        target = re.sub(r"\{\w+\}", "x", path)
        _, _, fields = a.ask(a.admin, "OPTIONS", target)
        for method in fields["Allow"].split(", "):
            if method not in ("OPTIONS", "HEAD"):
                yield method, path


def a_scope_may_do_what_the_table_says(only=None):
    with api("alice", "bob") as a:
        tokens = {"a": a.admin, "v": a.token("looks", "viewer"), "t": a.token("hers", "tenant:alice")}
        equal("the routes", sorted(served(a)), sorted(ALLOWED))
        for (method, path), allowed in ALLOWED.items():
            for scope, token in tokens.items():
                # Names that nobody has, but for the tenant of a token: what is allowed says 404, 400 or 422 then, and changes nothing.
                target = path.replace("{tenant}", "alice" if scope == "t" else "nobody").replace("{credential}", "nothing") \
                    .replace("{token}", "nobody").replace("{administrator}", "nobody").replace("{generation}", "7")
                if (scope == "t" and method in ("POST", "DELETE")) or (scope != "t" and path == "/v1/audit:follow"):
                    target += "?x=1"  # or it would be done, or never end
                status, text, _ = a.ask(token, method, target, "{" if method in ("PUT", "POST") else None)
                assert (status != 403) == (scope in allowed), f"{method} {path} by {scope}: {status} {text[:200]}"
                if method == "GET":
                    equal(f"HEAD {path} by {scope}", a.ask(token, "HEAD", target)[0], status)


def events(response):
    """The (id, record) of a stream, as they come; the record is None in those that have none."""
    seq, record = None, None
    while line := response.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "id":
            seq = int(value)
        elif name == "data":
            record = json.loads(value)
        elif not line.strip() and seq is not None:
            yield seq, record
            record = None


def a_stream_shows_what_is_recorded_as_it_happens():
    with api("alice", "bob") as a:
        token = a.token("hers", "tenant:alice")
        connections = []

        def follow(whose, query, **fields):
            connection = a.connect()
            connections.append(connection)
            connection.request("GET", "/v1/audit:follow" + query, headers={"Authorization": "Bearer " + whose} | fields)
            response = connection.getresponse()
            equal("the answer", (response.status, response.headers["Content-Type"]), (200, "text/event-stream"))
            return events(response)

        everything, hers = follow(a.admin, ""), follow(token, "?tenant=alice")
        begin = next(everything)
        equal("the first event", (begin[1], next(hers)[1]), (None, None))
        for name in ("bob", "alice"):
            a.expect(204, a.admin, "POST", f"/v1/tenants/{name}:suspend")
        seen = [next(event for event in everything if event[1] is not None) for _ in range(2)]
        equal("what was recorded", [(r["tenant"], r["change"]) for _, r in seen], [("bob", "suspended"), ("alice", "suspended")])
        equal("their numbers", [seq for seq, _ in seen], [r["seq"] for _, r in seen])
        own = next(event for event in hers if event[1] is not None)
        equal("what the tenant sees", own, seen[1])
        again = follow(a.admin, "?after=0", **{"Last-Event-ID": str(seen[0][0])})
        equal("after it was away", next(event for event in again if event[1] is not None), seen[1])
        found = json.loads(a.expect(200, token, "GET", "/v1/audit:search?tenant=alice&kind=change&text=SUSPENDED"))
        equal("the search", (found["records"], found["next"]), ([own[1]], None))
        for connection in connections:
            connection.close()


def a_tenants_token_sees_its_tenant_alone():
    with api("alice", "bob") as a:
        token = a.token("hers", "tenant:alice")
        mine, none = 'This token is for tenant "alice" alone.', 'A token for tenant "alice" may not do this.'
        for method, path in ALLOWED:
            if "{tenant}" not in path:
                continue
            for other in ("bob", "nobody", "ALICE", "alice-"):
                target = path.replace("{tenant}", other).replace("{credential}", "openai").replace("{generation}", "1")
                text = a.expect(403, token, method, target, TENANT.format(other) if method in ("PUT", "POST") else None)
                equal("what is said of it", json.loads(text)["detail"], mine if "t" in ALLOWED[method, path] else none)
        names = [t["name"] for t in json.loads(a.expect(200, token, "GET", "/v1/tenants"))["tenants"]]
        equal("the list", names, ["alice"])
        equal("what comes after it", json.loads(a.expect(200, token, "GET", "/v1/tenants?after=alice"))["tenants"], [])
        a.expect(403, token, "GET", "/v1/audit?tenant=bob")
        a.expect(403, token, "GET", "/v1/audit?tenant=")
        a.expect(403, token, "GET", "/v1/audit:search?tenant=bob")
        a.expect(403, token, "GET", "/v1/audit:follow?tenant=bob")
        a.expect(403, token, "GET", "/v1/series?tenant=bob")
        # Another tenant's document under this one's name, and its box in this one's place.
        a.expect(422, token, "PUT", "/v1/tenants/alice", TENANT.format("bob"))
        bob = json.loads(a.expect(200, a.admin, "GET", "/v1/tenants/bob/credentials/openai:prepare"))
        a.expect(409, token, "PUT", "/v1/tenants/alice/credentials/openai",
                 {"tenant_id": bob["tenant_id"], "binding": bob["binding"], "box": "c2VhbGVk"})
        # Its own it may change, and hold, and not let go on.
        a.expect(200, token, "PUT", "/v1/tenants/alice", TENANT.format("alice").replace("[GET]", "[GET, HEAD]"))
        a.expect(204, token, "POST", "/v1/tenants/alice:suspend")
        a.expect(403, token, "POST", "/v1/tenants/alice:resume")
        a.expect(204, a.admin, "POST", "/v1/tenants/bob:suspend")
        lines = a.expect(200, token, "GET", "/v1/audit?tenant=alice").splitlines()
        equal("its records", {json.loads(line)["tenant"] for line in lines}, {"alice"})
        # Another tenant of that name is not its tenant, and what was before is not that one's.
        a.expect(204, a.admin, "DELETE", "/v1/tenants/alice")
        a.expect(401, token, "GET", "/v1/tenants/alice")
        a.expect(201, a.admin, "PUT", "/v1/tenants/alice", TENANT.format("alice"))
        a.expect(401, token, "GET", "/v1/tenants/alice")
        later = a.token("later", "tenant:alice")
        lines = a.expect(200, later, "GET", "/v1/audit?tenant=alice").splitlines()
        equal("none of the one before", [json.loads(line)["change"] for line in lines], ["created", "token-created"])
        a.expect(404, a.admin, "POST", "/v1/tokens", {"name": "x", "scope": "tenant:nobody"})


def a_viewer_sees_no_secret_and_changes_nothing():
    with api("alice") as a:
        token = a.token("looks", "viewer")
        shown = json.loads(a.expect(200, a.admin, "GET", "/v1/tenants/alice"))
        secrets = [c["placeholder"] for c in shown["credentials"]] + [json.loads(a.expect(200, a.admin, "GET", "/v1/tenants/alice/env"))["token"]]
        assert all(len(s) > 10 for s in secrets), secrets
        for (method, path), allowed in ALLOWED.items():
            target = path.replace("{tenant}", "alice").replace("{credential}", "openai").replace("{token}", "root") \
                .replace("{administrator}", "nobody").replace("{generation}", "1")
            status, text, _ = a.ask(token, method, target, TENANT.format("alice") if method in ("PUT", "POST") else None)
            equal(f"{method} {path}", status, 200 if "v" in allowed else 403)
            for secret in secrets:
                absent(f"{method} {path}", secret, text)
        viewed = json.loads(a.expect(200, token, "GET", "/v1/tenants/alice"))
        equal("what it does not see", set(shown) - set(viewed), {"yaml"})
        after = json.loads(a.expect(200, a.admin, "GET", "/v1/tenants/alice"))
        equal("the tenant", after, shown)


def a_token_is_of_use_while_it_is_there():
    with api("alice") as a:
        second = a.token("second", "admin", "--expires", "1")
        wrong = [second.swapcase(), second[:-1], second + "A", "cbxt_" + "A" * 43, "", " ", second.replace("cbxt_", "cbxu_"), "x" * 8000]
        for token in wrong:
            status, text, fields = a.ask(token, "GET", "/v1/status")
            equal(f"the answer to {token[:60]!r}", status, 401)
            equal("its type", json.loads(text)["type"], "urn:clawbox:problem:unauthorized")
            assert fields["WWW-Authenticate"].startswith('Bearer realm="clawbox"'), fields
        for head in ({}, {"Authorization": "Basic " + second}, {"Authorization": second}):
            connection = a.connect()
            connection.request("GET", "/v1/status", headers=head)
            response = connection.getresponse()
            equal("without a token", (response.status, response.headers["WWW-Authenticate"]), (401, 'Bearer realm="clawbox"'))
            connection.close()
        a.expect(200, second, "GET", "/v1/status", Authorization="bearer " + second)
        # Two of them are none.
        with socket.create_connection(("127.0.0.1", a.port), WAIT) as s:
            field = f"Authorization: Bearer {second}\r\n"
            s.sendall(f"GET /v1/status HTTP/1.1\r\nHost: localhost:{a.port}\r\n{field}{field}\r\n".encode())
            assert s.recv(1000).startswith(b"HTTP/1.1 401 "), "two tokens are taken"
        # Removed while a connection is open.
        connection = a.connect()
        a.expect(200, second, "GET", "/v1/status", connection=connection)
        a.expect(200, second, "GET", "/v1/status", connection=connection)
        a.p.appliance.run("token", "rm", "second")
        a.expect(401, second, "GET", "/v1/status", connection=connection)
        connection.close()
        done = a.p.appliance.run("token", "ls", "--json")
        equal("tokens", [t["name"] for t in json.loads(done.stdout)["tokens"]], ["root"])
        made = json.loads(a.expect(201, a.admin, "POST", "/v1/tokens", {"name": "third", "scope": "viewer", "expires_days": 2}))
        a.expect(200, made["token"], "GET", "/v1/status")
        for value in (a.admin, second, made["token"]):
            absent("the log", value, a.p.appliance.log())
            for file in os.listdir(os.path.join(a.p.appliance.state, "store")):
                with open(os.path.join(a.p.appliance.state, "store", file), "rb") as content:
                    assert value.encode() not in content.read(), f"a token is in {file}"


def a_page_in_a_browser_gets_nothing():
    with api() as a:
        for host in ("evil.example", f"evil.example:{a.port}", f"127.0.0.1:{a.port + 1}", "127.0.0.1", f"localhost.:{a.port}",
                     f"[::1]:{a.port}", f"127.0.0.1.nip.io:{a.port}", f":{a.port}"):
            equal(f"Host {host}", a.ask(a.admin, "GET", "/v1/status", Host=host)[0], 421)
        for host in (f"localhost:{a.port}", f"LocalHost:{a.port}", f"127.0.0.1:{a.port}"):
            equal(f"Host {host}", a.ask(a.admin, "GET", "/v1/status", Host=host)[0], 200)
        for origin in ("https://evil.example", "null", f"http://127.0.0.1:{a.port}"):
            equal(f"Origin {origin}", a.ask(a.admin, "GET", "/v1/status", Origin=origin)[0], 403)
        for site, status in (("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)):
            equal(f"Sec-Fetch-Site {site}", a.ask(a.admin, "GET", "/v1/status", Sec_Fetch_Site=site)[0], status)
        status, _, fields = a.ask(None, "OPTIONS", "/v1/tenants", Origin="https://evil.example", Access_Control_Request_Method="GET")
        equal("a preflight", status, 403)
        assert not [name for name in fields if name.lower().startswith("access-control")], fields
        equal("Cache-Control", a.ask(a.admin, "GET", "/v1/status")[2]["Cache-Control"], "no-store")
        with socket.create_connection(("127.0.0.1", a.port), WAIT) as s:
            s.sendall(f"GET /v1/status HTTP/1.0\r\nAuthorization: Bearer {a.admin}\r\n\r\n".encode())
            assert s.recv(1000).startswith(b"HTTP/1.1 421 "), "a request without Host is answered"


def a_body_is_read_once_the_token_is_known():
    with api("alice") as a:
        large = f"PUT /v1/tenants/alice HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n"
        for fields, answer in (("", b"HTTP/1.1 401 "), (f"Authorization: Bearer {a.admin}\r\n", b"HTTP/1.1 100 ")):
            with socket.create_connection(("127.0.0.1", a.port), WAIT) as s:
                s.sendall((large + fields + "\r\n").encode())
                got = s.recv(1000)
                assert got.startswith(answer), got
        # Nothing is waited for, and what follows a request without a token is not taken for the next one.
        with socket.create_connection(("127.0.0.1", a.port), WAIT) as s:
            inner = f"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\nAuthorization: Bearer {a.admin}\r\n\r\n"
            s.sendall(f"POST /v1/tenants:apply HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\nContent-Length: {len(inner)}\r\n\r\n{inner}".encode())
            got = b""
            while part := s.recv(65536):
                got += part
            equal("answers", got.count(b"HTTP/1.1 "), 1)
            assert got.startswith(b"HTTP/1.1 401 "), got
        # A document in one piece with a head that says close.
        body = TENANT.format("alice")
        a.expect(200, a.admin, "PUT", "/v1/tenants/alice", body, Connection="close")
        # In pieces, and several requests in one.
        with socket.create_connection(("127.0.0.1", a.port), WAIT) as s:
            one = f"GET /v1/tenants HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\nAuthorization: Bearer {a.admin}\r\n\r\n"
            s.sendall((one + one + one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
            got = b""
            while part := s.recv(65536):
                got += part
            equal("answers", got.count(b"HTTP/1.1 200 "), 3)


def ten_thousand_wrong_tokens_change_nothing():
    with api("alice") as a:
        answers = {}

        async def attempt(number):
            token = "cbxt_" + f"{number:043d}"
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", a.port)
                writer.write(f"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
                answer = (await reader.read())[:12].decode()
                writer.close()
            except ConnectionError:
                answer = ""
            answers[answer] = answers.get(answer, 0) + 1

        async def attempts(numbers):
            for number in numbers:
                await attempt(number)

        slowest = 0.0
        process = asyncio.new_event_loop()
        numbers = iter(range(TRIES))
        tasks = [process.create_task(attempts(numbers)) for _ in range(TRYING_AT_ONCE)]
        right = 0
        while not all(task.done() for task in tasks):
            begun = time.monotonic()
            # Several times within one turn of those who try, which this process drives as well.
            status = process.run_until_complete(process.run_in_executor(None, lambda: a.ask(a.admin, "GET", "/v1/status")[0]))
            slowest = max(slowest, time.monotonic() - begun)
            equal("the right token", status, 200)
            right += 1
        process.run_until_complete(asyncio.gather(*tasks))
        process.close()
        equal("attempts", sum(answers.values()), TRIES)
        assert set(answers) <= {"HTTP/1.1 401", ""}, answers
        assert right > 10 and slowest < 5, f"the right token was answered {right} times, at the slowest after {slowest:.1f} s"
        # One after the other, each costs its time.
        begun = time.monotonic()
        a.expect(401, "cbxt_" + "A" * 43, "GET", "/v1/status")
        assert time.monotonic() - begun >= 0.9, "a wrong token is told at once"
        equal("lines of the log about it", a.p.appliance.log().count("with a wrong token"), 1)


def curl_and_a_tenant_from_nothing():
    with api() as a:
        base = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "@-"]
        field = f"Authorization: Bearer {a.admin}\n".encode()

        def curl(*arguments):
            return subprocess.run([*base, *arguments], input=field, capture_output=True, timeout=WAIT, check=True).stdout.decode()

        url = f"http://127.0.0.1:{a.port}/v1/tenants/carol"
        equal("PUT", curl("-X", "PUT", "-H", "Content-Type: application/yaml", "--data-binary", TENANT.format("carol"), url), "201")
        equal("GET", curl(url.replace("127.0.0.1", "localhost")), "200")
        equal("DELETE", curl("-X", "DELETE", url), "204")


def an_address_that_others_reach_is_refused():
    with place(start=False) as p:
        for address in ("0.0.0.0:8090", "[::]:8090", "10.0.0.1:8090", "localhost:8090", "127.0.0.1", "[::ffff:10.0.0.1]:8090"):
            done = p.appliance.run("serve", "--api", address, check=False)
            equal(f"--api {address}", done.returncode, 2)
            assert b"--api" in done.stderr, done.stderr


TESTS = [a_scope_may_do_what_the_table_says, a_tenants_token_sees_its_tenant_alone, a_stream_shows_what_is_recorded_as_it_happens,
         a_viewer_sees_no_secret_and_changes_nothing,
         a_token_is_of_use_while_it_is_there, a_page_in_a_browser_gets_nothing, a_body_is_read_once_the_token_is_known,
         ten_thousand_wrong_tokens_change_nothing, curl_and_a_tenant_from_nothing, an_address_that_others_reach_is_refused]
