"""clawbox env."""

import json
import os
import stat
import subprocess

from server import Answer
from world import CLAWBOX, WAIT, absent, case, contains, equal

CA = "-----BEGIN CERTIFICATE-----\nVGhlIHRlbmFudCdzIENB\n-----END CERTIFICATE-----\n"
TRICKY = "sk-it's $(touch broken) `x` \"q\" \\ !"
VARIABLES = {"OPENAI_API_KEY": "sk-proj-placeholder", "TRICKY_KEY": TRICKY}


def environment(**change):
    body = {"tenant": "alice", "id": 7, "port": 40123, "token": "tok-EN_0.~", "ca_pem": CA, "variables": VARIABLES}
    return Answer(200, body | change)


def system_roots():
    for path in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"):
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
            return text if text.endswith("\n") or not text else text + "\n"
    return ""


def expected(world):
    bundle = os.path.realpath(world.state) + "/tenants/alice/ca-bundle.pem"
    proxy = "http://alice:tok-EN_0.~@127.0.0.1:40123"
    out = dict.fromkeys(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"], proxy)
    out |= dict.fromkeys(["NO_PROXY", "no_proxy"], "localhost,127.0.0.1,::1")
    out |= dict.fromkeys(["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                          "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT"], bundle)
    out["CLAWBOX_BASE_URL"] = "http://127.0.0.1:40123/t/tok-EN_0.~/https"
    return out | {"NODE_USE_ENV_PROXY": "1"} | VARIABLES


@case
def env_is_what_a_shell_reads(world):
    server = world.serve(lambda request: environment())
    done = world.ok("env", "alice")
    equal("the request", (server.requests[0].method, server.requests[0].target), ("GET", "/v1/tenants/alice/env"))
    for line in done.out.splitlines():
        assert line.startswith("export "), line
    shell = subprocess.run(["env", "-i", "/bin/sh", "-c", 'eval "$1"; /usr/bin/env -0', "sh", done.out],
                           capture_output=True, timeout=WAIT, check=True, cwd=world.home)
    seen = dict(v.split("=", 1) for v in shell.stdout.decode().split("\0") if v)
    want = expected(world)
    equal("the variables", {k: v for k, v in seen.items() if k in want}, want)
    assert not os.path.exists(world.home + "/broken"), "a value was run"
    equal("--json", json.loads(world.ok("env", "alice", "--json").out), {"variables": want})


@case
def env_writes_the_bundle_for_everybody_to_read(world):
    world.serve(lambda request: environment())
    before = os.umask(0o077)
    try:
        world.ok("env", "alice")
    finally:
        os.umask(before)
    folder = world.state + "/tenants/alice"
    path = folder + "/ca-bundle.pem"
    with open(path) as file:
        equal("the bundle", file.read(), system_roots() + CA)
    for place, mode in ((world.state, 0o700), (world.state + "/tenants", 0o755), (folder, 0o755), (path, 0o644)):
        equal(f"the mode of {place}", oct(stat.S_IMODE(os.stat(place).st_mode)), oct(mode))
    first = os.stat(path)
    world.ok("env", "alice")
    equal("the file, unchanged", os.stat(path).st_ino, first.st_ino)
    # Another CA: a new file takes its place, and who has the old one open keeps all of it.
    with open(path) as old:
        world.server.answer = lambda request: environment(ca_pem=CA.replace("VGhl", "QW5v"))
        world.ok("env", "alice")
        equal("the old one", old.read(), system_roots() + CA)
    with open(path) as file:
        equal("the new one", file.read(), system_roots() + CA.replace("VGhl", "QW5v"))
    equal("what is in the folder", os.listdir(folder), ["ca-bundle.pem"])


@case
def env_does_not_follow_a_link_out_of_the_state_directory(world):
    world.serve(lambda request: environment())
    os.mkdir(world.home + "/elsewhere")
    os.mkdir(world.state + "/tenants")
    os.symlink(world.home + "/elsewhere", world.state + "/tenants/alice")
    contains("standard error", world.fails(1, "env", "alice").err, "cannot be written")
    equal("elsewhere", os.listdir(world.home + "/elsewhere"), [])


@case
def env_refuses_what_no_shell_should_run(world):
    answers = []
    world.serve(lambda request: answers[0])
    for change, part in (({"variables": {"A;touch broken": "x"}}, "no environment can hold"),
                         ({"variables": {"1A": "x"}}, "no environment can hold"),
                         ({"variables": {"A": "x\ny"}}, "no environment can hold"),
                         ({"variables": {"A": {}}}, "no environment can hold"),
                         ({"token": "a@evil.example/"}, "of another version"), ({"token": ""}, "of another version"),
                         ({"ca_pem": ""}, "of another version"), ({"port": 0}, "listener"),
                         ({"port": 70000}, "listener")):
        answers[:] = [environment(**change)]
        for more in ([], ["--json"]):
            done = world.fails(1, "env", "alice", *more)
            contains(repr(change), done.err, part)
            equal("standard output", done.out, "")


@case
def env_works_with_a_relative_state_directory(world):
    world.serve(lambda request: environment())
    done = subprocess.run([CLAWBOX, "env", "alice", "--state", "state"], cwd=world.home, capture_output=True, timeout=WAIT,
                          env=world.environment())
    contains("standard output", done.stdout.decode(),
             f"export SSL_CERT_FILE='{os.path.realpath(world.state)}/tenants/alice/ca-bundle.pem'")
    absent("standard error", done.stderr.decode(), "clawbox:")
