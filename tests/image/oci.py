"""Containers by hand, as a kubelet would have them started: a bundle made from the image, and runc."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from appliance import CLAWBOX, WAIT  # noqa: E402

ANY_UID = 1000650000  # as OpenShift gives them out
SECCOMP = "/usr/share/containers/seccomp.json"  # what podman and CRI-O call the default

# What containerd's default does not give to a container without CAP_SYS_ADMIN, and podman's does.
CONTAINERD_WITHHOLDS = {"bpf", "chroot", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr",
                        "move_mount", "open_tree", "perf_event_open", "pivot_root", "quotactl", "setdomainname", "sethostname", "setns",
                        "syslog", "umount", "umount2", "unshare"}
NAMESPACES = 0x7e020000  # the flags of clone() that make one


class Missing(Exception):
    """What a test needs and cannot be had here."""


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"there is no {program}")


def make_image(path, *options, **environment):
    done = subprocess.run([CLAWBOX, "image", "-o", path, *options], env={"PATH": os.environ["PATH"], **environment}, capture_output=True,
                          text=True, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    return path


def parts(path):
    """(index, manifest, configuration, layer as bytes) of an archive."""
    with tarfile.open(path) as tar:
        def blob(descriptor):
            data = tar.extractfile("blobs/" + descriptor["digest"].replace(":", "/")).read()
            assert len(data) == descriptor["size"], descriptor
            return data
        index = json.load(tar.extractfile("index.json"))
        manifest = json.loads(blob(index["manifests"][0]))
        return index, manifest, json.loads(blob(manifest["config"])), blob(manifest["layers"][0])


def default_seccomp(runtime):
    """The profile of containers-common in the words of the runtime specification, for a container without any capability; or, for the runtime
    "containerd", what that withholds besides."""
    if not os.path.exists(SECCOMP):
        raise Missing(f"there is no {SECCOMP}")
    with open(SECCOMP) as file:
        profile = json.load(file)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    mine = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}[machine]
    rules = []
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        if includes.get("caps") or (includes.get("arches") and machine not in includes["arches"]) or \
                machine in (excludes.get("arches") or []):
            continue
        kept = {k: rule[k] for k in ("names", "action", "args", "errnoRet") if rule.get(k) is not None}
        kept["args"] = [{k: v for k, v in a.items() if k in ("index", "value", "valueTwo", "op")} for a in kept.get("args", [])]
        rules.append(kept)
    if runtime == "containerd":
        for rule in rules:
            rule["names"] = [n for n in rule["names"] if n not in CONTAINERD_WITHHOLDS and n != "clone"]
        rules = [r for r in rules if r["names"]] + [
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "args": []}]
    out = {"defaultAction": profile["defaultAction"], "architectures": [mine], "syscalls": rules}
    out["defaultErrnoRet"] = 1 if runtime == "containerd" else profile.get("defaultErrnoRet", 1)
    return out


class Container:
    """A container of the image: read-only root, no capability, a uid that nobody knows with group 0, the default seccomp filter. The network is
    this machine's, whose loopback has the provider."""

    number = 0

    def __init__(self, image, arguments, mounts=(), environment=(), runtime="containerd"):
        """mounts: (directory here, path there, writable)."""
        need("runc")
        if os.geteuid() != 0:
            raise Missing("runc is started as root here")
        Container.number += 1
        self.name = f"clawbox-test-{os.getpid()}-{Container.number}"
        self.home = tempfile.mkdtemp(prefix="clawbox-image-")
        os.chmod(self.home, 0o755)
        self.state = os.path.join(self.home, "runc")
        self.bundle = os.path.join(self.home, "bundle")
        root = os.path.join(self.bundle, "rootfs")
        os.makedirs(root)
        _, _, config, layer = parts(image)
        subprocess.run(["tar", "-x", "-p", "-C", root], input=layer, check=True)
        for _, there, _ in mounts:
            os.makedirs(root + there, exist_ok=True)  # as the runtimes of a kubelet do
        self.write(config, arguments, mounts, environment, runtime)
        self.process = None
        self.lines = []  # of its standard output
        self.log_path = os.path.join(self.home, "log")

    def write(self, config, arguments, mounts, environment, runtime):
        subprocess.run(["runc", "spec", "--bundle", self.bundle], check=True)
        path = os.path.join(self.bundle, "config.json")
        with open(path) as file:
            spec = json.load(file)
        process, linux = spec["process"], spec["linux"]
        process.update(terminal=False, args=config["config"]["Entrypoint"] + list(arguments), cwd="/", noNewPrivileges=True, rlimits=[],
                       user={"uid": ANY_UID, "gid": 0, "additionalGids": []}, capabilities={k: [] for k in process["capabilities"]},
                       env=["PATH=/usr/local/bin:/usr/bin:/bin", *environment])
        spec["root"]["readonly"] = True
        spec["mounts"] = [m for m in spec["mounts"] if m["type"] != "cgroup"] + [
            {"destination": there, "type": "bind", "source": here,
             "options": ["rbind", "nosuid", "nodev", "noexec", "rw" if writable else "ro"]} for here, there, writable in mounts]
        linux["namespaces"] = [n for n in linux["namespaces"] if n["type"] not in ("network", "cgroup")]
        linux["resources"] = {}
        linux["seccomp"] = default_seccomp(runtime)
        with open(path, "w") as file:
            json.dump(spec, file)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(["runc", "--root", self.state, "run", "--bundle", self.bundle, self.name],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.lines = []
        self.reader = threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True)
        self.reader.start()

    def read(self, stream):
        for line in stream:
            self.lines.append(line)

    def run(self):
        """To its end: (exit code, standard output, standard error)."""
        done = subprocess.run(["runc", "--root", self.state, "run", "--bundle", self.bundle, self.name], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=WAIT)
        return done.returncode, done.stdout, done.stderr

    def runc(self, *arguments, check=True):
        return subprocess.run(["runc", "--root", self.state, *arguments], check=check, capture_output=True, text=True, timeout=WAIT)

    def signal(self, name):
        self.runc("kill", self.name, name)

    def wait(self):
        status = self.process.wait(WAIT)
        self.reader.join(WAIT)
        self.process.stdout.close()
        self.process = None
        return status

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def close(self):
        if self.process is not None:
            self.runc("delete", "--force", self.name, check=False)
            self.wait()
        shutil.rmtree(self.home, ignore_errors=True)
