#!/usr/bin/env python3
"""The image that `clawbox image` writes: as others read it, and as a pod would start it (oci.py).

    run.py [PART]       runs the tests whose name contains PART

Where a tool is missing, or containers cannot be started here, the tests that need it are skipped and say so. The last line is
`N passed, N failed, N skipped`.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import traceback

from oci import ANY_UID, CLAWBOX, Container, Missing, WAIT, make_image, need, parts

from appliance import Agent, make_certificates
from health import ask, free_port
from provider import Provider
from scenarios import equal, get, wait_for

HOST = "api.openai.com"


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="clawbox-image-")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def tool(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


# ---- what is in it ----


def the_same_program_and_roots_give_the_same_bytes():
    with folder() as home:
        def digest(name, *options, **environment):
            with open(make_image(os.path.join(home, name), *options, **environment), "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        first = digest("a")
        equal("again", digest("b"), first)
        assert digest("c", SOURCE_DATE_EPOCH="951782400") != first, "$SOURCE_DATE_EPOCH changes nothing"
        _, _, config, layer = parts(os.path.join(home, "c"))
        equal("created", config["created"][:19], "2000-02-29T00:00:00")
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            equal("times", {m.mtime for m in tar}, {951782400})


def one_program_and_no_shell():
    with folder() as home:
        _, manifest, config, layer = parts(make_image(os.path.join(home, "image.tar")))
        equal("layers", len(manifest["layers"]), 1)
        equal("diff", config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(layer).hexdigest()])
        equal("user and entrypoint", (config["config"]["User"], config["config"]["Entrypoint"]), ("65532:65532", ["/clawbox"]))
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            files = {m.name: m for m in tar}
            program = tar.extractfile("clawbox").read()
            roots = tar.extractfile("etc/ssl/certs/ca-certificates.crt").read()
        equal("what can be executed", [n for n, m in files.items() if m.isfile() and m.mode & 0o111], ["clawbox"])
        equal("set-id", [n for n, m in files.items() if m.mode & 0o6000], [])
        equal("links", [n for n, m in files.items() if not m.isfile() and not m.isdir()], [])
        equal("writable to others", [n for n, m in files.items() if m.mode & 0o022 and n not in ("tmp", "var/lib/clawbox")], [])
        state = files["var/lib/clawbox"]
        equal("the state directory", (state.mode, state.uid, state.gid), (0o770, 65532, 0))
        with open(CLAWBOX, "rb") as file:
            assert program == file.read(), "the program in it is another one"
        labels = config["config"]["Labels"]
        equal("labels", (labels["clawbox.program.sha256"], labels["clawbox.roots.sha256"]),
              (hashlib.sha256(program).hexdigest(), hashlib.sha256(roots).hexdigest()))


def wrong_options_write_nothing():
    with folder() as home:
        out, nothing = os.path.join(home, "image.tar"), os.path.join(home, "none.pem")
        with open(nothing, "w") as file:
            file.write("no certificates\n")
        for options, code, said in [(["--tag", "No"], 2, "--tag"), (["--platform", "linux/s390x"], 2, "linux/s390x"),
                                    (["--roots", nothing], 1, nothing), (["--roots", nothing + "x"], 1, nothing + "x")]:
            done = subprocess.run([CLAWBOX, "image", "-o", out, *options], capture_output=True, text=True, timeout=WAIT)
            equal(str(options), done.returncode, code)
            assert said in done.stderr, done.stderr
            assert not os.path.exists(out), options


# ---- as others read it ----


def skopeo_takes_it():
    need("skopeo")
    with folder() as home:
        image = make_image(os.path.join(home, "image.tar"), "--tag", "registry.example.com/team/clawbox:7")
        seen = json.loads(tool("skopeo", "inspect", "oci-archive:" + image))
        equal("title", seen["Labels"]["org.opencontainers.image.title"], "clawbox")
        for to in ("dir:", "oci:", "docker-archive:"):
            copy = os.path.join(home, to[:-1])
            tool("skopeo", "copy", "--insecure-policy", "-q", "oci-archive:" + image, to + copy + (":x:1" if "archive" in to else ""))
            equal(to, json.loads(tool("skopeo", "inspect", to + copy))["Labels"], seen["Labels"])


def podman_takes_it():
    need("podman")
    with folder() as home:
        image = make_image(os.path.join(home, "image.tar"), "--tag", "registry.example.com/team/clawbox:7")
        podman = ["podman", "--root", os.path.join(home, "root"), "--runroot", os.path.join(home, "run"), "--storage-driver", "vfs",
                  "--cgroup-manager", "cgroupfs"]
        done = subprocess.run([*podman, "info"], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Missing("podman does not work here: " + (done.stderr.strip().splitlines() or ["?"])[-1])
        assert "registry.example.com/team/clawbox:7" in tool(*podman, "load", "-i", image)
        seen = json.loads(tool(*podman, "image", "inspect", "registry.example.com/team/clawbox:7"))[0]
        equal("user", seen["Config"]["User"], "65532:65532")
        equal("entrypoint", seen["Config"]["Entrypoint"], ["/clawbox"])


# ---- as a pod would start it ----


class Pod:
    """`clawbox proxy` as the manifests have it, in a container, with a provider on this machine's loopback."""

    TOKEN = "cbx_" + "t" * 40
    TENANT = """apiVersion: clawbox/v1
kind: Tenant
metadata: {{name: alice}}
spec:
  routes:
    - provider: openai
      credential: openai
      upstream: {{address: "127.0.0.1:{port}", caFile: /etc/clawbox/tenant/provider-ca.pem}}
"""

    def __init__(self, home, runtime, options):
        self.home = home
        self.image = make_image(os.path.join(home, "image.tar"))
        ca, certificate, key = make_certificates(home, [HOST])
        self.provider = Provider(certificate, key)
        with open(ca) as file:
            self.put("tenant/provider-ca.pem", file.read())
        self.put("tenant/tenant.yaml", self.TENANT.format(port=self.provider.port))
        self.put("credentials/openai/hosts", HOST + ":443\n")
        self.put("token/proxy-token", self.TOKEN)
        self.put("key/master-key", secrets.token_hex(32))
        # A volume as fsGroup makes it: somebody else's, and the group may write.
        self.volume = os.path.join(home, "volume")
        os.mkdir(self.volume)
        os.chmod(self.volume, 0o2770)
        self.port, self.health = free_port(), free_port()
        self.container = Container(
            self.image, ["proxy", "-f", "/etc/clawbox/tenant/tenant.yaml", "--credentials", "/etc/clawbox/credentials", "--token-file",
                         "/etc/clawbox/token/proxy-token", "--master-key-file", "/etc/clawbox/key/master-key", "--state",
                         "/var/lib/clawbox", "--listen", f"127.0.0.1:{self.port}", "--health", f"127.0.0.1:{self.health}", *options],
            [(os.path.join(home, name), "/etc/clawbox/" + name, False) for name in ("tenant", "credentials", "token", "key")] +
            [(self.volume, "/var/lib/clawbox", True)], runtime=runtime)

    def put(self, name, text):
        """A file as a volume of Kubernetes has it: root's, for the pod's group to read, there at once."""
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", 0o440)
        os.rename(path + ".new", path)

    def set_credential(self):
        """With hosts that do not cover the routes it stays unset, and the log says what they would have to be."""
        self.put("credentials/openai/value", "sk-real")
        wanted = wait_for("what the routes want", lambda: re.findall('the routes want: "(.+)"', self.container.log()))[0]
        assert self.ready()[0] == 503, "a credential goes where its Secret does not let it go"
        self.put("credentials/openai/hosts", wanted + "\n")

    def ready(self):
        try:
            status, text, _ = ask(self.health, "/readyz")
        except OSError:
            return 0, ""
        return status, text

    def cli(self, *arguments):
        done = subprocess.run([CLAWBOX, *arguments, "--state", os.path.join(self.volume, "appliance")], capture_output=True, timeout=WAIT)
        assert done.returncode == 0, f"{arguments}: {done.stderr.decode()}"
        return done.stdout

    def proxy_url(self):
        return f"http://alice:{self.TOKEN}@127.0.0.1:{self.port}"

    def close(self):
        for _ in range(100):
            self.provider.next_event()  # its threads shall not wait for ever
        self.container.close()
        self.provider.close()


