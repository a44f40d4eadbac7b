"""`clawbox proxy`, as in a pod: the appliance for one tenant, from files that Kubernetes would mount and replace."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from appliance import CLAWBOX, EVERYWHERE, WAIT, Agent, make_certificates
from lifecycle import HOST, OTHER
from provider import Provider
from scenarios import absent, equal, get, wait_for

TOKEN = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
PLACEHOLDER = "sk-proj-" + "P" * 48
DOCUMENT = """apiVersion: clawbox/v1
kind: Tenant
metadata: {{name: {name}}}
spec:
  placeholders: {{openai: {placeholder}}}
  routes:
    - provider: openai
      credential: openai
      upstream: {{address: "127.0.0.1:{port}", caFile: ca.pem}}
{more}"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Mount:
    """A directory as the kubelet makes one of a ConfigMap or a Secret: names that are links into ..data, and that one swapped at once."""

    def __init__(self, path):
        self.path, self.version = path, 0
        os.makedirs(path)

    def put(self, **files):
        self.version += 1
        new = f"..v{self.version}"
        os.mkdir(os.path.join(self.path, new))
        for name, content in files.items():
            with open(os.path.join(self.path, new, name.replace("__", ".")), "w") as file:
                file.write(content)
            link = os.path.join(self.path, name.replace("__", "."))
            if not os.path.lexists(link):
                os.symlink("..data/" + name.replace("__", "."), link)
        os.symlink(new, os.path.join(self.path, "..data_tmp"))
        os.replace(os.path.join(self.path, "..data_tmp"), os.path.join(self.path, "..data"))


