"""clawbox explain, clawbox tenant test, clawbox tenant diff and clawbox attack."""

import json

from server import problem
from world import absent, case, contains, equal

FILE = """apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
    - {provider: openai, credential: openai}
    - {name: no-files, host: api.openai.com, action: deny, paths: [/v1/files/**]}
    - {name: own-ca, host: llm.example.com, upstream: {address: "10.0.0.1:8443", caFile: ca.pem}}
---
apiVersion: clawbox/v1
kind: Tenant
metadata: {name: bob}
spec: {routes: [{host: b.example.com}]}
"""
PEM = "-----BEGIN CERTIFICATE-----\nTk9UIEEgQ0VSVElGSUNBVEU=\n-----END CERTIFICATE-----\n"


@case
def explain_needs_no_server_for_a_file(world):
    world.file("ca.pem", PEM)
    path = world.file("alice.yaml", FILE)
    done = world.ok("explain", "-f", path, "alice", "POST", "https://api.openai.com/v1/chat/completions", "-H",
                    "Authorization: Bearer {placeholder:openai}", "-H", "TE: trailers")
    contains("standard output", done.out, "allowed (route)", "route      openai", "header Authorization: Bearer {credential}",
             "sent       POST https://api.openai.com:443/v1/chat/completions", "taken out  Authorization: the route writes",
             "TE: about the connection")
    done = world.ok("explain", "-f", path, "alice", "GET", "https://api.openai.com/v1/files/x")
    contains("a deny route", done.out, "denied (route_denies)", "no-files wins because its path /v1/files/** is more specific than /v1/**")
    done = world.ok("explain", "-f", path, "alice", "GET", "https://llm.example.com/x")
    contains("an own CA", done.out, "10.0.0.1:8443, without asking for the name (upstream.address), certificate checked against")
    done = world.ok("explain", "-f", path, "bob", "GET", "https://b.example.com")
    contains("another tenant", done.out, "allowed (route)")


@case
def explain_prints_one_json_object_and_no_value(world):
    world.file("ca.pem", PEM)
    path = world.file("alice.yaml", FILE)
    done = world.ok("explain", "-f", path, "alice", "GET", "https://api.openai.com/v1/models", "-H", "X-Api-Key: sk-my-own-key", "--json")
    answer = json.loads(done.out)
    equal("answer", (answer["verdict"], answer["reason"], answer["status"], answer["route"], answer["refused"]),
          ("denied", "foreign_credential", 403, "openai", "what stands in the header X-Api-Key"))
    absent("the answer", done.out, "sk-my-own-key")


@case
def explain_says_what_is_wrong_with_the_question(world):
    world.file("ca.pem", PEM)
    path = world.file("alice.yaml", FILE)
    url = "https://api.openai.com/"
    contains("a header", world.fails(2, "explain", "-f", path, "alice", "GET", url, "-H", "nothing").err, "-H 'Name: value'")
    contains("a placeholder", world.fails(2, "explain", "-f", path, "alice", "GET", url, "-H", "X: {placeholder:x}").err, "no route uses")
    contains("a tenant", world.fails(1, "explain", "-f", path, "carol", "GET", url).err, 'has no tenant "carol"')
    contains("an argument", world.fails(2, "explain", "alice", "GET").err, "an argument is missing")
    bad = world.file("bad.yaml", FILE.replace("openai.com", "OpenAI.com", 1))
    contains("a bad file", world.fails(1, "explain", "-f", bad, "alice", "GET", url).err, f"{bad}:7:", "not a valid tenant file")
    contains("no server", world.fails(1, "explain", "alice", "GET", url).err, "no clawbox serve is running")
    # What stands in the URL must not steer a terminal.
    done = world.ok("explain", "-f", path, "alice", "GET", "https://api.openai.com/\x1b[2J")
    absent("standard output", done.out, "\x1b")


TESTS = """apiVersion: clawbox/v1
kind: PolicyTest
spec:
  tenant: alice
  tests:
    - request: POST https://api.openai.com/v1/chat/completions
      expect: allow
      route: openai
    - name: files stay where they are
      request: DELETE https://api.openai.com/v1/files/x
      expect: deny
      reason: route_denies
    - name: somebody's own key
      request: {url: "https://api.openai.com/v1/models", headers: {Authorization: Bearer sk-own}}
      expect: deny
      reason: foreign_credential
---
apiVersion: clawbox/v1
kind: PolicyTest
spec: {tenant: bob, tests: [{request: GET https://b.example.com/x, expect: allow}]}
"""