def works_here(image):
    """Whether containers can be started on this machine at all."""
    first = Container(image, ["version", "--json"])
    try:
        code, out, err = first.run()
    finally:
        first.close()
    if code != 0 and not out:
        raise Missing("runc does not start containers here: " + (err.strip().splitlines() or ["?"])[-1])
    equal("version", (code, "clawbox" in json.loads(out)), (0, True))


def fetches_what_it_trusts(pod):
    """What the gateway's init container does; the path of the file."""
    trust = os.path.join(pod.home, "trust")
    os.makedirs(trust, exist_ok=True)
    os.chown(trust, ANY_UID, 0)
    init = Container(pod.image, ["trust", "--out", "/trust/ca.pem"], [(trust, "/trust", True)], ["CLAWBOX_PROXY_URL=" + pod.proxy_url()])
    try:
        code, _, err = init.run()
    finally:
        init.close()
    equal("trust: " + err, code, 0)
    return os.path.join(trust, "ca.pem")


def asks(pod, trusted):
    agent = Agent({"HTTPS_PROXY": pod.proxy_url(), "SSL_CERT_FILE": trusted})
    equal("CONNECT", agent.connect(HOST + ":443").status, 200)
    agent.start_tls(HOST)
    status = get(agent, "/v1/models").status
    agent.close()
    return status


