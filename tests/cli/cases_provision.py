"""clawbox provision and deprovision: what is asked of the server, and what is made of answers that cannot be right."""

import json
import os
import unittest

from server import Answer, problem
from world import Terminal, absent, case, contains, equal

TYPE = "application/vnd.clawbox.tenant-file+json"
TEXT = """apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
  - provider: openai   # hers
    credential: openai
"""
MANIFESTS = {
    "files": [{"path": "alice/kustomization.yaml", "content": "kind: Kustomization\n"},
              {"path": "alice/claw/00-namespace.yaml", "content": "kind: Namespace\n"}],
    "secrets": [{"namespace": "alice-claw", "name": "proxy-token", "about": "a", "command": "make proxy-token",
                 "keys": [{"name": "proxy-token", "value": "random"}]},
                {"namespace": "alice-claw", "name": "credential-openai", "about": "a", "command": "make credential-openai",
                 "keys": [{"name": "value", "value": "given"}, {"name": "hosts", "value": "text", "text": "api.openai.com:443"}]}],
    "secrets_from": "reference",
    "notes": ["a note \x1b[2J"]}


class Fake:
    """Alice, as a server has her; `manifests` is what it answers."""

    def __init__(self, yaml=TEXT, manifests=None):
        self.yaml = yaml
        self.manifests = manifests or MANIFESTS
        self.put = Answer(200, {"name": "alice", "result": "updated", "generation": 2})

    def __call__(self, request):
        if "/manifests" in request.path:
            return Answer(200, self.manifests)
        if request.method == "PUT":
            return self.put
        if request.path == "/v1/tenants/alice":
            if self.yaml is None:
                return problem(404, "There is no tenant")
            answer = Answer(200, {"name": "alice", "yaml": self.yaml}).bytes()
            return answer.replace(b"\r\n\r\n", b"\r\nETag: \"the-tag\"\r\n\r\n", 1)
        return problem(404, f"not here: {request.path}")


def asked(server):
    return [f"{r.method} {r.target}" for r in server.requests]


@case
def provision_checks_before_it_changes(world):
    server = world.serve(Fake())
    path = world.file("conf/alice.yaml", TEXT)
    done = world.ok("provision", "alice", "-f", path, "--out", "out", "--flavor", "openshift", "--image", "r.example:5000/c@sha256:0a")
    query = "?flavor=openshift&image=r.example:5000/c@sha256:0a"
    equal("the requests", asked(server), [f"POST /v1/tenants/alice/manifests:preview{query}", "PUT /v1/tenants/alice",
                                          f"GET /v1/tenants/alice/manifests{query}"])
    for request in server.requests[:2]:
        equal("the type", request.headers["content-type"], TYPE)
        equal("the body", request.json(), {"file": path, "text": TEXT, "files": {}})
        absent("the fields", str(request.headers), "if-match", "if-none-match")
    equal("the namespace", open(world.home + "/out/alice/claw/00-namespace.yaml").read(),
          "# Written by clawbox provision: what is changed here is lost at its next run.\nkind: Namespace\n")
    contains("standard output", done.out, "tenant alice: updated\n", "out/alice/kustomization.yaml: created\n",
             "kubectl apply --server-side -k out/alice\n", "  make proxy-token\n", "  make credential-openai < FILE-WITH-THE-VALUE\n",
             "- a note \\x1b[2J\n")
    server.requests.clear()
    world.ok("provision", "alice", "--out", "clusters/main/")
    equal("folders that were not there", sorted(os.listdir(world.home + "/clusters/main/alice")), ["claw", "kustomization.yaml"])
    server.requests.clear()
    world.ok("provision", "alice", "--out", "it's here")
    equal("the requests without a document", asked(server), ["GET /v1/tenants/alice/manifests"])
    contains("the folder as a word", world.ok("provision", "alice", "--out", "it's here").out, "-k 'it'\\''s here/alice'\n")


@case
def a_folder_that_cannot_be_written_leaves_the_tenant_alone(world):
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root, to be somebody else")
    server = world.serve(Fake())
    path = world.file("alice.yaml", TEXT)
    for folder in (world.home, world.state):
        os.chmod(folder, 0o755)
    os.chmod(world.state + "/control.sock", 0o777)
    os.mkdir(world.home + "/closed")
    for out in ("closed", "closed/below/it", world.home + "/closed", "/closed-at-the-top/below"):
        contains("standard error", world.fails(1, "provision", "alice", "-f", path, "--out", out, user=65534).err,
                 "cannot be written: Permission denied")
    world.file("file", "x")
    contains("a file in the way", world.fails(1, "provision", "alice", "-f", path, "--out", "file").err, "is no folder")
    contains("a file on the way", world.fails(1, "provision", "alice", "-f", path, "--out", "file/below").err, "is no folder")
    equal("the requests", asked(server), [])
    world.ok("provision", "alice", "-f", "-", "--out", "closed", stdin=TEXT.encode())
    equal("the name in messages", server.requests[0].json()["file"], "stdin")


