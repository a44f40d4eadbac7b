"""What a compromised role tries with the channels that it has: messages that no honest role would send.

Each first does what the role may do, which must succeed: so the channel was there, and the same way of asking works. Then it
tries more, and looks at what came back to it and at what reached the providers.
"""

import contextlib
import hashlib
import os
import sqlite3
import struct
import subprocess

import messages
from inside import SCM_RIGHTS, SOL_SOCKET, Killed, Refused
from look import ALICE, equal, nothing_in, row_of
from mutate import SEED, Mutator, World
from stage import KEYS, OPENAI, ROLES, SECRETS

SOCK_STREAM, AF_UNIX = 1, 1
LIFE_FD = 3
NOISY_ANSWERS = 100
SIGKILL = 9
ASKS = []


def ask(role, tries, gets):
    """For the table: who, what it tries, what comes of it."""

    def add(function):
        ASKS.append((role, tries, gets, function))
        return function

    return add


def is_refused(me, peer, message, **fields):
    """The peer ends the channel rather than answer."""
    try:
        name, answer = me.ask(peer, message, **fields)
    except Refused:
        return
    raise AssertionError(f"the {peer} answered {message} with {name} {answer}")


def fresh(stage, role, tenant="alice"):
    """A role whose channels are all there: what refuses something ends the channel on which it came."""
    stage.restart()
    return stage.inside(role, tenant)


def refuses_all(stage, role, peer, tries):
    for message, fields in tries:
        me = fresh(stage, role)
        is_refused(me, peer, message, **fields)
        me.release()
        stage.works("bob")  # the others go on with the peer


# ---- gate ----


@ask("gate", "asks the vault for its tenant's credential, a sealed row, a CA key", "the vault ends the channel")
def gate_asks_the_vault_for_more(stage):
    refuses_all(stage, "gate", "vault", [("UNSEAL", {"credential": "openai"}),
                                         ("SEALED_GET", {"tenant_id": 1, "credential": "openai"}), ("CA_GET", {"tenant_id": 1}),
                                         ("SEAL_KEY_GET", {"version": 1})])


@ask("gate", "wants a certificate for a host that only another tenant's routes name",
     "one that says no for an hour, signed by its own tenant's CA, which nobody else trusts")
def gate_wants_a_leaf_of_another_tenant(stage):
    other = fresh(stage, "gate", "bob")
    key = public_key()
    _, theirs = other.ask("vault", "LEAF_SIGN", host="keys.example.com", public_key=key)
    equal("bob's own leaf", (theirs["code"], theirs["denial"]), (0, 0))
    other.release()
    me = stage.inside("gate")
    _, own = me.ask("vault", "LEAF_SIGN", host="api.openai.com", public_key=key)
    equal("the leaf for an own host", (own["code"], own["denial"]), (0, 0))
    _, foreign = me.ask("vault", "LEAF_SIGN", host="keys.example.com", public_key=key)
    equal("the leaf for another's host", (foreign["code"], foreign["denial"]), (0, 1))
    equal("its CA", foreign["ca"], own["ca"])
    assert foreign["ca"] != theirs["ca"], "two tenants have one CA"
    me.release()


