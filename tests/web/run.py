#!/usr/bin/env python3
"""The console in Debian's Chromium: a real `clawbox serve` with real traffic, driven by drive.mjs.

    run.py [PART]       runs the cases whose name contains PART

Before it come the modules that need no browser (unit/). The last line is `N passed, N failed, N skipped`; screenshots of every page, light
and dark, wide and narrow, go to build/web-screenshots.
"""

import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from appliance import Appliance, make_certificates  # noqa: E402
from provider import Provider  # noqa: E402

HOSTS = ["api.openai.com", "api.anthropic.com", "docs.example.com", "other.example.com"]
CHROMIUM = shutil.which("chromium")
LIMIT = 900  # seconds for all of it


def unit():
    """(passed, failed) of the modules without a browser."""
    done = subprocess.run(["node", os.path.join(HERE, "unit", "run.mjs")], capture_output=True, text=True, timeout=LIMIT)
    counts = {word: int(number) for word, number in re.findall(r"^(?:#|ℹ) (pass|fail) (\d+)$", done.stdout, re.M)}
    if done.returncode != 0 or not counts.get("pass"):
        print("FAILED: unit:\n" + done.stdout + done.stderr)
        return counts.get("pass", 0), max(counts.get("fail", 0), 1)
    return counts["pass"], counts["fail"]


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed, failed = (0, 0) if part else unit()
    appliance = Appliance("--console", "127.0.0.1:0")
    ca, certificate, key = make_certificates(appliance.home, HOSTS)
    provider = Provider(certificate, key)
    try:
        appliance.start()
        provider.next_event()  # Of the stream that is cut: the first event comes, the second never.
        with open(ca) as file:
            world = {"part": part, "pid": appliance.process.pid, "program": appliance.program, "state": appliance.state, "home": appliance.home,
                     "log": appliance.log_path, "chromium": CHROMIUM, "provider": provider.port, "ca": file.read(),
                     "shots": os.path.join(ROOT, "build", "web-screenshots")}
        done = subprocess.run(["node", os.path.join(HERE, "drive.mjs")], input=json.dumps(world), stdout=subprocess.PIPE, text=True,
                              timeout=LIMIT)
    finally:
        status = appliance.stop()
        for _ in range(2):  # The cut ones, whose threads shall not wait for ever.
            provider.next_event()
        provider.close()
        log = appliance.log()
        shutil.rmtree(appliance.home, ignore_errors=True)
    print(re.sub(r"^(\d+ passed, .*)$", r"cases: \1", done.stdout, flags=re.M), end="")
    counts = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    if counts is None or done.returncode not in (0, 1):
        print(f"FAILED: drive.mjs ended with {done.returncode}")
        failed += 1
    else:
        passed += int(counts[1])
        failed += int(counts[2])
    if status != 0:
        print(f"FAILED: serve ended with {status}:\n{log[-2000:]}")
        failed += 1
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
