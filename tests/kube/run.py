#!/usr/bin/env python3
"""A tenant's manifests on a real API server (cluster.py), and what it says of them.

    run.py [PART]       runs the tests whose name contains PART

Where etcd, Go or the modules of Kubernetes cannot be had, all of it is skipped; where a package of requirements.txt is missing, what needs
it. The last line is `N passed, N failed, N skipped`.
"""

import os
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import admission  # noqa: E402
import apply  # noqa: E402
import lint  # noqa: E402
import names  # noqa: E402
import network  # noqa: E402
import pod  # noqa: E402
import rights  # noqa: E402
import security  # noqa: E402
import verify  # noqa: E402
from cluster import Cluster, Missing, account  # noqa: E402
from provision import TENANTS, Provisioner  # noqa: E402


class Report:
    def __init__(self, part):
        self.part = part
        self.passed = self.failed = self.skipped = 0

    def wants(self, name):
        return self.part in name

    def run(self, name, function, *arguments):
        if not self.wants(name):
            return
        started = time.monotonic()
        try:
            function(*arguments)
            self.passed += 1
            print(f"ok: {name} ({time.monotonic() - started:.1f} s)", flush=True)
        except Missing as why:
            self.skip(name, why)
        except Exception as error:  # every failure is a result, not an end of the run
            self.failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()

    def skip(self, name, why):
        if self.wants(name):
            self.skipped += 1
            print(f"skipped: {name}: {why}", flush=True)

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed or not (self.passed or self.skipped) else 0


def test_apply(report, cluster, provisioner, tenants):
    """Everything else needs what this puts there, so it is done whatever part is asked for."""
    apply.define_kinds(cluster)
    for tenant in tenants:
        provisioner.write(tenant)
        apply.apply(cluster, provisioner.folder(tenant))
    resources = apply.Resources(cluster)
    for tenant in tenants:
        folder = provisioner.folder(tenant)
        report.run(f"apply: {tenant}: every file is in the kustomization", apply.every_file_is_applied, folder)
        report.run(f"apply: {tenant}: nothing is lost or changed", apply.applied_as_written, cluster, resources, folder)
        report.run(f"apply: {tenant}: a second time changes nothing", apply.second_apply_changes_nothing, cluster, resources, folder)
    others = [t for t in tenants if t != "alice"]
    for change in apply.CHANGES:
        report.run(f"apply: a change changes only what it should: {change[0]}", apply.change_changes_only_what_it_should, cluster,
                   resources, provisioner, "alice", others, change)
    return resources


def test_rights(report, cluster, resources, tenants):
    table = rights.load(tenants)
    reviewer = rights.Reviewer(cluster)
    try:
        for tenant in tenants:
            claw, dev = tenant + "-claw", tenant + "-dev"
            other = tenants[(tenants.index(tenant) + 1) % len(tenants)]
            everywhere = [claw, dev, other + "-claw", other + "-dev", "cluster"]
            for space, name, spaces in ((claw, "proxy", everywhere), (claw, "gateway", everywhere), (claw, "default", [claw, dev, "cluster"]),
                                        (dev, "default", [claw, dev, "cluster"])):
                who = f"{space}:{name}"
                for where in spaces:
                    report.run(f"rights: {tenant}: {who} in {where}", rights.check, reviewer, resources, table, who, account(space, name), where)
        print(f"{reviewer.count} questions of rights", flush=True)
    finally:
        reviewer.close()


def test_admission(report, cluster, tenants):
    data = admission.load()
    report.run("admission: no field of a pod is forgotten", admission.nothing_is_forgotten, cluster, data)
    workspace = admission.Workspace(cluster, "alice")
    try:
        for case in admission.pod_cases(data):
            report.run(f"admission: {case['name']}", workspace.try_pod, case)
        for case in data["claims"]:
            report.run(f"admission: a claim: {case['name']}", workspace.try_other, "PersistentVolumeClaim", "persistentvolumeclaims",
                       admission.claim(case), case.get("refuse"))
        for case in data["services"]:
            report.run(f"admission: a service: {case['name']}", workspace.try_other, "Service", "services", admission.service(case),
                       case.get("refuse"), case.get("annotations"))
        report.run("admission: a change of what was good", admission.later, workspace, data)
    finally:
        workspace.close()


