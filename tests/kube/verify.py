"""`clawbox verify` against the API server: it says "no" twice of what provision writes, and names each hole when one object is changed."""

import contextlib
import copy
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "e2e"))

from appliance import CLAWBOX, WAIT  # noqa: E402

CORE = "/api/v1/namespaces/{space}/{kind}s"
APPS = "/apis/apps/v1/namespaces/{space}/{kind}s"
NETWORK = "/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
DAEMONSET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "calico-node", "namespace": "kube-system"},
             "spec": {"selector": {"matchLabels": {"a": "b"}},
                      "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "c"}]}}}}


def verify(cluster, tenant, *options):
    """The exit code, the two answers, and (question, weight, kind, namespace, name, field) of each finding."""
    path = os.path.dirname(cluster.kubectl_program) + ":" + os.environ["PATH"]
    done = subprocess.run([CLAWBOX, "verify", tenant, "--kubeconfig", cluster.kubeconfig, "--json", *options], capture_output=True, text=True,
                          timeout=4 * WAIT, env={**os.environ, "PATH": path, "HOME": cluster.folder})
    if not done.stdout:
        raise AssertionError(done.stderr)
    answer = json.loads(done.stdout)
    found = [tuple(f[k] for k in ("question", "weight", "kind", "namespace", "name", "field")) for f in answer["findings"]]
    return done.returncode, (answer["answers"]["secrets"], answer["answers"]["elsewhere"]), [f for f in found if f[1] != "assumed"]


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got}, and it should be {wanted}")


def send(cluster, method, path, body=None):
    answer = cluster.ask(method, path, body)
    if answer.status >= 300:
        raise AssertionError(f"{method} {path}: {answer}")
    return answer.document


@contextlib.contextmanager
def changed(cluster, path, change):
    """One object with a change, which is taken back."""
    before = cluster.get(path)
    now = copy.deepcopy(before)
    change(now)
    written = send(cluster, "PUT", path, now)
    try:
        yield
    finally:
        before["metadata"]["resourceVersion"] = written["metadata"]["resourceVersion"]
        send(cluster, "PUT", path, before)


@contextlib.contextmanager
def added(cluster, path, document):
    send(cluster, "POST", path, document)
    try:
        yield
    finally:
        send(cluster, "DELETE", path + "/" + document["metadata"]["name"])


def binding(space, role, subject):
    kind = "RoleBinding" if space else "ClusterRoleBinding"
    metadata = {"name": "stranger", **({"namespace": space} if space else {})}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": [subject]}


# ---- the tests ----


def holds(cluster, tenant):
    expect("with a network that enforces", verify(cluster, tenant, "--network-enforces"), (0, ("no", "no"), []))


def names_what_a_tenant_opens(cluster, tenant):
    """Of one whose workspace has `egress: open`."""
    code, answers, found = verify(cluster, tenant, "--network-enforces")
    expect("answers", (code, answers), (1, ("no", "yes")))
    expect("objects", {f[:5] for f in found}, {("elsewhere", "hole", "NetworkPolicy", tenant + "-dev", "workspace")})


def is_unsure_of_the_network(cluster, tenant):
    expect("without a network", verify(cluster, tenant), (1, ("no", "unsure"), [("elsewhere", "unsure", "", "", "network", "")]))
    with added(cluster, "/apis/apps/v1/namespaces/kube-system/daemonsets", DAEMONSET):
        expect("with one", verify(cluster, tenant), (0, ("no", "no"), []))


