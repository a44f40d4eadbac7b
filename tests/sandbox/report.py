"""The tables: what came of every attack, for the terminal in short and for docs/security.md in full."""

import os

from asks import ASKS
from attacks import ATTACKS
from stage import ROLES, ROOT

PAGE = os.path.join(ROOT, "docs", "security.md")
BEGIN, END = "<!-- begin: tests/sandbox/run.py -->\n", "<!-- end -->\n"


def cell(matrices, attack, role):
    """One result, or both where it differs between a server of root's and one of an ordinary user's."""
    results = [matrix.get((attack.name, role), "-") for matrix in matrices]
    shown = ["its work" if r == "done" and attack.expect(role) == "done" else r for r in results]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)


def short(matrices):
    """The attacks that do not come to the same everywhere, and how many others there are."""
    rows = [(attack.name, [cell(matrices, attack, role) for role in ROLES]) for attack in ATTACKS]
    same = [cells for _, cells in rows if set(cells) == {"killed"}]
    yield "", ROLES
    if same:
        yield f"{len(same)} attacks", ["killed"] * len(ROLES)
    yield from (row for row in rows if set(row[1]) != {"killed"})


def without_filter(bare):
    """(attacks that the other layers deny alone, those that only the filter stops), by what happened."""
    done = {name for results in bare for (name, role), result in results.items() if result == "done"}
    works = {(attack.name, role) for attack in ATTACKS for role in ROLES if attack.expect(role) == "done"}
    only = [a.name for a in ATTACKS if a.name in done
            and any(results.get((a.name, role)) == "done" for results in bare for role in ROLES if (a.name, role) not in works)]
    return [a.name for a in ATTACKS if a.name not in only], only


def print_short(matrices, bare):
    for name, cells in short(matrices):
        print(f"table: {name:42}" + "".join(f"{c:18}" if len(c) > 9 else f"{c:10}" for c in cells).rstrip())
    denied, only = without_filter(bare)
    print(f"table: without the filter {len(denied)} attacks come to nothing all the same; {len(only)} only the filter stops")


def block(matrices, bare):
    lines = ["| attack | " + " | ".join(ROLES) + " |", "|---|" + "---|" * len(ROLES)]
    for attack in ATTACKS:
        lines.append(f"| {attack.name} | " + " | ".join(cell(matrices, attack, role) for role in ROLES) + " |")
    denied, only = without_filter(bare)
    lines += ["", "With the filter waived (`--waive seccomp`) the other layers alone deny these, in every role whose work they are not:",
              "; ".join(denied) + ".", "", "These only the filter stops: " + "; ".join(only) + ".", "",
              "| in | tries | comes to |", "|---|---|---|"]
    lines += [f"| {role} | {tries} | {gets} |" for role, tries, gets, _ in ASKS]
    return "\n".join(lines) + "\n"


def read_page():
    with open(PAGE) as file:
        return file.read()


def write_page(matrices, bare):
    before, rest = read_page().split(BEGIN)
    with open(PAGE, "w") as file:
        file.write(before + BEGIN + block(matrices, bare) + END + rest.split(END)[1])


def check_page(matrices, bare):
    there = read_page().split(BEGIN)[1].split(END)[0].splitlines()
    ran = block(matrices, bare).splitlines()
    names = {attack.name for attack in ATTACKS}
    there = [line for line in there if "32 bit" not in line or "use the 32 bit calls" in names]  # not on every machine
    wrong = [f"  it says {a}\n  it is   {b}" for a, b in zip(there, ran) if a != b]
    assert there == ran, ("docs/security.md is not what ran (CLAWBOX_WRITE_DOCS=1 writes it):\n" + "\n".join(wrong[:10])
                          + f"\n  {len(there)} lines, {len(ran)} ran")