def serves(runtime, options, layers):
    """The whole of it in a container: what is missing, a request, its record, the layers that hold, the end, and what is there after it."""
    with folder() as home:
        pod = Pod(home, runtime, options)
        try:
            works_here(pod.image)
            pod.container.start()
            wait_for("what is missing", lambda: pod.ready()[0] == 503 and "the credential openai is not set" in pod.ready()[1])
            pod.set_credential()
            wait_for("the credential", lambda: pod.ready()[0] == 200)
            trusted = fetches_what_it_trusts(pod)
            equal("status", asks(pod, trusted), 200)
            equal("credential", [r.header("Authorization")[0] for r in pod.provider.take()], ["Bearer sk-real"])
            wait_for("a record on standard output", lambda: [
                r for r in map(json.loads, list(pod.container.lines)) if r.get("reason") == "route" and r.get("credential") == "openai"])
            held = {r["role"]: set(r["layers"]) for r in json.loads(pod.cli("status", "--json"))["roles"]}
            equal("layers", held, dict.fromkeys(("store", "vault", "api", "gate", "egress"), layers))
            pod.container.signal("TERM")
            equal("exit code", pod.container.wait(), 0)
            pod.container.start()  # what it wrote is there: the CA, and the records
            wait_for("the second start", lambda: pod.ready()[0] == 200)
            equal("with the CA from before", asks(pod, trusted), 200)
            pod.cli("audit", "verify")
            decided = [r["reason"] for r in map(json.loads, pod.cli("audit", "alice", "--json", "-n", "100").splitlines()) if "route" in r]
            equal("records", decided.count("route"), 2)
            pod.container.signal("TERM")
            equal("exit code", pod.container.wait(), 0)
        except BaseException:
            print(pod.container.log()[-3000:] if os.path.exists(pod.container.log_path) else "")
            raise
        finally:
            pod.close()


OWN = {"no_new_privs", "dumpable", "limits", "seccomp", "landlock", "capabilities"}


def a_container_of_podman_has_every_layer_but_uids():
    """Its filter lets an unprivileged process have namespaces of its own."""
    serves("podman", [], OWN | {"namespaces", "root"})


def a_container_of_containerd_has_every_layer_that_needs_no_namespace():
    serves("containerd", ["--waive", "namespaces", "--waive", "root"], OWN)


def without_the_waiver_a_container_says_what_is_missing():
    with folder() as home:
        image = make_image(os.path.join(home, "image.tar"))
        works_here(image)
        state = os.path.join(home, "state")
        os.mkdir(state)
        os.chown(state, ANY_UID, 0)
        container = Container(image, ["serve", "--state", "/state"], [(state, "/state", True)])
        try:
            code, out, err = container.run()
        finally:
            container.close()
        equal("exit code", (code, out), (1, ""))
        assert "--waive namespaces" in err, err
        equal("what was written", os.listdir(state), [])


TESTS = [the_same_program_and_roots_give_the_same_bytes, one_program_and_no_shell, wrong_options_write_nothing, skopeo_takes_it,
         podman_takes_it, a_container_of_podman_has_every_layer_but_uids,
         a_container_of_containerd_has_every_layer_that_needs_no_namespace, without_the_waiver_a_container_says_what_is_missing]


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = skipped = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        if part not in name:
            continue
        try:
            test()
            passed += 1
        except Missing as why:
            skipped += 1
            print(f"skipped: {name}: {why}", flush=True)
        except Exception as error:  # every failure is a result, not an end of the run
            failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed + skipped == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
