"""What the NetworkPolicies let through, as np-guard's network-config-analyzer reads them, against paths.txt.

The policies, and the labels of namespaces and of the pods that we write, come from the API server. The analyzer gives the complete map of
connections, for all addresses and ports, so nothing can be open that nobody thought of asking for.
"""

import ipaddress
import json
import os
import re
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ANALYZER = os.path.join(os.path.dirname(sys.executable), "nca")

# Pods of others. What is not in a tenant's namespace has no policy.
OTHERS = [
    ("kube-system", "dns", {"k8s-app": "kube-dns"}), ("kube-system", "other", {"k8s-app": "other"}),
    ("openshift-dns", "dns", {"dns.operator.openshift.io/daemonset-dns": "default"}), ("openshift-dns", "other", {}),
    ("ingress", "controller", {}), ("monitoring", "prometheus", {}), ("router", "router", {}), ("elsewhere", "gateway", {}),
]
NAMESPACES = {"openshift-dns": {}, "ingress": {}, "monitoring": {"purpose": "monitoring"},
              "router": {"policy-group.network.openshift.io/ingress": ""}, "elsewhere": {}}


def make_namespaces(cluster):
    for name, labels in NAMESPACES.items():
        answer = cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        assert answer.status == 201, str(answer)


def pods_of(cluster, tenants):
    """(namespace, name, labels): ours, by the labels of their templates; intruders; and others'."""
    found = list(OTHERS)
    for tenant in tenants:
        claw, dev = tenant + "-claw", tenant + "-dev"
        for deployment in cluster.get(f"/apis/apps/v1/namespaces/{claw}/deployments")["items"]:
            found.append((claw, deployment["metadata"]["name"], deployment["spec"]["template"]["metadata"]["labels"]))
        gateway = next(labels for space, name, labels in found if (space, name) == (claw, "gateway"))
        # One that somebody starts beside them, and one in the workspace that calls itself the gateway.
        found += [(claw, "stranger", {"app": "x"}), (dev, "tool", {"app": "x"}), (dev, "impostor", gateway)]
    return found


def with_values(labels):
    """Labels, with a word in place of a value that is empty: to the analyzer, a label without a value is one that is not there."""
    return {key: value or "empty" for key, value in labels.items()}


def selectors_with_values(node):
    if isinstance(node, dict):
        return {key: with_values(value) if key == "matchLabels" else selectors_with_values(value) for key, value in node.items()}
    return [selectors_with_values(value) for value in node] if isinstance(node, list) else node


def write_inputs(cluster, tenants, folder):
    os.makedirs(os.path.join(folder, "policies"), exist_ok=True)

    def dump(name, documents):
        with open(os.path.join(folder, name), "w") as file:
            yaml.safe_dump_all(documents, file)

    policies = cluster.get("/apis/networking.k8s.io/v1/networkpolicies")["items"]
    dump("policies/all.yaml", [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                                "metadata": {key: p["metadata"][key] for key in ("name", "namespace")},
                                "spec": selectors_with_values(p["spec"])} for p in policies])
    dump("namespaces.yaml", [{"apiVersion": "v1", "kind": "Namespace",
                              "metadata": {"name": n["metadata"]["name"], "labels": with_values(n["metadata"]["labels"])}}
                             for n in cluster.get("/api/v1/namespaces")["items"]])
    dump("pods.yaml", [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space, "labels": with_values(labels)},
                        "spec": {"containers": [{"name": "c", "image": "i"}]}} for space, name, labels in pods_of(cluster, tenants)])


def analyze(folder):
    """[(from, to, what)] of the analyzer's map."""
    done = subprocess.run([ANALYZER, "--connectivity", "policies", "-p", "pods.yaml", "-n", "namespaces.yaml", "-o", "txt_no_fw_rules",
                           "--output_endpoints", "pods", "--print_ipv6"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert "=>" in done.stdout and not done.stderr.strip(), f"the analyzer says: {(done.stderr or done.stdout)[-1500:]}"
    rows = []
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(\S+) => (\S+) : (.*)", line)
        if match:
            rows.append((match[1], match[2], what(match[3])))
    return rows


def what(text):
    if text == "All connections":
        return "everything"
    match = re.fullmatch(r"\{protocols:([A-Z, ]+),dst_ports:([-0-9,]+)\}", text)
    return f"{match[1].replace(', ', '+')} {match[2]}" if match else text


def public():
    """Ranges of addresses that are public, of not-public.txt: all the others."""
    with open(os.path.join(HERE, "not-public.txt")) as file:
        blocks = [ipaddress.ip_network(line.split("#")[0].strip()) for line in file if line.split("#")[0].strip()]
    ranges = set()
    for whole in (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("2000::/3")):
        start = int(whole[0])
        kind = type(whole[0])
        inside = [b for b in blocks if b.version == whole.version and b.subnet_of(whole)]
        for block in sorted(ipaddress.collapse_addresses(inside)):
            if int(block[0]) > start:
                ranges.add(f"{kind(start)}-{kind(int(block[0]) - 1)}")
            start = int(block[-1]) + 1
        if start <= int(whole[-1]):
            ranges.add(f"{kind(start)}-{whole[-1]}")
    return ranges


def lines(rows, tenants):
    """The rows that a tenant's pod is in, as paths.txt has them: its addresses together are "public" when they are exactly that."""
    spaces = {t + end for t in tenants for end in ("-claw", "-dev")}
    world = public()
    table, ranges = set(), {}
    for source, target, conn in rows:
        if source.split("/")[0] not in spaces and target.split("/")[0] not in spaces:
            continue
        if "/" in target:
            table.add(f"{source} => {target} : {conn}")
        else:
            ranges.setdefault((source, conn), set()).add(target)
    for (source, conn), targets in ranges.items():
        if world <= targets:
            table.add(f"{source} => public : {conn}")
            targets -= world
        table |= {f"{source} => {target} : {conn}" for target in targets}
    return table


def check(cluster, tenants, folder):
    write_inputs(cluster, tenants, folder)
    found = lines(analyze(folder), tenants)
    with open(os.path.join(HERE, "paths.txt")) as file:
        expected = {line.split("#")[0].strip() for line in file if line.split("#")[0].strip()}
    assert found == expected, "open and not in paths.txt: " + json.dumps(sorted(found - expected)[:30], indent=1) + \
        "; in paths.txt and closed: " + json.dumps(sorted(expected - found)[:30], indent=1)


def the_analyzer_sees_a_hole(cluster, tenants, folder):
    """With one policy that somebody adds, the map is another one: the comparison can fail."""
    path = "/apis/networking.k8s.io/v1/namespaces/alice-claw/networkpolicies"
    hole = {"metadata": {"name": "hole"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}}
    assert cluster.ask("POST", path, hole).status == 201
    try:
        write_inputs(cluster, tenants, folder)
        found = lines(analyze(folder), tenants)
        assert "elsewhere/gateway => alice-claw/proxy : everything" in found, sorted(found)
    finally:
        assert cluster.ask("DELETE", path + "/hole").status == 200
