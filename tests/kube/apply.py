"""What was written, applied: everything is taken by the API server as it is, twice the same, and a change is only that change."""

import os

import yaml

from provision import HERE, files, objects

NAMES = {"Namespace": "/api/v1/namespaces", "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
         "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"}


def define_kinds(cluster):
    """The kinds that OpenShift and the External Secrets Operator bring: crds.yaml."""
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", os.path.join(HERE, "crds.yaml"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", os.path.join(HERE, "crds.yaml"))


def apply(cluster, folder):
    """Applies one tenant. A warning of the API server is a failure too."""
    done = cluster.kubectl("apply", "--server-side", "--validate=strict", "--field-manager=clawbox", "-k", folder)
    assert not done.stderr.strip(), f"the API server warns: {done.stderr.strip()[:1500]}"
    return done.stdout


class Resources:
    """Which path of the API an object has: from discovery, as kubectl does it."""

    def __init__(self, cluster):
        self.kinds = {}
        groups = cluster.get("/apis")["groups"]
        versions = [("v1", "/api/v1")] + [(v["groupVersion"], "/apis/" + v["groupVersion"]) for g in groups for v in g["versions"]]
        self.lists = []
        for version, path in versions:
            for resource in cluster.get(path)["resources"]:
                self.lists.append((version, resource))
                if "/" not in resource["name"]:
                    self.kinds[(version, resource["kind"])] = (path, resource["name"], resource["namespaced"])

    def path_of(self, document):
        base, name, namespaced = self.kinds[(document["apiVersion"], document["kind"])]
        space = f"/namespaces/{document['metadata']['namespace']}" if namespaced else ""
        return f"{base}{space}/{name}/{document['metadata']['name']}"


def versions(cluster, resources, folder):
    return {path: cluster.get(resources.path_of(document))["metadata"]["resourceVersion"]
            for path, document in objects(folder).items()}


def contains(live, written, where=""):
    """Whether all that was written stands in what the API server has: defaults may be added, nothing be lost or changed."""
    if isinstance(written, dict):
        if not isinstance(live, dict):
            return [where]
        return [lost for key, value in written.items() for lost in contains(live.get(key), value, f"{where}.{key}")]
    if isinstance(written, list):
        if not isinstance(live, list) or len(live) != len(written):
            return [where]
        return [lost for i, value in enumerate(written) for lost in contains(live[i], value, f"{where}[{i}]")]
    return [] if live == written or (written in (None, "", [], {}) and not live) else [f"{where}: {live!r}, not {written!r}"]


def applied_as_written(cluster, resources, folder):
    for path, document in objects(folder).items():
        live = cluster.get(resources.path_of(document))
        lost = contains(live, document)
        assert not lost, f"{path} is not as it was written: {lost[:5]}"


def without_version(document):
    return {**document, "metadata": {key: value for key, value in document["metadata"].items() if key != "resourceVersion"}}


def second_apply_changes_nothing(cluster, resources, folder):
    """The API server writes a claim that is new once more, as it is, when it is first applied again; so a third time is looked at, too."""
    def live():
        return {path: cluster.get(resources.path_of(document)) for path, document in objects(folder).items()}

    first = live()
    apply(cluster, folder)
    second = live()
    changed = [path for path in first if without_version(first[path]) != without_version(second[path])]
    assert not changed, f"changed by a second time: {changed}"
    apply(cluster, folder)
    third = live()
    changed = [path for path in first if second[path] != third[path]]
    assert not changed, f"written by a third time: {changed}"


def every_file_is_applied(folder):
    """A file that a kustomization forgets is one that nobody applies."""
    listed = set()

    def walk(directory):
        with open(os.path.join(folder, directory, "kustomization.yaml")) as file:
            for name in yaml.safe_load(file)["resources"]:
                path = os.path.normpath(os.path.join(directory, name))
                if os.path.isdir(os.path.join(folder, path)):
                    walk(path)
                else:
                    listed.add(path)

    walk("")
    assert listed == set(objects(folder)), f"{listed ^ set(objects(folder))}"


# What a change of a tenant file changes: the files, and nothing else in the cluster.
CHANGES = [
    ("a route more", lambda d: d["spec"]["routes"].append({"name": "docs", "host": "docs.example.com"}),
     {"claw/20-configmap-tenant.yaml"}),
    ("a port more", lambda d: d["spec"]["routes"].append({"name": "alt", "host": "alt.example.com", "port": 8443}),
     {"claw/20-configmap-tenant.yaml", "claw/17-networkpolicy-proxy.yaml"}),
    ("exec", lambda d: d["spec"]["kubernetes"].update(workspace={"exec": True}),
     {"claw/20-configmap-tenant.yaml", "dev/20-role.yaml"}),
    ("sealed", lambda d: d["spec"]["kubernetes"].update(workspace={"egress": "sealed"}), {"dev/16-networkpolicy-workspace.yaml"}),
    ("an image", lambda d: d["spec"]["kubernetes"].update(image="registry.example.com/clawbox:2"),
     {"claw/50-deployment-proxy.yaml", "claw/51-deployment-gateway.yaml"}),
    ("Prometheus", lambda d: d["spec"]["kubernetes"].update(metricsFrom={"team": "monitoring"}),
     {"claw/17-networkpolicy-proxy.yaml"}),
]


def change_changes_only_what_it_should(cluster, resources, provisioner, name, others, change):
    """Applies a changed tenant, and then the unchanged one again."""
    what, edit, expected = change
    folder = provisioner.folder(name)
    before, live = files(folder), versions(cluster, resources, folder)
    live_others = [versions(cluster, resources, provisioner.folder(other)) for other in others]
    document = yaml.safe_load(provisioner.text(name))
    edit(document)
    try:
        provisioner.write(name, yaml.safe_dump(document))
        after = files(folder)
        assert set(after) == set(before), f"{what}: other files: {set(after) ^ set(before)}"
        changed = {path for path in after if after[path] != before[path]}
        assert changed == expected, f"{what}: the files {sorted(changed)} change, not {sorted(expected)}"
        apply(cluster, folder)
        now = versions(cluster, resources, folder)
        moved = {path for path in now if now[path] != live[path]}
        assert moved == expected, f"{what}: the objects of {sorted(moved)} change, not of {sorted(expected)}"
        assert [versions(cluster, resources, provisioner.folder(other)) for other in others] == live_others, f"{what}: other tenants"
    finally:
        provisioner.write(name)
        apply(cluster, folder)
    assert files(folder) == before, f"{what}: written again, it is not as before"
