"""clawbox tenant."""

import json
import os

from server import Answer, problem
from world import Terminal, absent, case, contains, equal

PEM = "-----BEGIN CERTIFICATE-----\nTk9UIEEgQ0VSVElGSUNBVEU=\n-----END CERTIFICATE-----\n"
FILE = """apiVersion: clawbox/v1
kind: Tenant
metadata:
  name: alice
spec:
  routes:
    - provider: openai   # "quoted", \\ and ä
      credential: openai
    - host: llm.example.com
      upstream: {address: "10.0.0.1:8443", caFile: certs/a.pem}
    - host: other.example.com
      upstream: {caFile: certs/a.pem}
---
apiVersion: clawbox/v1
kind: Tenant
metadata: {name: bob}
spec:
  routes:
    - host: third.example.com
      upstream: {caFile: "../b's.pem"}
"""
TENANT = {
    "name": "alice", "id": 7, "generation": 3, "port": 40123, "yaml": FILE,
    "routes": [
        {"name": "openai", "action": "allow", "scheme": "https", "host": "api.openai.com", "port": 443,
         "methods": ["GET", "POST"], "paths": ["/v1/**"], "credential": "openai", "upstream": None},
        {"name": "plain", "action": "deny", "scheme": "http", "host": "*.example.com", "port": 8080, "methods": ["GET"],
         "paths": [], "credential": None, "upstream": "10.0.0.1:8443"}],
    "credentials": [
        {"name": "openai", "placeholder": "sk-proj-placeholder", "env": "OPENAI_API_KEY", "version": 1,
         "set": "2026-11-24T03:15:00.042Z", "bound_to": ["api.openai.com:443", "eu.openai.com:443 clear"]},
        {"name": "other", "placeholder": "x", "env": "CLAWBOX_OTHER", "version": 0, "set": None, "bound_to": []}]}


def applied(*names):
    return Answer(200, {"tenants": [{"name": n, "result": "created"} for n in names]})


@case
def apply_sends_the_text_and_the_files_that_it_names(world):
    server = world.serve(lambda request: applied("alice", "bob"))
    path = world.file("conf/tenants/alice.yaml", FILE)
    world.file("conf/tenants/certs/a.pem", PEM)
    world.file("conf/b's.pem", "two\n" + PEM)
    done = world.ok("tenant", "apply", "-f", path)
    equal("standard output", done.out, "tenant alice: created\ntenant bob: created\n")
    equal("the requests", len(server.requests), 1)
    request = server.requests[0]
    equal("the request", (request.method, request.target), ("POST", "/v1/tenants:apply"))
    equal("its type", request.headers["content-type"], "application/json")
    equal("its body", request.json(),
          {"file": path, "text": FILE, "files": {"certs/a.pem": PEM, "../b's.pem": "two\n" + PEM}})


@case
def apply_reads_standard_input_and_several_files(world):
    server = world.serve(lambda request: applied(request.json()["file"].split("/")[-1][:4]))
    world.file("here.pem", PEM)
    text = "spec: {routes: [{upstream: {caFile: here.pem}}]}\n"
    done = world.ok("tenant", "apply", "-f", "-", "--file", world.file("two.yaml", "kind: x\n"), stdin=text.encode())
    equal("standard output", done.out, "tenant stdi: created\ntenant two.: created\n")
    equal("standard input's body", server.requests[0].json(), {"file": "stdin", "text": text, "files": {"here.pem": PEM}})
    equal("the other's text", server.requests[1].json()["text"], "kind: x\n")
    equal("--json", world.ok("tenant", "apply", "-f", world.file("two.yaml", "kind: x\n"), "--json").out,
          '{"tenants":[{"name":"two.","result":"created"}]}\n')


