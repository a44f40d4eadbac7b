"""clawbox provision and deprovision against a real server: what is written, when nothing is, and what a run that is ended leaves.

What the manifests mean is for modules/kube and a real API server to say; here it is about the folder and the tenant.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess

import yaml

from appliance import WAIT, Appliance
from scenarios import equal

MARK = b"# Written by clawbox provision"
ALICE = """# Alice's own words stay.
apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
    # her model
    - provider: openai
      credential: openai
  kubernetes: {}
"""
KEY = "sk-real-provisioned-key-0123456789"


class Desk:
    def __init__(self):
        self.appliance = Appliance().start()
        self.out = os.path.join(self.appliance.home, "out")

    def file(self, name, text):
        path = os.path.join(self.appliance.home, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run(self, *arguments, status=0, out=None, stdin=b""):
        # The options first: behind "--" they would be none.
        done = subprocess.run([self.appliance.program, arguments[0], "--out", out or self.out, "--state", self.appliance.state,
                               *arguments[1:]], input=stdin, capture_output=True, timeout=WAIT)
        assert done.returncode == status, \
            f"clawbox {' '.join(arguments)}: {done.returncode}, not {status}\n{done.stdout.decode()[-500:]}{done.stderr.decode()}"
        return done

    def provision(self, *arguments, **more):
        return self.run("provision", *arguments, **more)

    def generation(self, tenant="alice"):
        return json.loads(self.appliance.run("tenant", "show", tenant, "--json").stdout)["generation"]


@contextlib.contextmanager
def desk():
    d = Desk()
    try:
        yield d
        log = d.appliance.log()
        equal("serve's status", d.appliance.stop(), 0)
        assert KEY not in log, "the credential is in the log"
    finally:
        d.appliance.stop(signal.SIGKILL)
        shutil.rmtree(d.appliance.home, ignore_errors=True)


def files(folder):
    """What is below a folder: path to content."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def same_files(what, got, expected):
    other = {p for p in {*got, *expected} if got.get(p) != expected.get(p)}
    assert not other, f"{what}: {sorted(other)} are not as they should be"


def identities(folder):
    return {path: (os.stat(os.path.join(folder, path)).st_ino, os.stat(os.path.join(folder, path)).st_mtime_ns)
            for path in files(folder)}


def objects(text):
    return [document for document in yaml.safe_load_all(text) if document is not None]


