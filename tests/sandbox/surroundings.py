#!/usr/bin/env python3
"""Bad surroundings: kernels that lack something, containers, a root that cannot be written, no /proc.

Each gives full service with its layers named, or a clear refusal with nothing made. Which it is stands in each test.

    surroundings.py [PART]      runs the tests whose name contains PART

The last line is `N passed, N failed, N skipped`.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from appliance import CLAWBOX, WAIT  # noqa: E402
from lifecycle import place  # noqa: E402
from pod import pod  # noqa: E402
from scenarios import Skip, equal, wait_for  # noqa: E402

FILTER = os.path.join(ROOT, "build", "release", "bin", "surroundings_filter")
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
LAYERS = ["no_new_privs", "dumpable", "limits", "seccomp", "uid", "namespaces", "root", "landlock", "capabilities"]


def waive(*layers):
    return [word for layer in layers for word in ("--waive", layer)]


def need_root():
    if not IS_ROOT:
        raise Skip("needs root")


@contextlib.contextmanager
def scene(*options, kinds=None, prefix=(), ordinary=False, directory=None):
    """A place whose server has not been started. `ordinary`: by a user that is not root."""
    user = NOBODY if ordinary and IS_ROOT else None
    before = tempfile.tempdir
    tempfile.tempdir = directory
    try:
        with place(*options, user=user, start=False) as p:
            if user is not None:  # where the program lies that user may have no way to
                os.chown(p.appliance.home, user, user)
                os.chmod(p.ca, 0o644)
            for what, path in (("program", CLAWBOX), ("filter", FILTER)):
                copy = os.path.join(p.appliance.home, what)
                shutil.copy(path, copy)
                os.chmod(copy, 0o755)
            p.appliance.program = os.path.join(p.appliance.home, "program")
            p.filters = 1 if kinds else 0
            p.appliance.prefix = [*prefix, *([os.path.join(p.appliance.home, "filter"), kinds] if kinds else [])]
            yield p
    finally:
        tempfile.tempdir = before


def is_userless(p):
    return bool(p.appliance.user) or not IS_ROOT


def serves(p, missing=(), lacking=()):
    """Full service; every role that runs has every layer but `missing`, and that is what is said."""
    p.appliance.start()
    p.make()
    equal("status", p.ask("/v1/once").status, 200)
    equal("credential", p.provider().take()[0].header("Authorization"), ["Bearer sk-real-alice"])
    status = json.loads(p.appliance.run("status", "--json").stdout)
    never = ["uid"] if is_userless(p) and "uid" not in missing else []
    wanted = [layer for layer in LAYERS if layer not in [*missing, *never]]
    for role in status["roles"]:
        equal(f"running {role['role']}", role["running"], 1)
        equal(f"layers of {role['role']}", role["layers"], wanted)
    equal("waived", sorted(status["waived"]), sorted(missing))
    equal("lacking", sorted(status["lacking"]), sorted(lacking))
    for layer in missing:
        assert f"WAIVED: the roles run without the confinement layer {layer}" in p.appliance.log(), p.appliance.log()
    look_at_roles(p, wanted)
    equal("the end", p.appliance.stop(), 0)


def refuses(p, *lacking, why=""):
    """Not started, nothing made, each layer named with its reason, and how to go on without it."""
    try:
        p.appliance.start()
    except RuntimeError:
        pass
    else:
        raise AssertionError("it was started")
    equal("status", p.appliance.stop(), 1)
    assert not os.path.exists(p.appliance.state), "a state directory was made"
    complaints = [line for line in p.appliance.log().splitlines() if ": error: " in line]
    named = [m.group(1) for line in complaints[:-1] if (m := re.search(r"the confinement layer (\w+) is not to be had here \(.+\)$", line))]
    equal("the layers that are named", sorted(named), sorted(lacking))
    equal("how to go on", sorted(re.findall(r"--waive (\w+)", complaints[-1])), sorted(lacking))
    assert why in p.appliance.log(), p.appliance.log()


# ---- what can be seen from outside of a role ----


def look_at_roles(p, layers):
    for (role, _), pid in p.appliance.roles().items():
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        equal(f"threads of {role}", status["Threads"].strip(), "1")
        equal(f"no_new_privs of {role}", status["NoNewPrivs"].strip(), "1" if "no_new_privs" in layers or p.filters else "0")
        equal(f"a filter in {role}", int(status["Seccomp_filters"]) > p.filters, "seccomp" in layers)
        if "capabilities" in layers:
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                equal(f"{kind} of {role}", int(status[kind], 16), 0)
        if IS_ROOT:
            look_deeper(p, role, pid, layers, status)


def look_deeper(p, role, pid, layers, status):
    def differs(kind):
        return os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")

    # The server itself may have been put into a mount namespace by the test.
    equal(f"namespaces of {role}", [differs(k) for k in ("ipc", "uts", "net")],
          [True, True, role != "egress"] if "namespaces" in layers else [False] * 3)
    if "root" in layers:
        files = sorted(os.listdir(f"/proc/{pid}/root"))
        equal(f"root of {role}", [f for f in files if not f.startswith("clawbox.db")], [])
        equal(f"something in the root of {role}", bool(files), role == "store")
    if "uid" in layers:
        equal(f"groups of {role}", status["Groups"].strip(), "")
        assert int(status["Uid"].split()[0]) >= 400000, status["Uid"]
        assert int(status["Gid"].split()[0]) >= 400000, status["Gid"]
    for fd in os.listdir(f"/proc/{pid}/fd"):
        kind = os.readlink(f"/proc/{pid}/fd/{fd}")
        expected = {"0": "/dev/null", "1": "/dev/null", "2": p.appliance.log_path}.get(fd)
        if expected:
            equal(f"descriptor {fd} of {role}", kind, expected)
        else:
            # The event loop keeps one in reserve, which is the root directory, or /dev/null where there is one.
            ours = re.match(r"(socket|pipe|anon_inode):|/dev/null$", kind) or (role == "store" and "/clawbox.db" in kind)
            assert ours or os.path.samefile(f"/proc/{pid}/fd/{fd}", f"/proc/{pid}/root"), f"{role} has {fd}: {kind}"


# ---- the tests ----


def everything_is_to_be_had():
    with scene() as p:
        serves(p)


def everything_is_to_be_had_by_an_ordinary_user():
    with scene(ordinary=True) as p:
        serves(p)


def descriptors_of_whoever_starts_it_do_not_reach_a_role():
    for ordinary in (False, True):
        with scene(kinds="open-files", ordinary=ordinary) as p:
            serves(p)


def without_landlock_it_refuses():
    for ordinary in (False, True):
        with scene(kinds="no-landlock", ordinary=ordinary) as p:
            refuses(p, "landlock", why="(Function not implemented)")


def without_landlock_and_told_so_it_serves():
    for ordinary in (False, True):
        with scene(*waive("landlock"), kinds="no-landlock", ordinary=ordinary) as p:
            serves(p, ["landlock"], ["landlock"])


def without_user_namespaces_an_ordinary_user_is_refused():
    with scene(kinds="no-users", ordinary=True) as p:
        refuses(p, "namespaces", "root", why="(unshare(CLONE_NEWUSER): Operation not permitted)")
    with scene(*waive("namespaces"), kinds="no-users", ordinary=True) as p:
        refuses(p, "root", why="(unshare(CLONE_NEWUSER): Operation not permitted)")


def without_user_namespaces_and_told_so_an_ordinary_user_is_served():
    with scene(*waive("namespaces", "root"), kinds="no-users", ordinary=True) as p:
        serves(p, ["namespaces", "root"])


def without_user_namespaces_root_has_everything():
    need_root()
    with scene(kinds="no-users") as p:
        serves(p)


def without_all_of_them_each_is_named():
    with scene(kinds="no-users,no-landlock", ordinary=True) as p:
        refuses(p, "namespaces", "root", "landlock")
    with scene(*waive("namespaces", "root", "landlock"), kinds="no-users,no-landlock", ordinary=True) as p:
        serves(p, ["namespaces", "root", "landlock"], ["landlock"])


def without_seccomp_it_refuses():
    with scene(kinds="no-seccomp") as p:
        refuses(p, "seccomp")
    with scene(*waive("seccomp"), kinds="no-seccomp") as p:
        serves(p, ["seccomp"], ["seccomp"])


def before_linux_5_2_root_gets_its_roots_by_chroot():
    need_root()
    with scene(kinds="old-mount") as p:
        serves(p)
        assert os.path.isdir(os.path.join(p.appliance.state, "empty"))


def before_linux_5_2_an_ordinary_user_is_refused():
    with scene(kinds="old-mount", ordinary=True) as p:
        refuses(p, "root", why="(fsopen(tmpfs): Function not implemented)")
    with scene(*waive("root"), kinds="old-mount", ordinary=True) as p:
        serves(p, ["root"])


def in_a_container_root_lacks_namespaces_only():
    need_root()
    with scene(kinds="container") as p:
        refuses(p, "namespaces", why="Operation not permitted")
    with scene(*waive("namespaces"), kinds="container") as p:
        serves(p, ["namespaces"])
        equal("the empty root", sorted(os.listdir(os.path.join(p.appliance.state, "empty"))), [])


def in_a_container_an_ordinary_user_lacks_namespaces_and_root():
    with scene(kinds="container", ordinary=True) as p:
        refuses(p, "namespaces", "root")
    with scene(*waive("namespaces", "root"), kinds="container", ordinary=True) as p:
        serves(p, ["namespaces", "root"])


def a_filter_that_kills_is_a_refusal_too():
    with scene(kinds="deadly", ordinary=True) as p:
        refuses(p, "namespaces", "root")


def in_a_user_namespace_with_one_user_root_lacks_uids():
    """As in a container of an ordinary user: root is whoever started it, and nobody else exists."""
    one_user = ["/usr/bin/unshare", "--user", "--map-root-user"]
    with scene(prefix=one_user, ordinary=True) as p:
        refuses(p, "uid", why="(not all of 61,000 uids from --uid-base on exist here)")
    with scene(*waive("uid"), prefix=one_user, ordinary=True) as p:
        serves(p, ["uid"])


def with_a_root_that_cannot_be_written_it_serves():
    need_root()
    command = "mount -o remount,bind,ro / && ! touch /clawbox-test 2>/dev/null && exec \"$@\""
    with scene(prefix=["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", command, "sh"], directory="/dev/shm") as p:
        serves(p)


def without_proc_it_refuses():
    need_root()
    command = "umount -l /proc && exec \"$@\""
    with scene(prefix=["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", command, "sh"]) as p:
        try:
            p.appliance.start()
        except RuntimeError:
            pass
        else:
            raise AssertionError("it was started")
        equal("status", p.appliance.stop(), 1)
        assert "/proc/self/exe" in p.appliance.log(), p.appliance.log()
        assert not os.path.exists(p.appliance.state), "a state directory was made"


# ---- a pod ----

POD_UID, POD_GROUP = 1000650000, 54321  # as OpenShift gives them: nobody's uid, and the volumes' group


def children(pid):
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        yield int(child)
        yield from children(int(child))


@contextlib.contextmanager
def a_pod(*layers):
    """A root that cannot be written, no capability, a uid without a name, volumes of root's that the group may read or write."""
    need_root()
    enter = (f"mount -o remount,bind,ro / && ! touch /clawbox-test 2>/dev/null && exec setpriv --reuid {POD_UID} --regid {POD_UID} --groups {POD_GROUP}"
             " --bounding-set -all --inh-caps -all --no-new-privs -- \"$@\"")
    before, tempfile.tempdir = tempfile.tempdir, "/dev/shm"
    try:
        with pod(start=False) as p:
            for what, path in (("program", CLAWBOX), ("filter", FILTER)):
                shutil.copy(path, os.path.join(p.home, what))
            os.mkdir(p.state)
            for folder, _, names in os.walk(p.home):
                os.chown(folder, 0, POD_GROUP)
                os.chmod(folder, 0o2775 if folder == p.state else 0o2755)
                for name in names:
                    path = os.path.join(folder, name)
                    os.chown(path, 0, POD_GROUP, follow_symlinks=False)
                    if not os.path.islink(path):
                        os.chmod(path, 0o755 if name in ("program", "filter") else 0o440)
            p.program = os.path.join(p.home, "program")
            p.prefix = ["/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", enter, "sh", os.path.join(p.home, "filter"), "container"]
            p.start(*waive(*layers))
            yield p
    finally:
        tempfile.tempdir = before


