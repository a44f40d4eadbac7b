"""Names, addresses and certificates on the provider's side, in a network of its own.

Each test is one process (`unshare -n`), with an appliance, a DNS server and a provider. The network has nothing but
loopback, which also has PUBLIC, so that a name can have an address that is not special. Needs root.
"""

import contextlib
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import traceback

from appliance import WAIT, Agent, Appliance, make_certificates, openssl
from provider import Provider
from scenarios import Skip, absent, equal, get, wait_for

PUBLIC = "93.184.216.34"
HOST = "api.example.com"


# ---- a DNS server ----


class Names:
    """Answers A questions with what `records` says: name -> list of answers, one for each question, the last of them for ever.
    An answer is a list of ("A", address) and ("CNAME", name), or None for a name that is not there."""

    def __init__(self):
        self.records = {}
        self.asked = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12 : at + 5]
            kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
            name = ".".join(labels).lower()
            self.socket.sendto(self._answer(query[:2], question, name, kind), peer)

    def _answer(self, query_id, question, name, kind):
        answers = self.records.get(name, [None])
        if kind == 1:
            self.asked[name] = self.asked.get(name, 0) + 1
        answer = answers[min(self.asked.get(name, 1), len(answers)) - 1]
        if answer is None:
            return query_id + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
        owner, records = name, []
        for what, value in answer:
            if what == "CNAME":
                records.append(self._record(owner, 5, encode_name(value)))
                owner = value
            elif kind == 1:
                records.append(self._record(owner, 1, socket.inet_aton(value)))
        return query_id + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)

    @staticmethod
    def _record(owner, kind, data):
        return encode_name(owner) + struct.pack(">HHIH", kind, 1, 1, len(data)) + data


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


# ---- the world ----


class World:
    def __init__(self):
        self.names = Names()
        self.appliance = Appliance("--dns", f"127.0.0.1:{self.names.port}")
        home = self.appliance.home
        self.ca, self.certificate, self.key = make_certificates(home, [HOST])
        self.appliance.options += ["--roots", self.ca]
        self.provider = Provider(self.certificate, self.key, address=PUBLIC)
        self.appliance.start()

    def apply(self, *routes):
        head = "apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n  routes:\n"
        self.appliance.apply(head + "".join(f"    - {route}\n" for route in routes))
        self.environment = self.appliance.environment("alice")

    def ask(self, host=HOST, target="/v1/models"):
        """One request over a tunnel of its own."""
        agent = Agent(self.environment)
        try:
            authority = f"{host}:{self.provider.port}"
            equal("answer to CONNECT", agent.connect(authority).status, 200)
            agent.start_tls(host)
            return get(agent, target, authority)
        finally:
            agent.close()

    def get(self, target):
        """What the API answers on the control socket."""
        connection = http.client.HTTPConnection("control")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(WAIT)
        with contextlib.closing(connection):
            connection.sock.connect(os.path.join(self.appliance.state, "control.sock"))
            connection.request("GET", target)
            response = connection.getresponse()
            equal("status", response.status, 200)
            return json.load(response)

    def outcome(self):
        """The last outcome in the audit."""
        def find():
            rows = self.appliance.audit("alice")
            last = [r for r in rows if r["kind"] == "decision"][-1]
            return [r for r in rows if r["kind"] == "outcome" and r["request_id"] == last["request_id"]]
        return wait_for("the outcome", find)[0]

    def refused(self, reason, detail, host=HOST, status=None):
        """A request is refused for that reason; the audit says what stood behind it, and the answer does not."""
        self.provider.take()
        response = self.ask(host)
        equal("reason", response.problem().get("reason"), reason)
        if status:
            equal("status", response.status, status)
        outcome = self.outcome()
        equal("reason in the audit", outcome["reason"], reason)
        equal("detail", outcome["detail"], detail)
        absent("the answer", detail, response.body.decode() + str(response.headers))
        equal("requests at the provider", len(self.provider.take()), 0)
        table = self.appliance.run("audit", "alice").stdout.decode()
        assert detail[:90] in table, table

    def route(self, more="", host=HOST):
        return f"{{name: api, host: {host}, port: {self.provider.port}{more}}}"


# ---- names ----


def a_name_that_rebinds(w):
    w.names.records[HOST] = [[("A", PUBLIC)], [("A", "10.0.0.7")]]
    w.apply(w.route())
    # The first answer holds for its second. A connection that is kept is to an address that was checked: this one ends.
    equal("status", w.ask(target="/v1/until-close").status, 200)
    equal("questions", w.names.asked[HOST], 1)
    wait_for("a second question", lambda: w.ask(target="/v1/until-close").status != 200)
    w.refused("special_address", "10.0.0.7 is in 10.0.0.0/8 (private)", status=403)
    assert w.names.asked[HOST] >= 2