class Pod:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="clawbox-pod-")
        self.ca, certificate, key = make_certificates(self.home, [HOST, OTHER])
        self.provider = Provider(certificate, key)
        self.tenant, self.token, self.key = (Mount(os.path.join(self.home, n)) for n in ("tenant", "token", "key"))
        os.mkdir(os.path.join(self.home, "credentials"))
        self.openai = Mount(os.path.join(self.home, "credentials", "openai"))
        self.port, self.health_port = free_port(), free_port()
        self.state = os.path.join(self.home, "state")
        self.log_path, self.audit_path = os.path.join(self.home, "log"), os.path.join(self.home, "audit")
        self.process = None
        self.program, self.prefix = CLAWBOX, []  # a command that it is started by
        self.document()
        self.token.put(proxy_token=TOKEN)
        self.key.put(master_key="5a" * 32)
        os.chmod(os.path.join(self.key.path, "master_key"), 0o400)
        self.secret("sk-real-first")

    def document(self, more="", name="alice", text=None):
        with open(self.ca) as file:
            ca = file.read()
        document = DOCUMENT.format(name=name, placeholder=PLACEHOLDER, port=self.provider.port, more=more)
        self.tenant.put(tenant__yaml=text if text is not None else document, ca__pem=ca)

    def binding(self):
        """Where the route as it is sends the credential, in the words of a binding."""
        with open(self.ca, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()[:32]
        return f"{HOST}:443 via 127.0.0.1:{self.provider.port} own-ca:{digest}"

    def secret(self, value, hosts=None):
        self.openai.put(value=value, hosts=self.binding() + "\n" if hosts is None else hosts)

    def start(self, *options):
        log = open(self.log_path, "ab")
        audit = open(self.audit_path, "ab")
        self.process = subprocess.Popen(
            [*self.prefix, self.program, "proxy", "-f", self.tenant.path + "/tenant.yaml", "--credentials", self.home + "/credentials",
             "--token-file", self.token.path + "/proxy_token", "--master-key-file", self.key.path + "/master_key", "--state", self.state,
             "--listen", f"127.0.0.1:{self.port}", "--health", f"127.0.0.1:{self.health_port}",
             *options, *EVERYWHERE],
            stdin=subprocess.DEVNULL, stdout=audit, stderr=log, start_new_session=True, env={"PATH": "/usr/bin:/bin", **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}})
        log.close()
        audit.close()
        return self

    def stop(self, signum=signal.SIGTERM):
        if self.process is None:
            return None
        self.process.send_signal(signum)
        try:
            status = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process = None
        return status

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def said(self, text):
        wait_for(f"the log to say {text!r}", lambda: text in self.log())

    def records(self):
        with open(self.audit_path) as file:
            return [json.loads(line) for line in file]

    def health(self, path="/readyz"):
        """(status, answer), or None while nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.health_port), timeout=WAIT) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n".encode())
                head, _, body = s.makefile("rb").read().partition(b"\r\n\r\n")
            return int(head.split(b" ")[1]), body.decode()
        except (ConnectionError, IndexError):
            return None

    def ready(self, status=200):
        wait_for(f"/readyz to answer {status}", lambda: (self.health() or (0,))[0] == status)

    def agent(self, token=TOKEN):
        bundle = os.path.join(self.home, "trust.pem")
        url = f"http://alice:{token}@127.0.0.1:{self.port}"
        if not os.path.exists(bundle):
            subprocess.run([CLAWBOX, "trust", "--out", bundle], env={"CLAWBOX_PROXY_URL": url}, check=True, capture_output=True, timeout=WAIT)
        return Agent({"HTTPS_PROXY": url, "SSL_CERT_FILE": bundle})

    def tunnel(self, host=HOST, token=TOKEN):
        agent = self.agent(token)
        response = agent.connect(host + ":443")
        equal("CONNECT", response.status, 200)
        agent.start_tls(host)
        return agent

    def ask(self, target="/v1/models", host=HOST, *fields):
        agent = self.tunnel(host)
        agent.send("\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode())
        response = agent.response()
        agent.close()
        return response

    def credentials(self):
        """The Authorization fields that the provider has seen since the last time."""
        return [v for r in self.provider.take() for v in r.header("Authorization")]


@contextlib.contextmanager
def pod(*options, start=True):
    p = Pod()
    try:
        if start:
            p.start(*options).ready()
        yield p
    except BaseException:
        print(p.log()[-3000:] if os.path.exists(p.log_path) else "")
        raise
    finally:
        if p.process is not None:
            p.process.kill()
            p.process.wait()
        for _ in range(100):
            p.provider.next_event()
        p.provider.close()
        shutil.rmtree(p.home, ignore_errors=True)


def a_pod_serves_from_its_files():
    with pod() as p:
        equal("with the placeholder", p.ask("/v1/models", HOST, "Authorization: Bearer " + PLACEHOLDER).status, 200)
        equal("without one", p.ask().status, 200)
        equal("credentials", p.credentials(), ["Bearer sk-real-first"] * 2)
        agent = p.agent("f" * 64)
        equal("another token", agent.connect(HOST + ":443").status, 407)
        agent.close()
        equal("no route", p.ask("/", "elsewhere.example").status, 403)
        wait_for("the records", lambda: len(p.records()) >= 6)
        equal("verdicts", [r["verdict"] for r in p.records() if r["kind"] == "decision"], ["allowed", "allowed", "denied", "denied"])
        absent("standard output and log", "sk-real-first", open(p.audit_path).read() + p.log())
        absent("standard output and log", TOKEN, open(p.audit_path).read() + p.log())
        equal("alive", p.health("/healthz")[0], 200)
        assert "clawbox_" in p.health("/metrics")[1]
        equal("the end", p.stop(), 0)


def a_pods_audit_goes_on_where_it_was():
    with pod() as p:
        for _ in range(3):
            equal("status", p.ask().status, 200)
        wait_for("the records", lambda: len(p.records()) >= 6)
        equal("the end", p.stop(), 0)
        p.start().ready()
        equal("status", p.ask().status, 200)
        wait_for("the records", lambda: len(p.records()) >= 8)
        numbers = [r["seq"] for r in p.records()]
        equal("each once, in order", numbers, list(range(1, len(numbers) + 1)))


def a_pods_credential_is_replaced_without_a_restart():
    with pod() as p:
        equal("status", p.ask().status, 200)
        pids = p.process.pid, subprocess.run(["pgrep", "-P", str(p.process.pid)], capture_output=True).stdout
        p.secret("sk-real-second")
        wait_for("the new value", lambda: p.ask().status == 200 and "Bearer sk-real-second" in p.credentials())
        equal("processes", (p.process.pid, subprocess.run(["pgrep", "-P", str(p.process.pid)], capture_output=True).stdout), pids)
        p.token.put(proxy_token="a" * 64)

        def takes(token):
            agent = p.agent(token)
            status = agent.connect(HOST + ":443").status
            agent.close()
            return status == 200

        wait_for("the new token", lambda: takes("a" * 64))
        assert not takes(TOKEN), "the old token still opens the proxy"


def a_pods_routes_change_without_cutting_a_stream():
    with pod() as p:
        agent = p.tunnel()
        agent.send(f"GET /v1/sse/3 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        first, parts = threading.Event(), []

        def read():
            agent.response(on_part=lambda part: (parts.append(part), first.set()))

        reader = threading.Thread(target=read)
        reader.start()
        p.provider.next_event()
        assert first.wait(WAIT), "the stream did not begin"
        p.document(more=f"    - name: other\n      host: {OTHER}\n      upstream: {{address: \"127.0.0.1:{p.provider.port}\", caFile: ca.pem}}\n")
        wait_for("the new route", lambda: p.ask("/v1/models", OTHER).status == 200)
        for _ in range(100):
            p.provider.next_event()
        reader.join(WAIT)
        assert not reader.is_alive() and len(parts) > 1, "the stream did not go on"
        agent.close()


def one_signal_to_all_of_a_pod_drains_it():
    """As a terminal sends it: to the whole group of processes."""
    with pod() as p:
        agent = p.tunnel()
        agent.send(f"GET /v1/sse/2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        first, whole = threading.Event(), []

        def read():
            whole.append(agent.response(on_part=lambda part: first.set()))

        reader = threading.Thread(target=read)
        reader.start()
        p.provider.next_event()
        assert first.wait(WAIT), "the stream did not begin"
        os.killpg(p.process.pid, signal.SIGINT)
        p.said("stopping (signal")
        for _ in range(100):
            p.provider.next_event()
        reader.join(WAIT)
        assert whole and whole[0] is not None and whole[0].complete, "the stream was cut"
        agent.close()
        equal("status", p.process.wait(WAIT), 0)
        p.process = None
        absent("log", "stopping at once", p.log())


def a_pods_wrong_document_changes_nothing():
    with pod() as p:
        for text, what in [("apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {name: alice}\nspec: {routes: [{provider: nobody}]}\n", "provider"),
                           ("[", "tenant.yaml:"), ("", "tenant.yaml"),
                           (DOCUMENT.format(name="bob", placeholder=PLACEHOLDER, port=1, more=""), "bob")]:
            before = len(p.log())
            p.document(text=text)
            wait_for(f"the log to name {what}", lambda: what in p.log()[before:])  # noqa: B023
            equal("still serving", p.ask().status, 200)
        p.document()
        p.ready()


def who_edits_the_routes_redirects_no_credential():
    """The ConfigMap of an attacker: the credential's route at a server of theirs, in every way that routes know."""
    with pod() as p:
        equal("status", p.ask().status, 200)
        evil = Provider(*make_certificates(p.home, ["evil.example", HOST])[1:])
        try:
            for entry in [f"{{name: evil, host: evil.example, inject: {{bearer: true}}, credential: openai, upstream: {{address: \"127.0.0.1:{evil.port}\"}}}}",
                          f"{{provider: openai, credential: openai, upstream: {{address: \"127.0.0.1:{evil.port}\", caFile: ca.pem}}}}",
                          f"{{provider: openai, credential: openai, upstream: {{address: \"127.0.0.1:{p.provider.port}\"}}}}",
                          "{name: evil, host: '*.openai.com', inject: {bearer: true}, credential: openai}"]:
                before = len(p.log())
                p.document(text=f"apiVersion: clawbox/v1\nkind: Tenant\nmetadata: {{name: alice}}\nspec: {{routes: [{entry}]}}\n")
                wait_for("the refusal", lambda: "stay as they are" in p.log()[before:])  # noqa: B023
            # The same once more from the start, with nothing in the database.
            equal("the end", p.stop(), 0)
            shutil.rmtree(p.state)
            p.start()
            p.said("credential openai is not set")
            p.ready(503)
            assert "openai" in p.health()[1]
            equal("what the attacker's server has seen", evil.take(), [])
        finally:
            evil.close()


