"""clawbox verify, with files and with a kubectl that answers from files."""

import json
import os

from world import ROOT, absent, case, contains, equal

with open(os.path.join(ROOT, "tests/unit/wall/good.yaml")) as good:
    GOOD = good.read()
# Without a right to start pods, no admission policy is needed.
HOLDS = GOOD.replace("verbs: [get, list, watch, create, update, patch, delete]", "verbs: [get]").replace(
    "resources: [deployments, deployments/scale], verbs: [\"*\"]", "resources: [deployments], verbs: [get]")
ASSUMED = {"question": "secrets", "weight": "assumed", "kind": "", "namespace": "", "name": "rights", "field": "",
           "text": "nothing else in the cluster gives rights to the ServiceAccounts of alice-claw and alice-dev, or to all of them, which files "
                   "cannot show"}
OPEN = HOLDS.replace("hostNetwork: false", "hostNetwork: true")

KUBECTL = """#!/bin/sh
echo "$@" >>"$KUBECTL_LOG"
case "$*" in
*api-resources*) cat "$KUBECTL_ANSWERS/kinds"; exit "$(cat "$KUBECTL_ANSWERS/kinds.status" 2>/dev/null || echo 0)";;
*"get namespaces"*) cat "$KUBECTL_ANSWERS/namespaces";;
*"-n alice-claw"*) cat "$KUBECTL_ANSWERS/claw";;
*"-n alice-dev"*) cat "$KUBECTL_ANSWERS/dev";;
*--all-namespaces*) cat "$KUBECTL_ANSWERS/all"; cat "$KUBECTL_ANSWERS/errors" >&2; [ ! -s "$KUBECTL_ANSWERS/errors" ];;
*) echo "unexpected: $*" >&2; exit 1;;
esac
"""
KINDS = ["bindings", "namespaces", "pods", "secrets", "deployments.apps", "statefulsets.apps", "replicasets.apps", "replicationcontrollers",
         "jobs.batch", "cronjobs.batch", "daemonsets.apps", "serviceaccounts", "networkpolicies.networking.k8s.io",
         "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
         "clusterrolebindings.rbac.authorization.k8s.io"]


def items(text, wanted):
    """A List of those documents, as kubectl prints it."""
    documents = [d for d in text.split("---\n") if wanted(d)]
    entries = ["- " + d.rstrip("\n").replace("\n", "\n  ") for d in documents]
    return "apiVersion: v1\nitems:\n" + "\n".join(entries) + "\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"


def cluster(world, text, errors=""):
    """A kubectl with these objects; the environment in which it is found."""
    everywhere = ("kind: Role", "kind: ClusterRole", "kind: DaemonSet", "kind: Validating")
    world.file("answers/kinds", "\n".join(KINDS) + "\n")
    world.file("answers/namespaces", items(text, lambda d: "kind: Namespace\n" in d))
    world.file("answers/claw", items(text, lambda d: "namespace: alice-claw" in d and not any(k in d for k in everywhere)))
    world.file("answers/dev", items(text, lambda d: "namespace: alice-dev" in d and not any(k in d for k in everywhere)))
    world.file("answers/all", items(text, lambda d: any(k in d for k in everywhere)))
    world.file("answers/errors", errors)
    os.chmod(world.file("bin/kubectl", KUBECTL), 0o700)
    return world.environment(PATH=os.path.join(world.home, "bin") + ":" + os.environ["PATH"], KUBECTL_ANSWERS=os.path.join(world.home, "answers"),
                             KUBECTL_LOG=os.path.join(world.home, "kubectl.log"))


def asked(world):
    with open(os.path.join(world.home, "kubectl.log")) as log:
        return log.read()


@case
def verify_reads_a_folder(world):
    world.file("out/alice/claw/a.yaml", "---\n".join(d for d in HOLDS.split("---\n") if "alice-dev" not in d))
    world.file("out/alice/dev/b.yml", "---\n".join(d for d in HOLDS.split("---\n") if "alice-dev" in d))
    world.file("out/alice/kustomization.yaml", "resources: [claw/a.yaml, dev/b.yml]\n")
    world.file("out/alice/secrets.yaml", "not: for us\n")
    world.file("out/alice/.git/x.yaml", "not: for us\n")
    done = world.ok("verify", "alice", "-f", os.path.join(world.home, "out"))
    equal("answers", done.out.splitlines()[:2], ["alice: can the assistant read its own secrets? no", "alice: can it send data anywhere else? no"])
    world.file("out/alice/claw/a.yaml", "---\n".join(d for d in OPEN.split("---\n") if "alice-dev" not in d))
    done = world.run("verify", "alice", "-f", os.path.join(world.home, "out"))
    equal("exit code", done.status, 1)
    contains("standard output", done.out, "alice: can it send data anywhere else? yes",
             "opens a hole (can it send data anywhere else?):\n  Deployment alice-claw/gateway: spec.template.spec.hostNetwork\n")
    world.file("out/alice/kustomization.yaml", "resources: [claw/a.yaml]\npatches: []\n")
    done = world.run("verify", "alice", "-f", os.path.join(world.home, "out"))
    contains("standard output", done.out, "alice: can the assistant read its own secrets? unsure", 'its "patches" changes what the files say')