@case
def apply_says_where_a_file_is_missing_and_sends_nothing(world):
    server = world.serve(lambda request: applied("alice"))
    good = world.file("good.yaml", "kind: x\n")
    path = world.file("conf/alice.yaml", FILE)
    os.mkdir(world.home + "/conf/certs")
    world.file("conf/certs/a.pem", "no certificate")
    done = world.fails(1, "tenant", "apply", "-f", good, "-f", path)
    contains("standard error", done.err,
             f"{path}:10:52: spec.routes[1].upstream.caFile: {world.home}/conf/certs/a.pem has no certificate in PEM form",
             f"{path}:20:26: spec.routes[0].upstream.caFile: cannot read {world.home}/conf/../b's.pem: No such file")
    equal("the requests", len(server.requests), 0)
    world.file("conf/certs/a.pem", PEM + "x" * 65536)
    contains("a large file", world.fails(1, "tenant", "apply", "-f", path).err, "larger than 65536 bytes")
    done = world.fails(1, "tenant", "apply", "-f", good, "-f", world.home + "/nothing.yaml")
    contains("standard error", done.err, f"cannot read {world.home}/nothing.yaml: No such file or directory")
    contains("a directory", world.fails(1, "tenant", "apply", "-f", world.home).err, "Is a directory")
    contains("no file", world.fails(2, "tenant", "apply").err, "which file?")
    contains("an argument", world.fails(2, "tenant", "apply", path).err, "too many arguments")
    equal("the requests", len(server.requests), 0)


@case
def apply_refuses_what_is_no_yaml_at_its_place(world):
    server = world.serve(lambda request: applied("alice"))
    for text, part in ((b"a: [1\nb: 2\n", ":2:"), (b"a: &x 1\n", ":1:4:"), (b"a: 1\na: 2\n", ":2:1:"),
                       (b"a: \xff\n", ":1:"), (b"a: \0\n", ":1:"), (b"spec: {routes: [{upstream: {caFile: 5}}]}", ":1:37:")):
        path = world.file("bad.yaml", text)
        done = world.fails(1, "tenant", "apply", "-f", path)
        contains(repr(text), done.err, path + part, "nothing was changed")
    path = world.file("large.yaml", b"#" * (1024 * 1024 + 1))
    contains("a large file", world.fails(1, "tenant", "apply", "-f", path).err, "larger than 1 MiB: split it")
    path = world.file("large.yaml", b"#" * (1024 * 1024))
    contains("a large request", world.fails(1, "tenant", "apply", "-f", path).err, "split it")
    equal("the requests", len(server.requests), 0)


@case
def apply_tells_what_the_server_refused(world):
    first = world.file("first.yaml", "a: 1\n")
    second = world.file("second.yaml", "b: 1\n")
    world.serve(lambda request: applied("alice") if request.json()["file"] == first else
                problem(409, "the binding of openai does not cover evil.example:443: set the credential again"))
    done = world.fails(1, "tenant", "apply", "-f", first, "-f", second)
    equal("standard output", done.out, "tenant alice: created\n")
    contains("standard error", done.err, "set the credential again", f"{second} was not applied")


@case
def ls_walks_the_pages(world):
    names = [f"tenant-{i:04}" for i in range(1203)]

    def answer(request):
        rest = [n for n in names if n > request.query.get("after", "")]
        page = rest[:min(500, int(request.query["limit"]))]
        return Answer(200, {"tenants": [
            {"name": n, "id": 1, "port": 0, "routes": 2, "credentials_used": 3, "credentials_set": 1,
             "created": "2026-11-24T03:00:00.000Z", "updated": "2026-11-24T03:15:00.042Z"} for n in page],
            "next": f"/v1/tenants?limit=500&after={page[-1]}" if len(rest) > len(page) else None}, chunked=True)

    server = world.serve(answer)
    lines = world.ok("tenant", "ls").out.splitlines()
    equal("the lines", len(lines), 1204)
    equal("the titles", lines[0].split(), ["TENANT", "PORT", "ROUTES", "CREDENTIALS", "SET", "UPDATED", "SUSPENDED"])
    equal("the last line", lines[-1].split(), ["tenant-1202", "-", "2", "1", "of", "3", "2026-11-24T03:15:00.042Z", "-"])
    equal("the pages", [r.query.get("after") for r in server.requests], [None, "tenant-0499", "tenant-0999"])
    document = json.loads(world.ok("tenant", "ls", "--json").out)
    equal("the names", [t["name"] for t in document["tenants"]], names)
    equal("a number", document["tenants"][0]["routes"], 2)


@case
def suspend_and_resume(world):
    server = world.serve(lambda request: Answer(204))
    equal("suspend", world.ok("tenant", "suspend", "alice").out, "tenant alice: suspended\n")
    equal("resume", world.ok("tenant", "resume", "alice").out, "tenant alice: resumed\n")
    equal("the requests", [(r.method, r.target) for r in server.requests],
          [("POST", "/v1/tenants/alice:suspend"), ("POST", "/v1/tenants/alice:resume")])