def a_pods_credential_goes_where_its_secret_says():
    with pod(start=False) as p:
        p.secret("sk-real-first", hosts="")
        p.start()
        p.said("credential openai is not set, because its routes send it where")
        p.ready(503)
        response = p.ask()
        equal("status", (response.status, response.problem().get("reason")), (503, "credential_not_set"))
        p.secret("sk-real-first", hosts=f"# who has the key decides\n\n{p.binding()}  \nother.example:443\n")
        p.ready()
        equal("status", p.ask().status, 200)
        p.secret("sk-real-first", hosts="other.example:443\n")
        p.ready(503)
        equal("status", p.ask().status, 503)
        equal("credentials", p.credentials(), ["Bearer sk-real-first"])
        p.secret("sk-real-first", hosts=f"{HOST}:443 via in-cluster\n")
        p.said("/openai/hosts says in-cluster, which is known in a pod of a cluster")


def a_pods_client_certificate_is_a_credential_like_others():
    """And no way for whoever edits the routes to have it read as a file of theirs."""
    with pod(start=False) as p:
        made = os.path.join(p.home, "corp")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", made + ".key", "-out", made + ".crt",
                        "-days", "3", "-subj", "/CN=corp"], check=True, capture_output=True)
        value = "".join(open(made + end).read() for end in (".crt", ".key"))
        corp = Mount(os.path.join(p.home, "credentials", "corp"))
        corp.put(value=value, hosts=p.binding().replace(HOST, OTHER))
        upstream = f"address: \"127.0.0.1:{p.provider.port}\", caFile: ca.pem"
        p.document(more=f"    - {{name: other, host: {OTHER}, upstream: {{{upstream}, clientCredential: corp}}}}\n")
        p.start().ready()
        equal("status", p.ask("/v1/models", OTHER).status, 200)
        before = len(p.log())
        p.document(more=f"    - {{name: other, host: {OTHER}, upstream: {{address: \"127.0.0.1:1\", caFile: {corp.path}/value}}}}\n")
        wait_for("the refusal", lambda: "has a private key in it" in p.log()[before:])