@case
def verify_reads_standard_input_and_prints_json(world):
    answer = json.loads(world.ok("verify", "alice", "-f", "-", "--json", stdin=HOLDS.encode()).out)
    equal("answer", (answer["tenant"], answer["source"], answer["answers"], answer["findings"]),
          ("alice", "files", {"secrets": "no", "elsewhere": "no"}, [ASSUMED]))
    done = world.run("verify", "alice", "-f", "-", "--json", stdin=OPEN.encode())
    equal("exit code", done.status, 1)
    answer = json.loads(done.out)
    equal("answers", answer["answers"], {"secrets": "no", "elsewhere": "yes"})
    equal("findings", answer["findings"],
          [{"question": "elsewhere", "weight": "hole", "kind": "Deployment", "namespace": "alice-claw", "name": "gateway",
            "field": "spec.template.spec.hostNetwork", "text": "has the node's network, where no NetworkPolicy holds"}, ASSUMED])


@case
def verify_says_what_is_wrong_with_files(world):
    contains("no such file", world.fails(1, "verify", "alice", "-f", "/none").err, "/none")
    contains("no YAML", world.fails(1, "verify", "alice", "-f", "-", stdin=b"a: [").err, "standard input:2:1: not valid YAML")
    contains("no object", world.fails(1, "verify", "alice", "-f", "-", stdin=b"a: b\n").err, "no Kubernetes object")
    contains("both", world.fails(2, "verify", "alice", "-f", "-", "--context", "x").err, "either files")
    contains("name", world.fails(2, "verify", "Alice", "-f", "-").err, "tenant")
    done = world.run("verify", "bob", "-f", "-", stdin=HOLDS.encode())
    equal("exit code", done.status, 1)
    contains("standard output", done.out, "bob: can the assistant read its own secrets? unsure", "bob: can it send data anywhere else? unsure",
             "Namespace bob-claw")


@case
def verify_asks_a_cluster_by_kubectl(world):
    env = cluster(world, HOLDS)
    done = world.ok("verify", "alice", "--kubeconfig", "/etc/kube/config", "--context", "blue", env=env)
    contains("standard output", done.out, "alice: can the assistant read its own secrets? no", "alice: can it send data anywhere else? no")
    log = asked(world)
    for line in log.splitlines():
        contains("each question", line, "--kubeconfig=/etc/kube/config --context=blue")
    contains("questions", log, "get namespaces alice-claw alice-dev --ignore-not-found",
             "get pods,deployments.apps,statefulsets.apps,replicasets.apps,replicationcontrollers,jobs.batch,cronjobs.batch,serviceaccounts,"
             "networkpolicies.networking.k8s.io -n alice-claw",
             "get daemonsets.apps,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io,")
    absent("questions", log, "secrets", "adminnetworkpolicies")
    done = world.run("verify", "alice", env=cluster(world, OPEN))
    equal("exit code", done.status, 1)
    contains("standard output", done.out, "alice: can it send data anywhere else? yes")


@case
def verify_is_unsure_of_what_it_cannot_read(world):
    env = cluster(world, HOLDS, "Error from server (Forbidden): clusterroles is forbidden: \x1b[2JUser\nWarning: old\n")
    done = world.run("verify", "alice", env=env)
    equal("exit code", done.status, 1)
    contains("standard output", done.out, "alice: can the assistant read its own secrets? unsure", "alice: can it send data anywhere else? unsure",
             "cannot be read: Error from server (Forbidden): clusterroles is forbidden")
    absent("standard output", done.out, "\x1b", "Warning")
    env = cluster(world, HOLDS)
    world.file("answers/kinds", "\n".join(k for k in KINDS if not k.startswith("clusterrolebindings")) + "\n")
    done = world.run("verify", "alice", env=env)
    contains("standard output", done.out, "own secrets? unsure", "clusterrolebindings.rbac.authorization.k8s.io\n      cannot be read: the cluster does not")
    env = cluster(world, HOLDS.replace("calico-node", "something"))
    done = world.run("verify", "alice", env=env)
    equal("exit code", done.status, 1)
    contains("standard output", done.out, "alice: can it send data anywhere else? unsure", "no DaemonSet of a network that is known")
    world.ok("verify", "alice", "--network-enforces", env=env)


@case
def verify_says_why_a_cluster_cannot_be_asked(world):
    env = cluster(world, HOLDS)
    world.file("answers/kinds", "")
    world.file("answers/kinds.status", "1")
    contains("standard error", world.fails(1, "verify", "alice", env=env).err, "kubectl cannot ask the cluster")
    contains("standard error", world.fails(1, "verify", "alice", env=env | {"PATH": "/none"}).err, "kubectl: No such file or directory")