def public_key():
    """A P-256 key as the gate sends it, by the openssl command."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True,
                         check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=key, capture_output=True, check=True).stdout


class Stream:
    """A stream of requests from a compromised gate to its egress."""

    def __init__(self, me):
        self.me = me
        pair = bytes(8)
        me.must("socketpair", AF_UNIX, SOCK_STREAM, 0, pair)
        self.fd, other = struct.unpack("=ii", me.memory.get(me.scratch, 8))
        me.send(me.channel("egress"), "CONNECTION", pass_fd=other, serial=1)
        me.must("close", other)

    def request(self, fields=(), body=b"", end=True, **more):
        """(status, header fields, body, all bytes) of the answer; status 0 when the stream was ended instead."""
        request = {"scheme": 0, "host": "api.openai.com", "port": 443, "method": "GET", "path": "/v1/models",
                   "fields": messages.header_fields(list(fields)), **more}
        raw, status, answer = b"", 0, b""
        got = []
        try:
            self.me.send(self.fd, "REQUEST", **request)
            if body:
                self.me.send(self.fd, "REQUEST_BODY", data=body)
            if end:
                self.me.send(self.fd, "REQUEST_END", total=len(body))
            while True:
                name, _, values = self.me.read_frame(self.fd)
                raw += b"".join(v for v in values.values() if isinstance(v, bytes))
                if name == "RESPONSE":
                    status, got = values["status"], messages.read_header_fields(values["fields"])
                elif name == "RESPONSE_BODY":
                    answer += values["data"]
                elif name in ("RESPONSE_END", "RESPONSE_ABORT"):
                    break
        except Refused:
            pass
        return status, got, answer, raw

    def close(self):
        self.me.call("close", self.fd)


def through_egress(stage, tries):
    """Each of the tries on a stream of its own, from alice's gate. Yields (name, answer, what the provider saw)."""
    me = stage.inside("gate")
    placeholder = stage.environments["alice"]["OPENAI_API_KEY"]
    stage.provider.take()
    stream = Stream(me)
    status, _, _, raw = stream.request([("Authorization", f"Bearer {placeholder}")])
    stream.close()
    equal("an honest request", status, 200)
    equal("what the provider saw", [r.header("Authorization") for r in stage.provider.take()], [[f"Bearer {ALICE}"]])
    for name, request in tries(placeholder):
        stream = Stream(me)
        answer = stream.request(**request)
        stream.close()
        nothing_in(f"the answer to {name}", answer[3])
        yield name, answer, stage.provider.take()
    me.release()
    stage.works("alice")


@ask("gate", "asks egress to send a request elsewhere: another host, address, port, scheme, method, path", "egress refuses by its own routes")
def gate_sends_elsewhere(stage):
    def tries(placeholder):
        login = [("Authorization", f"Bearer {placeholder}")]
        for name, change in [
            ("another host", {"host": "evil-openai.co"}), ("the name in capitals", {"host": "API.openai.com"}),
            ("the name with a dot", {"host": "api.openai.com."}), ("an address", {"host": "127.0.0.1"}),
            ("two hosts", {"host": "api.openai.com@evil-openai.co"}), ("a host with a port", {"host": "api.openai.com:8443"}),
            ("another port", {"port": 8443}), ("port 0", {"port": 0}), ("plain http", {"scheme": 1}),
            ("plain http on 80", {"scheme": 1, "port": 80}), ("a scheme that is none", {"scheme": 9}),
            ("TRACE", {"method": "TRACE"}), ("CONNECT", {"method": "CONNECT"}), ("a method with a blank", {"method": "GET /"}),
            ("another path", {"path": "/dashboard/billing"}), ("a path upwards", {"path": "/v1/../dashboard"}),
            ("a path in disguise", {"path": "/v1/%2e%2e/dashboard"}), ("a path with a query in it", {"path": "/v1/models?x"}),
            ("a path with a line end", {"path": "/v1/models HTTP/1.1\r\nX: y"}), ("no path", {"path": ""}),
            ("a query that is none", {"has_query": 0, "query": "x"}),
            ("a query with a line end", {"has_query": 1, "query": "x HTTP/1.1\r\nHost: evil-openai.co"}),
            ("a body length that is none", {"framing": 7}),
        ]:
            yield name, {"fields": login, **change}

    for name, answer, seen in through_egress(stage, tries):
        assert not seen, f"{name} reached the provider: {[r.head for r in seen]}"
        assert answer[0] == 0 or answer[0] >= 400, f"{name} was answered {answer[0]}"


@ask("gate", "puts the placeholder into another field, or fields that would change the request",
     "egress refuses; what it sends has the credential in its one place and one head")