def texts(node, path=""):
    """Every key and every name, label and namespace of an object, with where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield path + "/<key>", key
            yield from texts(value, f"{path}/{key}")
    elif isinstance(node, list):
        for item in node:
            yield from texts(item, path + "[]")
    else:
        yield path, node


def provision_is_idempotent():
    with desk() as d:
        path = d.file("alice.yaml", ALICE)
        first = d.provision("alice", "-f", path)
        assert b"tenant alice: created\n" in first.stdout and b"kubectl apply --server-side -k " in first.stdout, first.stdout
        before, seen = files(d.out), identities(d.out)
        assert len(before) > 20 and all(content.startswith(MARK) for content in before.values()), sorted(before)
        for folder in ("alice", "alice/claw", "alice/dev"):
            listed = set(yaml.safe_load(before[f"{folder}/kustomization.yaml"])["resources"])
            there = set(os.listdir(os.path.join(d.out, folder))) - {"kustomization.yaml"}
            equal(f"what {folder}/kustomization.yaml lists", listed, there)
        if shutil.which("kubectl"):
            built = subprocess.run(["kubectl", "kustomize", os.path.join(d.out, "alice")], capture_output=True, timeout=WAIT)
            equal("what kustomize makes of it", (built.returncode, len(objects(built.stdout))), (0, len(before) - 3))
        again = d.provision("alice", "-f", path)
        assert b"tenant alice: unchanged\n" in again.stdout and b"files, unchanged" in again.stdout, again.stdout
        same_files("the bytes after a second run", files(d.out), before)
        equal("files that were touched", {p for p, i in identities(d.out).items() if i != seen[p]}, set())
        # Without a document, into another folder: the same bytes; and as a stream.
        other = d.out + "-other"
        d.provision("alice", out=other)
        same_files("the bytes in another folder", files(other), before)
        stream = d.provision("alice", out="-").stdout
        named = [(o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")) for o in objects(stream)]
        expected = [(o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")) for p, content in before.items()
                    if not p.endswith("kustomization.yaml") for o in objects(content)]
        equal("the objects of the stream", sorted(named, key=str), sorted(expected, key=str))
        equal("--diff of nothing", (d.provision("alice", "--diff").stdout, d.provision("alice", "--dry-run").returncode), (b"", 0))


def a_change_touches_what_it_changes():
    with desk() as d:
        d.provision("alice", "-f", d.file("alice.yaml", ALICE))
        before, generation = files(d.out), d.generation()
        changed = d.file("alice.yaml", ALICE.replace("kubernetes: {}", "kubernetes: {storage: 20Gi}"))
        dry = d.provision("alice", "-f", changed, "--dry-run")
        assert b"tenant alice: updated (dry run)\n" in dry.stdout, dry.stdout
        diff = d.provision("alice", "-f", changed, "--diff", status=1)
        assert b"\n+      storage: \"20Gi\"\n" in diff.stdout and b"\n-      storage: \"10Gi\"\n" in diff.stdout, diff.stdout
        assert diff.stdout.count(b"\n+++ b/alice/") + diff.stdout.startswith(b"+++ ") == 1, diff.stdout
        same_files("after --dry-run and --diff", files(d.out), before)
        equal("the generation", d.generation(), generation)
        d.provision("alice", "-f", changed)
        after = files(d.out)
        equal("the files that changed", {p for p in after if after[p] != before.get(p)}, {"alice/claw/30-persistentvolumeclaim-gateway.yaml"})
        # Files that are not needed any more go, and nothing else does.
        d.provision("alice", "-f", d.file("none.yaml", ALICE.replace("kubernetes: {}", "kubernetes: {workspace: {access: none}}")))
        gone = set(after) - set(files(d.out))
        assert "alice/claw/23-configmap-kubeconfig.yaml" in gone, gone
        d.provision("alice", "-f", changed)
        same_files("back again", files(d.out), after)


def what_is_not_ours_is_refused_and_named():
    with desk() as d:
        path = d.file("alice.yaml", ALICE)
        d.provision("alice", "-f", path)
        changed = d.file("changed.yaml", ALICE.replace("kubernetes: {}", "kubernetes: {storage: 20Gi}"))
        claw = os.path.join(d.out, "alice", "claw")
        strange = [lambda: open(os.path.join(claw, "mine.yaml"), "w").write("kind: ConfigMap\n"),
                   lambda: os.symlink("/etc/passwd", os.path.join(claw, "link.yaml")),
                   lambda: os.mkdir(os.path.join(claw, "folder")),
                   lambda: os.mkdir(os.path.join(d.out, "alice", "other")),
                   lambda: os.mkfifo(os.path.join(claw, "pipe")),
                   lambda: open(os.path.join(claw, "50-deployment-proxy.yaml"), "w").write("kind: Deployment\n")]
        for make in strange:
            whole = files(d.out)
            make()
            before, generation = {p: c for p, c in whole.items()}, d.generation()
            for command in (["provision", "alice", "-f", changed], ["provision", "alice", "--diff"], ["deprovision", "alice"]):
                done = d.run(*command, status=2 if "--diff" in command else 1)
                assert b"did not write" in done.stderr, done.stderr
            now = {p: c for p, c in regular(d.out).items() if p in before and c != b"kind: Deployment\n"}
            same_files("what is there", now, {p: before[p] for p in now})
            equal("the tenant", d.generation(), generation)
            shutil.rmtree(d.out)
            d.provision("alice")
        # A link in the place of a folder is no folder.
        shutil.move(os.path.join(d.out, "alice", "dev"), d.out + "-dev")
        behind = files(d.out + "-dev")
        os.symlink(d.out + "-dev", os.path.join(d.out, "alice", "dev"))
        assert b"alice/dev: no file" in d.provision("alice", status=1).stderr
        shutil.rmtree(os.path.join(d.out, "alice"))
        os.symlink(d.out + "-dev", os.path.join(d.out, "alice"))
        assert b"is no folder" in d.provision("alice", status=1).stderr
        same_files("behind the link", files(d.out + "-dev"), behind)


def regular(folder):
    """As files(), without links and what would block."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def a_run_that_is_killed_leaves_whole_files():
    with desk() as d:
        d.provision("alice", "-f", d.file("alice.yaml", ALICE), out=d.out + "-whole")
        whole = files(d.out + "-whole")
        cut = 0
        for least in range(1, len(whole), 4):
            shutil.rmtree(d.out, ignore_errors=True)
            process = subprocess.Popen([d.appliance.program, "provision", "alice", "--out", d.out, "--state", d.appliance.state],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and sum(len(n) for _, _, n in os.walk(d.out)) < least:
                pass
            process.kill()
            process.wait()
            there = {p: c for p, c in files(d.out).items() if not os.path.basename(p).startswith(".clawbox-new-")}
            equal("files that are cut", {p for p, c in there.items() if c != whole[p]}, set())
            cut += len(there) < len(whole)
            d.provision("alice")
            same_files("after the next run", files(d.out), whole)
        assert cut > 0, "no run was ended before its end"


def hostile_names_are_refused_or_quoted():
    with desk() as d:
        for name in ("a;b", "--", "-x", "*", "a b", "a\nb", "é", "A", "", "a" * 64, "../alice", "a/b", ".", "..", "a.b", "a_b"):
            done = d.run("provision", "--provider", "openai", "--", name, status=2)
            assert b"cannot be the name of a tenant" in done.stderr, (name, done.stderr)
            done = d.run("provision", "--provider", "openai=" + name, "alice", status=2)
            assert b"cannot be the name of a credential" in done.stderr, (name, done.stderr)
            done = d.run("provision", "--provider", "x" + name, "alice", status=2)
            assert b"there is no provider" in done.stderr, (name, done.stderr)
            d.run("deprovision", "--", name, status=2)
        assert not os.path.exists(d.out), "something was written"
        equal("the tenants", json.loads(d.appliance.run("tenant", "ls", "--json").stdout), {"tenants": []})
        # Names that YAML takes for something else, wherever a tenant brings one: tenant, route, credential, header.
        for name in ("null", "true", "no", "on", "0x10", "123", "1e5", "a" * 40):
            document = {"apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": name}, "spec": {
                "routes": [{"name": name, "host": "keys.example.com", "inject": {"header": "Null"}, "credential": name,
                            "paths": ["/- a: b", "/{x}", "/#", "/'\"&*!|>%@`"]}],
                "kubernetes": {}}}
            path = d.file("hostile.yaml", json.dumps(document))
            done = d.run("provision", name, "-f", path, status=1)
            assert b"errors" in done.stderr or b"paths" in done.stderr, done.stderr
            del document["spec"]["routes"][0]["paths"]
            d.provision(name, "-f", d.file("hostile.yaml", json.dumps(document)))
            for path, content in files(os.path.join(d.out, name)).items():
                for where, value in (pair for o in objects(content) for pair in texts(o)):
                    last = where.rsplit("/", 1)[-1]
                    if last in ("<key>", "name", "namespace", "app.kubernetes.io/instance", "clawbox/tenant", "tenant.yaml"):
                        assert isinstance(value, str), f"{name}/{path}: {where} is {value!r}"
            inner = yaml.safe_load(objects(files(os.path.join(d.out, name))["claw/20-configmap-tenant.yaml"])[0]["data"]["tenant.yaml"])
            route = next(r for r in inner["spec"]["routes"] if r["host"] == "keys.example.com")
            equal("the names in the pod's document", (inner["metadata"]["name"], route["name"], route["credential"]), (name,) * 3)


