"""clawbox admin."""

import json
import re

from server import Answer, problem
from world import case, contains, equal

ADMINISTRATORS = {"administrators": [
    {"name": "ada", "scope": "admin", "created": "2026-11-24T03:15:00.042Z", "used": None},
    {"name": "val", "scope": "viewer", "created": "2026-11-24T03:15:00.042Z", "used": "2026-11-24T04:15:00.042Z"}]}


def answers(request):
    return Answer(200, ADMINISTRATORS) if request.method == "GET" else Answer(204)


def check_put(request, name, scope):
    equal("the request", (request.method, request.target), ("PUT", f"/v1/administrators/{name}"))
    body = request.json()
    equal("its members", sorted(body), ["kdf", "key", "scope"])
    equal("the scope", body["scope"], scope)
    assert re.fullmatch(r"[0-9a-f]{50}", body["kdf"]) and re.fullmatch(r"[0-9a-f]{64}", body["key"]), body
    return body


@case
def admin_add_sends_no_password(world):
    server = world.serve(answers)
    done = world.ok("admin", "add", "bea", stdin=b"correct horse battery")
    contains("what is said", done.out, "bea (admin)")
    first = check_put(server.requests[-1], "bea", "admin")
    world.ok("admin", "add", "bea", "--scope", "viewer", stdin=b"correct horse battery")
    second = check_put(server.requests[-1], "bea", "viewer")
    assert first["kdf"] != second["kdf"] and first["key"] != second["key"], "the same salt twice"
    assert "horse" not in str([r.body for r in server.requests])


@case
def admin_add_refuses_what_is_wrong(world):
    for wrong in ([], ["Bea"], ["bea", "--scope", "tenant:alice"], ["bea", "cid"]):
        world.fails(2, "admin", "add", *wrong)
    server = world.serve(answers)
    contains("a short one", world.fails(1, "admin", "add", "bea", stdin=b"short").err, "12 to 1024 bytes")
    contains("one that is there", world.fails(1, "admin", "add", "ada", stdin=b"correct horse battery").err, "already")
    equal("what was changed", [r.method for r in server.requests if r.method != "GET"], [])


@case
def admin_password_keeps_the_scope(world):
    server = world.serve(answers)
    contains("what is said", world.ok("admin", "password", "val", stdin=b"correct horse battery").out, "signed out everywhere")
    check_put(server.requests[-1], "val", "viewer")
    contains("nobody", world.fails(1, "admin", "password", "bea", stdin=b"correct horse battery").err, "no administrator bea")


@case
def admin_ls_and_rm(world):
    server = world.serve(answers)
    equal("the table", world.ok("admin", "ls").out,
          "ADMINISTRATOR  SCOPE   CREATED                   LAST SIGN-IN\n"
          "ada            admin   2026-11-24T03:15:00.042Z  never\n"
          "val            viewer  2026-11-24T03:15:00.042Z  2026-11-24T04:15:00.042Z\n")
    equal("as JSON", json.loads(world.ok("admin", "ls", "--json").out), ADMINISTRATORS)
    done = world.ok("admin", "rm", "ada")
    contains("removed", done.out, "ada is removed")
    equal("no warning", done.err, "")
    equal("the request", (server.requests[-2].method, server.requests[-2].target), ("DELETE", "/v1/administrators/ada"))
    world.fails(2, "admin", "rm", "../status")


@case
def admin_rm_says_when_nobody_is_left(world):
    left = []
    world.serve(lambda request: Answer(200, {"administrators": left}) if request.method == "GET" else answers(request))
    contains("the warning", world.ok("admin", "rm", "ada").err, "`clawbox console` prints a link")
    left.append(ADMINISTRATORS["administrators"][1])
    contains("the warning with a viewer", world.ok("admin", "rm", "ada").err, "`clawbox console` prints a link")


@case
def admin_says_what_the_server_refuses(world):
    world.serve(lambda request: problem(404, "there is no administrator bea"))
    contains("the complaint", world.fails(1, "admin", "rm", "bea").err, "there is no administrator bea")