def in_a_pod_it_serves_and_names_what_is_waived():
    with a_pod("namespaces", "root") as p:
        p.ready()
        equal("status", p.ask().status, 200)
        p.secret("sk-real-second")
        wait_for("the new value", lambda: p.ask().status == 200 and "Bearer sk-real-second" in p.credentials())
        wait_for("the records", lambda: len(p.records()) >= 4)
        names = {}
        for pid in children(p.process.pid):
            name = open(f"/proc/{pid}/cmdline").read().split("\0")[1]
            status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines())
            names[name] = int(status["Seccomp_filters"]) > 1
            equal(f"uids of {name}", set(status["Uid"].split()), {str(POD_UID)})
            equal(f"capabilities of {name}", [int(status[kind], 16) for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb")], [0] * 4)
            equal(f"no_new_privs of {name}", status["NoNewPrivs"].strip(), "1")
        equal("who has a filter of its own", names, {"proxy": False, **{n: True for n in ("@store", "@vault", "@api", "@gate", "@egress", "@loader", "@audit")}})
        for layer in ("namespaces", "root"):
            assert f"WAIVED: the roles run without the confinement layer {layer}" in p.log(), p.log()
        for role in ("store", "vault", "api"):
            assert f"{role} holds: no_new_privs dumpable limits seccomp landlock capabilities\n" in p.log(), p.log()
        equal("the state directory", (os.stat(p.state + "/appliance").st_uid, os.stat(p.state + "/appliance").st_mode & 0o777), (POD_UID, 0o700))
        equal("the end", p.stop(), 0)


def in_a_pod_nothing_is_left_out_in_silence():
    with a_pod() as p:
        equal("the end", p.process.wait(WAIT), 1)
        assert "--waive namespaces --waive root" in p.log(), p.log()
        p.process = None


def each_layer_can_be_waived_and_no_other_goes_with_it():
    for layer in LAYERS:
        for ordinary in (False, True):
            if layer == "no_new_privs" or (layer == "uid" and (ordinary or not IS_ROOT)):
                continue  # the next test; and there is none to waive
            with scene(*waive(layer), ordinary=ordinary) as p:
                serves(p, [layer])


def no_new_privs_is_waived_with_what_needs_it():
    with scene(*waive("no_new_privs")) as p:
        try:
            p.appliance.start()
        except RuntimeError:
            pass
        equal("status", p.appliance.stop(), 1)
        assert "seccomp and landlock cannot hold without no_new_privs" in p.appliance.log(), p.appliance.log()
        assert not os.path.exists(p.appliance.state), "a state directory was made"
    for ordinary in (False, True):
        with scene(*waive("no_new_privs", "seccomp", "landlock"), ordinary=ordinary) as p:
            serves(p, ["no_new_privs", "seccomp", "landlock"])


def what_is_waived_is_shown():
    with scene(*waive("limits", "landlock")) as p:
        p.appliance.start()
        out = p.appliance.run("status").stdout.decode().splitlines()
        equal("the last line", out[-1], "Waived: limits, landlock")
        assert any(re.match(r"store +1 +\d+ +all but .*limits, .*landlock", line) for line in out), out


TESTS = [
    everything_is_to_be_had,
    everything_is_to_be_had_by_an_ordinary_user,
    descriptors_of_whoever_starts_it_do_not_reach_a_role,
    without_landlock_it_refuses,
    without_landlock_and_told_so_it_serves,
    without_user_namespaces_an_ordinary_user_is_refused,
    without_user_namespaces_and_told_so_an_ordinary_user_is_served,
    without_user_namespaces_root_has_everything,
    without_all_of_them_each_is_named,
    without_seccomp_it_refuses,
    before_linux_5_2_root_gets_its_roots_by_chroot,
    before_linux_5_2_an_ordinary_user_is_refused,
    in_a_container_root_lacks_namespaces_only,
    in_a_container_an_ordinary_user_lacks_namespaces_and_root,
    a_filter_that_kills_is_a_refusal_too,
    in_a_user_namespace_with_one_user_root_lacks_uids,
    with_a_root_that_cannot_be_written_it_serves,
    without_proc_it_refuses,
    in_a_pod_it_serves_and_names_what_is_waived,
    in_a_pod_nothing_is_left_out_in_silence,
    each_layer_can_be_waived_and_no_other_goes_with_it,
    no_new_privs_is_waived_with_what_needs_it,
    what_is_waived_is_shown,
]


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = skipped = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        if part not in name and part not in test.__name__:
            continue
        try:
            test()
            passed += 1
        except Skip as why:
            skipped += 1
            print(f"skipped: {name}: {why}", flush=True)
        except Exception as error:  # every failure is a result, not an end of the run
            failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