@case
def tenant_test_passes_and_fails_with_a_place(world):
    world.file("ca.pem", PEM)
    path = world.file("alice.yaml", FILE)
    tests = world.file("tests.yaml", TESTS)
    done = world.ok("tenant", "test", "-f", path, "-t", tests)
    equal("standard output", (done.out, done.err), ("4 passed, 0 failed\n", ""))
    weaker = world.file("weaker.yaml", FILE.replace("action: deny, paths: [/v1/files/**]", "paths: [/v1/files/**], methods: [DELETE]"))
    done = world.run("tenant", "test", "-f", weaker, "-t", tests)
    equal("status", done.status, 1)
    equal("standard output", done.out,
          f"{tests}:9:7: files stay where they are: expected deny (route_denies), but it is allowed (route) by route no-files\n"
          "3 passed, 1 failed\n")
    done = world.run("tenant", "test", "-f", weaker, "-t", tests, "--json")
    equal("status", done.status, 1)
    answer = json.loads(done.out)
    equal("counts", (answer["passed"], answer["failed"], len(answer["tests"])), (3, 1, 4))
    bad = [t for t in answer["tests"] if not t["passed"]][0]
    equal("the failed one", (bad["file"], bad["line"], bad["name"], bad["verdict"], bad["reason"], bad["route"]),
          (tests, 9, "files stay where they are", "allowed", "route", "no-files"))
    absent("the results", done.out, "sk-own")


@case
def tenant_test_refuses_what_it_cannot_ask(world):
    world.file("ca.pem", PEM)
    path = world.file("alice.yaml", FILE)
    tests = world.file("tests.yaml", TESTS.replace("expect: allow\n", "expect: perhaps\n"))
    contains("a word", world.fails(1, "tenant", "test", "-f", path, "-t", tests).err,
             f"{tests}:7:15: spec.tests[0].expect: should be allow or deny", "not a valid file of policy tests")
    tests = world.file("tests.yaml", TESTS.replace("tenant: bob, ", ""))
    contains("no tenant", world.fails(1, "tenant", "test", "-f", path, "-t", tests).err, "has 2 tenants: say in the tests")
    tests = world.file("tests.yaml", TESTS.replace("tenant: bob", "tenant: carol"))
    contains("a strange tenant", world.fails(1, "tenant", "test", "-f", path, "-t", tests).err, 'has no tenant "carol"')
    contains("no tests", world.fails(2, "tenant", "test", "-f", path).err, "which file?")
    contains("no file", world.fails(1, "tenant", "test", "-f", path, "-t", world.home + "/x").err, "No such file")


OLD = """apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec: {routes: [{provider: openai, credential: openai}]}
"""
EVIL = OLD.replace("openai}]", "openai}, {name: mine, host: evil.example, inject: {bearer: true}, credential: openai}]")


@case
def tenant_diff_says_the_dangerous_first(world):
    old, new = world.file("old.yaml", OLD), world.file("new.yaml", EVIL)
    done = world.run("tenant", "diff", "-f", new, "--from", old)
    equal("status", done.status, 1)
    equal("standard output", done.out, """tenant alice
  a credential goes where it did not go before:
    credential "openai" goes to evil.example:443
  newly allowed:
    mine: GET HEAD POST https://evil.example:443 /**
""")
    answer = json.loads(world.run("tenant", "diff", "-f", new, "--from", old, "--json").out)
    equal("JSON", [(c["effect"], c["route"]) for c in answer["tenants"][0]["changes"]], [("credential", None), ("allows", "mine")])
    done = world.run("tenant", "diff", "-f", old, "--from", old)
    equal("no difference", (done.status, done.out), (0, "tenant alice: nothing changes\n"))
    done = world.run("tenant", "diff", "-f", old, "--from", new, "alice")
    contains("the other way", done.out, "newly refused:", "stricter settings:", "does not go any more to evil.example:443")


@case
def tenant_diff_knows_new_tenants_and_trouble(world):
    new = world.file("new.yaml", OLD)
    server = world.serve(lambda request: problem(404, "There is no tenant"))
    done = world.run("tenant", "diff", "-f", new)
    equal("a new one", (done.status, done.err), (1, ""))
    contains("a new one", done.out, "tenant alice is new", "newly allowed:")
    equal("what was asked", server.requests[0].target, "/v1/tenants/alice/policy")
    server.answer = lambda request: problem(503, "The store is not available")
    contains("no answer", world.fails(2, "tenant", "diff", "-f", new).err, "The store is not available")
    contains("no file", world.fails(2, "tenant", "diff", "-f", world.home + "/x").err, "No such file")
    contains("no option", world.fails(2, "tenant", "diff").err, "which file?")
    contains("another tenant", world.fails(2, "tenant", "diff", "-f", new, "--from", new, "bob").err, 'has no tenant "bob"')


@case
def attack_says_what_is_wrong_with_the_question(world):
    contains("no tenant", world.fails(2, "attack").err, "an argument is missing")
    contains("a name", world.fails(2, "attack", "Not/A-Name").err, "cannot be the name of a tenant")
    contains("a listener", world.fails(2, "attack", "alice", "--listener", "nowhere").err, "an IPv4 address and a port")
    contains("no server", world.fails(1, "attack", "alice").err, "no clawbox serve is running")
    server = world.serve(lambda request: problem(404, "There is no tenant"))
    contains("no such tenant", world.fails(1, "attack", "alice").err, "There is no tenant")
    equal("what was asked", [r.target for r in server.requests], ["/v1/tenants/alice/policy"])
