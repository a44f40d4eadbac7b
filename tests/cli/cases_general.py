"""Help, wrong usage, the state directory, the versions, and servers that do not behave."""

import json
import os
import unittest

from server import Answer, problem
from world import Terminal, absent, case, contains, equal

COMMANDS = ["serve", "demo", "tenant", "credential", "token", "env", "image", "trust", "audit", "status", "version", "help"]


@case
def no_command_prints_the_help(world):
    done = world.ok(state=None)
    contains("the help", done.out, "usage: clawbox COMMAND", *COMMANDS)
    equal("the same as clawbox help", world.ok("help", state=None).out, done.out)
    equal("the same as clawbox --help", world.ok("--help", state=None).out, done.out)


@case
def every_command_has_help_with_an_example(world):
    for command in COMMANDS:
        done = world.ok(command, "--help", state=None)
        contains(f"the help of {command}", done.out, f"usage: clawbox {command}", "example:\n  ")
        equal(f"standard error of {command} --help", done.err, "")
        equal(f"clawbox help {command}", world.ok("help", command, state=None).out, done.out)
    contains("the help of a verb", world.ok("tenant", "apply", "--help", state=None).out, "usage: clawbox tenant apply")


@case
def an_unknown_command_says_the_nearest(world):
    for written, meant in (("tenat", "tenant"), ("adit", "audit"), ("verison", "version"), ("cred", "credential")):
        done = world.fails(2, written, state=None)
        contains("the message", done.err, f'no command "{written}"', f'did you mean "{meant}"?')
        equal("standard output", done.out, "")
    absent("the message", world.fails(2, "xyzzy", state=None).err, "did you mean")
    contains("help of an unknown command", world.fails(2, "help", "tenat", state=None).err, '"tenant"')
    contains("an option first", world.fails(2, "--state", "x", "tenant", state=None).err, "after the command")


@case
def wrong_options_say_what_would_be_right(world):
    for arguments, parts in (
            (["audit", "--jsno"], ["no option --jsno", "--json", "see: clawbox audit --help"]),
            (["audit", "-x"], ["no option -x"]),
            (["audit", "--json=yes"], ["--json takes no value"]),
            (["audit", "-n"], ["-n needs a value"]),
            (["tenant", "ls", "--state"], ["--state needs a value"]),
            (["tenant", "ls", "surplus"], ["too many arguments", "clawbox tenant ls"]),
            (["tenant", "show"], ["an argument is missing", "clawbox tenant show NAME"]),
            (["tenant", "aply"], ['did you mean "tenant apply"']),
            (["tenant"], ["apply, ls, show, suspend, resume, rotate-ca, rm, test or diff"]),
            (["credential", "--json"], ["set, ls or rm"]),
            (["tenant", "show", "Alice"], ["name of a tenant", "a-z"]),
            (["tenant", "show", "a/../b"], ["name of a tenant"]),
            (["env", "-bad-"], ["no option -b"]),
            (["audit", "-n", "many"], ["-n takes a number"]),
            (["audit", "--since", "yesterday"], ["--since takes", "1h"]),
            (["audit", "--since", "h"], ["--since takes"]),
            (["tenant", "show", "alice", "--yaml", "--json"], ["do not go together"])):
        done = world.fails(2, *arguments, state=None)
        contains(" ".join(arguments), done.err, *parts)
        equal("standard output", done.out, "")


@case
def a_name_cannot_steer_the_terminal(world):
    done = world.fails(2, "\x1b[31mred", state=None)
    contains("the message", done.err, "\\x1b[31mred")
    absent("the message", done.err, "\x1b")


@case
def without_a_server_it_says_how_to_start_one(world):
    done = world.fails(1, "tenant", "ls")
    contains("the message", done.err, f"no clawbox serve is running on {world.state}",
             f"clawbox serve --state {world.state}")
    done = world.fails(1, "tenant", "ls", state=world.home + "/it's here")
    contains("a path for a shell", done.err, "--state '" + world.home + "/it'\\''s here'")
    # A socket that nobody listens on any more.
    world.serve(lambda request: b"").close()
    world.server = None
    contains("a dead socket", world.fails(1, "tenant", "ls").err, "no clawbox serve is running")