def an_allowed_suffix_that_points_inside(w):
    w.names.records["db.example.com"] = [[("A", "192.168.1.5")]]
    w.names.records["mixed.example.com"] = [[("A", "127.0.0.1"), ("A", PUBLIC)]]
    w.apply(w.route(host='"*.example.com"'))
    inside = "192.168.1.5 is in 192.168.0.0/16 (private)"
    w.refused("special_address", inside, host="db.example.com", status=403)
    listed = w.get("/v1/denials")["denials"]
    equal("listed", [(d["host"], d["reason"], d["detail"], d["route"], d["suggestion"], d["grantable"]) for d in listed],
          [("db.example.com", "special_address", inside, "api", None, False)])
    assert listed[0]["why"].startswith(f'"api" allows it, but the name leads to an address that is not public: {inside}.'), listed
    # Of a name with both kinds only the public address is dialled.
    w.refused("upstream_certificate", "name mixed.example.com not in certificate", host="mixed.example.com", status=502)


def an_alias_of_the_metadata_service(w):
    w.names.records[HOST] = [[("CNAME", "metadata.internal"), ("A", "169.254.169.254")]]
    w.apply(w.route())
    w.refused("special_address", "169.254.169.254 is in 169.254.0.0/16 (link-local, metadata)", status=403)


def a_name_that_is_not_there(w):
    w.apply(w.route())
    w.refused("dns_failed", "DNS: no such name, or it has no address", status=502)


# ---- trust ----


def pin_of(certificate):
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True, capture_output=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, check=True, capture_output=True).stdout
    return "sha256/" + subprocess.run(["openssl", "base64", "-A"], input=digest, check=True, capture_output=True).stdout.decode()


def pins_of_a_route(w):
    w.names.records[HOST] = [[("A", PUBLIC)]]
    other = "sha256/" + "A" * 43 + "="
    for pins, good in (([pin_of(w.certificate)], True), ([pin_of(w.ca)], True), ([other], False),
                       ([other, pin_of(w.certificate)], True)):
        w.apply(w.route(f", upstream: {{pins: [{', '.join(pins)}]}}"))
        if good:
            equal("status", w.ask().status, 200)
        else:
            w.refused("upstream_certificate", "pin mismatch: no key of the chain is pinned", status=502)


def another_ca_for_a_route_needs_the_secret_again(w):
    other = os.path.join(w.appliance.home, "other")
    os.mkdir(other)
    other_ca, _, _ = make_certificates(other, [HOST])
    w.names.records[HOST] = [[("A", PUBLIC)]]
    inject = ", inject: {bearer: true}, credential: key"
    w.apply(w.route(f"{inject}, upstream: {{caFile: {w.ca}}}"))
    done = w.appliance.run("credential", "set", "alice", "key", stdin=b"sk-real-0123456789")
    assert b" own-ca:" in done.stdout, done.stdout
    equal("status", w.ask().status, 200)
    bent = f"apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n  routes:\n"
    bent += f"    - {w.route(f'{inject}, upstream: {{caFile: {other_ca}}}')}\n"
    done = w.appliance.apply(bent, check=False)
    assert done.returncode == 1 and b"not bound to all the hosts" in done.stderr, done.stderr
    equal("status", w.ask().status, 200)


def make_client(directory, ca, ca_key):
    """A client certificate with its key, as one PEM text."""
    key, request, cert = (os.path.join(directory, "client." + e) for e in ("key", "csr", "pem"))
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
            "-subj", "/CN=alice")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert, "-days", "30")
    return open(cert).read() + open(key).read()


def a_provider_that_requires_a_client_certificate(w):
    pem = make_client(w.appliance.home, w.ca, os.path.join(w.appliance.home, "ca.key"))
    w.provider.context.verify_mode = ssl.CERT_REQUIRED
    w.provider.context.load_verify_locations(w.ca)
    w.names.records[HOST] = [[("A", PUBLIC)]]
    shown = ", upstream: {clientCredential: corp}"
    w.apply(w.route())
    response = w.ask()
    assert response.status == 502 and response.problem()["reason"].startswith("upstream_"), response.body
    # With it alone, and beside a credential that goes into the request.
    w.apply(w.route(shown))
    response = w.ask()
    equal("reason", response.problem().get("reason"), "credential_not_set")
    assert "corp" not in str(w.environment), "the agent has a variable for a client certificate"
    done = w.appliance.run("credential", "set", "alice", "corp", stdin=pem.split("-----BEGIN PRIVATE")[0].encode(), check=False)
    assert done.returncode == 1 and b"it has no private key" in done.stderr, done.stderr
    w.appliance.run("credential", "set", "alice", "corp", stdin=pem.encode())
    w.provider.take()
    equal("status", w.ask().status, 200)
    w.apply(w.route(f", inject: {{bearer: true}}, credential: key{shown}"))
    w.appliance.run("credential", "set", "alice", "key", stdin=b"sk-real-0123456789")
    equal("status", w.ask().status, 200)
    equal("credential", w.provider.take()[-1].header("Authorization"), ["Bearer sk-real-0123456789"])
    # It is bound like every credential.
    done = w.appliance.apply("apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n  routes:\n"
                             f"    - {w.route(shown, host='evil.example.com')}\n", check=False)
    assert done.returncode == 1 and b"not bound to all the hosts" in done.stderr, done.stderr


