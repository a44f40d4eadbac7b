"""Who may do what, asked of the API server for every verb and every resource that it has, against rights.txt.

Each question is a SubjectAccessReview, the same that `kubectl auth can-i` sends; they go out in numbers over one connection, because
there are tens of thousands of them.
"""

import json
import os
import socket
import ssl

HERE = os.path.dirname(os.path.abspath(__file__))

VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
# Verbs that are rights of their own, on resources that discovery does not list as such.
SPECIAL = [
    ("impersonate", "", "users"), ("impersonate", "", "groups"), ("impersonate", "", "serviceaccounts"),
    ("impersonate", "authentication.k8s.io", "uids"), ("impersonate", "authentication.k8s.io", "userextras/scopes"),
    ("bind", "rbac.authorization.k8s.io", "roles"), ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "roles"), ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("approve", "certificates.k8s.io", "signers"), ("sign", "certificates.k8s.io", "signers"),
    ("attest", "certificates.k8s.io", "signers"), ("use", "policy", "podsecuritypolicies"),
    ("use", "security.openshift.io", "securitycontextconstraints"), ("proxy", "", "pods"), ("proxy", "", "services"),
    ("proxy", "", "nodes"), ("knock", "", "pods"),
]
# What a cluster may have beside what this API server has.
ELSEWHERE = [("metrics.k8s.io", "pods"), ("metrics.k8s.io", "nodes"), ("security.openshift.io", "securitycontextconstraints"),
             ("image.openshift.io", "imagestreams"), ("build.openshift.io", "buildconfigs"), ("argoproj.io", "applications")]
PATHS = ["/metrics", "/logs", "/debug/pprof", "/configz", "/flagz", "/statusz"]
AT_ONCE = 128  # questions that are on their way


def read_table(text, tenants):
    """{(identity, where): {"verb group/resource"}} of rights.txt."""
    table, groups = {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith("="):
            name, _, words = line[1:].partition(":")
            groups[name.strip()] = words.split()
            continue
        fields = [f.strip() for f in line.split("|")]
        if len(fields) != 4:
            raise ValueError(f"rights.txt:{number}: IDENTITY | WHERE | VERBS | RESOURCES")
        who, where, verbs, resources = fields
        for verb in (w for v in verbs.split() for w in groups.get(v, [v])):
            for resource in (w for r in resources.split() for w in groups.get(r, [r])):
                table.setdefault((who, where), set()).add(f"{verb} {resource}")
    unknown = {who for who, _ in table if who != "*" and who.split("-")[0] not in tenants}
    if unknown:
        raise ValueError(f"rights.txt has identities of no tenant: {unknown}")
    return table


def matrix(resources, namespaced):
    """(verb, group, resource) of everything that can be asked for in a namespace, or without one."""
    asked = {}
    for version, resource in resources.lists:
        if resource["namespaced"] == namespaced:
            group = resource.get("group") or (version.rpartition("/")[0])
            if "/" in resource["name"]:  # the group of a subresource's kind can be another one: Scale, Eviction
                group = version.rpartition("/")[0]
            for verb in VERBS:
                asked[(verb, group, resource["name"])] = True
    for group, resource in ELSEWHERE:
        for verb in VERBS:
            asked[(verb, group, resource)] = True
    for special in SPECIAL:
        asked[special] = True
    for verb in [*VERBS, "*", "impersonate", "bind", "escalate"]:
        asked[(verb, "*", "*")] = True
    return list(asked)


class Reviewer:
    """Sends reviews without waiting for each answer; the server answers in order."""

    def __init__(self, cluster):
        context = ssl.create_default_context(cafile=cluster.certificates.ca)
        context.load_cert_chain(*cluster.certificates.admin)
        context.set_alpn_protocols(["http/1.1"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", cluster.port), timeout=60),
                                          server_hostname="127.0.0.1")
        self.stream = self.socket.makefile("rb")
        self.count = 0

    def close(self):
        self.stream.close()
        self.socket.close()

    def ask(self, identity, attributes):
        """attributes: dictionaries for the review's spec. A list of whether each is allowed."""
        allowed = []
        for start in range(0, len(attributes), AT_ONCE):
            part = attributes[start:start + AT_ONCE]
            request = []
            for spec in part:
                body = json.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                                   "spec": {"user": identity[0], "groups": identity[1], **spec}})
                request.append("POST /apis/authorization.k8s.io/v1/subjectaccessreviews HTTP/1.1\r\nHost: test\r\n"
                               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")
            self.socket.sendall("".join(request).encode())
            allowed += [self.answer() for _ in part]
        self.count += len(allowed)
        return allowed

    def answer(self):
        status = int(self.stream.readline().split()[1])
        length = None
        while (line := self.stream.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        document = json.loads(self.stream.read(length))
        assert status == 201, document
        review = document["status"]
        assert "evaluationError" not in review, review
        return review["allowed"]


def rights(reviewer, resources, identity, where):
    """What the API server allows: {"verb group/resource"}."""
    asked = matrix(resources, where != "cluster")
    specs = []
    for verb, group, resource in asked:
        name, _, sub = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": name}
        if sub:
            attributes["subresource"] = sub
        if where != "cluster":
            attributes["namespace"] = where
        specs.append({"resourceAttributes": attributes})
    found = {f"{verb} {group + '/' if group else ''}{resource}"
             for (verb, group, resource), yes in zip(asked, reviewer.ask(identity, specs)) if yes}
    if where == "cluster":
        specs = [{"nonResourceAttributes": {"path": path, "verb": verb}} for path in PATHS for verb in ("get", "post")]
        found |= {f"{s['nonResourceAttributes']['verb']} {s['nonResourceAttributes']['path']}"
                  for s, yes in zip(specs, reviewer.ask(identity, specs)) if yes}
    return found


def check(reviewer, resources, table, who, identity, where):
    expected = table.get((who, where), set()) | table.get(("*", where), set())
    found = rights(reviewer, resources, identity, where)
    assert found == expected, f"{who} in {where}: allowed and not in rights.txt: {sorted(found - expected)[:20]}; " \
                              f"in rights.txt and denied: {sorted(expected - found)[:20]}"


def load(tenants):
    with open(os.path.join(HERE, "rights.txt")) as file:
        return read_table(file.read(), tenants)