def a_pods_files_may_be_anything():
    """Missing, empty, too long, of several lines, a directory, a pipe that nobody writes to: said, and nothing waits for it."""
    with pod(start=False) as p:
        for name in ("value", "hosts"):
            os.unlink(os.path.join(p.openai.path, name))
        value = os.path.join(p.openai.path, "value")
        p.start()
        p.said(f"there is no {value}")
        p.ready(503)
        hosts = os.path.join(p.openai.path, "hosts")
        with open(hosts, "w") as file:
            file.write(p.binding())
        for make, what in [(lambda: os.mkfifo(value), "is not a file of text"), (lambda: open(value, "w").close(), "empty"), (lambda: open(value, "w").write("a\nb\n"), "line break at byte 2"),
                           (lambda: open(value, "w").write("x" * 20000), "16384"), (lambda: open(value, "wb").write(b"a\0b"), "not printable"),
                           (lambda: os.mkdir(value), "is not a file of text")]:
            before = len(p.log())
            make()
            wait_for(f"the log to say {what}", lambda: what in p.log()[before:])  # noqa: B023
            os.rmdir(value) if os.path.isdir(value) else os.unlink(value)
        with open(value, "w") as file:
            file.write("sk-real-third\n")
        p.ready()
        equal("status", p.ask().status, 200)
        equal("credential", p.credentials(), ["Bearer sk-real-third"])


def a_volume_of_another_tenant_is_refused():
    with pod() as p:
        equal("the end", p.stop(), 0)
        p.document(name="bob")
        p.start()
        equal("status", p.process.wait(WAIT), 1)
        p.process = None
        assert "belongs to tenant alice" in p.log(), p.log()


def a_pod_ends_with_its_parts():
    """Who follows the files is gone: then a rotated credential would be missed, so the pod is started anew."""
    with pod() as p:
        children = subprocess.run(["pgrep", "-P", str(p.process.pid), "-f", "@loader"], capture_output=True).stdout.split()
        equal("loaders", len(children), 1)
        os.kill(int(children[0]), signal.SIGKILL)
        equal("status", p.process.wait(WAIT), 1)
        p.process = None


TESTS = [a_pod_serves_from_its_files, a_pods_audit_goes_on_where_it_was, a_pods_credential_is_replaced_without_a_restart,
         a_pods_routes_change_without_cutting_a_stream, one_signal_to_all_of_a_pod_drains_it, a_pods_wrong_document_changes_nothing, who_edits_the_routes_redirects_no_credential,
         a_pods_credential_goes_where_its_secret_says, a_pods_client_certificate_is_a_credential_like_others, a_pods_files_may_be_anything, a_volume_of_another_tenant_is_refused,
         a_pod_ends_with_its_parts]