def gate_changes_the_request(stage):
    def tries(placeholder):
        for name, fields in [
            ("another field", [("X-Note", placeholder)]), ("a field of another injector", [("X-Api-Key", placeholder)]),
            ("a cookie", [("Cookie", f"k={placeholder}")]), ("two of them", [("Authorization", f"Bearer {placeholder}")] * 2),
            ("a part of a field", [("Authorization", f"Bearer x{placeholder}")]),
            ("a credential of its own", [("Authorization", "Bearer sk-of-the-attacker")]),
            ("a line end in a value", [("X-Note", f"a\r\nX-Other: {placeholder}")]),
            ("a line end in a name", [("X\r\nY", "z")]), ("a name with a colon", [("X: y", "z")]), ("a name that is none", [("", "z")]),
        ]:
            yield name, {"fields": fields}
        yield "the query", {"has_query": 1, "query": f"key={placeholder}"}
        yield "the path", {"path": f"/v1/{placeholder}"}

    for name, answer, seen in through_egress(stage, tries):
        assert not seen, f"{name} reached the provider: {[r.head for r in seen]}"
        assert answer[0] == 0 or answer[0] >= 400, f"{name} was answered {answer[0]}"


@ask("gate", "adds fields of the connection and lies about the length of a body", "the provider sees one request, framed by egress")
def gate_lies_about_framing(stage):
    second = b"GET /v1/second HTTP/1.1\r\nHost: api.openai.com\r\n\r\n"

    def tries(placeholder):
        login = [("Authorization", f"Bearer {placeholder}")]
        for name, fields in [("a length", [("Content-Length", "0")]), ("a coding", [("Transfer-Encoding", "chunked")]),
                             ("a host", [("Host", "evil-openai.co")]), ("a proxy", [("Proxy-Authorization", "x")]),
                             ("a hop", [("Connection", "Authorization"), ("TE", "trailers")])]:
            yield name, {"fields": login + fields, "method": "POST", "path": "/v1/echo", "body": second, "framing": 2}
        yield "a body without one", {"fields": login, "body": second, "framing": 0}
        yield "a longer body", {"fields": login, "method": "POST", "path": "/v1/echo", "framing": 1, "content_length": 4, "body": second}

    for name, answer, seen in through_egress(stage, tries):
        assert len(seen) <= 1, f"{name} became {len(seen)} requests: {[r.head for r in seen]}"
        for r in seen:
            equal(f"Host with {name}", r.header("Host"), ["api.openai.com"])
            assert r.target != "/v1/second", f"{name} became a second request"
            equal(f"Authorization with {name}", r.header("Authorization"), [f"Bearer {ALICE}"])
            assert len(r.header("Content-Length") + r.header("Transfer-Encoding")) <= 1, r.head


@ask("gate", "has the provider say the credential back, in every form that it knows", "egress puts the placeholder there, or refuses the answer")
def gate_has_it_said_back(stage):
    def tries(placeholder):
        login = [("Authorization", f"Bearer {placeholder}")]
        for form in ("raw", "json", "percent", "base64", "base64url", "hex", "basic", "cut", "sse", "header", "name", "gzip"):
            yield form, {"fields": login, "path": f"/v1/reflect/{form}"}
        yield "gzip, asked for", {"fields": login + [("Accept-Encoding", "gzip")], "path": "/v1/reflect/gzip"}

    for name, _, seen in through_egress(stage, tries):
        equal(f"credential that the provider was sent for {name}", [r.header("Authorization") for r in seen], [[f"Bearer {ALICE}"]])


@ask("gate", "tells egress to write that a request was allowed", "egress ends the channel")
def gate_forges_the_audit(stage):
    me = fresh(stage, "gate")
    fd = me.channel("egress")
    fields = {"request_id": b"x" * 12, "method": "GET", "host": "a.example", "port": 443, "path": "/forged"}
    me.send(fd, "REFUSED", reason=1, **fields)
    me.send(fd, "REFUSED", reason=0, **fields)
    try:
        while True:
            me.read_frame(fd)
    except Refused:
        pass
    me.release()
    rows = [row["verdict"] for row in stage.appliance.audit("alice") if row.get("path") == "/forged"]
    equal("records of what it told", rows, ["denied"])


# ---- egress ----