@case
def dry_runs_ask_for_previews_only(world):
    server = world.serve(Fake())
    path = world.file("alice.yaml", TEXT)
    done = world.ok("provision", "alice", "-f", path, "--out", "out", "--dry-run")
    equal("the requests", asked(server), ["POST /v1/tenants/alice/manifests:preview", "PUT /v1/tenants/alice?dry_run=1"])
    contains("standard output", done.out, "tenant alice: updated (dry run)\n", "out/alice/kustomization.yaml: created (dry run)\n")
    done = world.run("provision", "alice", "-f", path, "--out", "out", "--diff")
    equal("--diff", done.status, 1)
    contains("the difference", done.out, "--- /dev/null\n+++ b/alice/claw/00-namespace.yaml\n", "+kind: Namespace\n")
    equal("--diff without diff(1)", world.run("provision", "alice", "--out", "out", "--diff", env={"HOME": world.home, "PATH": "/nowhere"}).status, 2)
    equal("the folder", os.path.exists(world.home + "/out"), False)
    world.ok("provision", "alice", "--out", "out")
    equal("--diff of nothing", world.run("provision", "alice", "--out", "out", "--diff").status, 0)
    server.answer = lambda request: problem(503, "The store is not available")
    equal("--diff of a failure", world.fails(2, "provision", "alice", "--out", "out", "--diff").out, "")


@case
def providers_are_added_with_the_tag_of_what_was_read(world):
    fake = Fake()
    server = world.serve(fake)
    world.ok("provision", "alice", "--provider", "npm=registry", "--provider", "openai", "--out", "out")
    equal("the requests", asked(server)[:1], ["GET /v1/tenants/alice"])
    put = [r for r in server.requests if r.method == "PUT"][0]
    equal("If-Match", put.headers["if-match"], '"the-tag"')
    equal("the document", put.json()["text"], TEXT.replace(
        "  - provider: openai", '  - provider: "npm"\n    credential: "registry"\n  - provider: openai'))
    fake.put = problem(412, "The tenant has been changed meanwhile: read it again.")
    contains("a change in between", world.fails(1, "provision", "alice", "--provider", "npm", "--out", "other").err, "changed meanwhile")
    equal("the folder then", os.path.exists(world.home + "/other"), False)
    server.requests.clear()
    fake.put, fake.yaml = Answer(201, {"name": "alice", "result": "created", "generation": 1}), None
    world.ok("provision", "alice", "--provider", "openai=null", "--out", "out")
    put = [r for r in server.requests if r.method == "PUT"][0]
    equal("If-None-Match", put.headers["if-none-match"], "*")
    contains("a new document", put.json()["text"], 'name: "alice"\n', '    - provider: "openai"\n      credential: "null"\n', "  kubernetes: {}\n")
    for text, part in ((TEXT.split("  routes:")[0] + "  routes: [{provider: openai, credential: openai}]\n", "one below the other"),
                       (TEXT + "  - {host: x.example, upstream: {caFile: ca.pem}}\n", "names files (caFile)"),
                       ("spec: [", "cannot be read")):
        fake.yaml = text
        contains("standard error", world.fails(1, "provision", "alice", "--provider", "npm", "--out", "out").err, part)


@case
def answers_that_cannot_be_right_write_nothing(world):
    server = world.serve(Fake())
    for path in ("../alice/x.yaml", "/etc/x.yaml", "bob/x.yaml", "alice/x", "alice/a/b/x.yaml", "alice/.x.yaml", "alice//x.yaml",
                 "alice/X.yaml", "alice/a b.yaml", "x.yaml", "alice/" + "x" * 256 + ".yaml", "alice/\n.yaml", "alice/..yaml", ""):
        server.answer = Fake(manifests={**MANIFESTS, "files": [*MANIFESTS["files"], {"path": path, "content": "x"}]})
        contains("standard error", world.fails(1, "provision", "alice", "--out", "out").err, "which cannot be")
    twice = [MANIFESTS["files"][0]] * 2
    for manifests in ({**MANIFESTS, "files": twice}, {**MANIFESTS, "files": []}, {}):
        server.answer = Fake(manifests=manifests or {"x": 1})
        world.fails(1, "provision", "alice", "--out", "out")
    for change in ({"name": "x: y"}, {"namespace": "a\nb"}, {"keys": [{"name": "a: b", "value": "random"}]}):
        secret = {**MANIFESTS["secrets"][0], **change}
        server.answer = Fake(manifests={**MANIFESTS, "secrets": [secret], "secrets_from": "file"})
        contains("standard error", world.fails(1, "provision", "alice", "--out", "out-secrets").err, "which cannot be")
        equal("the file", os.path.exists(world.home + "/out-secrets/alice/secrets.yaml"), False)
    equal("the folder", os.path.exists(world.home + "/out"), False)


