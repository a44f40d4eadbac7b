#!/usr/bin/env python3
"""The table of objects in docs/kubernetes.md is what the templates of modules/kube/objects say of themselves.

A template begins with a comment: why the object is there. CLAWBOX_WRITE_DOCS=1 writes the table anew. The last line is
`N passed, N failed`, a template being a test.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OBJECTS = os.path.join(ROOT, "modules", "kube", "objects")
PAGE = os.path.join(ROOT, "docs", "kubernetes.md")
BEGIN, END = "<!-- objects: from modules/kube/objects -->\n", "<!-- end of objects -->\n"
WHERE = {"claw": "`NAME-claw`", "dev": "`NAME-dev`"}
CLUSTER = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
ONLY_IF = {"workspace": "with a workspace", "route": "OpenShift, with `ingressFrom`"}


def row(folder, name):
    """The line of a template, or the reason why there is none."""
    with open(os.path.join(OBJECTS, folder, name)) as file:
        text = file.read()
    comment = re.match(r"(?:#[^\n]*\n)+", text)
    if not comment:
        return None, "does not begin with a comment that says why the object is there"
    why = " ".join(line.lstrip("# ") for line in comment.group().splitlines())
    kind = re.search(r"^kind: (\w+)$", text, re.M).group(1)
    called = re.search(r"^metadata:\n  name: \"?([^\"\n]+)\"?$", text, re.M).group(1).replace("${", "NAME-").replace("}", "")
    where = "cluster" if kind in CLUSTER else WHERE[folder]
    condition = re.search(r"^\$if: (\w+)$", text, re.M)
    if condition:
        why += f" ({ONLY_IF.get(condition.group(1), condition.group(1))})"
    return f"| {where} | {kind} `{called}` | {why} |\n", None


def main():
    passed = failed = 0
    table = "| where | object | why |\n|---|---|---|\n"
    for folder in ("claw", "dev"):
        for name in sorted(os.listdir(os.path.join(OBJECTS, folder))):
            line, wrong = row(folder, name)
            if wrong:
                print(f"FAILED: modules/kube/objects/{folder}/{name} {wrong}")
            failed += wrong is not None
            passed += wrong is None
            table += line or ""
    with open(PAGE) as file:
        page = file.read()
    before, rest = page.split(BEGIN)
    there, after = rest.split(END)
    if there != table and os.environ.get("CLAWBOX_WRITE_DOCS"):
        with open(PAGE, "w") as file:
            file.write(before + BEGIN + table + END + after)
    elif there != table:
        failed += 1
        wrong = [line for line in table.splitlines() if line not in there.splitlines()] or ["there are lines for objects that are gone"]
        print("FAILED: docs/kubernetes.md is not what the templates say (CLAWBOX_WRITE_DOCS=1 writes it):\n" + "\n".join(wrong[:5]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
