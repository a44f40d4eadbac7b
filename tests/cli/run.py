#!/usr/bin/env python3
"""Tests of the command line against a fake server: what it prints, its exit codes, what it asks the server.

    run.py [PART]       runs the cases whose name contains PART; CLAWBOX_BIN names another program than build/clawbox

The last line is `N passed, N failed`, with `, N skipped` where something could not be tested here.
"""

import os
import sys
import traceback
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cases_admin  # noqa: E402,F401
import cases_audit  # noqa: E402,F401
import cases_credential  # noqa: E402,F401
import cases_env  # noqa: E402,F401
import cases_general  # noqa: E402,F401
import cases_policy  # noqa: E402,F401
import cases_provision  # noqa: E402,F401
import cases_status  # noqa: E402,F401
import cases_token  # noqa: E402,F401
import cases_tenant  # noqa: E402,F401
import cases_verify  # noqa: E402,F401
from world import CASES, CLAWBOX, World  # noqa: E402


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed, failed, skipped = 0, 0, 0
    if not os.access(CLAWBOX, os.X_OK):
        print(f"{CLAWBOX} is not there: build it, or name it in CLAWBOX_BIN")
        print("0 passed, 1 failed")
        return 1
    for case in CASES:
        name = case.__name__
        if part not in name:
            continue
        world = World()
        try:
            case(world)
            passed += 1
        except unittest.SkipTest as reason:
            skipped += 1
            print(f"skipped: {name}: {reason}")
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)[-1] if not isinstance(error, AssertionError) else \
                [f for f in traceback.extract_tb(error.__traceback__) if "cases_" in f.filename][-1]
            print(f"failed: {name} ({os.path.basename(place.filename)}:{place.lineno}): {type(error).__name__}: {error}")
        finally:
            world.close()
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