@case
def the_state_directory_comes_from_the_environment(world):
    def place(user=None, **environment):
        return world.fails(1, "tenant", "ls", state=None, env=world.environment(**environment), user=user, cwd="/").err

    contains("CLAWBOX_STATE", place(CLAWBOX_STATE="/tmp/one"), "running on /tmp/one:")
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can be two users")
    contains("root", place(), "running on /var/lib/clawbox:")
    contains("an empty CLAWBOX_STATE", place(CLAWBOX_STATE=""), "running on /var/lib/clawbox:")
    contains("XDG_STATE_HOME", place(user=65534, XDG_STATE_HOME="/tmp/x"), "running on /tmp/x/clawbox:")
    contains("a relative XDG_STATE_HOME", place(user=65534, XDG_STATE_HOME="x", HOME="/h"),
             "running on /h/.local/state/clawbox:")
    contains("HOME", place(user=65534, HOME="/h"), "running on /h/.local/state/clawbox:")
    contains("nothing", place(user=65534, HOME=""), "--state DIR")


@case
def a_socket_of_another_user_says_so(world):
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can be two users")
    world.serve(lambda request: Answer(200, {"tenants": [], "next": None}))
    done = world.fails(1, "tenant", "ls", user=65534, cwd="/")
    contains("the message", done.err, "you may not use", "as the user who runs clawbox serve")


@case
def a_long_state_path_works(world):
    state = os.path.join(world.home, *["a-rather-long-name-of-a-folder"] * 6)
    os.makedirs(state)
    world.serve(lambda request: Answer(200, {"tenants": [], "next": None}), state)
    contains("the message", world.ok("tenant", "ls", state=state).err, "no tenants yet")


@case
def problems_are_told_with_all_their_lines(world):
    errors = [{"file": "a.yaml", "line": 3, "column": 5, "field": "spec.routes[0].host", "detail": "not canonical"},
              {"file": "a.yaml", "line": 9, "column": 1, "field": "spec", "detail": "\x1b[2J"},
              {"file": "a.yaml", "line": 10, "column": 2, "detail": "no place in the tree"},
              {"file": "a.yaml", "detail": "3 more errors are not shown"}]
    world.serve(lambda request: problem(422, "the tenant file is not valid", errors))
    done = world.fails(1, "tenant", "ls")
    equal("standard error", done.err, "clawbox: the tenant file is not valid\n"
          "a.yaml:3:5: spec.routes[0].host: not canonical\na.yaml:9:1: spec: \\x1b[2J\n"
          "a.yaml:10:2: no place in the tree\na.yaml: 3 more errors are not shown\n")
    equal("standard output", done.out, "")


@case
def a_problem_without_a_document_says_the_status(world):
    world.serve(lambda request: Answer(503, b"", "text/plain"))
    contains("the message", world.fails(1, "tenant", "ls").err, "503 Service Unavailable")


@case
def a_server_that_breaks_is_told_from_one_that_refuses(world):
    for raw, part in (
            (b"", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "ended the connection"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x:", "not the JSON"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "not the JSON object"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "not the JSON object"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20000000), "too large")):
        server = world.serve(lambda request, raw=raw: raw)
        contains(repr(raw[:40]), world.fails(1, "tenant", "ls").err, part)
        server.close()
        world.server = None
        os.unlink(server.path)


@case
def version_names_every_library(world):
    done = world.ok("version")
    libraries = ["mbedtls", "libsodium", "libuv", "c-ares", "sqlite", "libyaml", "llhttp"]
    contains("the versions", done.out, "clawbox ", *libraries, "messages")
    document = json.loads(world.ok("version", "--json").out)
    equal("the libraries", sorted(document["libraries"]), sorted(libraries))
    for name, version in document["libraries"].items():
        assert version[0].isdigit() and "." in version, f"{name} {version}"
        contains("the text", done.out, version)
    equal("the digest's length", len(document["messages"]), 16)
    equal("--version", world.ok("--version", state=None).out, done.out)


@case
def output_that_is_lost_is_a_failure(world):
    import subprocess

    from world import CLAWBOX, WAIT
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CLAWBOX, "version"], stdout=full, stderr=subprocess.PIPE, timeout=WAIT,
                              env=world.environment())
    equal("the exit code", done.returncode, 1)
    contains("the message", done.stderr.decode(), "could not be written")


@case
def colour_only_on_a_terminal_that_wants_it(world):
    tenant = {"name": "alice", "id": 1, "port": 4000, "routes": 1, "credentials_used": 1, "credentials_set": 0,
              "created": "2026-11-24T03:00:00.000Z", "updated": "2026-11-24T03:00:00.000Z"}
    world.serve(lambda request: Answer(200, {"tenants": [tenant], "next": None}))
    absent("a pipe", world.ok("tenant", "ls").out, "\x1b")
    terminal = Terminal(world, "tenant", "ls")
    status, shown = terminal.end()
    equal("the exit code", status, 0)
    contains("a terminal", shown, "\x1b[1mTENANT")
    before = world.environment
    world.environment = lambda **more: before(NO_COLOR="1", **more)
    _, shown = Terminal(world, "tenant", "ls").end()
    absent("a terminal with NO_COLOR", shown, "\x1b")
