"""clawbox attack: against a real server all of it holds; against a stand-in that forwards everything it finds what leaks."""

import json
import signal
import socket
import subprocess
import threading

from appliance import CLAWBOX, WAIT
from scenarios import equal, wait_for

FAMILIES = {"policy", "host", "ssrf", "framing", "tenant", "echo", "audit"}


def tenants(world):
    out = world.appliance.run("tenant", "ls", "--json").stdout
    return sorted(t["name"] for t in json.loads(out)["tenants"])


def attack(world, *arguments):
    return subprocess.run([CLAWBOX, "attack", "alice", "--json", *arguments, "--state", world.appliance.state], capture_output=True,
                          timeout=600)


def attack_finds_that_all_of_it_holds(world):
    before = tenants(world)
    world.provider.take()
    world.plain.take()
    done = attack(world)
    assert done.stdout, done.stderr.decode()
    answer = json.loads(done.stdout)
    leaked = [c for c in answer["cases"] if c["outcome"] == "leaked"]
    equal("what leaked", leaked, [])
    equal("status", (done.returncode, done.stderr), (0, b""))
    equal("families", {c["family"] for c in answer["cases"]}, FAMILIES)
    assert answer["held"] > 400, f"only {answer['held']} cases"
    controls = [c for c in answer["cases"] if c["reference"] == "control"]
    assert len([c for c in controls if c["outcome"] == "held"]) > 5, controls
    equal("requests that a provider saw", (world.provider.take(), world.plain.take()), ([], []))
    equal("tenants afterwards", tenants(world), before)


class StandIn:
    """A proxy without a policy: it asks the resolver of libc for whatever stands in the request, and connects. Loopback only."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.socket.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def dial(self, authority):
        host, _, port = authority.rpartition(":")
        for *_, address in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
            if address[0] in ("127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"):
                return socket.create_connection(address[:2], timeout=WAIT)
        raise OSError("not on this machine")

    def serve(self, connection):
        with connection:
            connection.settimeout(WAIT)
            head = b""
            while b"\r\n\r\n" not in head:
                part = connection.recv(65536)
                if not part:
                    return
                head += part
            try:
                method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
                upstream = self.dial(target if method == "CONNECT" else target.split("/")[2])
            except (OSError, ValueError, IndexError):
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with upstream:
                if method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    upstream.sendall(head.replace(target.encode(), b"/" + b"/".join(target.encode().split(b"/")[3:]), 1))
                other = threading.Thread(target=self.pump, args=(upstream, connection), daemon=True)
                other.start()
                self.pump(connection, upstream)
                other.join()

    def pump(self, source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has gone


def attack_names_what_a_weak_proxy_leaks(world):
    before = tenants(world)
    stand_in = StandIn()
    try:
        done = attack(world, "--listener", f"127.0.0.1:{stand_in.port}")
    finally:
        stand_in.close()
    equal("status", done.returncode, 1)
    assert done.stdout, done.stderr.decode()
    answer = json.loads(done.stdout)
    leaks = {(c["family"], c["title"]) for c in answer["cases"] if c["outcome"] == "leaked" and "the origin was reached" in c["why"]}
    for wanted in (("host", "loopback"), ("host", "loopback as one decimal number"), ("host", "loopback, short"),
                   ("host", "loopback with an octal part"), ("host", "localhost"), ("ssrf", "a service on this machine"),
                   ("tenant", "no token"), ("tenant", "another tenant's name and token")):
        assert wanted in leaks, f"{wanted} was not found: {sorted(leaks)}"
    missed = {c["title"] for c in answer["cases"] if c["outcome"] == "leaked"}
    for wanted in ("refusals are in the audit", "the credential arrives at the echo"):
        assert wanted in missed, f"{wanted!r} was not noticed"
    equal("tenants afterwards", tenants(world), before)


def attack_cleans_up_when_it_is_interrupted(world):
    before = tenants(world)
    process = subprocess.Popen([CLAWBOX, "attack", "alice", "--state", world.appliance.state], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        wait_for("a throw-away tenant", lambda: len(tenants(world)) == len(before) + 2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT)
    finally:
        process.kill()
    equal("status", (process.returncode, err), (1, b"clawbox: interrupted\n"))
    equal("tenants afterwards", tenants(world), before)


TESTS = [attack_finds_that_all_of_it_holds, attack_names_what_a_weak_proxy_leaks, attack_cleans_up_when_it_is_interrupted]
