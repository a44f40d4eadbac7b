"""What others' linters say of the manifests: kubernetes-validate (the schemas of every version from the oldest that is meant to work),
and kube-score, all of whose findings that stay have a reason in exceptions.txt.
"""

import fnmatch
import json
import os
import subprocess
import sys

from cluster import HERE, build
from provision import objects

VALIDATE = os.path.join(os.path.dirname(sys.executable), "kubernetes-validate")
# ValidatingAdmissionPolicy is v1 from here on.
OLDEST = (1, 30)
# Not Kubernetes' own: they have no schema there.
FOREIGN = ("route.openshift.io/", "external-secrets.io/")


def versions():
    from kubernetes_validate import utils
    found = sorted({tuple(int(n) for n in v.split(".")[:2]) for v in utils.all_versions()})
    chosen = [v for v in found if v >= OLDEST]
    assert OLDEST in chosen and len(chosen) > 3, found
    return ["%d.%d" % v for v in chosen]


def schemas(folder):
    from kubernetes_validate import utils
    for path, document in objects(folder).items():
        if document["apiVersion"].startswith(FOREIGN):
            continue
        for version in versions():
            try:
                utils.validate(document, version, strict=True)
            except Exception as error:  # of several types; each says what is wrong
                raise AssertionError(f"{path} with Kubernetes {version}: {getattr(error, 'message', error)}") from error


def exceptions():
    rows = []
    with open(os.path.join(HERE, "exceptions.txt")) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                check, what, why = (field.strip() for field in line.split("|"))
                assert why, f"exceptions.txt: {line}"
                rows.append((check, what))
    return rows


def findings(program, folder):
    paths = [os.path.join(folder, path) for path in objects(folder)]
    done = subprocess.run([program, "score", "--all-default-optional", "--kubernetes-version", "v1.36", "-o", "json", *paths],
                          capture_output=True, text=True, timeout=120)
    results = json.loads(done.stdout)
    assert len(results) > 10, done.stdout[:500]
    found = set()
    for result in results:
        where = f"{result['type_meta']['kind']}/{result['object_meta'].get('namespace', '').rpartition('-')[2]}/{result['object_meta']['name']}"
        for check in result["checks"]:
            if check["grade"] < 10 and not check["skipped"]:
                for comment in check["comments"] or [{"path": "", "summary": ""}]:
                    found.add((check["check"]["id"], f"{where}/{comment['path']}".rstrip("/"), comment["summary"]))
    return found


def score(folders):
    """No finding without its exception, and no exception that excuses nothing."""
    program = os.path.join(build("score"), "kube-score")
    allowed = exceptions()
    found = set().union(*(findings(program, folder) for folder in folders))
    used = set()
    bad = []
    for check, where, summary in sorted(found):
        matching = [row for row in allowed if row[0] == check and fnmatch.fnmatchcase(where, row[1])]
        used.update(matching)
        if not matching:
            bad.append(f"{check} {where}: {summary}")
    assert not bad, "\n  ".join(["kube-score:", *bad])
    assert used == set(allowed), f"exceptions.txt has what nothing needs: {set(allowed) - used}"
