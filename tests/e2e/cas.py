"""A tenant's certificate authority and its successor: who trusts which, and when.

Each test starts an appliance of its own (lifecycle.Place).
"""

import hashlib
import json
import os
import shutil
import ssl
import subprocess

from appliance import EVERYWHERE, WAIT, Agent
from lifecycle import EXTRA, EXTRA_HOST, HOST, OPENAI, OTHER, place
from scenarios import equal, get, wait_for
from tenants import changes


def certificates(bundle):
    """The digests of the tenant's own in a bundle, in their order."""
    with open(bundle) as file:
        blocks = [block + "-----END CERTIFICATE-----" for block in file.read().split("-----END CERTIFICATE-----")[:-1]]
    ders = [ssl.PEM_cert_to_DER_cert(block[block.index("-----BEGIN"):]) for block in blocks]
    return [hashlib.sha256(der).hexdigest() for der in ders if b"clawbox CA for alice" in der]


def keep_bundle(p, name):
    """What an agent has that read its environment now."""
    environment = dict(p.appliance.environment("alice"))
    path = os.path.join(p.appliance.home, name)
    with open(environment["SSL_CERT_FILE"]) as source, open(path, "w") as target:
        target.write(source.read())
    environment["SSL_CERT_FILE"] = path
    return environment


def trusts(environment, host=HOST):
    """Whether an agent takes the certificate; if so, it is served."""
    agent = Agent(environment)
    try:
        equal("CONNECT", agent.connect(host + ":443").status, 200)
        agent.start_tls(host)
        equal("the answer of " + host, get(agent, "/v1/x", host).status, 200)
        return True
    except ssl.SSLCertVerificationError:
        return False
    finally:
        agent.close()


def a_ca_gets_a_successor_without_anybody_noticing():
    with place() as p:
        p.make()
        before = keep_bundle(p, "before.pem")
        equal("CAs before", len(certificates(before["SSL_CERT_FILE"])), 1)
        assert trusts(before)
        done = p.appliance.run("tenant", "rotate-ca", "alice", "--finish", check=False)
        equal("finish without a successor", done.returncode, 1)
        assert b"has no successor yet" in done.stderr, done.stderr
        p.appliance.run("tenant", "rotate-ca", "alice")
        both = keep_bundle(p, "both.pem")
        old, new = certificates(both["SSL_CERT_FILE"])
        equal("the first", [old], certificates(before["SSL_CERT_FILE"]))
        p.appliance.run("tenant", "rotate-ca", "alice")  # again: the same successor, or agents would have the wrong one
        equal("the same", certificates(keep_bundle(p, "again.pem")["SSL_CERT_FILE"]), [old, new])
        assert trusts(before) and trusts(both), "during the overlap"
        p.appliance.stop()
        p.appliance.start()
        assert trusts(before) and trusts(both), "after a restart"
        equal("both after a restart", certificates(keep_bundle(p, "again.pem")["SSL_CERT_FILE"]), [old, new])

        running = p.tunnel()  # what stands goes on standing
        p.appliance.run("tenant", "rotate-ca", "alice", "--finish")
        after = keep_bundle(p, "after.pem")
        equal("after", certificates(after["SSL_CERT_FILE"]), [new])
        wait_for("the new one", lambda: trusts(after))
        assert trusts(both) and not trusts(before), "after the overlap"
        equal("a connection from before", get(running, "/v1/x").status, 200)
        running.close()
        equal("changes", changes(p, among=("CA successor made", "CA replaced")), [("CA successor made", "socket"), ("CA replaced", "socket")])
        p.appliance.run("audit", "verify")

        # A rekey takes a successor along.
        p.appliance.run("tenant", "rotate-ca", "alice")
        p.appliance.stop()
        done = p.appliance.run("rekey", *EVERYWHERE)
        assert done.stdout.startswith(b"3 sealed values"), done.stdout
        p.appliance.start()
        p.appliance.run("tenant", "rotate-ca", "alice", "--finish")
        last = keep_bundle(p, "last.pem")
        wait_for("the last one", lambda: trusts(last))


CONSTRAINED = OPENAI + "  ca: {{nameConstraints: true}}\n"
WIDER = OPENAI + EXTRA + "  ca: {{nameConstraints: true}}\n"


