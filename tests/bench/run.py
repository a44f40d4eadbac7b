#!/usr/bin/env python3
"""The benchmark: clawbox beside other proxies, before the same origin, in one run on one machine.

    run.py [--quick] [--only NAME,...] [--output FILE]

The contender has one core of its own; the load and the origin have the others. The rounds are interleaved: each measure
goes through all contenders before the next, and a number is the median of its rounds. Needs OpenSSL's headers and a C
compiler for origin and load; a peer that is not installed is left out and said to be. --quick is one short round.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import contenders
import measure
import report
from contenders import KEY, KEY_HOST, OPEN_HOST, ROOT, Unavailable, appliance

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = {"origin": ["origin.c", "chunked.c"], "load": ["load.c", "options.c", "answer.c", "chunked.c"]}
STREAMS = 100
TENANTS = 10

# name, load's mode and options, seconds of a round (long, quick)
MEASURES = [
    ("requests", ["requests", "--connections", "32"], (1.5, 0.6)),
    ("paced", ["requests", "--connections", "16", "--rate", "1000"], (1.5, 0.6)),
    ("connects", ["connects", "--connections", "4"], (1.5, 0.6)),
    ("down", ["requests", "--connections", "4", "--path", "/bulk/4194304"], (1, 0.5)),
    ("up", ["requests", "--connections", "4", "--path", "/sink", "--body", "4194304"], (1, 0.5)),
    ("sse", ["sse", "--connections", "10", "--path", "/sse/100"], (1, 0.5)),
]


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def build(directory):
    """origin and load, by the host's compiler against the host's OpenSSL: they are not part of clawbox."""
    os.makedirs(directory, exist_ok=True)
    newest = max(os.stat(os.path.join(HERE, name)).st_mtime for name in os.listdir(HERE) if name.endswith((".c", ".h")))
    for name, sources in PROGRAMS.items():
        program = os.path.join(directory, name)
        if not os.path.exists(program) or os.stat(program).st_mtime < newest:
            subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o", program,
                            *(os.path.join(HERE, s) for s in sources), "-lssl", "-lcrypto"], check=True)


class Load:
    """A run of load: it waits with its connections made until go()."""

    def __init__(self, bench, arguments):
        self.process = subprocess.Popen([os.path.join(bench.programs, "load"), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=contenders.on_cores(bench.load_cores))
        if self.process.stdout.readline() != "ready\n":
            self.fail()

    def fail(self):
        _, errors = self.process.communicate()
        raise RuntimeError(f"load: {errors.strip() or 'it ended'}")

    def go(self):
        """Lets it run to its end, and returns what it printed."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.fail()
        _, errors = self.process.communicate()
        return json.loads(line), errors.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Bench:
    def __init__(self, quick):
        self.quick = quick
        self.load_average = os.getloadavg()[0]
        self.tenants = TENANTS
        self.programs = os.path.join(ROOT, "build", "bench")
        build(self.programs)
        cores = sorted(os.sched_getaffinity(0))
        self.contender_cores = {cores[-1]}
        self.load_cores = set(cores[:-1]) or {cores[-1]}
        self.home = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.home, 0o755)  # squid reads below it as another user
        self.disk = tempfile.mkdtemp(prefix="disk-", dir=self.programs)
        self.ca, self.certificate, self.key = appliance.make_certificates(self.home, [KEY_HOST, OPEN_HOST])
        self.origin = subprocess.Popen([os.path.join(self.programs, "origin"), self.certificate, self.key],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       preexec_fn=contenders.on_cores(self.load_cores))
        self.origin_port = int(self.origin.stdout.readline())
        self.ready = []
        self.notes = []  # (contender, why it or one of its numbers is missing)
        self.failed = False
        self.samples = {}  # (measure, contender) to the rounds' numbers
        self.memory = {}  # contender to numbers
        self.tls = {}

    def close(self):
        for contender in self.ready:
            contender.stop()
        self.origin.stdin.close()
        self.origin.wait()
        self.origin.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    def all_contenders(self):
        disk = contenders.Service(self, self.disk)
        found = [contenders.Direct(self), contenders.HAProxy(self), contenders.Squid(self), contenders.Mitmproxy(self),
                 contenders.Clawbox(self, disk, "clawbox", KEY_HOST),
                 contenders.Clawbox(self, disk, "clawbox, no credential", OPEN_HOST)]
        if os.access("/dev/shm", os.W_OK):
            memory = contenders.Service(self, "/dev/shm")
            found.append(contenders.Clawbox(self, memory, "clawbox, state in memory", KEY_HOST))
        return found

    def note(self, contender, error, peer_may=False):
        """What is wrong with a contender. The run has then failed, unless it is a peer's own weakness."""
        say(f"{contender.name}: {error}")
        self.notes.append((contender.name, str(error).splitlines()[0]))
        self.failed = self.failed or not peer_may or is_mine(contender)

    def start(self, only):
        for contender in self.all_contenders():
            if only and contender.name.split(",")[0] not in only:
                continue
            try:
                contender.start()
            except Unavailable as error:
                self.note(contender, error, peer_may=True)
                continue
            except Exception as error:
                self.note(contender, error)
                contender.stop()
                continue
            self.ready.append(contender)
            try:
                self.check(contender)
            except Exception as error:
                self.note(contender, error)
                self.ready.remove(contender)
                contender.stop()

    def load(self, contender, arguments, **which):
        return Load(self, [*arguments, *contender.load_arguments(**which)])

    def check(self, contender):
        """What is measured has to do what it is said to do: origin tells the hash of the key that it got."""
        done = subprocess.run([os.path.join(self.programs, "load"), "requests", *contender.load_arguments(), "--path", "/auth",
                               "--requests", "1", "--seconds", "10", "--print"], input="\n", capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"it does not work: {done.stderr.strip()}\n{contender.log()[-2000:] if contender.pid else ''}")
        if contender.injects and fnv("Bearer " + KEY) not in done.stdout:
            raise RuntimeError(f"it does not put the key in: {done.stdout}")

    # ---- memory ----

    def measure_memory(self, contender):
        """In a fresh process: idle, then tenants that are awake, then open streams. Bytes."""
        numbers = {"idle": measure.pss_bytes(contender.pid)}
        if contender.tenants:
            loads = [self.load(contender, ["idle"], tenant=tenant) for tenant in range(1, contender.tenants + 1)]
            numbers["tenant"] = (measure.pss_bytes(contender.pid) - numbers["idle"]) / contender.tenants
            for load in loads:
                load.__exit__()
        with self.load(contender, ["idle", "--path", "/hold"]):
            one = measure.pss_bytes(contender.pid)
            with self.load(contender, ["idle", "--connections", str(STREAMS), "--path", "/hold"]):
                numbers["stream"] = (measure.pss_bytes(contender.pid) - one) / STREAMS
        self.memory[contender.name] = numbers

    def measure_all_memory(self):
        seen = set()
        for contender in self.ready:
            if contender.pid is None or contender.pid in seen:
                continue
            seen.add(contender.pid)
            try:
                self.measure_memory(contender)
            except PermissionError:
                self.note(contender, "its memory can only be read by root", peer_may=True)
            except Exception as error:
                self.note(contender, error)

    # ---- speed ----

    def measure_once(self, name, arguments, seconds, contender):
        with self.load(contender, [*arguments, "--seconds", str(seconds)]) as load:
            before = measure.cpu_seconds(contender.pid) if contender.pid else 0
            result, errors = load.go()
            spent = measure.cpu_seconds(contender.pid) - before if contender.pid else 0
        if result["errors"]:
            what = f"{name}: {result['errors']} of {result['requests']} requests broke: {errors.splitlines()[0]}"
            if is_mine(contender):
                raise RuntimeError(what)
            self.note(contender, what, peer_may=True)  # its numbers are of the others
        self.tls[contender.name] = result["tls"]
        self.samples.setdefault((name, contender.name), []).append({
            "per_second": result["per_second"],
            "mb_per_second": result["mb_per_second"],
            "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"],
            "cpu_us": spent * 1e6 / max(result["requests"], 1),
            "busy": spent / result["seconds"] if result["seconds"] else 0,
        })

    def run(self, rounds):
        broken = set()
        for number in range(rounds):
            for name, arguments, seconds in MEASURES:
                say(f"round {number + 1} of {rounds}: {name}")
                for contender in self.ready:
                    if (name, contender.name) in broken:
                        continue
                    try:
                        self.measure_once(name, arguments, seconds[self.quick], contender)
                    except Exception as error:
                        broken.add((name, contender.name))
                        self.samples.pop((name, contender.name), None)
                        self.note(contender, f"{name}: {error}")

    def medians(self):
        return {key: {number: statistics.median(r[number] for r in rounds) for number in rounds[0]}
                for key, rounds in self.samples.items()}


def is_mine(contender):
    return isinstance(contender, (contenders.Clawbox, contenders.Direct))


def fnv(text):
    """FNV-1a, 64 bits, as origin's /auth answers it."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % (1 << 64)
    return f"{value:016x}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round; the report goes below build/")
    parser.add_argument("--only", default="", help="contenders, by the part of their name before a comma")
    parser.add_argument("--output", help="where the report goes")
    options = parser.parse_args()
    output = options.output or os.path.join(ROOT, "build", "bench", "RESULTS.md") if options.quick or options.only else \
        options.output or os.path.join(HERE, "RESULTS.md")
    start = time.monotonic()
    bench = Bench(options.quick)
    try:
        bench.start([name for name in options.only.split(",") if name])
        say("memory")
        bench.measure_all_memory()
        bench.run(1 if options.quick else 3)
        text = report.write(bench, time.monotonic() - start)
    finally:
        bench.close()
    with open(output, "w") as file:
        file.write(text)
    print(text)
    say(f"written to {os.path.relpath(output)}")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
