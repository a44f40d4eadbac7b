"""kubectl through the proxy, against a fake API server with two namespaces: what the rules of a route let it do."""

import json
import os
import shutil
import subprocess

from appliance import CLAWBOX, WAIT, make_certificates
from lifecycle import place
from provider import Provider
from scenarios import Skip, absent, equal

SERVER = "kubernetes.default.svc"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.real-token-of-the-workspace.sig"
ROUTES = """
    - provider: kubernetes-workspace
      credential: workspace
      kubernetes:
        - {{namespaces: [alice-dev], verbs: ["*"], resources: ["*"]}}
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
LISTS = {
    "pods": ("", "Pod", {"containers": [{"name": "c", "image": "i"}]}),
    "secrets": ("", "Secret", None),
}


class ApiServer(Provider):
    """Discovery, and lists and objects of pods and secrets; everybody with the real token may do everything."""

    def _answer(self, connection, method, path, length, digest):
        with self.lock:
            headers = dict((n.lower(), v) for n, v in self.requests[-1].headers)
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return self._send(connection, 401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401,
                                                "reason": "Unauthorized", "message": "no"})
        return self._send(connection, *self._resource(path))

    @staticmethod
    def _send(connection, status, document):
        body = json.dumps(document).encode()
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                           % (status, len(body), body))
        return True

    @staticmethod
    def _resource(path):
        parts = path.strip("/").split("/")
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        if path == "/apis":
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        if path == "/version":
            return 200, {"major": "1", "minor": "30", "gitVersion": "v1.30.0"}
        if path == "/api/v1":
            return 200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list", "create", "delete"]}
                for name, (_, kind, _) in LISTS.items()]}
        if len(parts) >= 5 and parts[:3] == ["api", "v1", "namespaces"] and parts[4] in LISTS:
            _, kind, spec = LISTS[parts[4]]
            item = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "namespace": parts[3]}}
            if spec:
                item["spec"] = spec
            if len(parts) == 5:
                return 200, {"kind": kind + "List", "apiVersion": "v1", "metadata": {}, "items": [item]}
            return 200, item
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": "no"}


def kubectl_works_in_its_namespace_and_nowhere_else():
    if not shutil.which("kubectl"):
        raise Skip("kubectl is not installed")
    with place() as p:
        ca, certificate, key = make_certificates(p.appliance.home, [SERVER])
        server = p.providers["alice"] = ApiServer(certificate, key)
        p.ca = ca
        p.make(value=None, routes=ROUTES)
        p.set(TOKEN, credential="workspace")
        environment = dict(p.environments["alice"], HOME=p.appliance.home, PATH=os.environ["PATH"])
        placeholder = environment["KUBE_TOKEN"]
        config = os.path.join(p.appliance.home, "kubeconfig")
        with open(config, "w") as file:
            json.dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": f"https://{SERVER}",
                                                       "certificate-authority": environment["SSL_CERT_FILE"]}}],
                "users": [{"name": "u", "user": {"token": placeholder}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "alice-dev"}}],
            }, file)

        def kubectl(*arguments, status=0):
            done = subprocess.run(["kubectl", "--kubeconfig", config, *arguments], env=environment, capture_output=True,
                                  timeout=WAIT, text=True)
            equal(f"kubectl {arguments}: {done.stdout}{done.stderr}", done.returncode, status)
            absent("what kubectl shows", TOKEN, done.stdout + done.stderr)
            return done.stdout + done.stderr

        assert "pod/web" in kubectl("get", "pods", "-o", "name")
        assert "deleted" in kubectl("delete", "pod", "web", "--wait=false")
        asked = [r.target for r in server.take()]
        assert "/api/v1/namespaces/alice-dev/pods?limit=500" in asked, asked
        # The agent's token is the placeholder, and the provider saw only the real one.
        for refused in (("get", "secrets"), ("get", "pods", "-n", "alice-claw"), ("get", "pods", "-A"),
                        ("create", "token", "default"), ("exec", "web", "--", "sh")):
            kubectl(*refused, status=1)
        asked = [(r.method, r.target) for r in server.take()]
        for method, target in asked:
            path = target.split("?")[0]
            assert path in ("/api", "/apis", "/api/v1", "/version") or path == "/api/v1/namespaces/alice-dev/pods/web", target
        denied = [r for r in p.appliance.audit("alice") if r["reason"] == "kubernetes_rule"]
        assert len(denied) >= 4, denied
        # Nobody becomes somebody else with the route's credential.
        kubectl("get", "pods", "--as", "system:admin")
        for request in server.take():
            equal("Impersonate-User", request.header("Impersonate-User"), [])


def a_token_in_a_file_that_rotates_is_followed():
    with place() as p:
        ca, certificate, key = make_certificates(p.appliance.home, [SERVER])
        server = p.providers["alice"] = ApiServer(certificate, key)
        p.ca = ca
        p.make(value=None, routes=ROUTES)
        path = os.path.join(p.appliance.home, "token")

        def write(token):
            with open(path + ".new", "w") as file:
                file.write(token + "\n")
            os.rename(path + ".new", path)

        write("the.first.token")
        follower = subprocess.Popen([CLAWBOX, "credential", "set", "alice", "workspace", "--from-file", path, "--follow",
                                     "--state", p.appliance.state], stdout=subprocess.PIPE, text=True)
        try:
            for token in ("the.first.token", "the.second.token"):
                write(token)
                line = follower.stdout.readline()
                assert "workspace is set" in line, line
                p.ask("/api/v1/namespaces/alice-dev/pods", host=SERVER)
                equal("Authorization", server.take()[-1].header("Authorization"), [f"Bearer {token}"])
        finally:
            follower.kill()
            follower.wait()


KUBERNETES = [kubectl_works_in_its_namespace_and_nowhere_else, a_token_in_a_file_that_rotates_is_followed]