@case
def rotate_ca_in_two_steps(world):
    server = world.serve(lambda request: Answer(204))
    contains("the first", world.ok("tenant", "rotate-ca", "alice").out, "its CA has a successor", "--finish")
    equal("the second", world.ok("tenant", "rotate-ca", "alice", "--finish").out, "tenant alice: the new CA signs from now on\n")
    equal("the requests", [r.target for r in server.requests], ["/v1/tenants/alice:rotate-ca", "/v1/tenants/alice:finish-ca"])


@case
def show_says_that_it_is_suspended(world):
    world.serve(lambda request: Answer(200, {**TENANT, "suspended": "2026-11-24T03:15:00.042Z", "suspended_by": "tripwire"}))
    contains("the output", world.ok("tenant", "show", "alice").out,
             "suspended since 2026-11-24T03:15:00.042Z (tripwire): clawbox tenant resume alice")


@case
def ls_without_tenants(world):
    world.serve(lambda request: Answer(200, {"tenants": [], "next": None}))
    done = world.ok("tenant", "ls")
    equal("standard output", done.out, "")
    contains("standard error", done.err, "clawbox tenant apply -f FILE")
    equal("--json", world.ok("tenant", "ls", "--json").out, '{"tenants":[]}\n')


@case
def show_is_a_table_for_people(world):
    server = world.serve(lambda request: Answer(200, TENANT))
    done = world.ok("tenant", "show", "alice")
    equal("the request", (server.requests[0].method, server.requests[0].target), ("GET", "/v1/tenants/alice"))
    lines = [line.split() for line in done.out.splitlines()]
    equal("the first line", done.out.splitlines()[0], "tenant alice, id 7, generation 3, listening on 127.0.0.1:40123")
    assert ["openai", "allow", "https://api.openai.com:443", "GET,POST", "/v1/**", "openai", "-"] in lines, done.out
    assert ["plain", "deny", "http://*.example.com:8080", "GET", "/**", "-", "10.0.0.1:8443"] in lines, done.out
    contains("the credentials", done.out, "openai      2026-11-24T03:15:00.042Z  api.openai.com:443, eu.openai.com:443 clear",
             "OPENAI_API_KEY", "not yet")
    contains("the next step", done.err, "other is not set yet: clawbox credential set alice other")
    absent("the next step", done.err, "openai is not set")


@case
def show_gives_the_file_and_the_json_as_they_are(world):
    world.serve(lambda request: Answer(200, TENANT))
    equal("--yaml", world.ok("tenant", "show", "alice", "--yaml").out, FILE)
    equal("--json", json.loads(world.ok("tenant", "show", "--json", "alice").out), TENANT)


@case
def show_of_nobody(world):
    world.serve(lambda request: problem(404, "there is no tenant alice: see clawbox tenant ls"))
    for more in ([], ["--yaml"], ["--json"]):
        done = world.fails(1, "tenant", "show", "alice", *more)
        equal("standard output", done.out, "")
        equal("standard error", done.err, "clawbox: there is no tenant alice: see clawbox tenant ls\n")


@case
def rm_asks_or_wants_yes(world):
    server = world.serve(lambda request: Answer(204))
    done = world.fails(2, "tenant", "rm", "alice", stdin=b"y\n")
    contains("standard error", done.err, "--yes")
    for answer in (b"n\n", b"\n", b"yess\n", b"\x04"):
        terminal = Terminal(world, "tenant", "rm", "alice")
        terminal.wait_for("[y/N] ")
        terminal.send(answer)
        status, shown = terminal.end()
        equal(f"the exit code after {answer!r}", status, 1)
        contains("what was shown", shown, "nothing was removed")
    equal("the requests", len(server.requests), 0)
    terminal = Terminal(world, "tenant", "rm", "alice")
    terminal.wait_for("[y/N] ")
    terminal.send(b"y\n")
    status, shown = terminal.end()
    equal("the exit code", status, 0)
    contains("what was shown", shown, "Remove the tenant alice", "tenant alice: removed")
    equal("standard output", world.ok("tenant", "rm", "alice", "--yes").out, "tenant alice: removed\n")
    equal("the requests", [(r.method, r.target) for r in server.requests], [("DELETE", "/v1/tenants/alice")] * 2)
