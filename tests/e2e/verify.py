"""clawbox verify of what clawbox provision wrote: it holds, with and without a file of Secrets, and what is opened is named."""

import json
import os
import subprocess

from appliance import CLAWBOX, WAIT
from provision import ALICE, desk
from scenarios import equal


def verify(d, tenant="alice"):
    done = subprocess.run([CLAWBOX, "verify", tenant, "-f", d.out, "--json"], capture_output=True, timeout=WAIT)
    assert done.stdout, done.stderr.decode()
    answer = json.loads(done.stdout)
    holes = [(f["kind"], f["namespace"], f["name"], f["field"]) for f in answer["findings"] if f["weight"] != "assumed"]
    return done.returncode, answer["answers"]["secrets"], answer["answers"]["elsewhere"], holes


def what_provision_writes_is_verified():
    with desk() as d:
        d.provision("alice", "-f", d.file("alice.yaml", ALICE), "--secrets", "file")
        d.provision("bob", "-f", d.file("bob.yaml", ALICE.replace("alice", "bob")))
        equal("alice", verify(d), (0, "no", "no", []))
        equal("bob, beside her", verify(d, "bob"), (0, "no", "no", []))
        equal("who is not there", verify(d, "carol")[:3], (1, "unsure", "unsure"))
        d.provision("alice", "--flavor", "openshift")
        equal("the other flavor", verify(d), (0, "no", "no", []))
        d.provision("alice", "-f", d.file("open.yaml", ALICE.replace("kubernetes: {}", "kubernetes: {workspace: {egress: open}}")))
        code, secrets, elsewhere, holes = verify(d)
        equal("an open workspace", (code, secrets, elsewhere, {h[:3] for h in holes}),
              (1, "no", "yes", {("NetworkPolicy", "alice-dev", "workspace")}))
        d.provision("alice", "-f", d.file("alice.yaml", ALICE))
        equal("as before", verify(d), (0, "no", "no", []))
        path = os.path.join(d.out, "alice", "claw", "16-networkpolicy-gateway.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("  egress:\n", "  egress:\n  - {}\n"))
        equal("a changed file", verify(d), (1, "no", "yes", [("NetworkPolicy", "alice-claw", "gateway", "spec.egress[0]")]))


TESTS = [what_provision_writes_is_verified]
