#!/usr/bin/env python3
"""Many tenants: what one costs that nobody uses, how long a start takes with all of them, and what an active one costs.

    scale.py [--tenants N] [--active N] [--output FILE]

`./dev bench scale` writes tests/bench/SCALE.md. Own memory is Private_Clean + Private_Dirty of /proc/PID/smaps_rollup: the pages that no
other process has mapped. The program's own pages are shared by all roles, and so not in it; what the kernel holds for sockets is
not in it either, and is given by /proc/slabinfo where that can be read.
"""

import argparse
import datetime
import os
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from appliance import Agent, Appliance  # noqa: E402

ROUTES = 10
BATCH = 120  # tenants in one file, which may have 20,000 values


def document(number):
    routes = "".join(f"    - {{name: r{r}, host: h{r}.t{number}.example.com, paths: [/v1/**], inject: {{bearer: true}}, credential: key}}\n"
                     for r in range(ROUTES))
    return f"apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {{name: t{number}}}\nspec:\n  routes:\n{routes}"


def own_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def kernel_kib():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Slab:"))


def fixed(appliance):
    """Own memory of the monitor and the fixed roles, by name."""
    found = {"monitor": own_kib(appliance.process.pid)}
    for (role, tenant), pid in appliance.roles().items():
        if not tenant:
            found[role] = own_kib(pid)
    return found


def start(appliance):
    begin = time.monotonic()
    appliance.start()
    return time.monotonic() - begin


def apply_all(appliance, count):
    begin = time.monotonic()
    for first in range(0, count, BATCH):
        appliance.apply("---\n".join(document(n) for n in range(first, min(first + BATCH, count))))
    return time.monotonic() - begin


def activate(appliance, number):
    """A connection with TLS and one request behind it, which stays open."""
    environment = appliance.environment(f"t{number}")
    agent = Agent(environment)
    host = f"h0.t{number}.example.com"
    assert agent.connect(host + ":443").status == 200
    agent.start_tls(host)
    agent.send(f"GET /v1/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = agent.response()
    assert (answer.status, answer.problem().get("reason")) == (503, "credential_not_set"), answer.body
    return agent


def median(values):
    return sorted(values)[len(values) // 2]


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}"


def measure(tenants, active):
    appliance = Appliance()
    disk = subprocess.run(["stat", "-f", "-c", "%T", appliance.home], capture_output=True, text=True).stdout.strip()
    result = {"load": os.getloadavg()[0], "disk": disk, "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1]}
    try:
        result["start_none"] = median([start(appliance)] + [(appliance.stop(), start(appliance))[1] for _ in range(4)])
        result["fixed_none"] = fixed(appliance)
        print(f"{tenants} tenants are applied", file=sys.stderr)
        result["apply"] = apply_all(appliance, tenants)
        appliance.stop()
        slab = kernel_kib()
        starts = [start(appliance)]
        result["kernel"] = kernel_kib() - slab
        for _ in range(4):
            appliance.stop()
            starts.append(start(appliance))
        result["start_all"] = median(starts)
        result["fixed_all"] = fixed(appliance)
        result["processes"] = len(appliance.roles())
        print(f"{active} of them become active", file=sys.stderr)
        begin = time.monotonic()
        agents = [activate(appliance, number) for number in range(active)]
        result["activate"] = time.monotonic() - begin
        pairs = {}
        for (role, tenant), pid in appliance.roles().items():
            if tenant:
                pairs.setdefault(tenant, {})[role] = (own_kib(pid), pss_kib(pid))
        assert len(pairs) == active and all(len(pair) == 2 for pair in pairs.values()), "somebody is missing"
        result["pairs"] = pairs
        result["fixed_active"] = fixed(appliance)
        for agent in agents:
            agent.close()
    finally:
        appliance.stop()
        subprocess.run(["rm", "-rf", appliance.home], check=False)
    return result


def text(tenants, active, r):
    total_none, total_all = sum(r["fixed_none"].values()), sum(r["fixed_all"].values())
    own = [sum(own for own, _ in pair.values()) for pair in r["pairs"].values()]
    pss = [sum(pss for _, pss in pair.values()) for pair in r["pairs"].values()]
    role = {name: median([pair[name][0] for pair in r["pairs"].values()]) for name in ("gate", "egress")}
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    names = sorted(set(r["fixed_none"]) | set(r["fixed_all"]))
    lines = [
        "# Many tenants", "",
        "Made by `./dev bench scale` (tests/bench/scale.py), which says how it measures. Own memory: pages that no other process has mapped.",
        "",
        f"- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, commit {commit or '?'}; {machine()}; load average before "
        f"the run {r['load']:.2f}",
        f"- {tenants:,} tenants with {ROUTES} routes each, applied in {r['apply']:.0f} s ({r['apply'] / tenants * 1000:.1f} ms each, with its "
        "listeners); then started anew, median of 5",
        f"- {active} of them active at once: one connection each, TLS, one request behind it, the connection open; brought up one after "
        f"the other in {r['activate']:.0f} s ({r['activate'] / active * 1000:.0f} ms each: `clawbox env`, a new CA, both processes, the request)",
        f"- state on {r['disk']}; at most {r['descriptors']:,} descriptors, unless the monitor may raise that (below two for each tenant, the "
        "later ones have no Unix socket)",
        "- on ext4 a start within five minutes of a stop takes longer: the kernel passes over every inode that was freed in that time, and "
        "each tenant's socket is one (2,000 tenants: 3.7 s)",
        "",
        "|  | none | all registered | to reach |", "| --- | ---: | ---: | ---: |",
        f"| start until `clawbox: ready`, s | {r['start_none']:.2f} | {r['start_all']:.2f} | 2 |",
        f"| processes beside the monitor | {len(r['fixed_none']) - 1} | {r['processes']} | {len(r['fixed_none']) - 1} |",
        *(f"| own memory of {name}, KiB | {r['fixed_none'].get(name, 0):,} | {r['fixed_all'].get(name, 0):,} |  |" for name in names),
        f"| own memory of all, KiB | {total_none:,} | {total_all:,} |  |",
        f"| for each registered tenant, KiB |  | {(total_all - total_none) / tenants:.2f} | 1 |",
        f"| the kernel's, for its two listening sockets, KiB |  | {r['kernel'] / tenants:.1f} |  |",
        "",
        "| an active tenant | median | largest | to reach |", "| --- | ---: | ---: | ---: |",
        f"| own memory of both processes, KiB | {median(own):,} | {max(own):,} | 4,096 |",
        f"| of these the gate, KiB | {role['gate']:,} | {max(p['gate'][0] for p in r['pairs'].values()):,} |  |",
        f"| of these the egress, KiB | {role['egress']:,} | {max(p['egress'][0] for p in r['pairs'].values()):,} |  |",
        f"| proportional set size of both, KiB | {median(pss):,} | {max(pss):,} |  |",
        f"| fixed roles, for each active tenant, KiB | {(sum(r['fixed_active'].values()) - total_all) / active:.1f} |  |  |",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenants", type=int, default=10000)
    parser.add_argument("--active", type=int, default=500)
    parser.add_argument("--output", default=os.path.join(HERE, "SCALE.md"))
    options = parser.parse_args()
    result = text(options.tenants, options.active, measure(options.tenants, options.active))
    with open(options.output, "w") as file:
        file.write(result)
    print(result)


if __name__ == "__main__":
    main()