def holes(tenant):
    """What is changed, how, and the findings that there are then (with the answer that follows)."""
    claw, dev = tenant + "-claw", tenant + "-dev"
    gateway = APPS.format(space=claw, kind="deployment") + "/gateway"
    network = NETWORK.format(space=claw)
    role = f"{RBAC}/namespaces/{dev}/roles/assistant"
    policy, bound = (f"{ADMISSION}/validatingadmissionpolic{end}/clawbox-{dev}" for end in ("ies", "ybindings"))
    pod = "spec.template.spec"

    def spec(change):
        return lambda o: change(o["spec"]["template"]["spec"])

    def of_gateway(field, question="secrets"):
        return [(question, "hole", "Deployment", claw, "gateway", field)]

    return [
        ("a credential in a volume", gateway, spec(lambda s: s["volumes"].insert(0, {"name": "x", "secret": {"secretName": "credential-x"}})),
         of_gateway(pod + ".volumes[0].secret")),
        ("a credential in the environment", gateway,
         spec(lambda s: s["containers"][0].update(envFrom=[{"secretRef": {"name": "credential-x"}}])),
         of_gateway(pod + ".containers[0].envFrom[0].secretRef")),
        ("a token", gateway, spec(lambda s: s.update(automountServiceAccountToken=True)), of_gateway(pod + ".automountServiceAccountToken")),
        ("the proxy's account", gateway, spec(lambda s: s.update(serviceAccountName="proxy", serviceAccount="proxy")),
         of_gateway(pod + ".serviceAccountName")),
        ("the node's network", gateway, spec(lambda s: s.update(hostNetwork=True)), of_gateway(pod + ".hostNetwork", "elsewhere")),
        ("DNS for the gateway", network + "/gateway",
         lambda o: o["spec"]["egress"].append({"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}]}),
         [("elsewhere", "hole", "NetworkPolicy", claw, "gateway", "spec.egress[1].to[0]")]),
        ("anybody at the proxy", network + "/proxy", lambda o: o["spec"]["ingress"][0].pop("from"),
         [("secrets", "hole", "NetworkPolicy", claw, "proxy", "spec.ingress[0]")]),
        ("the proxy inside", network + "/proxy", lambda o: o["spec"]["egress"].insert(0, {"ports": [{"port": 443, "protocol": "TCP"}]}),
         [("elsewhere", "hole", "NetworkPolicy", claw, "proxy", "spec.egress[0]")]),
        ("the workspace's way out", NETWORK.format(space=dev) + "/default-deny", lambda o: o["spec"].update(egress=[{}]),
         [("elsewhere", "hole", "NetworkPolicy", dev, "default-deny", "spec.egress[0]")]),
        ("Secrets of the workspace", role, lambda o: o["rules"].insert(0, {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}),
         [("secrets", "hole", "Role", dev, "assistant", "rules[0]")]),
        ("rights of the workspace", role,
         lambda o: o["rules"].insert(0, {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}),
         [("secrets", "hole", "Role", dev, "assistant", "rules[0]")]),
        ("admission that only warns", bound, lambda o: o["spec"].update(validationActions=["Warn"]),
         [("secrets", "hole", "ValidatingAdmissionPolicyBinding", "", "clawbox-" + dev, "spec.validationActions")]),
        ("admission that fails open", policy, lambda o: o["spec"].update(failurePolicy="Ignore"),
         [("secrets", "hole", "ValidatingAdmissionPolicy", "", "clawbox-" + dev, "spec.failurePolicy")]),
        ("admission with a condition", policy, lambda o: o["spec"].update(matchConditions=[{"name": "x", "expression": "false"}]),
         [("secrets", "unsure", "ValidatingAdmissionPolicy", "", "clawbox-" + dev, "spec.validations")]),
        ("admission without a rule", policy, lambda o: o["spec"]["validations"].pop(0),
         [("secrets", "unsure", "ValidatingAdmissionPolicy", "", "clawbox-" + dev, "spec.validations")]),
        ("Pod Security", f"/api/v1/namespaces/{dev}", lambda o: o["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "privileged"}),
         [("secrets", "hole", "Namespace", "", dev, "metadata.labels.pod-security.kubernetes.io/enforce")]),
    ]


def names_a_hole(cluster, tenant, hole):
    what, path, change, wanted = hole
    with changed(cluster, path, change):
        code, answers, found = verify(cluster, tenant, "--network-enforces")
    expect(what, (code, sorted(set(found))), (1, sorted(wanted)))
    said = {"hole": "yes", "unsure": "unsure"}
    expect(what, answers, tuple(next((said[f[1]] for f in wanted if f[0] == q), "no") for q in ("secrets", "elsewhere")))


def names_what_reaches_from_elsewhere(cluster, tenant):
    """Bindings in other namespaces, for the whole cluster, and for groups."""
    claw = tenant + "-claw"
    account = {"kind": "ServiceAccount", "name": "proxy", "namespace": claw}
    everybody = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts:" + claw}
    for space, role, subject in ((None, "edit", account), (None, "cluster-admin", everybody), (claw, "edit", account), ("default", "admin", everybody)):
        path = f"{RBAC}/namespaces/{space}/rolebindings" if space else f"{RBAC}/clusterrolebindings"
        with added(cluster, path, binding(space, role, subject)):
            code, answers, found = verify(cluster, tenant, "--network-enforces")
        expect(f"{role} in {space}", (code, answers[0]), (1, "yes"))
        kind = "RoleBinding" if space else "ClusterRoleBinding"
        expect(f"{role} in {space}", {f[2:] for f in found if f[1] == "hole"}, {(kind, space or "", "stranger", "roleRef")})
    with added(cluster, f"{RBAC}/clusterrolebindings", binding(None, "view", account)):
        holds(cluster, tenant)


def leaves_other_tenants_alone(cluster, tenant, other):
    """What is wrong with one says nothing about the other."""
    with changed(cluster, f"{ADMISSION}/validatingadmissionpolicybindings/clawbox-{tenant}-dev",
                 lambda o: o["spec"].update(validationActions=["Warn"])):
        expect(tenant, verify(cluster, tenant, "--network-enforces")[1], ("yes", "no"))
        holds(cluster, other)