def hostile_headers_stay_single_values():
    """Header names may consist of every token character (RFC 9110, 5.6.2), and a prefix of nearly any."""
    headers = ["*", "null", "~", "0x10", "&a", "!x", "%25", "'a'", "`b`", "|", "#", "-", "a.b", "true", "1e5"]
    prefixes = ["- ", "a: ", "{x} ", "# ", "%YAML ", "\"", "'", "*a ", "&a ", "? ", "| ", "---"]
    routes = [{"name": f"r{i}", "host": f"h{i}.example.com", "inject": {"header": h}, "credential": "c"} for i, h in enumerate(headers)]
    routes += [{"name": f"p{i}", "host": f"p{i}.example.com", "inject": {"header": "X-Key", "prefix": p}, "credential": "c"}
               for i, p in enumerate(prefixes)]
    with desk() as d:
        d.provision("alice", "-f", d.file("headers.json", json.dumps({
            "apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": "alice"}, "spec": {"routes": routes, "kubernetes": {}}})))
        outer = objects(files(d.out)["alice/claw/20-configmap-tenant.yaml"])
        inner = {r["name"]: r["inject"] for r in objects(outer[0]["data"]["tenant.yaml"])[0]["spec"]["routes"] if r["name"] != "workspace"}
        equal("the headers", [inner[f"r{i}"]["header"] for i in range(len(headers))], headers)
        equal("the prefixes", [inner[f"p{i}"]["prefix"] for i in range(len(prefixes))], prefixes)