def own_certificate(bundle):
    """The text of the tenant's last one in a bundle."""
    with open(bundle) as file:
        blocks = [block + "-----END CERTIFICATE-----\n" for block in file.read().split("-----END CERTIFICATE-----")[:-1]]
    own = [block[block.index("-----BEGIN"):] for block in blocks]
    own = [block for block in own if b"clawbox CA for alice" in ssl.PEM_cert_to_DER_cert(block)]
    return subprocess.run(["openssl", "x509", "-noout", "-text"], input=own[-1], check=True, capture_output=True, text=True).stdout


def curl(environment, host):
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"https://{host}/v1/x"], env={**os.environ, **environment},
                          capture_output=True, text=True, timeout=WAIT)
    return done.stdout if done.returncode == 0 else done.stderr


def gnutls(environment, host):
    """git of Debian has GnuTLS; that there is no repository does not matter."""
    done = subprocess.run(["git", "ls-remote", f"https://{host}/v1/x"], capture_output=True, text=True, timeout=WAIT,
                          env={**os.environ, **environment, "GIT_SSL_CAINFO": environment["SSL_CERT_FILE"], "GIT_TERMINAL_PROMPT": "0"})
    return done.stderr


def leaf_of(environment, host):
    """A file with the leaf that the gate presents, taken without verification."""
    agent = Agent(environment)
    try:
        equal("CONNECT", agent.connect(host + ":443").status, 200)
        agent.start_tls(host, verify=False)
        leaf = agent.socket.getpeercert(binary_form=True)
    finally:
        agent.close()
    path = environment["SSL_CERT_FILE"] + "." + host
    with open(path, "w") as file:
        file.write(ssl.DER_cert_to_PEM_cert(leaf))
    return path


def openssl(environment, host):
    done = subprocess.run(["openssl", "verify", "-CAfile", environment["SSL_CERT_FILE"], "-verify_hostname", host,
                           leaf_of(environment, host)], capture_output=True, text=True)
    return done.stdout + done.stderr


def other_clients_hold_a_ca_to_its_hosts():
    with place() as p:
        p.make(routes=CONSTRAINED)
        own = keep_bundle(p, "own.pem")
        equal("curl", curl(own, HOST), "200")
        assert "permitted subtree violation" in curl(own, OTHER), curl(own, OTHER)
        assert ": OK" in openssl(own, HOST), openssl(own, HOST)
        assert "permitted subtree violation" in openssl(own, OTHER), openssl(own, OTHER)
        if shutil.which("git"):
            assert "certificate" not in gnutls(own, HOST), gnutls(own, HOST)
            assert "certificate verification failed" in gnutls(own, OTHER), gnutls(own, OTHER)
        done = p.appliance.run("attack", "alice", "--json")
        equal("leaked", json.loads(done.stdout)["leaked"], 0)


def a_ca_is_constrained_to_the_hosts_of_the_routes():
    with place() as p:
        p.make(routes=CONSTRAINED)
        first = keep_bundle(p, "first.pem")
        text = own_certificate(first["SSL_CERT_FILE"])
        assert "X509v3 Name Constraints: critical" in text and "DNS:" + HOST in text, text
        assert "DNS:" + EXTRA_HOST not in text, text
        assert trusts(first) and not trusts(first, OTHER), "a denied host is an error of TLS"
        p.appliance.apply(p.tenant(routes=WIDER, methods="GET"))
        both = keep_bundle(p, "both.pem")
        equal("CAs after a change", len(certificates(both["SSL_CERT_FILE"])), 2)
        assert "DNS:" + EXTRA_HOST in own_certificate(both["SSL_CERT_FILE"])
        assert trusts(first) and trusts(both) and not trusts(both, EXTRA_HOST), "the present one signs on"
        p.appliance.run("tenant", "rotate-ca", "alice", "--finish")
        wait_for("the new host", lambda: trusts(both, EXTRA_HOST))
        assert trusts(both) and not trusts(first), "after the overlap"


TESTS = [a_ca_gets_a_successor_without_anybody_noticing, a_ca_is_constrained_to_the_hosts_of_the_routes, other_clients_hold_a_ca_to_its_hosts]
