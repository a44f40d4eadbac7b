"""The benchmark's numbers as text: one table per measure, with a sentence on what is compared."""

import datetime
import os
import platform
import subprocess

from contenders import ROOT, Clawbox

PEERS = ["HAProxy", "squid", "mitmproxy"]
MB_OF_A_BODY = 4.194304


class Measure:
    """columns: (title, number, digits, factor); primary: the number that ranks, and whether less of it is better."""

    def __init__(self, name, title, sentence, columns, primary, direct):
        self.name = name
        self.title = title
        self.sentence = sentence
        self.columns = columns
        self.primary, self.less = primary
        self.direct = direct  # the number that is compared with direct


LATENCY = [("p50 µs", "p50_us", 0, 1), ("p99 µs", "p99_us", 0, 1)]
BULK = [("MB/s", "mb_per_second", 0, 1), ("CPU µs/MB", "cpu_us", 0, 1 / MB_OF_A_BODY), ("core busy", "busy", 2, 1)]

MEASURES = [
    Measure("requests", "Requests on connections that stay",
            "32 connections, each sends a GET as soon as it has the answer (some 300 bytes). Rank: CPU time of the proxy's whole "
            "process tree per request. Requests/s is what one core of proxy does where `core busy` is near 1; below that, the "
            "load and the origin on the other core were the limit.",
            [("requests/s", "per_second", 0, 1), *LATENCY, ("CPU µs/request", "cpu_us", 1, 1), ("core busy", "busy", 2, 1)],
            ("cpu_us", True), "per_second"),
    Measure("paced", "Latency at 1,000 requests/s",
            "The same request at fixed times over 16 connections; latency counts from when each was due. What is above `direct` "
            "is what the proxy adds. Rank: p99.",
            [("requests/s", "per_second", 0, 1), *LATENCY, ("CPU µs/request", "cpu_us", 1, 1)], ("p99_us", True), "p99_us"),
    Measure("connects", "New tunnels",
            "4 at a time: TCP, CONNECT (HAProxy: none), a full TLS handshake with verification, one request, close. squid, "
            "mitmproxy and clawbox answer with a certificate of their own making, kept from the first time. Rank: CPU time.",
            [("connections/s", "per_second", 0, 1), *LATENCY, ("CPU µs/connection", "cpu_us", 0, 1), ("core busy", "busy", 2, 1)],
            ("cpu_us", True), "per_second"),
    Measure("down", "Large answers", "4 connections, answers of 4 MiB. clawbox with a credential also searches them for it. Rank: CPU time.",
            BULK, ("cpu_us", True), "mb_per_second"),
    Measure("up", "Large requests", "4 connections, POST of 4 MiB. Rank: CPU time.", BULK, ("cpu_us", True), "mb_per_second"),
    Measure("sse", "Server-sent events",
            "10 streams with an event each millisecond; from the origin's time stamp in the event to its arrival. Rank: p99.",
            LATENCY, ("p99_us", True), "p99_us"),
]


def number(value, digits):
    return f"{value:,.{digits}f}"


def table(rows):
    head, *body = rows
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] + ["---:"] * (len(head) - 1), *body]]
    return "\n".join(lines)


def ratio(value, base):
    return f"{value / base:.2f}" if value is not None and base else "-"


def best_peer(found, key, less):
    """(name, number) of the peer that does best."""
    numbers = [(found[name][key], name) for name in PEERS if name in found and found[name][key] > 0]
    return (min(numbers) if less else max(numbers)) if numbers else (None, None)


def measure_text(m, medians, names):
    found = {name: medians[(m.name, name)] for name in names if (m.name, name) in medians}
    best, who = best_peer(found, m.primary, m.less)
    direct = found.get("direct", {}).get(m.direct)
    rows = [["", *(title for title, *_ in m.columns), "/ direct", f"/ {who}" if who else "/ best peer"]]
    for name in names:
        if name not in found:
            rows.append([name] + ["-"] * (len(m.columns) + 2))
            continue
        row = [name]
        for _, key, digits, factor in m.columns:
            no_process = name == "direct" and key in ("cpu_us", "busy")
            row.append("" if no_process else number(found[name][key] * factor, digits))
        row.append(ratio(found[name][m.direct], direct))
        row.append("" if name == "direct" else ratio(found[name][m.primary], best))
        rows.append(row)
    title = {"per_second": "its rate", "mb_per_second": "its MB/s", "p99_us": "its p99"}[m.direct]
    ranked = {"cpu_us": "its CPU time", "p99_us": "its p99"}[m.primary]
    return (f"## {m.title}\n\n{m.sentence} `/ direct` compares {title} with direct's"
            f"{f', `/ {who}` compares {ranked} with that of the best peer' if who else ''}.\n\n{table(rows)}\n")


