"""What the admission policy of a workspace refuses and admits: pods.yaml, by every way in which a pod comes to be.

Nothing here is stored but an ordinary pod and an ordinary Deployment: everything else is a dry run, which admission sees as it sees all.
"""

import copy
import os
import re

import yaml

from cluster import account

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = "registry.example.com/carol/tool:1"
# Who creates the pods of a Deployment, a Job and so on, in a cluster with controllers.
CONTROLLERS = ["replicaset-controller", "job-controller", "statefulset-controller", "daemon-set-controller", "replication-controller"]
# What the assistant's role lets it create; the rest is tried as an administrator, for whom the policy holds too.
ASSISTANT = {"Pod", "Deployment", "StatefulSet", "Job", "CronJob"}


def load():
    with open(os.path.join(HERE, "pods.yaml")) as file:
        return yaml.safe_load(file)


def ordinary(case):
    """The specification of a pod: an ordinary one, with the case put over it."""
    container = {"name": "tool", "image": IMAGE,
                 "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    container.update(copy.deepcopy(case.get("container", {})))
    spec = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
    spec.update(copy.deepcopy(case.get("spec", {})))
    spec["containers"] = [container, *spec.pop("more", [])]
    return spec


def makers(spec):
    """kind to (path in a namespace, object): everything that is a pod or makes one."""
    labels = {"app": "tried"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    once = copy.deepcopy(template)
    once["spec"]["restartPolicy"] = "Never"
    chosen = {"selector": {"matchLabels": labels}, "template": template}
    job = {"template": once}

    def make(api, kind, plural, **rest):
        base = "/api/v1" if api == "v1" else "/apis/" + api
        return kind, (base + "/namespaces/%s/" + plural, {"apiVersion": api, "kind": kind, "metadata": {"name": "tried"}, **rest})

    return dict([
        make("v1", "Pod", "pods", spec=spec),
        make("v1", "PodTemplate", "podtemplates", template=template),
        make("v1", "ReplicationController", "replicationcontrollers", spec={"selector": labels, "template": template}),
        make("apps/v1", "Deployment", "deployments", spec=chosen),
        make("apps/v1", "ReplicaSet", "replicasets", spec=chosen),
        make("apps/v1", "StatefulSet", "statefulsets", spec={**chosen, "serviceName": "tried"}),
        make("apps/v1", "DaemonSet", "daemonsets", spec=chosen),
        make("batch/v1", "Job", "jobs", spec=job),
        make("batch/v1", "CronJob", "cronjobs", spec={"schedule": "* * * * *", "jobTemplate": {"spec": job}}),
    ])


def pod_cases(data):
    cases = list(data["cases"])
    refused = "Volumes here are"
    for kind, volume in data["volumes"].items():
        cases.append({"name": f"a volume: {kind}", "spec": {"volumes": [{"name": "v", kind: volume["value"]}]},
                      "refuse": None if volume.get("admit") else refused})
    for kind, source in data["sources"].items():
        sources = [{"configMap": {"name": "c", "optional": True}}, {kind: source["value"]}]
        cases.append({"name": f"a projected {kind}", "spec": {"volumes": [{"name": "v", "projected": {"sources": sources}}]},
                      "refuse": None if source.get("admit") else refused})
    return cases


class Workspace:
    """The workspace of a tenant, while Pod Security does not help the policy."""

    def __init__(self, cluster, tenant):
        self.cluster = cluster
        self.space = tenant + "-dev"
        self.policy = f"ValidatingAdmissionPolicy 'clawbox-{self.space}'"
        self.assistant = account(tenant + "-claw", "proxy")
        # Accounts that there are: for one that there is not, admission ends before the policy.
        self.accounts = f"/api/v1/namespaces/{self.space}/serviceaccounts"
        for name in ("builder", "proxy"):
            answer = cluster.ask("POST", self.accounts, {"metadata": {"name": name}, "automountServiceAccountToken": False})
            assert answer.status == 201, str(answer)
        self.enforce("privileged")

    def enforce(self, level):
        answer = self.cluster.ask("PATCH", f"/api/v1/namespaces/{self.space}", kind="application/merge-patch+json",
                                  body={"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level,
                                                                "pod-security.kubernetes.io/warn": level}}})
        assert answer.status == 200, str(answer)

    def close(self):
        self.enforce("restricted")
        for name in ("builder", "proxy"):
            self.cluster.ask("DELETE", f"{self.accounts}/{name}")

    def path(self, path, dry=True):
        return path % self.space + ("?dryRun=All" if dry else "")

    def judge(self, answer, refuse, what):
        """Whether an answer is what the case says."""
        if refuse is None:
            assert answer.status in (200, 201), f"{what}: refused: {answer}"
        else:
            words = refuse if isinstance(refuse, list) else [refuse]
            assert answer.status == 403 and self.policy in answer.message and any(w in answer.message for w in words), \
                f"{what}: should be refused by the policy ({refuse}): {answer}"

    def try_pod(self, case):
        for kind, (path, document) in makers(ordinary(case)).items():
            who = [("administrator", None)]
            if kind in ASSISTANT:
                who.append(("assistant", self.assistant))
            if kind == "Pod":
                who += [(name, account("kube-system", name)) for name in CONTROLLERS]
            for name, identity in who:
                answer = self.cluster.ask("POST", self.path(path), document, identity)
                self.judge(answer, case.get("refuse"), f"{kind} of {name}")

    def try_other(self, kind, plural, spec, refuse, annotations=None):
        document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "tried", "annotations": annotations}, "spec": spec}
        answer = self.cluster.ask("POST", self.path(f"/api/v1/namespaces/%s/{plural}"), document, self.assistant)
        self.judge(answer, refuse, kind)


