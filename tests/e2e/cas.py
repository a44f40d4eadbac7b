"""A tenant's certificate authority and its successor: who trusts which, and when.

Each test starts an appliance of its own (lifecycle.Place).
"""

import hashlib
import os
import ssl

from appliance import Agent
from keys import EVERYWHERE
from lifecycle import HOST, place
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


def trusts(environment):
    agent = Agent(environment)
    try:
        equal("CONNECT", agent.connect(HOST + ":443").status, 200)
        agent.start_tls(HOST)
        return get(agent, "/v1/x").status == 200
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
        equal("changes", changes(p), [("CA successor made", "vault"), ("CA replaced", "vault")])
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


TESTS = [a_ca_gets_a_successor_without_anybody_noticing]
