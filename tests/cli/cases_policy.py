"""clawbox explain."""

import json

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
