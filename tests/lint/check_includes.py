#!/usr/bin/env python3
"""Includes point downwards only, and a library's headers stand in one module (tests/lint/layers.txt).

A role may include another module's client.h besides. Prints each breach and `N passed, N failed`, a file being a test.
It first checks itself on a tree that breaks the rules.
"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|system|popen|strtok|atoi|atol|alloca)\s*\(")
SQL_FORMAT = re.compile(r'"\s*(SELECT|INSERT|UPDATE|DELETE)\b[^"]*%s', re.IGNORECASE)


def read_layers(path):
    layers, owners = {}, {}
    with open(path) as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                module, rest = line.split(":", 1)
                allowed, third = rest.split("|")
                layers[module] = set(allowed.split())
                for header in third.split():
                    owners[header] = module
    return layers, owners


def owner_of(header, owners):
    for prefix, module in owners.items():
        if header == prefix or (prefix.endswith("/") and header.startswith(prefix)):
            return module
    return None


def breaches(name, module, lines, layers, owners):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            kind, header = match.groups()
            target = header.split("/")[0] if "/" in header else None
            if kind == '"' and target in layers:
                client = header == f"{target}/client.h"
                if target != module and target not in layers[module] and not client:
                    yield f"{name}:{number}: {module} may not include {header}"
            owner = owner_of(header, owners)
            if owner is not None and owner != module:
                yield f"{name}:{number}: only {owner} may include {header}"
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
        if BANNED.search(code) and not line.lstrip().startswith("*") and "/*" not in line:
            yield f"{name}:{number}: banned function: {BANNED.search(code).group(1)}"
        if SQL_FORMAT.search(line):
            yield f"{name}:{number}: text goes into SQL as a bound value, not by %s"


def check_itself(layers, owners):
    bad = ['#include "gate/state.h"', "#include <uv.h>", "    strcpy(a, b);", '"SELECT * FROM t WHERE n = \'%s\'"']
    found = list(breaches("bad.c", "policy", bad, layers, owners))
    assert len(found) == len(bad), f"the check does not find what it should: {found}"
    good = ['#include "base/err.h"', "#include <string.h>", '#include "policy/host.h"']
    assert not list(breaches("good.c", "policy", good, layers, owners))


def main():
    layers, owners = read_layers(os.path.join(HERE, "layers.txt"))
    check_itself(layers, owners)
    passed = failed = 0
    for module in sorted(os.listdir(os.path.join(ROOT, "modules"))):
        folder = os.path.join(ROOT, "modules", module)
        if not os.path.isdir(folder):
            continue
        for file in sorted(os.listdir(folder)):
            if not file.endswith((".c", ".h")):
                continue
            name = f"modules/{module}/{file}"
            if module not in layers:
                found = [f"{name}: the module {module} has no line in tests/lint/layers.txt"]
            else:
                with open(os.path.join(folder, file)) as text:
                    found = list(breaches(name, module, text, layers, owners))
            for line in found:
                print(line)
            failed += bool(found)
            passed += not found
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
