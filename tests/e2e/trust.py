"""GET /ca.pem: what an agent has to trust, from the proxy itself; and `clawbox trust`, which fetches it for a pod."""

import hashlib
import os
import re
import socket
import ssl
import stat
import subprocess
import threading

from appliance import CLAWBOX, WAIT, Agent
from cas import certificates, trusts
from lifecycle import place
from scenarios import absent, equal


def ask(environment, *fields, method="GET", token=True, target="/ca.pem"):
    agent = Agent(environment)
    login = [f"Proxy-Authorization: Basic {agent.token}"] if token else []
    agent.send("\r\n".join([f"{method} {target} HTTP/1.1", "Host: anything.example", *login, *fields, "", ""]).encode())
    response = agent.response(head=method == "HEAD")
    agent.close()
    return response


def digests(pem):
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\n.+?-----END CERTIFICATE-----\n", pem, re.S)
    equal("nothing but certificates", "".join(blocks), pem)
    return [hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks]


def the_proxy_gives_its_ca_to_who_has_the_token(world):
    own = certificates(world.environment["SSL_CERT_FILE"])
    response = ask(world.environment)
    equal("answer", (response.status, response.header("Content-Type")), (200, ["application/x-pem-file"]))
    equal("certificates", digests(response.body.decode()), own)
    head = ask(world.environment, method="HEAD")
    equal("HEAD", (head.status, head.header("Content-Length"), head.body), (200, [str(len(response.body))], b""))
    before = len(world.appliance.audit("alice"))
    for name, arguments, status, reason in [
            ("no token", {"token": False}, 407, "proxy_auth"),
            ("POST", {"method": "POST"}, 405, "method_never"),
            ("beside it", {"target": "/ca.pem/x"}, 400, "bad_request")]:
        refused = ask(world.environment, **arguments)
        equal(name, (refused.status, refused.problem().get("reason")), (status, reason))
    for field in ("Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
        refused = ask(world.environment, field)
        equal(field, (refused.status, refused.problem().get("reason")), (403, "trust_foreign"))
        absent(field, "BEGIN CERTIFICATE", refused.body.decode())
    # What is given is no request to a provider and has no record; what is refused has one.
    ask(world.environment)
    equal("records", len(world.appliance.audit("alice")) - before, 6)
    equal("requests", len(world.provider.take()), 0)


def trust(environment, out, *options, url=None):
    url = environment["HTTPS_PROXY"] if url is None else url
    return subprocess.run([CLAWBOX, "trust", "--out", out, *options], env={"CLAWBOX_PROXY_URL": url}, capture_output=True, text=True,
                          timeout=WAIT)


def clawbox_trust_writes_what_an_agent_trusts():
    with place() as p:
        p.make()
        environment = dict(p.environments["alice"])
        out = os.path.join(p.appliance.home, "trusted.pem")
        done = trust(environment, out)
        equal("exit code", (done.returncode, done.stdout), (0, ""))
        absent("what it says", environment["HTTPS_PROXY"].split(":")[2].split("@")[0], done.stderr)
        equal("mode", stat.S_IMODE(os.stat(out).st_mode), 0o644)
        equal("files", [f for f in os.listdir(p.appliance.home) if f.startswith("trusted")], ["trusted.pem"])
        own = certificates(environment["SSL_CERT_FILE"])
        equal("certificates", digests(open(out).read()), own)
        environment["SSL_CERT_FILE"] = out
        assert trusts(environment), "a client with that file alone does not take the proxy's certificate"
        # During an overlap there are two of them.
        p.appliance.run("tenant", "rotate-ca", "alice")
        equal("exit code", trust(environment, out).returncode, 0)
        both = digests(open(out).read())
        equal("the present one and its successor", (both[:1], len(both)), (own, 2))
        p.appliance.run("tenant", "rotate-ca", "alice", "--finish")
        equal("exit code", trust(environment, out).returncode, 0)
        equal("the successor alone", digests(open(out).read()), both[1:])
        kept = open(out).read()
        login, address = environment["HTTPS_PROXY"].split("@")
        wrong = trust(environment, out, "--wait", "0", url=login[:-1] + "@" + address)
        equal("a wrong token", wrong.returncode, 1)
        assert "407" in wrong.stderr and "token" in wrong.stderr, wrong.stderr
        equal("the file", open(out).read(), kept)
        nowhere = trust(environment, os.path.join(p.appliance.home, "no", "such"))
        equal("nowhere to write", nowhere.returncode, 1)
        assert "cannot be written" in nowhere.stderr, nowhere.stderr


def clawbox_trust_waits_for_the_proxy():
    with place(start=False) as p:
        p.appliance.start()
        p.make()
        environment = dict(p.environments["alice"])
        out = os.path.join(p.appliance.home, "trusted.pem")
        p.appliance.stop()
        waiting = subprocess.Popen([CLAWBOX, "trust", "-o", out], env={"CLAWBOX_PROXY_URL": environment["HTTPS_PROXY"]},
                                   stderr=subprocess.PIPE, text=True)
        line = waiting.stderr.readline()
        assert "waiting for the proxy at 127.0.0.1:" in line, line
        p.appliance.start()
        rest = waiting.communicate(timeout=WAIT)[1]
        equal("exit code", waiting.returncode, 0)
        assert "1 certificate from the proxy" in rest, rest
        equal("certificates", digests(open(out).read()), certificates(environment["SSL_CERT_FILE"]))


class Impostor:
    """Answers every connection with the same bytes."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://alice:token@127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                try:
                    peer.sendall(self.answer)
                except OSError:
                    pass  # it had enough

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def clawbox_trust_takes_nothing_else(world):
    with open(world.environment["SSL_CERT_FILE"]) as file:
        ca = file.read()
    own = ask(world.environment).body
    leaf = open(os.path.join(world.appliance.home, "server.pem"), "rb").read()
    out = os.path.join(world.appliance.home, "impostor.pem")

    def whole(body):
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    for name, answer, said in [
            ("no certificates", whole(b"hello"), "none in it"),
            ("nothing", whole(b""), "none in it"),
            ("a certificate that is no CA's", whole(leaf), "not a CA's"),
            ("a remark", whole(b"# trust me\n" + own), "something else"),
            ("a CA, and a server beside it", whole(own + leaf), "not a CA's"),
            ("half", whole(own)[:-100], "no certificates"),
            ("a redirect", b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "it answers 302"),
            ("no HTTP", b"SSH-2.0-OpenSSH_10.0\r\n", "no certificates"),
            ("too much", whole(own * 400), "no certificates"),
            ("the system's roots beside it", whole(ca.encode()), "")]:
        impostor = Impostor(answer)
        done = trust(world.environment, out, "--wait", "0", url=impostor.url)
        impostor.close()
        equal(name, done.returncode, 1)
        assert said in done.stderr, f"{name}: {done.stderr}"
        assert not os.path.exists(out), f"{name}: a file was written"


TESTS = [the_proxy_gives_its_ca_to_who_has_the_token, clawbox_trust_takes_nothing_else]
LIFE = [clawbox_trust_writes_what_an_agent_trusts, clawbox_trust_waits_for_the_proxy]