# ---- a parent proxy ----


class Parent:
    """A proxy that is asked for tunnels. `answer` says what it does: None for a tunnel, or the bytes of its answer."""

    def __init__(self, answer=None, behind=b""):
        self.answer, self.behind = answer, behind
        self.heads = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        self.heads.append(head.decode())
        if self.answer is not None:
            connection.sendall(self.answer)
            connection.close()
            return
        host, port = head.split(b" ")[1].decode().rsplit(":", 1)
        provider = socket.create_connection((host, int(port)))
        connection.sendall(b"HTTP/1.0 200 Connection established\r\n\r\n" + self.behind)
        for a, b in ((connection, provider), (provider, connection)):
            threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def through(w, parent, *options):
    """The same world behind the parent."""
    w.appliance.stop()
    w.appliance.options += ["--parent-proxy", f"127.0.0.1:{parent.port}", *options]
    w.appliance.start()
    w.names.records[HOST] = [[("A", PUBLIC)]]
    w.apply(w.route())


def a_parent_proxy_is_asked_for_checked_addresses(w):
    login = os.path.join(w.appliance.home, "login")
    with open(login, "w") as file:
        file.write("proxy-user:proxy-password\n")
    parent = Parent()
    through(w, parent, "--parent-proxy-login", login)
    equal("status", w.ask().status, 200)
    target = f"{PUBLIC}:{w.provider.port}"
    equal("what it was asked", parent.heads, [
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
        "Proxy-Authorization: Basic cHJveHktdXNlcjpwcm94eS1wYXNzd29yZA==\r\n\r\n"])
    equal("peer in the audit", w.outcome()["peer"], target)
    # The checks hold: of the address, and of the certificate.
    w.names.records["inside.example.com"] = [[("A", "10.1.2.3")]]
    w.names.records["other.example.com"] = [[("A", PUBLIC)]]
    w.apply(w.route(host='"*.example.com"'))
    w.refused("special_address", "10.1.2.3 is in 10.0.0.0/8 (private)", host="inside.example.com", status=403)
    equal("tunnels", len(parent.heads), 1)
    w.refused("upstream_certificate", "name other.example.com not in certificate", host="other.example.com", status=502)
    absent("the log", "proxy-password", w.appliance.log())


def a_parent_proxy_that_refuses(w):
    through(w, Parent(answer=b"HTTP/1.1 502 Not today\r\nContent-Length: 3\r\n\r\nno\n"))
    w.refused("connect_failed", "the parent proxy refuses: 502 Not today", status=502)


def a_parent_proxy_that_answers_garbage(w):
    parent = Parent(answer=b"SSH-2.0-OpenSSH_9.2\r\n")
    through(w, parent)
    equal("reason", w.ask().problem().get("reason"), "connect_failed")
    assert w.outcome()["detail"].startswith("the parent proxy answers with malformed HTTP: "), w.outcome()
    parent.answer = b""
    w.refused("connect_failed", "the parent proxy closed before it answered", status=502)


def a_parent_proxy_that_speaks_before_the_provider(w):
    through(w, Parent(behind=b"\x15\x03\x03"))
    w.refused("connect_failed", "the parent proxy sends bytes before the tunnel is used", status=502)


# ---- the runner ----

INSIDE = [
    a_name_that_rebinds,
    an_allowed_suffix_that_points_inside,
    an_alias_of_the_metadata_service,
    a_name_that_is_not_there,
    pins_of_a_route,
    another_ca_for_a_route_needs_the_secret_again,
    a_provider_that_requires_a_client_certificate,
    a_parent_proxy_is_asked_for_checked_addresses,
    a_parent_proxy_that_refuses,
    a_parent_proxy_that_answers_garbage,
    a_parent_proxy_that_speaks_before_the_provider,
]


def inside(name):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{PUBLIC}/32", "dev", "lo"], check=True)
    world = World()
    try:
        next(test for test in INSIDE if test.__name__ == name)(world)
    except Exception as error:
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        print(f"{error}")
        return 1
    finally:
        world.appliance.stop()
        world.provider.close()
        log = world.appliance.log()
        absent("the log", "sk-real-0123456789", log)
        absent("the log", "PRIVATE KEY", log)
        subprocess.run(["rm", "-rf", world.appliance.home], check=True)
    return 0


def outside(test):
    def run():
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
            raise Skip("needs root, and network namespaces")
        done = subprocess.run(["unshare", "-n", sys.executable, os.path.abspath(__file__), test.__name__],
                              capture_output=True, text=True, timeout=4 * WAIT)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    run.__name__ = test.__name__
    return run


TESTS = [outside(test) for test in INSIDE]

if __name__ == "__main__":
    sys.exit(inside(sys.argv[1]))