def claim(case):
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **case["spec"]}


def service(case):
    return {"selector": {"app": "x"}, "ports": [{"port": 80}], **case["spec"]}


def later(workspace, data):
    """What is good when it is made, and changed afterwards: a Deployment's template, an image, a debugging container."""
    cluster = workspace.cluster
    made = makers(ordinary({}))
    for kind in ("Pod", "Deployment"):
        path, document = made[kind]
        answer = cluster.ask("POST", workspace.path(path, dry=False), document, workspace.assistant)
        assert answer.status == 201, f"an ordinary {kind}: {answer}"
    try:
        path = workspace.path(made["Deployment"][0], dry=False) + "/tried?dryRun=All"
        for case in pod_cases(data):
            patch = {"spec": {"template": {"spec": ordinary(case)}}}
            answer = cluster.ask("PATCH", path, patch, workspace.assistant, kind="application/merge-patch+json")
            workspace.judge(answer, case.get("refuse"), f"a Deployment's change: {case['name']}")
        # A debugging container comes by a subresource of its own, for which the assistant has no right; an administrator has.
        path = workspace.path(made["Pod"][0], dry=False) + "/tried/ephemeralcontainers?dryRun=All"
        for case in data["cases"]:
            if "container" not in case or {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports"} & set(case["container"]):
                continue  # such a container has none of these
            container = {**ordinary(case)["containers"][0], "name": "debug"}
            patch = {"spec": {"ephemeralContainers": [container]}}
            answer = cluster.ask("PATCH", path, patch, kind="application/strategic-merge-patch+json")
            workspace.judge(answer, case.get("refuse"), f"a debugging container: {case['name']}")
            answer = cluster.ask("PATCH", path, patch, workspace.assistant, kind="application/strategic-merge-patch+json")
            assert answer.status == 403, f"the assistant adds a debugging container: {answer}"
    finally:
        for kind in ("Pod", "Deployment"):
            cluster.ask("DELETE", workspace.path(made[kind][0], dry=False) + "/tried?gracePeriodSeconds=0")


SUSPICIOUS = re.compile(r"secret|token|serviceaccount|certificate|credential|identity|^host(?!nameOverride)|nodeName$|priorityClass", re.I)


def suspicious_fields(cluster):
    """Schema.field of everything reachable from PodSpec whose name or type speaks of what must not be had."""
    schemas = cluster.get("/openapi/v3/api/v1")["components"]["schemas"]
    prefix, seen, found = "#/components/schemas/", set(), set()

    def refs(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"][len(prefix):]
            for value in node.values():
                yield from refs(value)
        elif isinstance(node, list):
            for value in node:
                yield from refs(value)

    def walk(name):
        if name in seen:
            return
        seen.add(name)
        short = name.rpartition(".")[2]
        for field, schema in schemas[name].get("properties", {}).items():
            types = list(refs(schema))
            if SUSPICIOUS.search(field) or any(SUSPICIOUS.search(t.rpartition(".")[2]) for t in types):
                found.add(f"{short}.{field}")
            for t in types:
                walk(t)

    walk("io.k8s.api.core.v1.PodSpec")
    return found


def nothing_is_forgotten(cluster, data):
    schemas = cluster.get("/openapi/v3/api/v1")["components"]["schemas"]
    for schema, known in (("Volume", "volumes"), ("VolumeProjection", "sources")):
        has = set(schemas["io.k8s.api.core.v1." + schema]["properties"]) - {"name"}
        assert has == set(data[known]), f"{schema}: {sorted(has ^ set(data[known]))}"
    found = suspicious_fields(cluster)
    assert found == set(data["fields"]), f"fields: not thought about: {sorted(found - set(data['fields']))}; " \
                                         f"not there: {sorted(set(data['fields']) - found)}"