def credential_text(medians):
    """The same program, the same routes but for the credential."""
    rows = [["", "with", "without", "with / without"]]
    for name, title, key, factor in (("requests", "CPU µs of a request", "cpu_us", 1), ("connects", "CPU µs of a new tunnel", "cpu_us", 1),
                                     ("down", "CPU µs of a MB of an answer", "cpu_us", 1 / MB_OF_A_BODY),
                                     ("up", "CPU µs of a MB of a request", "cpu_us", 1 / MB_OF_A_BODY),
                                     ("sse", "p50 µs of an event", "p50_us", 1)):
        numbers = [medians.get((name, contender), {}).get(key) for contender in ("clawbox", "clawbox, no credential")]
        if None not in numbers:
            rows.append([title, *(number(n * factor, 1) for n in numbers), ratio(*numbers)])
    return ("## What a credential costs\n\nA route that puts one in and searches every answer for it, beside one without. `tests/bench/"
            f"bench_scan.c` measures the search alone.\n\n{table(rows)}\n")


def memory_text(bench):
    memory = {name: {**numbers, "tenant": numbers.get("tenant", numbers["idle"])} for name, numbers in bench.memory.items()}
    columns = [("idle MiB", "idle", 2**20, 1), ("one more tenant MiB", "tenant", 2**20, 2), ("an open stream KiB", "stream", 2**10, 1)]
    rows = [[""]]
    for title, key, _, _ in columns:
        best, who = best_peer(memory, key, True)
        rows[0] += [title, f"/ {who or 'best peer'}"]
    for name, numbers in memory.items():
        row = [name]
        for _, key, unit, digits in columns:
            row += [number(numbers[key] / unit, digits), ratio(numbers[key], best_peer(memory, key, True)[0])]
        rows.append(row)
    return ("## Memory\n\nProportional set size of the whole process tree, just started. A tenant: for clawbox its own processes, "
            f"awake with a connection open, averaged over {bench.tenants}; a peer does not know tenants, and a tenant is one more "
            "peer. A stream: the mean of 100 answers under way that say nothing now, with TLS on both sides. Kernel memory "
            f"(sockets) is in none of them.\n\n{table(rows)}\n")


def machine():
    model = "?"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith(("model name", "Model")):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def write(bench, seconds):
    medians = bench.medians()
    names = [contender.name for contender in bench.ready]
    versions = {}
    for contender in bench.ready:
        versions.setdefault("clawbox" if isinstance(contender, Clawbox) else contender.name, contender.version())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "-C", ROOT, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.strip()
    parts = [
        "# How fast, how small\n\nMade by `./dev bench` (tests/bench/run.py): every contender in the same run, in turns; medians of "
        f"{'one short round' if bench.quick else '3 rounds'}. Absolute numbers are this machine's; the ratios are what to look at.\n",
        "\n".join([
            f"- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {seconds:.0f} s, commit {commit or '?'}"
            f"{' with changes' if changed else ''}",
            f"- {machine()}; load average before the run {bench.load_average:.2f}"
            f"{' (others were at work: only CPU time and memory can be compared)' if bench.load_average > 0.5 else ''}",
            f"- contender on core {', '.join(map(str, sorted(bench.contender_cores)))}; load and origin ({openssl}) on "
            f"{', '.join(map(str, sorted(bench.load_cores)))}",
            f"- clawbox's state on {file_system(bench.disk)}, and `in memory` on {file_system('/dev/shm')}: every request waits for "
            "its durable audit record there before it is sent on",
            "- peers put a fixed key into a header, and keep no log: no tenants, no decision per request, no record, no search of "
            "answers",
            *(f"- {name}: {version}; to it {bench.tls.get(name, '?')}" for name, version in versions.items() if version),
        ]) + "\n",
    ]
    if bench.notes:
        parts.append("Not as it should be:\n\n" + "\n".join(f"- {name}: {why}" for name, why in bench.notes) + "\n")
    if bench.memory:
        parts.append(memory_text(bench))
    parts += [measure_text(m, medians, names) for m in MEASURES]
    parts.append(credential_text(medians))
    return "\n".join(parts)