@case
def arguments_that_do_not_go_together(world):
    server = world.serve(Fake())
    path = world.file("alice.yaml", TEXT)
    for arguments, part in ((["alice", "-f", path, "--provider", "npm"], "do not go together"), (["--all", "alice"], "--all is for"),
                            (["--all", "--provider", "npm"], "--all is for"), ([], "which tenant?"), (["a", "b"], "too many"),
                            (["alice", "--dry-run", "--diff"], "do not go together"), (["alice", "--out", "-", "--json"], "--out -"),
                            (["alice", "--out", "-", "--credential-file", "a=b"], "needs a folder"),
                            (["alice", "--image", "a&b"], "letters, digits"), (["alice", "--flavor", ""], "letters, digits"),
                            (["alice", "--provider", "ollama"], "no provider \"ollama\""),
                            (["alice", "--provider", "openai=A"], "name of a credential"), (["Alice"], "name of a tenant")):
        status = 2
        contains(" ".join(arguments), world.fails(status, "provision", *arguments).err, part)
    contains("a credential's file without file", world.fails(2, "provision", "alice", "--credential-file", "openai=" + path).err,
             "goes with --secrets file")
    contains("no such credential's file", world.fails(1, "provision", "alice", "-f", path, "--credential-file", "openai=/none").err,
             "cannot read /none")
    contains("no such file", world.fails(1, "provision", "alice", "-f", world.home + "/none.yaml").err, "cannot read")
    equal("what was changed", [r for r in asked(server) if r.startswith("PUT")], [])


@case
def all_tenants_are_written_and_a_terminal_sees_how_far_it_is(world):
    names = [f"tenant-{i}" for i in range(3)]

    def answer(request):
        if request.path == "/v1/tenants":
            rest = [n for n in names if n > request.query.get("after", "")]
            return Answer(200, {"tenants": [{"name": rest[0]}] if rest else [],
                                "next": f"/v1/tenants?limit=1&after={rest[0]}" if len(rest) > 1 else None})
        name = request.path.split("/")[3]
        if name == "tenant-1":
            return problem(422, "it is too large")
        return Answer(200, {**MANIFESTS, "files": [{"path": f"{name}/kustomization.yaml", "content": "x: y\n"}]})

    world.serve(answer)
    done = world.fails(1, "provision", "--all", "--out", "out")
    contains("standard error", done.err, "it is too large", "tenant tenant-1 was not provisioned", "1 of 3 tenants")
    contains("standard output", done.out, "out/tenant-0/kustomization.yaml: created\n", "out/tenant-2/kustomization.yaml: created\n")
    terminal = Terminal(world, "provision", "--all", "--out", world.home + "/out")
    status, seen = terminal.end()
    equal("the exit code", status, 1)
    contains("the terminal", seen, "[1/3] tenant-0", "[3/3] tenant-2", "tenant-2: 1 files, unchanged")
    lines = [json.loads(line) for line in world.run("provision", "--all", "--out", "out", "--json").out.splitlines()]
    equal("--json", [(t["tenant"], t["result"], t["files"]) for t in lines],
          [(n, "unchanged", [{"path": f"{n}/kustomization.yaml", "change": "unchanged"}]) for n in (names[0], names[2])])


@case
def deprovision_asks_and_says_the_way_back(world):
    server = world.serve(Fake())
    world.ok("provision", "alice", "--out", "out")
    server.answer = lambda request: Answer(204)
    server.requests.clear()
    contains("nobody to ask", world.fails(2, "deprovision", "alice", "--out", "out", "--tenant").err, "say --yes")
    equal("the files then", sorted(os.listdir(world.home + "/out/alice")), ["claw", "kustomization.yaml"])
    terminal = Terminal(world, "deprovision", "alice", "--out", world.home + "/out", "--tenant")
    terminal.wait_for("Remove the tenant alice")
    terminal.send(b"n\n")
    equal("no", terminal.end()[0], 1)
    equal("the requests then", asked(server), [])
    done = world.ok("deprovision", "alice", "--out", "out", "--tenant", "--yes")
    equal("the requests", asked(server), ["DELETE /v1/tenants/alice"])
    contains("standard output", done.out, "tenant alice: removed\n", "out/alice: 2 files removed\n", "delete namespace alice-dev\n")
    equal("the folder", os.path.exists(world.home + "/out/alice"), False)
    contains("again", world.ok("deprovision", "alice", "--out", "out").out, "0 files removed")
