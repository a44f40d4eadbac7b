"""A real API server: etcd, and the kube-apiserver that apiserver/ builds. Nothing else of a cluster runs: no controller, no node.

What a controller would have made and a test needs, the test makes. Certificates are from openssl, ports from the kernel, all files in a
folder that is removed in the end; only processes that were started here are ended.
"""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ADMISSION = "NodeRestriction"  # beside those that are on by default, PodSecurity and ValidatingAdmissionPolicy among them
START = 120  # seconds after which a server that must be ready is said not to be
SERVICES = "10.96.0.0/16"


class Missing(Exception):
    """Something that these tests need cannot be had on this machine."""


def build(module):
    """The folder with the programs of a module beside this file (build.sh)."""
    done = subprocess.run([os.path.join(HERE, "build.sh"), module], capture_output=True, text=True)
    if done.returncode == 3:
        raise Missing(done.stderr.strip().splitlines()[-1])
    if done.returncode != 0:
        raise RuntimeError(f"build.sh {module}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def find_servers():
    """(etcd, kube-apiserver, kubectl): Missing says what there is not."""
    etcd = shutil.which("etcd")
    if etcd is None:
        raise Missing("there is no etcd (package etcd-server)")
    folder = build("apiserver")
    return etcd, os.path.join(folder, "kube-apiserver"), os.path.join(folder, "kubectl")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Certificates:
    """A CA, the server's certificate, an administrator's, and the key that service account tokens are signed with."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self.ca_key = self.path("ca.pem"), self.path("ca.key")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.curve = curve
        openssl("req", "-x509", *curve, "-keyout", self.ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=test cluster",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.server = self.issue("server", "/CN=kube-apiserver", "serverAuth",
                                 "subjectAltName=DNS:kubernetes.default.svc,IP:127.0.0.1")
        self.admin = self.issue("admin", "/O=system:masters/CN=admin", "clientAuth")
        self.accounts = self.path("accounts.key")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.accounts)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, subject, usage, *extensions):
        cert, key, request, file = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        with open(file, "w") as out:
            out.write("\n".join(["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                                 "extendedKeyUsage=" + usage, *extensions]) + "\n")
        openssl("req", "-new", *self.curve, "-keyout", key, "-out", request, "-subj", subject)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial", "-out", cert,
                "-days", "2", "-extfile", file)
        return cert, key


class Answer:
    def __init__(self, status, warnings, document):
        self.status = status
        self.warnings = warnings
        self.document = document
        self.message = document.get("message", "") if isinstance(document, dict) else ""

    def __str__(self):
        return f"{self.status} {self.message[:700]}"


class Cluster:
    def __init__(self):
        self.etcd_program, self.server_program, self.kubectl_program = find_servers()
        self.folder = tempfile.mkdtemp(prefix="clawbox-kube-")
        self.processes = []
        self.local = threading.local()

    # ---- its life ----

    def start(self):
        try:
            self.certificates = Certificates(self.folder)
            client, peer, self.port = free_ports(3)
            here = "http://127.0.0.1:"
            self.launch("etcd", [self.etcd_program, "--data-dir", self.path("etcd"), "--unsafe-no-fsync",
                                 "--listen-client-urls", f"{here}{client}", "--advertise-client-urls", f"{here}{client}",
                                 "--listen-peer-urls", f"{here}{peer}", "--initial-advertise-peer-urls", f"{here}{peer}",
                                 "--initial-cluster", f"default={here}{peer}"])
            c = self.certificates
            self.server = self.launch("kube-apiserver", [
                self.server_program, "--etcd-servers", f"{here}{client}", "--bind-address", "127.0.0.1",
                "--secure-port", str(self.port), "--cert-dir", self.path("certificates"),
                "--tls-cert-file", c.server[0], "--tls-private-key-file", c.server[1], "--client-ca-file", c.ca,
                "--service-account-key-file", c.accounts, "--service-account-signing-key-file", c.accounts,
                "--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", SERVICES,
                "--authorization-mode", "Node,RBAC", "--anonymous-auth=false", "--allow-privileged",
                "--enable-admission-plugins", ADMISSION, "--endpoint-reconciler-type", "none", "--watch-cache=true"])
            self.write_kubeconfig()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def path(self, name):
        return os.path.join(self.folder, name)

    def launch(self, name, command):
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def wait_until_ready(self):
        """A readiness that is asked for: each question waits on the server's socket, or for its process to end."""
        for _ in range(START * 5):
            if self.server.poll() is not None:
                raise RuntimeError("kube-apiserver ended:\n" + self.log("kube-apiserver"))
            try:
                if self.ask("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            try:
                self.server.wait(0.2)
            except subprocess.TimeoutExpired:
                pass
        raise RuntimeError(f"kube-apiserver was not ready in {START} s:\n" + self.log("kube-apiserver"))

    def log(self, name):
        with open(self.path(name + ".log"), errors="replace") as file:
            return file.read()[-3000:]

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- asking it ----

    def write_kubeconfig(self):
        c = self.certificates
        self.kubeconfig = self.path("kubeconfig")
        document = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": c.ca}}],
            "users": [{"name": "admin", "user": {"client-certificate": c.admin[0], "client-key": c.admin[1]}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}
        with open(self.kubeconfig, "w") as file:
            json.dump(document, file)

    def kubectl(self, *arguments, check=True, stdin=""):
        environment = {**os.environ, "KUBECONFIG": self.kubeconfig, "HOME": self.folder}
        done = subprocess.run([self.kubectl_program, *arguments], input=stdin, capture_output=True, text=True, timeout=START,
                              env=environment)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
        return done

    def connect(self):
        context = ssl.create_default_context(cafile=self.certificates.ca)
        context.load_cert_chain(*self.certificates.admin)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=START, context=context)

    def ask(self, method, path, body=None, identity=None, kind="application/json"):
        """One request of the administrator, or as somebody else: (user, groups). One connection for each thread."""
        headers = {"Accept": "application/json", "Content-Type": kind}
        if identity is not None:
            headers["Impersonate-User"] = identity[0]
        connection = getattr(self.local, "connection", None)
        fresh = connection is None
        if fresh:
            connection = self.local.connection = self.connect()
        try:
            connection.putrequest(method, path)
            data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            for name, value in headers.items():
                connection.putheader(name, value)
            for group in identity[1] if identity is not None else ():
                connection.putheader("Impersonate-Group", group)
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.local.connection = None
            raise
        try:
            document = json.loads(text)
        except ValueError:
            document = text.decode(errors="replace")
        return Answer(response.status, response.headers.get_all("Warning") or [], document)

    def get(self, path):
        answer = self.ask("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer}")
        return answer.document


def account(namespace, name):
    """A service account as the API server sees it: what `ask` takes for an identity."""
    return (f"system:serviceaccount:{namespace}:{name}",
            ["system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"])