@ask("egress", "asks the vault for other credentials: another tenant's, the CA's key, a path", "it gets those of its own channel's tenant and no other")
def egress_asks_for_other_credentials(stage):
    me = fresh(stage, "egress")
    name, own = me.ask("vault", "UNSEAL", credential="openai")
    equal("its own credential", (name, own["code"], own["value"]), ("CREDENTIAL", 0, ALICE.encode()))
    for other in ("keys", "@ca", "bob/openai", "../bob/openai", "", "openai\0", "OPENAI"):
        try:
            name, answer = me.ask("vault", "UNSEAL", credential=other)
        except Refused:
            me.release()
            me = fresh(stage, "egress")
            continue
        assert answer["code"] != 0 and not answer["value"], f"credential {other!r}: {answer}"
    me.release()


@ask("egress", "has the vault store another value for a credential",
     "the vault does it only for one that is bound to an endpoint which replaces it; another tenant's it does not find")
def egress_stores_another_value(stage):
    me = fresh(stage, "egress")
    for credential, value in (("openai", ALICE), ("keys", SECRETS[("bob", "openai")]), ("openai", "sk-guessed"), ("../openai", ALICE), ("", ALICE)):
        name, answer = me.ask("vault", "CREDENTIAL_ROTATE", credential=credential, old_hash=hashlib.sha256(value.encode()).digest(),
                              value=b"sk-of-the-attacker")
        assert name == "CREDENTIAL_ROTATED" and answer["code"] != 0, (credential, name, answer)
    name, own = me.ask("vault", "UNSEAL", credential="openai")
    equal("the value", (name, own["value"]), ("CREDENTIAL", ALICE.encode()))
    me.release()
    stage.works("alice")
    stage.works("bob")


@ask("egress", "asks the vault to sign a certificate", "the vault ends the channel")
def egress_asks_for_a_leaf(stage):
    refuses_all(stage, "egress", "vault", [("LEAF_SIGN", {"host": "api.openai.com", "public_key": public_key()}),
                                           ("CA_CERT_GET", {"tenant_id": 1})])


@ask("egress", "asks the store for rows, routes and records of others", "it gets its own tenant's routes; else the store ends the channel")
def egress_asks_the_store(stage):
    me = fresh(stage, "egress")
    name, own = me.ask("store", "SPEC_GET", known_generation=0)
    equal("its routes", (name, own["code"]), ("SPEC", 0))
    assert b"api.openai.com" in own["spec"] and b"keys.example.com" not in own["spec"], "the routes are not alice's"
    me.release()
    refuses_all(stage, "egress", "store", [
        ("SEALED_GET", {"tenant_id": 2, "credential": "openai"}), ("CA_GET", {"tenant_id": 2}), ("TENANT_GET", {"tenant": "bob"}),
        ("TENANTS_APPLY", {"tenants": struct.pack(">I", 0)}), ("CREDENTIAL_DELETE", {"tenant": "bob", "credential": "openai"}),
        ("AUDIT_PAGE", {"tenant": "bob", "limit": 10})])


@ask("egress", "writes records of requests that never were, and of how others ended", "records of its own tenant; the chain of all stays whole")
def egress_lies_in_the_audit(stage):
    before = len(stage.appliance.audit("bob"))
    me = fresh(stage, "egress")
    fields = {"request_id": b"y" * 12, "method": "GET", "host": "a.example", "port": 443, "path": "/never"}
    name, answer = me.ask("store", "AUDIT_DECISION", time_ms=1, reason=0, **fields)
    equal("code of AUDIT_STORED", (name, answer["code"]), ("AUDIT_STORED", 0))
    me.send(me.channel("store"), "AUDIT_OUTCOME", request_id=b"z" * 12, time_ms=1, status=200)
    me.release()
    stage.works("alice")
    equal("tenants of the record", [r["tenant"] for r in stage.appliance.audit() if r.get("path") == "/never"], ["alice"])
    equal("records of the other tenant", len(stage.appliance.audit("bob")), before)
    stage.appliance.run("audit", "verify")