def providers_are_added_to_what_is_there():
    with desk() as d:
        made = d.provision("bob", "--provider", "openai=main", "--provider", "npm")
        assert b"tenant bob: created\n" in made.stdout, made.stdout
        text = d.appliance.run("tenant", "show", "bob", "--yaml").stdout.decode()
        assert 'provider: "openai"\n      credential: "main"\n' in text and "kubernetes: {}" in text, text
        d.provision("alice", "-f", d.file("alice.yaml", ALICE))
        generation = d.generation()
        same = d.provision("alice", "--provider", "openai")
        assert b"files, unchanged" in same.stdout and b"tenant alice" not in same.stdout.split(b"\n")[0], same.stdout
        equal("the generation", d.generation(), generation)
        more = d.provision("alice", "--provider", "openai", "--provider", "anthropic=second")
        assert b"tenant alice: updated\n" in more.stdout and b"credential-second" in more.stdout, more.stdout
        text = d.appliance.run("tenant", "show", "alice", "--yaml").stdout.decode()
        equal("the document", text, ALICE.replace("    - provider: openai\n", '    - provider: "anthropic"\n      credential: "second"\n'
                                                  "    - provider: openai\n"))
        # Another credential for the same routes is a conflict that the server names; nothing is changed.
        before, generation = files(d.out), d.generation()
        done = d.provision("alice", "--provider", "openai=other", status=1)
        assert b"alice.yaml:" in done.stderr, done.stderr
        same_files("after a conflict", files(d.out), before)
        equal("the generation", d.generation(), generation)
        d.provision("carol", "-f", d.file("carol.json", ALICE.replace("alice", "carol").split("spec:")[0] + "spec: {routes: []}\n"))
        assert b"not written one below the other" in d.provision("carol", "--provider", "openai", status=1).stderr
        assert b"no tenant nobody yet" in d.provision("nobody", status=1).stderr
        # All of them, and one that cannot be written.
        other = d.out + "-all"
        done = d.provision("--all", out=other)
        equal("the folders", sorted(os.listdir(other)), ["alice", "bob", "carol"])
        with open(os.path.join(other, "bob", "dev", "mine"), "w") as file:
            file.write("x")
        done = d.provision("--all", out=other, status=1)
        assert b"1 of 3 tenants were not provisioned" in done.stderr and b"alice: " in done.stdout and b"carol: " in done.stdout, done
        equal("--all --json", [json.loads(line)["tenant"] for line in d.provision("--all", "--json").stdout.splitlines()],
              ["alice", "bob", "carol"])


def secrets_are_made_here_and_kept():
    with desk() as d:
        key = d.file("key", KEY + "\n")
        d.provision("alice", "-f", d.file("alice.yaml", ALICE), "--secrets", "file")
        path = os.path.join(d.out, "alice", "secrets.yaml")
        equal("the mode", stat.S_IMODE(os.stat(path).st_mode), 0o600)
        first = open(path, "rb").read()
        made = {o["metadata"]["name"]: o for o in objects(first)}
        equal("the Secrets", sorted(made), ["gateway-token", "proxy-master-key", "proxy-token"])
        values = {name: base64_of(o) for name, o in made.items()}
        assert all(len(v) == 64 and int(v, 16) for o in values.values() for v in o.values()), values
        assert len({v for o in values.values() for v in o.values()}) == 3, values
        assert b"secrets.yaml" in open(os.path.join(d.out, "alice", ".gitignore"), "rb").read()
        done = d.provision("alice", "--secrets", "file", "--credential-file", "openai=" + key)
        second = open(path, "rb").read()
        assert second.startswith(first), "what was there did not stay"
        added = [o for o in objects(second) if o["metadata"]["name"] == "credential-openai"]
        equal("the credential", base64_of(added[0]), {"value": KEY, "hosts": "api.openai.com:443"})
        assert b"create secret" not in done.stdout, done.stdout
        d.provision("alice", "--secrets", "file", "--credential-file", "openai=" + key)
        equal("a third run", open(path, "rb").read(), second)
        assert not any(KEY.encode() in c for p, c in files(d.out).items() if p != "alice/secrets.yaml"), "the credential is elsewhere"
        assert b"uses a credential \"x\"" in d.provision("alice", "--secrets", "file", "--credential-file", "x=" + key, status=1).stderr
        os.chmod(path, 0o644)
        assert b"may be read by others" in d.provision("alice", "--secrets", "file", status=1).stderr
        os.chmod(path, 0o600)
        # The way back keeps them: they open the volume.
        done = d.run("deprovision", "alice", "--tenant", "--yes")
        order = [done.stdout.find(word) for word in (b"delete deployment gateway", b"delete namespace alice-dev",
                                                     b"delete validatingadmissionpolicybinding", b"delete namespace alice-claw")]
        assert -1 not in order and order == sorted(order), done.stdout
        equal("what is left", sorted(files(d.out)), ["alice/.gitignore", "alice/secrets.yaml"])
        assert d.appliance.run("tenant", "show", "alice", check=False).returncode == 1, "the tenant is still there"
        d.run("deprovision", "alice")
        d.provision("bob", "--provider", "openai")
        d.run("deprovision", "bob")
        assert not os.path.exists(os.path.join(d.out, "bob")), "the folder is still there"
        assert d.appliance.run("tenant", "show", "bob", check=False).returncode == 0, "the tenant is gone"


def base64_of(secret):
    return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}


PROVISION = [provision_is_idempotent, a_change_touches_what_it_changes, what_is_not_ours_is_refused_and_named,
             a_run_that_is_killed_leaves_whole_files, hostile_names_are_refused_or_quoted, hostile_headers_stay_single_values,
             providers_are_added_to_what_is_there, secrets_are_made_here_and_kept]
