"""What somebody signs in with, or gives to a tenant, is nowhere in the memory of the processes that it came through."""

import http.client
import json
import os
import secrets
import socket

from appliance import WAIT
from console import PASSWORD, TENANT, console
from lifecycle import need_root
from scenarios import equal, need_real_memory, wait_for
from tenants import memory_has


def put(state, target, body):
    """Over the control socket."""
    connection = http.client.HTTPConnection("clawbox", timeout=WAIT)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(os.path.join(state, "control.sock"))
    connection.request("PUT", target, json.dumps(body), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def what_was_shown_is_nowhere_in_memory():
    need_root()
    need_real_memory()
    with console() as c:
        b = c.administrator()
        b.expect(201, "PUT", "/api/v1/tenants/alice", TENANT, Content_Type="application/yaml")
        state = c.p.appliance.state
        key, token, wrong = secrets.token_bytes(32), secrets.token_hex(20), "a guess " + secrets.token_hex(8)
        equal("an administrator", put(state, "/v1/administrators/bea", {"scope": "admin", "kdf": "01" + "5a" * 16 + "00000004" + "00010000", "key": key.hex()}), 204)
        equal("a refusal", put(state, "/v1/administrators/cat", {"scope": "all", "kdf": "01" + "5a" * 16 + "00000004" + "00010000", "key": key.hex()}), 422)
        equal("a proxy token", put(state, "/v1/tenants/alice/proxy-token", {"token": token}), 204)
        equal("a proxy token of a page's", b.ask("PUT", "/api/v1/tenants/alice/proxy-token", {"token": token})[0], 204)
        b.sign_in({"name": "ann", "password": PASSWORD})
        b.sign_in({"name": "ann", "password": wrong}, 401)
        b.close()
        pids = {role: c.p.pid(role) for role in ("console", "api", "store")}
        for pid in pids.values():
            assert memory_has(pid, b"no_new_privs"), "what every process has in it is not found: the search is blind"
        looked_for = {"the key's digits": (key.hex().encode(), ("console", "api", "store")), "the key": (key, ("console", "api", "store")),
                      "the proxy token": (token.encode(), ("console", "api")), "the password": (PASSWORD.encode(), ("console", "api", "store")),
                      "the guess": (wrong.encode(), ("console", "api", "store"))}
        for what, (needle, roles) in looked_for.items():
            for role in roles:
                wait_for(f"the end of {what} in {role}", lambda: not memory_has(pids[role], needle))


TESTS = [what_was_shown_is_nowhere_in_memory]
