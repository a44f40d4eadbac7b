"""The proxy's pod of a tenant, run on this machine as its Deployment says, against the API server that the Deployment is on.

What a kubelet would do is done here: volumes become folders (Secrets, ConfigMaps, a token that the API server makes), the variables of
Services and `$(NAME)` are filled in. Only paths and ports are others, since nothing is mounted but the
folder of the cluster's CA, whose name the program knows. Then kubectl asks for the workspace as
the gateway would: through the proxy, with the kubeconfig of the gateway's ConfigMap, which has a placeholder for a token.
"""

import base64
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile

import yaml

from cluster import START, Missing, free_ports

# Below it, paths are as they are in a pod: a mount namespace of the proxy's own has the folder there.
KNOWN = "/var/run/"
MOUNT = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && cp -R "$0/var/run/." /run/ && exec "$@"']


class Node:
    """A folder that stands for the file system of the tenant's pods, and the ports that stand for theirs."""

    def __init__(self, cluster, tenant):
        self.cluster = cluster
        self.space = tenant + "-claw"
        self.root = tempfile.mkdtemp(prefix="clawbox-node-")
        os.chmod(self.root, 0o755)
        self.ports = dict(zip(("8080", "8081"), free_ports(2)))
        self.process = None
        self.ready = False

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(START) == 0, f"the proxy ended with {self.process.returncode}: {self.log()}"

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self):
        with open(os.path.join(self.root, "log"), errors="replace") as file:
            return file.read()[-3000:]

    def get(self, plural, name):
        return self.cluster.get(f"/api/v1/namespaces/{self.space}/{plural}/{name}")

    def template(self, deployment):
        return self.cluster.get(f"/apis/apps/v1/namespaces/{self.space}/deployments/{deployment}")["spec"]["template"]

    # ---- volumes ----

    def contents(self, source, account, metadata):
        """File name to bytes, of a volume or of a source of a projected one. `metadata` is the pod's."""
        if "projected" in source:
            return {k: v for part in source["projected"]["sources"] for k, v in self.contents(part, account, metadata).items()}
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            request = {"spec": {"audiences": [], "expirationSeconds": wanted["expirationSeconds"]}}
            answer = self.cluster.ask("POST", f"/api/v1/namespaces/{self.space}/serviceaccounts/{account}/token", request)
            assert answer.status == 201, str(answer)
            return {wanted["path"]: answer.document["status"]["token"].encode()}
        if "downwardAPI" in source:
            return {item["path"]: self.field(metadata, item["fieldRef"]["fieldPath"]).encode() for item in source["downwardAPI"]["items"]}
        if "secret" in source:
            name = source["secret"].get("secretName") or source["secret"]["name"]
            data, items = {k: base64.b64decode(v) for k, v in self.get("secrets", name)["data"].items()}, source["secret"].get("items")
        elif "configMap" in source:
            data, items = {k: v.encode() for k, v in self.get("configmaps", source["configMap"]["name"])["data"].items()}, \
                source["configMap"].get("items")
        else:
            assert "emptyDir" in source or "persistentVolumeClaim" in source, source
            return {}
        return {item["path"]: data[item["key"]] for item in items} if items else data

    @staticmethod
    def field(metadata, path):
        which, key = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path).groups()
        return metadata[which][key]

    def mount(self, template, container):
        pod, metadata = template["spec"], template["metadata"]
        sources = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in container["volumeMounts"]:
            folder = self.root + mount["mountPath"]
            os.makedirs(folder, exist_ok=True)
            source = sources[mount["name"]]
            mode = next((part["defaultMode"] for part in source.values() if isinstance(part, dict) and "defaultMode" in part), 0o644)
            for name, data in self.contents(source, pod["serviceAccountName"], metadata).items():
                with open(os.path.join(folder, name), "wb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
                    file.write(self.here(data.decode(), container).encode())

    def here(self, text, container):
        """A text with the mounted folders and the ports as they are on this machine."""
        paths = {mount["mountPath"] for mount in container["volumeMounts"]}
        # A folder whose entries are mounted one by one is meant, too: /etc/clawbox/credentials.
        paths |= {os.path.dirname(path) for path in paths if path.count("/") > 3}
        known = "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True) if not path.startswith(KNOWN))
        text = re.sub(rf"(?<![\w./-])({known})(?![\w-])", lambda m: self.root + m[1], text)
        for port, real in self.ports.items():
            text = re.sub(rf"(0\.0\.0\.0|127\.0\.0\.1):{port}\b", f"127.0.0.1:{real}", text)
        return text

    # ---- processes ----

    def environment(self, container):
        values = {"PROXY_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.cluster.port)}
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                key = variable["valueFrom"]["secretKeyRef"]
                values[variable["name"]] = base64.b64decode(self.get("secrets", key["name"])["data"][key["key"]]).decode()
            else:
                text = re.sub(r"\$\((\w+)\)", lambda m: values.get(m[1], m[0]), variable.get("value", ""))
                values[variable["name"]] = self.here(text, container)
        return values

    def start_proxy(self, program):
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            raise Missing("a mount namespace needs root, and unshare")
        template = self.template("proxy")
        container, = template["spec"]["containers"]
        self.mount(template, container)
        command = [program, *(self.here(argument, container) for argument in container["args"])]
        with open(os.path.join(self.root, "log"), "wb") as log:
            command = [*MOUNT, self.root, *command]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment(container)})
        probe = container["readinessProbe"]["httpGet"]["path"]
        for _ in range(START * 5):
            assert self.process.poll() is None, f"the proxy ended: {self.log()}"
            if self.health(probe)[0] == 200:
                self.ready = True
                return
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError(f"the proxy was not ready in {START} s: {self.health(probe)}: {self.log()}")

    def health(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["8081"], timeout=START)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def fetch_trust(self, program):
        """The gateway's init container."""
        template = self.template("gateway")
        first, = template["spec"]["initContainers"]
        self.mount(template, first)
        done = subprocess.run([program, *(self.here(argument, first) for argument in first["args"])], env={**os.environ, **self.environment(first)},
                              capture_output=True, text=True, timeout=START)
        assert done.returncode == 0, f"trust: {done.stderr}"

    def kubectl(self, *arguments, stdin=""):
        """As the assistant calls it in the gateway's container."""
        template = self.template("gateway")
        container, = template["spec"]["containers"]
        if not os.path.exists(self.root + "/etc/kube"):
            self.mount(template, container)
        environment = {"PATH": os.environ["PATH"], **self.environment(container), "HOME": self.root}
        return subprocess.run([self.cluster.kubectl_program, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=START)


def prepare(cluster, provisioner, tenant, apply):
    """A tenant like alice with its Secrets, as an administrator makes them: `--secrets file`, and kubectl."""
    document = yaml.safe_load(provisioner.text("alice"))
    document["metadata"]["name"] = tenant
    options = ["--secrets", "file"]
    for name in ("openai", "anthropic"):
        path = os.path.join(provisioner.appliance.home, name)
        with open(path, "w") as file:
            file.write("the-real-key-of-" + name)
        options += ["--credential-file", f"{name}={path}"]
    provisioner.write(tenant, yaml.safe_dump(document), *options)
    folder = provisioner.folder(tenant)
    apply(cluster, folder)
    cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", os.path.join(folder, "secrets.yaml"))
    with open(cluster.certificates.ca) as file:
        root = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": file.read()}}  # as a controller does
    answer = cluster.ask("POST", f"/api/v1/namespaces/{tenant}-claw/configmaps", root)
    assert answer.status == 201, str(answer)


def works_in_its_workspace(node, dev):
    listed = node.kubectl("get", "pods", "--namespace", dev)
    assert listed.returncode == 0 and "No resources found" in listed.stderr, f"{listed.stdout}{listed.stderr}{node.log()}"
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": dev},
                  "spec": {"selector": {"matchLabels": {"app": "web"}},
                           "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}}}
    made = node.kubectl("create", "-f", "-", stdin=yaml.safe_dump(deployment))
    assert made.returncode == 0, made.stderr
    assert node.cluster.get(f"/apis/apps/v1/namespaces/{dev}/deployments/web")["metadata"]["name"] == "web"
    deployment["metadata"]["name"] = "thief"
    deployment["spec"]["template"]["spec"]["volumes"] = [{"name": "s", "secret": {"secretName": "s"}}]
    refused = node.kubectl("create", "-f", "-", stdin=yaml.safe_dump(deployment))
    assert refused.returncode != 0 and "ValidatingAdmissionPolicy" in refused.stderr, refused.stderr


def reaches_nothing_else(node, dev):
    for arguments in (["get", "secrets", "--namespace", dev], ["get", "secrets", "--namespace", node.space], ["get", "pods", "--namespace", "alice-dev"],
                      ["get", "nodes"], ["create", "token", "default", "--namespace", dev], ["auth", "can-i", "get", "secrets", "--as", "admin"]):
        done = node.kubectl(*arguments)
        # kubectl has "unknown" for an answer whose reason it does not show.
        assert done.returncode != 0 and ("orbidden" in done.stderr or "unknown (post" in done.stderr), \
            f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
        assert "eyJ" not in done.stdout, f"{arguments}: a token: {done.stdout}"


def holds_no_token(node):
    """What the gateway has is of no use without the proxy."""
    with open(node.root + "/etc/kube/config") as file:
        token = yaml.safe_load(file)["users"][0]["user"]["token"]
    for path in (node.root + "/etc/kube", node.root + "/etc/openclaw", node.root + "/trust"):
        for name in os.listdir(path):
            with open(os.path.join(path, name)) as file:
                assert "the-real-key" not in file.read(), name
    done = node.cluster.kubectl("--kubeconfig", "/dev/null", "--server", f"https://127.0.0.1:{node.cluster.port}", "--certificate-authority",
                                node.cluster.certificates.ca, "--token", token, "get", "pods", check=False)
    assert done.returncode != 0 and "Unauthorized" in done.stderr, f"{done.stdout}{done.stderr}"
