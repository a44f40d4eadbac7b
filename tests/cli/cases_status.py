"""clawbox status."""

import json

from server import Answer, problem
from world import case, contains, equal

ALL = ["no_new_privs", "dumpable", "limits", "seccomp", "uid", "namespaces", "root", "landlock", "capabilities"]
STATUS = {
    "version": "0.1.0", "started": "2026-11-24T03:15:00.042Z", "tenants": 3, "active": 1, "landlock": 7,
    "waived": [], "lacking": [],
    "roles": [
        {"role": "store", "running": 1, "pid": 4711, "layers": ALL},
        {"role": "api", "running": 1, "pid": 4712, "layers": [n for n in ALL if n not in ("uid", "root")]},
        {"role": "gate", "running": 2, "pid": None, "layers": ALL},
        {"role": "egress", "running": 0, "pid": None, "layers": []}]}


@case
def status_shows_what_holds_in_each_role(world):
    server = world.serve(lambda request: Answer(200, STATUS))
    done = world.ok("status")
    equal("the request", (server.requests[0].method, server.requests[0].target), ("GET", "/v1/status"))
    equal("standard output", done.out,
          "clawbox 0.1.0, running since 2026-11-24T03:15:00.042Z; tenants: 3, active: 1; Landlock: version 7\n"
          "\n"
          "ROLE    RUNNING  PID   LAYERS THAT HOLD\n"
          "store   1        4711  all\n"
          "api     1        4712  all but uid, root\n"
          "gate    2        -     all\n"
          "egress  0        -     -\n"
          "\n"
          "Waived: nothing\n")
    equal("as JSON", json.loads(world.ok("status", "--json").out), STATUS)


@case
def status_names_what_was_waived(world):
    world.serve(lambda request: Answer(200, STATUS | {"landlock": 0, "waived": ["landlock", "limits"], "lacking": ["landlock"]}))
    out = world.ok("status").out
    contains("the first line", out.splitlines()[0], "; Landlock: none")
    equal("the last line", out.splitlines()[-1], "Waived: landlock (not to be had here), limits")


@case
def status_says_that_nothing_runs(world):
    contains("the complaint", world.fails(1, "status").err, "clawbox serve")
    world.serve(lambda request: problem(503, "The monitor has not said yet what runs: try again."))
    contains("the complaint", world.fails(1, "status").err, "not said yet")


@case
def status_shows_no_byte_that_could_steer_a_terminal(world):
    world.serve(lambda request: Answer(200, STATUS | {"version": "1\x1b[2J", "waived": ["\x1b[2J"]}))
    assert "\x1b" not in world.ok("status").out
