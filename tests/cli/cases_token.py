"""clawbox token."""

import json

from server import Answer, problem
from world import case, contains, equal

TOKEN = "cbxt_" + "a" * 43
TOKENS = {"tokens": [
    {"name": "hers", "scope": "tenant:alice", "created": "2026-11-24T03:15:00.042Z", "expires": "2026-12-24T03:15:00.042Z", "used": None},
    {"name": "root", "scope": "admin", "created": "2026-11-24T03:15:00.042Z", "expires": None, "used": "2026-11-24T04:15:00.042Z"}]}


@case
def token_create_prints_the_token_alone(world):
    made = {"name": "hers", "scope": "tenant:alice", "expires": None, "token": TOKEN}
    server = world.serve(lambda request: Answer(201, made))
    done = world.ok("token", "create", "hers", "--scope", "tenant:alice", "--expires", "30")
    asked = server.requests[0]
    equal("the request", (asked.method, asked.target, asked.json()),
          ("POST", "/v1/tokens", {"name": "hers", "scope": "tenant:alice", "expires_days": 30}))
    equal("standard output", done.out, TOKEN + "\n")
    contains("what is said", done.err, "hers", "tenant:alice", "once")
    assert TOKEN not in done.err
    equal("as JSON", json.loads(world.ok("token", "create", "hers", "--scope", "tenant:alice", "--json").out), made)
    equal("without an end", server.requests[1].json(), {"name": "hers", "scope": "tenant:alice"})


@case
def token_create_needs_a_scope_and_a_name(world):
    for wrong in (["hers"], ["hers", "--scope", "admin", "--expires", "0"], ["hers", "--scope", "admin", "--expires", "3651"],
                  ["hers", "--scope", "admin", "--expires", "soon"], ["Hers", "--scope", "admin"], ["--scope", "admin"]):
        world.fails(2, "token", "create", *wrong)
    world.serve(lambda request: problem(409, "there is a token hers already"))
    contains("the complaint", world.fails(1, "token", "create", "hers", "--scope", "admin").err, "there is a token hers already")


@case
def token_ls_and_rm(world):
    server = world.serve(lambda request: Answer(200, TOKENS) if request.method == "GET" else Answer(204))
    equal("the table", world.ok("token", "ls").out,
          "TOKEN  SCOPE         CREATED                   LAST USED                 EXPIRES\n"
          "hers   tenant:alice  2026-11-24T03:15:00.042Z  never                     2026-12-24T03:15:00.042Z\n"
          "root   admin         2026-11-24T03:15:00.042Z  2026-11-24T04:15:00.042Z  never\n")
    equal("as JSON", json.loads(world.ok("token", "ls", "--json").out), TOKENS)
    contains("removed", world.ok("token", "rm", "root").out, "root is removed")
    equal("the request", (server.requests[-1].method, server.requests[-1].target), ("DELETE", "/v1/tokens/root"))
    world.fails(2, "token", "rm", "../status")


@case
def serve_takes_no_address_that_others_reach(world):
    for address in ("0.0.0.0:8090", "[::]:8090", "192.0.2.1:8090"):
        contains(address, world.fails(2, "serve", "--api", address).err, "TLS", "--tls-cert")
    for address in ("localhost:8090", "127.0.0.1", "127.0.0.1:99999", "::1:8090"):
        contains(address, world.fails(2, "serve", "--api", address).err, "ADDRESS:PORT")