def test_security(report, cluster, tenants):
    for tenant in tenants:
        report.run(f"pod security: {tenant}: every pod is admitted", security.every_pod_is_admitted, cluster, tenant)
    report.run("pod security: others are refused", security.others_are_refused, cluster, tenants[0])


def test_lint(report, provisioner, tenants):
    folders = [provisioner.folder(tenant) for tenant in tenants]
    if os.path.exists(lint.VALIDATE):
        for tenant in ("alice", "carol"):  # of both flavors
            report.run(f"lint: {tenant}: the schemas of every Kubernetes", lint.schemas, provisioner.folder(tenant))
    else:
        report.skip("lint: the schemas of every Kubernetes", "kubernetes-validate (PyPI) is not installed")
    report.run("lint: kube-score", lint.score, folders)


def test_verify(report, cluster, tenants):
    for tenant in tenants:
        if tenant == "carol":  # whose workspace is open
            report.run(f"verify: {tenant}", verify.names_what_a_tenant_opens, cluster, tenant)
        else:
            report.run(f"verify: {tenant}", verify.holds, cluster, tenant)
    report.run("verify: whether the network enforces", verify.is_unsure_of_the_network, cluster, "alice")
    for hole in verify.holes("alice"):
        report.run(f"verify: a hole: {hole[0]}", verify.names_a_hole, cluster, "alice", hole)
    report.run("verify: what reaches from elsewhere", verify.names_what_reaches_from_elsewhere, cluster, "alice")
    report.run("verify: other tenants", verify.leaves_other_tenants_alone, cluster, "alice", "bob")


def test_pod(report, cluster, provisioner):
    if not report.wants("pod:"):
        return
    program = provisioner.appliance.program
    pod.prepare(cluster, provisioner, "erin", apply.apply)
    node = pod.Node(cluster, "erin")
    try:
        report.run("pod: the proxy is ready", node.start_proxy, program)
        if node.ready:
            report.run("pod: the gateway's trust comes from it", node.fetch_trust, program)
            report.run("pod: the assistant works in its workspace", pod.works_in_its_workspace, node, "erin-dev")
            report.run("pod: the assistant reaches nothing else", pod.reaches_nothing_else, node, "erin-dev")
            report.run("pod: the gateway holds no token", pod.holds_no_token, node)
            report.run("pod: the proxy ends when it is told to", node.end)
    finally:
        node.stop()


def test_names(report, cluster, provisioner, resources):
    """Last, because it makes tenants of its own."""
    for place in names.PLACES:
        report.run(f"names: of a {place}", names.check, cluster, resources, provisioner, place)


def test_network(report, cluster, tenants):
    if not os.path.exists(network.ANALYZER):
        report.skip("network:", "network-config-analyzer (PyPI) is not installed")
        return
    network.make_namespaces(cluster)
    with tempfile.TemporaryDirectory(prefix="clawbox-network-") as folder:
        report.run("network: the map is that of paths.txt", network.check, cluster, tenants, folder)
        report.run("network: the analyzer sees a hole", network.the_analyzer_sees_a_hole, cluster, tenants, folder)


def main():
    # Told to end, it ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report = Report(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        cluster = Cluster()
    except Missing as why:
        report.skip("a real API server", why)
        return report.close()
    tenants = sorted(name[:-len(".yaml")] for name in os.listdir(TENANTS))
    try:
        cluster.start()
        provisioner = Provisioner()
        try:
            resources = test_apply(report, cluster, provisioner, tenants)
            test_rights(report, cluster, resources, tenants)
            test_admission(report, cluster, tenants)
            test_security(report, cluster, tenants)
            test_network(report, cluster, tenants)
            test_lint(report, provisioner, tenants)
            test_verify(report, cluster, tenants)
            test_pod(report, cluster, provisioner)
            test_names(report, cluster, provisioner, resources)
        finally:
            provisioner.stop()
    finally:
        cluster.stop()
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
