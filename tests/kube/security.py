"""The pods that the tenant's Deployments make, created as the controller would: Pod Security at restricted, limits and quota take them."""

from cluster import account


def settle_quotas(cluster, spaces):
    """What the quota's controller does first: without a status a quota holds nobody to anything."""
    for space in spaces:
        for quota in cluster.get(f"/api/v1/namespaces/{space}/resourcequotas")["items"]:
            hard = quota["spec"]["hard"]
            answer = cluster.ask("PATCH", f"/api/v1/namespaces/{space}/resourcequotas/{quota['metadata']['name']}/status",
                                 {"status": {"hard": hard, "used": {key: "0" for key in hard}}}, kind="application/merge-patch+json")
            assert answer.status == 200, str(answer)


def labels_enforce(cluster, space):
    labels = cluster.get(f"/api/v1/namespaces/{space}")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels.get(f"pod-security.kubernetes.io/{mode}") == "restricted", f"{space}: {mode}: {labels}"


def create(cluster, space, name, spec, labels):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    return cluster.ask("POST", f"/api/v1/namespaces/{space}/pods", pod, account("kube-system", "replicaset-controller"))


def remove(cluster, space, name):
    cluster.ask("DELETE", f"/api/v1/namespaces/{space}/pods/{name}?gracePeriodSeconds=0")


def every_pod_is_admitted(cluster, tenant):
    claw = tenant + "-claw"
    settle_quotas(cluster, [claw])
    labels_enforce(cluster, claw)
    labels_enforce(cluster, tenant + "-dev")
    deployments = cluster.get(f"/apis/apps/v1/namespaces/{claw}/deployments")["items"]
    assert {d["metadata"]["name"] for d in deployments} == {"gateway", "proxy"}, deployments
    try:
        for deployment in deployments:
            template = deployment["spec"]["template"]
            name = deployment["metadata"]["name"]
            answer = create(cluster, claw, name, template["spec"], template["metadata"]["labels"])
            assert answer.status == 201, f"the pod of {name}: {answer}"
            assert not answer.warnings, f"the pod of {name}: {answer.warnings}"
            volumes = {v["name"] for v in answer.document["spec"].get("volumes", [])}
            assert volumes == {v["name"] for v in template["spec"].get("volumes", [])}, f"{name}: admission adds volumes: {volumes}"
    finally:
        for deployment in deployments:
            remove(cluster, claw, deployment["metadata"]["name"])


def others_are_refused(cluster, tenant):
    """The same admission refuses: pods that are not as restricted, and one more than the quota has room for."""
    claw = tenant + "-claw"
    settle_quotas(cluster, [claw])
    plain = {"containers": [{"name": "c", "image": "i"}]}
    answer = create(cluster, claw, "plain", plain, {})
    assert answer.status == 403 and 'violates PodSecurity "restricted' in answer.message, str(answer)
    good = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "image": "i",
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]}
    names = [f"filler-{i}" for i in range(5)]
    try:
        answers = [create(cluster, claw, name, good, {}) for name in names]
        assert [a.status for a in answers] == [201, 201, 201, 201, 403] and "exceeded quota: tenant" in answers[-1].message, \
            "; ".join(str(a) for a in answers)
        limits = answers[0].document["spec"]["containers"][0]["resources"]["limits"]
        assert limits.get("memory") and limits.get("cpu"), f"no limits of the LimitRange: {limits}"
    finally:
        for name in names:
            remove(cluster, claw, name)
