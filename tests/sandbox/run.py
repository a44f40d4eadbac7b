#!/usr/bin/env python3
"""What an attacker gets in each process, tried by being it; whose memory has what; and noise on every channel.

    run.py [PART]       runs the attacks and tests whose name contains PART

CLAWBOX_FLOOD=1000000 sends that many messages over each channel; CLAWBOX_WRITE_DOCS=1 writes the tables of docs/security.md.
The last line is `N passed, N failed, N skipped`.
"""

import ctypes
import os
import sys
import tempfile
import traceback

import flood
import memory
import report
from asks import ASKS
from attacks import ATTACKS
from inside import Denied, Killed, Listener, Refused
from stage import NOBODY, ROLES, Plain, Skip, Stage

SIGSYS = 31
IS_ROOT = os.geteuid() == 0


class Results:
    def __init__(self, part):
        self.part = part
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function, *arguments):
        if self.part not in name:
            return
        try:
            function(*arguments)
            self.passed += 1
        except Skip as reason:
            self.skip(name, reason)
        except Exception as error:  # every failure is a result, not an end of the run
            self.failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()

    def skip(self, name, why):
        if self.part in name:
            self.skipped += 1
            print(f"skipped: {name}: {why}", flush=True)


def try_in_role(stage, attack, role):
    me = stage.inside(role)
    try:
        attack.run(me, stage.targets(me))
        result = "done"
    except Killed:
        signal = stage.ended_by(me)
        return "killed" if signal == SIGSYS else f"ended by signal {signal}"
    except Denied:
        result = "denied"
    except Refused:
        result = "refused"
    finally:
        stage.clean()
    me.release()
    return result


def check_in_role(stage, attack, role, matrix):
    result = try_in_role(stage, attack, role)
    matrix[(attack.name, role)] = result
    expected = attack.expect(role)
    assert result == expected, f"{result}, expected {expected}"


def check_unconfined(stage, attack):
    plain = Plain(stage)
    try:
        attack.run(plain.me, plain.targets())
    except Killed as end:
        raise AssertionError(f"it ended a process that nothing confines: {end}") from None
    except Denied as error:
        if error.name not in ("EPERM", "EACCES", "ENOSYS"):
            raise
        raise Skip(f"{error}, to everybody here" if IS_ROOT else f"{error}, because only root may") from None
    finally:
        plain.close()
        stage.clean()


def check_works(stage):
    for tenant in ("alice", "bob"):
        stage.works(tenant)


def check_without_filter(stage, attack, role, bare):
    result = try_in_role(stage, attack, role)
    bare[(attack.name, role)] = result
    expected = attack.expect_without_filter(role)
    assert result == expected, f"{result}, expected {expected}"


def landlock_version():
    VERSION = 1
    return ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, VERSION)  # landlock_create_ruleset, everywhere


def be_the_attacker_without_filter(results, listener, user):
    """The same with one layer less: what the others hold alone."""
    bare = {}
    who = "root" if IS_ROOT and user is None else "ordinary user"
    stage = Stage(listener, user, options=("--waive", "seccomp"))
    try:
        for attack in ATTACKS:
            for role in ROLES:
                name = f"{role} of {who}, without the filter: {attack.name}"
                if who != "root" and attack.landlock > landlock_version():
                    results.skip(name, f"needs version {attack.landlock} of Landlock, and this kernel has {landlock_version()}")
                else:
                    results.run(name, check_without_filter, stage, attack, role, bare)
            if attack.only_the_filter:
                stage.restart()  # the next one finds processes that nothing has happened to
        results.run(f"everything still works, of {who}, without the filter", check_works, stage)
    finally:
        stage.close()
    return bare


def be_the_attacker(results, listener, user):
    """All attacks in all roles of a server of that user's. Returns the table."""
    matrix = {}
    who = "root" if IS_ROOT and user is None else "ordinary user"
    stage = Stage(listener, user)
    try:
        for attack in ATTACKS:
            if user is None:
                results.run(f"unconfined: {attack.name}", check_unconfined, stage, attack)
            for role in ROLES:
                results.run(f"{role} of {who}: {attack.name}", check_in_role, stage, attack, role, matrix)
        for role, tries, _, function in ASKS:
            results.run(f"{role} of {who}: {tries}", function, stage)
        results.run(f"everything still works, of {who}", check_works, stage)
        for edge in flood.edges() if user is None else []:
            results.run(f"noise from {edge[0]} to {edge[1]}" + (" on a stream" if edge[2] else ""), flood.flood, stage, *edge)
    finally:
        stage.close()
    return matrix


def main():
    results = Results(sys.argv[1] if len(sys.argv) > 1 else "")
    matrices, bare = [], []
    with tempfile.TemporaryDirectory(prefix="clawbox-sandbox-") as directory:
        os.chmod(directory, 0o755)
        for user in [None, NOBODY] if IS_ROOT else [None]:
            listener = Listener(directory)
            try:
                matrices.append(be_the_attacker(results, listener, user))
                bare.append(be_the_attacker_without_filter(results, listener, user))
            finally:
                listener.close()
    for user, who in ((None, "root"), (NOBODY, "ordinary user")):
        name = f"memory of a server of {who} has secrets only where they belong"
        if IS_ROOT:
            results.run(name, memory.check_server, user)
        else:
            results.skip(name, "needs root")
    if not results.part:
        report.print_short(matrices, bare)
        if not IS_ROOT:
            results.skip("docs/security.md says what ran", "needs root, for both kinds of server")
        elif os.environ.get("CLAWBOX_WRITE_DOCS"):
            report.write_page(matrices, bare)
        else:
            results.run("docs/security.md says what ran", report.check_page, matrices, bare)
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed or not results.passed else 0


if __name__ == "__main__":
    sys.exit(main())