def take_stream(me):
    """The descriptor of a stream that the gate announces to its egress."""
    fd = me.channel("gate")

    def header(arena):
        control = arena.put(bytes(64))  # first, so that it is found again
        vector = arena.put(struct.pack("=QQ", arena.put(bytes(4096)), 4096))
        return arena.put(struct.pack("=QI4xQQQQi4x", 0, 0, vector, 1, control, 64, 0))

    while True:
        assert me.until_it_can(lambda: me.call("recvmsg", fd, header, 0)) > 0, "the gate closed the channel"
        length, level, kind, stream = struct.unpack("=Qiii", me.memory.get(me.scratch, 20))
        if (length, level, kind) == (20, SOL_SOCKET, SCM_RIGHTS):
            return stream


@ask("egress", "answers the agents with random and mutated messages", "the gate ends those connections and serves the next")
def egress_answers_with_noise(stage):
    me = fresh(stage, "egress")
    me.must("getpid")  # held: what comes is taken by us
    gate = stage.pid("gate")
    mutator = Mutator("egress", "gate", True, SEED, World(stage))
    for _ in range(NOISY_ANSWERS):
        agent = stage.tunnel()
        agent.send(b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
        fd = take_stream(me)
        with contextlib.suppress(Refused):
            for _ in range(4):
                me.write(fd, mutator.frame([0]))
        me.must("close", fd)
        with contextlib.suppress(OSError, ValueError, IndexError):  # whatever this answer is
            agent.response()
        agent.close()
    me.release()
    equal("the gate", stage.pid("gate"), gate)
    stage.works("alice")


# ---- api ----


@ask("api", "reads credentials back: the sealed row, the vault's opening, everything it may ask the store", "no answer has one")
def api_reads_back(stage):
    me = fresh(stage, "api")
    answers = b""
    for message, fields in [("TENANT_LIST", {"limit": 100}), ("TENANT_GET", {"tenant": "alice"}), ("TENANT_GET", {"tenant": "bob"}),
                            ("AUDIT_PAGE", {"limit": 1000})]:
        name, answer = me.ask("store", message, **fields)
        equal(f"code of {name}", answer["code"], 0)
        answers += b"".join(v for v in answer.values() if isinstance(v, bytes))
    name, answer = me.ask("vault", "CA_CERT_GET", tenant_id=1)
    equal("code of CA_CERT", answer["code"], 0)
    me.release()
    nothing_in("what the api can read", answers)
    assert row_of(stage, "alice", "openai")[0] not in answers, "the api can read a sealed row"
    refuses_all(stage, "api", "store", [("SEALED_GET", {"tenant_id": 1, "credential": "openai"}), ("CA_GET", {"tenant_id": 1})])
    refuses_all(stage, "api", "vault", [("UNSEAL", {"credential": "openai"}), ("LEAF_SIGN", {"host": "api.openai.com"})])


def apply_spec(me, tenant, yaml, spec):
    """TENANTS_APPLY of one tenant whose spec no parser has seen."""
    text = lambda b: struct.pack(">I", len(b)) + b
    one = text(tenant.encode()) + text(yaml) + text(spec) + struct.pack(">I", 1) + text(b"openai") + text(b"sk-placeholder-0123456789") + b"\0"
    return me.ask("store", "TENANTS_APPLY", tenants=struct.pack(">I", 1) + one)[1]


def repair(stage):
    """What an administrator would do afterwards."""
    for tenant, routes in (("alice", OPENAI), ("bob", OPENAI + KEYS)):
        stage.appliance.apply(stage.tenant(tenant, routes))
    for (tenant, name), value in SECRETS.items():
        stage.set(tenant, name, value)
    stage.look()
    for tenant in ("alice", "bob"):
        stage.works(tenant)


@ask("api", "points the route of a credential at a server of its own, and rewrites the store's copy of what it is bound to",
     "the store refuses the route; lied to, it takes it, and egress refuses by what is sealed with the credential")
def api_redirects_a_credential(stage):
    me = fresh(stage, "api")
    _, tenant = me.ask("store", "TENANT_GET", tenant="alice")
    evil = tenant["spec"].replace(b"api.openai.com", b"evil-openai.co")
    assert evil != tenant["spec"]
    equal("the same spec again", apply_spec(me, "alice", tenant["yaml"], tenant["spec"])["code"], 0)
    assert apply_spec(me, "alice", tenant["yaml"], evil)["code"] != 0, "the store took a route that its copy of the binding forbids"
    box, binding, tenant_id, _ = row_of(stage, "alice", "openai")
    both = binding + b"\n" + binding.replace(b"api.openai.com", b"evil-openai.co")  # the route that is there still must be covered
    lie = {"tenant": "alice", "tenant_id": tenant_id, "credential": "openai", "box": box, "binding": both}
    equal("code of CREDENTIAL_PUT", me.ask("store", "CREDENTIAL_PUT", **lie)[1]["code"], 0)
    equal("code of the second try", apply_spec(me, "alice", tenant["yaml"], evil)["code"], 0)
    me.release()
    stage.provider.take()
    answer = stage.ask("alice", host="evil-openai.co")
    equal("what the agent is told", (answer.status, answer.problem().get("reason")), (403, "credential_binding"))
    equal("requests at the attacker's server", len(stage.provider.take()), 0)
    repair(stage)


@ask("api", "puts a sealed row under another tenant or another name", "it does not open there")
def api_moves_a_row(stage):
    me = fresh(stage, "api")
    box, binding, *_ = row_of(stage, "bob", "openai")
    tenant_id = row_of(stage, "alice", "openai")[2]
    moved = {"tenant": "alice", "tenant_id": tenant_id, "credential": "openai", "box": box, "binding": binding}
    equal("code of CREDENTIAL_PUT", me.ask("store", "CREDENTIAL_PUT", **moved)[1]["code"], 0)
    me.release()
    does_not_open(stage)
    repair(stage)


# ---- console ----


def as_the_console(me, request):
    """What api answers on a stream of its own."""
    pair = bytes(8)
    me.must("socketpair", AF_UNIX, SOCK_STREAM, 0, pair)
    fd, other = struct.unpack("=ii", me.memory.get(me.scratch, 8))
    me.send(me.channel("api"), "CONSOLE_STREAM", pass_fd=other, serial=1)
    me.must("close", other)
    me.write(fd, request)
    got = me.until_it_can(lambda: me.call("read", fd, bytes(65536), 65536))
    answer = me.memory.get(me.scratch, got) if got > 0 else b""
    me.must("close", fd)
    return answer


@ask("console", "asks api on a stream, as nobody, with a session that it makes up, and with a token, to show and to change what there is",
     "api answers 401: whose a session is, the store knows")
def console_asks_without_a_session(stage):
    token = stage.appliance.run("token", "create", "stolen", "--scope", "admin").stdout.strip()
    me = fresh(stage, "console")
    for name, shown in [("nothing", b""), ("a session", b"cbxs_" + b"A" * 43), ("a token", token), ("no secret", b"x"), ("two words", b"a b")]:
        field = b"Authorization: Bearer " + shown + b"\r\n" if shown else b""
        for method, target in [(b"GET", b"/v1/tenants"), (b"GET", b"/v1/tenants/alice/env"), (b"GET", b"/v1/audit"), (b"DELETE", b"/v1/tenants/alice"),
                               (b"POST", b"/v1/tenants/alice:suspend"), (b"POST", b"/v1/sign-in-links"), (b"PUT", b"/v1/administrators/eve")]:
            answer = as_the_console(me, method + b" " + target + b" HTTP/1.1\r\nHost: api\r\n" + field + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 401 "), f"{method} {target} with {name} was answered {answer[:200]}"
            nothing_in(f"the answer to {target}", answer)
    me.release()
    stage.works("alice")


@ask("console", "sends api what only others may: TENANT_LIST, SEALED_GET, UNSEAL, as if api were the store or the vault", "api ends the channel")
def console_sends_what_others_may(stage):
    refuses_all(stage, "console", "api", [("TENANT_LIST", {"limit": 10}), ("SEALED_GET", {"tenant_id": 1, "credential": "openai"}),
                                          ("UNSEAL", {"credential": "openai"})])


def does_not_open(stage, tenant="alice", host="api.openai.com"):
    stage.provider.take()
    answer = stage.ask(tenant, host=host)
    equal("what the agent is told", (answer.status, answer.problem().get("reason")), (503, "credential_unavailable"))
    equal("requests at the provider", len(stage.provider.take()), 0)


# ---- any role ----


@ask("any", "writes noise to the monitor", "the monitor ends it and starts another; everybody else goes on")
def noise_for_the_monitor(stage):
    for role in ROLES:
        me = fresh(stage, role)
        with contextlib.suppress(Killed):  # before it has heard what came of its call
            me.write(LIFE_FD, b"\xff" * 64)
        equal(f"the signal that ended the {role}", stage.ended_by(me), SIGKILL)
        if me.tenant:
            stage.works("bob")  # at once: nobody of his was touched
        for tenant in ("alice", "bob"):
            stage.recovers(tenant)


# ---- store, and whoever has its file ----


@ask("store", "hands out another tenant's row, another name's, one of its own making", "the vault opens none of them for that channel")
def store_hands_out_other_rows(stage):
    foreign, own_key = row_of(stage, "bob", "openai")[0], row_of(stage, "bob", "keys")[0]
    own = row_of(stage, "alice", "openai")[0]
    stage.restart()
    egress = stage.inside("egress")
    egress.must("getpid")  # held: it asks the vault only for us
    me = stage.inside("store")
    vault, fd = me.channel("vault"), egress.channel("vault")
    for what, box, opens in [("its own row", own, True), ("another tenant's", foreign, False), ("another name's", own_key, False),
                             ("nothing", b"", False), ("noise", os.urandom(200), False),
                             ("a changed one", own[:-1] + bytes([own[-1] ^ 1]), False)]:
        egress.send(fd, "UNSEAL", 77, credential="openai")
        while True:
            name, call, request = me.read_frame(vault)
            if name == "SEALED_GET":
                break
        equal("asked for", (request["tenant_id"], request["credential"]), (row_of(stage, "alice", "openai")[2], b"openai"))
        me.send(vault, "SEALED", call, code=0, box=box)
        name, call, answer = egress.read_frame(fd)
        equal("the answer", (name, call), ("CREDENTIAL", 77))
        equal(f"{what} opens", answer["code"] == 0, opens)
        if not opens:
            equal(f"value of {what}", answer["value"], b"")
    me.release()
    egress.release()
    stage.restart()
    stage.works("alice")


@ask("database", "swaps sealed rows between tenants, names and databases while the server is stopped", "none of them opens")
def database_is_edited(stage):
    other_database = type(stage)(stage.listener, None)
    try:
        strange = row_of(other_database, "alice", "openai")[0]
    finally:
        other_database.close()
    alices, bobs, keys = (row_of(stage, *which)[0] for which in (("alice", "openai"), ("bob", "openai"), ("bob", "keys")))

    def with_box(tenant, name, box):
        stage.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(stage.appliance.state, "store", "clawbox.db"))) as db, db:
            db.execute("UPDATE credential SET box = ? WHERE name = ? AND tenant_id = (SELECT id FROM tenant WHERE name = ?)",
                       (box, name, tenant))
        stage.start()

    os.environ["CLAWBOX_ATTACKER_SOCKET"] = stage.listener.path
    for tenant, name, box, host in [("alice", "openai", bobs, "api.openai.com"), ("bob", "openai", alices, "api.openai.com"),
                                    ("bob", "keys", bobs, "keys.example.com"), ("bob", "openai", keys, "api.openai.com"),
                                    ("alice", "openai", strange, "api.openai.com")]:
        before = row_of(stage, tenant, name)[0]
        with_box(tenant, name, box)
        does_not_open(stage, tenant, host)
        with_box(tenant, name, before)
    stage.works("alice")
    stage.works("bob")
