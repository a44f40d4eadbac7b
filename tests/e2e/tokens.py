"""Routes whose credential is what an access token is fetched with, against a token endpoint of our own.

Each test starts an appliance of its own. Nothing here waits for a fixed time, but where a token has to grow old.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import secrets
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
import urllib.parse

import yaml

from appliance import WAIT, Agent, Appliance, make_certificates, openssl
from provider import Provider
from scenarios import Skip, absent, equal, get, wait_for

API = "api.example.com"
LOGIN = "login.example.com"
VERTEX = "aiplatform.googleapis.com"
GOOGLE = "oauth2.googleapis.com"
SECRET = "client-secret-0123456789abcdef"
REFRESH = "refresh-token-0123456789abcdef"


class Endpoint:
    """A token endpoint: writes down what it was asked, and answers as it was told."""

    def __init__(self, certificate, key):
        self.asked = []
        self.tokens = []
        self.lifetime = 3600
        self.rotates = False
        self.scripted = []  # (status, headers, body) for the next requests
        self.gate = threading.Event()  # closed: answers wait
        self.gate.set()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                endpoint._answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None  # whoever asks may go before the answer
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        form = {k: v[0] for k, v in urllib.parse.parse_qs(body, strict_parsing=True).items()}
        self.asked.append((handler.path, form, handler.headers.get("Authorization")))
        self.gate.wait(WAIT)
        if self.scripted:
            status, headers, answer = self.scripted.pop(0)
        else:
            token = f"access-{len(self.asked)}-{secrets.token_hex(16)}"
            self.tokens.append(token)
            status, headers = 200, {}
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
            if self.rotates:
                answer["refresh_token"] = f"refresh-{len(self.asked)}-{secrets.token_hex(16)}"
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


class World:
    """An appliance with the tenant alice, her provider and the endpoint that gives out tokens for it."""

    def __init__(self):
        self.appliance = Appliance()
        self.ca, certificate, key = make_certificates(self.appliance.home, [API, LOGIN, VERTEX, GOOGLE, GEMINI])
        self.provider = Provider(certificate, key)
        self.endpoint = Endpoint(certificate, key)
        self.appliance.start()

    def close(self):
        log = self.appliance.log()
        status = self.appliance.stop()
        log = self.appliance.log() if os.path.exists(self.appliance.log_path) else log
        self.provider.close()
        self.endpoint.close()
        for real in [SECRET, REFRESH, *self.endpoint.tokens]:
            absent("the log", real, log)
        shutil.rmtree(self.appliance.home, ignore_errors=True)
        equal("status of serve", status, 0)

    def route(self, **route):
        return {
            "credential": "k",
            "upstream": {"address": f"127.0.0.1:{self.provider.port}", "caFile": self.ca},
            "tokenUpstream": {"address": f"127.0.0.1:{self.endpoint.port}", "caFile": self.ca},
            **route,
        }

    def oauth2(self, **fields):
        return self.route(host=API, inject={"oauth2": {"tokenUrl": f"https://{LOGIN}/token", **fields}})

    def use(self, *routes, value=SECRET):
        """Applies a tenant with these routes, and sets their credential."""
        tenant = {"apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": "alice"}, "spec": {"routes": list(routes)}}
        self.appliance.apply(yaml.safe_dump(tenant))
        if value is not None:
            self.set(value)
        self.environment = self.appliance.environment("alice")

    def set(self, value, check=True):
        return self.appliance.run("credential", "set", "alice", "k", stdin=value.encode(), check=check)

    def placeholder(self):
        return self.environment["CLAWBOX_K"]

    def tunnel(self, host=API):
        agent = Agent(self.environment)
        equal("CONNECT", agent.connect(host + ":443").status, 200)
        agent.start_tls(host)
        return agent

    def get(self, target="/v1/models", host=API):
        agent = self.tunnel(host)
        try:
            return get(agent, target, host)
        finally:
            agent.close()

    def sent(self):
        """The Authorization of each request that reached the provider since the last call."""
        return [r.header("Authorization") for r in self.provider.take()]

    def rows(self, **fields):
        return [r for r in self.appliance.audit("alice") if all(r.get(k) == v for k, v in fields.items())]


@contextlib.contextmanager
def world():
    w = World()
    try:
        yield w
    finally:
        w.close()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# ---- the grants ----


def token_by_client_credentials():
    with world() as w:
        w.use(w.oauth2(clientId="me", scopes=["read", "write"], audience="https://api"))
        equal("status", w.get().status, 200)
        equal("asked", w.endpoint.asked,
              [("/token", {"grant_type": "client_credentials", "scope": "read write", "audience": "https://api"}, basic("me", SECRET))])
        equal("sent", w.sent(), [["Bearer " + w.endpoint.tokens[0]]])
        equal("status", w.get().status, 200)
        equal("requests for tokens", len(w.endpoint.asked), 1)
        fetch = w.rows(host=LOGIN, kind="decision")
        equal("records of the fetch", len(fetch), 1)
        equal("what it says", {k: fetch[0][k] for k in ("verdict", "route", "credential", "method", "path")},
              {"verdict": "allowed", "route": "api-example-com", "credential": "k", "method": "POST", "path": "/token"})


def token_with_the_client_in_the_body():
    with world() as w:
        w.use(w.oauth2(clientAuth="body"), value=json.dumps({"client_id": "me", "client_secret": SECRET}))
        equal("status", w.get().status, 200)
        equal("asked", w.endpoint.asked,
              [("/token", {"grant_type": "client_credentials", "client_id": "me", "client_secret": SECRET}, None)])


def claims_of(assertion):
    head, claims, signature = assertion.split(".")
    decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return json.loads(decode(head)), json.loads(decode(claims)), f"{head}.{claims}".encode(), decode(signature)


def der_of(signature):
    """The DER of an ECDSA signature that JWS has as r and s."""
    def number(raw):
        raw = raw.lstrip(b"\0") or b"\0"
        raw = b"\0" + raw if raw[0] & 0x80 else raw
        return b"\x02" + bytes([len(raw)]) + raw
    both = number(signature[:32]) + number(signature[32:])
    return b"\x30" + bytes([len(both)]) + both


def verifies(w, key, message, signature):
    """Whether openssl accepts the signature with the public half of the key file."""
    for name, data in (("message", message), ("signature", signature)):
        with open(os.path.join(w.appliance.home, name), "wb") as file:
            file.write(data)
    public = os.path.join(w.appliance.home, "public.pem")
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature", os.path.join(w.appliance.home, "signature"),
                           os.path.join(w.appliance.home, "message")], capture_output=True)
    return done.returncode == 0


def make_key(w, *arguments):
    path = os.path.join(w.appliance.home, "private.pem")
    openssl("genpkey", "-out", path, *arguments)
    return path, open(path).read()


def token_by_signed_assertion_rs256():
    with world() as w:
        path, pem = make_key(w, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        w.use(w.oauth2(grant="jwtBearer", clientId="me", subject="somebody", scopes=["read"]), value=pem)
        equal("status", w.get().status, 200)
        form = w.endpoint.asked[0][1]
        head, claims, message, signature = claims_of(form.pop("assertion"))
        equal("form", form, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "read"})
        equal("header", head, {"alg": "RS256", "typ": "JWT"})
        equal("claims", {k: claims[k] for k in ("iss", "sub", "aud")}, {"iss": "me", "sub": "somebody", "aud": f"https://{LOGIN}/token"})
        assert claims["iat"] <= time.time() + 5 and 0 < claims["exp"] - claims["iat"] <= 300, claims
        assert verifies(w, path, message, signature), "the signature is wrong"


def token_by_signed_assertion_es256():
    with world() as w:
        path, pem = make_key(w, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        w.use(w.oauth2(grant="jwtBearer"), value=json.dumps({"client_id": "me", "private_key": pem, "private_key_id": "7"}))
        equal("status", w.get().status, 200)
        head, claims, message, signature = claims_of(w.endpoint.asked[0][1]["assertion"])
        equal("header", head, {"alg": "ES256", "typ": "JWT", "kid": "7"})
        equal("signature", len(signature), 64)
        assert verifies(w, path, message, der_of(signature)), "the signature is wrong"


def token_of_a_google_service_account():
    with world() as w:
        path, pem = make_key(w, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        account = {"type": "service_account", "project_id": "p", "private_key_id": "8", "private_key": pem,
                   "client_email": "a@p.iam.gserviceaccount.com", "token_uri": f"https://{GOOGLE}/token"}
        w.use(w.route(provider="vertex"), value=json.dumps(account, indent=2))
        equal("status", w.get("/v1/projects/p/locations/global/models", VERTEX).status, 200)
        head, claims, message, signature = claims_of(w.endpoint.asked[0][1]["assertion"])
        equal("kid", head["kid"], "8")
        equal("claims", {k: claims.get(k) for k in ("iss", "sub", "aud", "scope")},
              {"iss": "a@p.iam.gserviceaccount.com", "sub": None, "aud": f"https://{GOOGLE}/token",
               "scope": "https://www.googleapis.com/auth/cloud-platform"})
        assert verifies(w, path, message, signature), "the signature is wrong"
        equal("sent", w.sent(), [["Bearer " + w.endpoint.tokens[0]]])
        # One that wants its token from somewhere else does not get it, and nothing is sent there.
        w.set(json.dumps({**account, "token_uri": "https://evil.example.com/token"}))
        response = wait_for("the other account", lambda: [r for r in [w.get("/v1/projects/p", VERTEX)] if r.status == 503])[0]
        equal("reason", response.problem()["reason"], "credential_unavailable")
        equal("requests for tokens", len(w.endpoint.asked), 1)


def token_of_a_google_user():
    with world() as w:
        user = {"type": "authorized_user", "client_id": "id", "client_secret": SECRET, "refresh_token": REFRESH}
        w.use(w.route(provider="vertex"), value=json.dumps(user))
        equal("status", w.get("/v1/projects/p/locations/global/models", VERTEX).status, 200)
        equal("asked", w.endpoint.asked, [("/token", {"grant_type": "refresh_token", "refresh_token": REFRESH, "client_id": "id",
                                                      "client_secret": SECRET}, None)])


# ---- one for all, and in time ----


def one_token_for_all_who_wait():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        w.endpoint.gate.clear()
        statuses = []
        agents = [threading.Thread(target=lambda: statuses.append(w.get().status)) for _ in range(20)]
        for agent in agents:
            agent.start()
        wait_for("a request for a token", lambda: w.endpoint.asked)
        wait_for("all requests", lambda: len(w.rows(host=LOGIN)) and not statuses)
        w.endpoint.gate.set()
        for agent in agents:
            agent.join()
        equal("statuses", statuses, [200] * 20)
        equal("requests for tokens", len(w.endpoint.asked), 1)
        equal("sent", w.sent(), [["Bearer " + w.endpoint.tokens[0]]] * 20)


def a_token_is_fetched_anew_ahead_of_its_end():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        w.endpoint.lifetime = 4
        equal("status", w.get().status, 200)
        # From then on requests come all the time; none of them waits for the second token.
        w.endpoint.gate.clear()
        wait_for("the second request for a token", lambda: w.get().status == 200 and len(w.endpoint.asked) == 2)
        equal("with the first", w.get().status, 200)
        equal("sent", set(map(tuple, w.sent())), {("Bearer " + w.endpoint.tokens[0],)})
        w.endpoint.lifetime = 3600
        w.endpoint.gate.set()
        second = wait_for("the second token", lambda: w.endpoint.tokens[1:])[0]
        wait_for("its use", lambda: w.get().status == 200 and ["Bearer " + second] in w.sent())


def a_refused_token_is_thrown_away_when_it_is_not_new():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        for _ in range(3):
            equal("status", w.get("/v1/status/401").status, 401)
        equal("requests for tokens", len(w.endpoint.asked), 1)


# ---- what can go wrong ----


def no_token_no_request():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        for status, headers, body, expected, reason in (
            (500, {}, b"", 503, "token_unavailable"),
            (400, {}, {"error": "invalid_client", "error_description": SECRET}, 502, "token_refused"),
            (302, {"Location": "https://evil.example.com/token"}, b"", 502, "token_refused"),
            (200, {}, {"access_token": "a b", "token_type": "Bearer"}, 502, "token_refused"),
            (200, {}, {"access_token": "x" * 40, "token_type": "mac"}, 502, "token_refused"),
            (200, {}, b'{"access_token": "' + b"x" * 70000 + b'"}', 502, "token_refused"),
            (200, {}, b"<html>", 502, "token_refused"),
            (200, {"Content-Encoding": "gzip"}, b"x", 502, "token_refused"),
        ):
            w.endpoint.scripted = [(status, headers, body)]
            before = len(w.endpoint.asked)
            response = w.get()
            equal(f"status after {status} {body[:20] if isinstance(body, bytes) else body}",
                  (response.status, response.problem().get("reason")), (expected, reason))
            absent("the answer", SECRET, response.body.decode())
            # Right after that the endpoint is left alone, and the answer is the same.
            equal("at once", (w.get().status, len(w.endpoint.asked)), (expected, before + 1))
            w.set(SECRET)  # another version of the credential starts anew
        equal("sent", w.sent(), [])
        wait_for("a token", lambda: w.get().status == 200)
        fetches = {r["request_id"] for r in w.rows(host=LOGIN)}
        ends = [(r["status"], r["reason"]) for r in w.rows(kind="outcome") if r["request_id"] in fetches]
        equal("what the audit says of the first", ends[:3], [(s, "token_refused") for s in (500, 400, 302)])
        equal("and of the last", ends[-1], (200, "route"))


def a_dead_endpoint_is_said():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        w.endpoint.close()
        response = w.get()
        equal("answer", (response.status, response.problem()["reason"]), (503, "token_unavailable"))
        w.endpoint = Endpoint(os.path.join(w.appliance.home, "server.pem"), os.path.join(w.appliance.home, "server.key"))


def the_token_does_not_come_back():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        for form in ("raw", "json", "percent", "base64", "base64url", "hex", "cut", "sse", "header"):
            response = w.get("/v1/reflect/" + form)
            text = response.body.decode("latin-1") + str(response.headers)
            token = w.endpoint.tokens[0]
            for what in (token, "".join(f"%{c:02X}" for c in token.encode()), "".join(f"\\u{ord(c):04x}" for c in token),
                         token.encode().hex(), *(base64.b64encode(b"x" * n + token.encode()).decode()[4:-4] for n in range(3))):
                absent(f"the answer of {form}", what, text)
        equal("requests for tokens", len(w.endpoint.asked), 1)
        # What only the endpoint knows is looked for as well: a provider may show what it has of its client.
        w.provider.say(f"HTTP/1.1 200 OK\r\nContent-Length: {len(SECRET)}\r\n\r\n{SECRET}".encode())
        response = w.get()
        equal("answer", (response.status, len(response.body)), (200, len(SECRET)))
        absent("the answer", SECRET, response.body.decode())


# ---- a refresh token that is replaced ----


def box_of(w):
    database = sqlite3.connect(f"file:{os.path.join(w.appliance.state, 'store', 'clawbox.db')}?mode=ro", uri=True)
    try:
        return database.execute("SELECT version, box FROM credential WHERE name = 'k'").fetchone()
    finally:
        database.close()


def a_new_refresh_token_outlives_a_crash():
    with world() as w:
        w.endpoint.rotates = True
        w.use(w.oauth2(grant="refreshToken", clientId="me"), value=REFRESH)
        equal("status", w.get().status, 200)
        equal("asked", [a[1]["refresh_token"] for a in w.endpoint.asked], [REFRESH])
        wait_for("the new one to be stored", lambda: "is stored" in w.appliance.log())
        for pid in w.appliance.roles().values():
            with contextlib.suppress(ProcessLookupError):  # the end of one may have been that of another
                os.kill(pid, signal.SIGKILL)
        w.appliance.process.kill()
        w.appliance.process.wait()
        w.appliance.process.stdout.close()
        w.appliance.start()
        w.environment = w.appliance.environment("alice")
        equal("status", w.get().status, 200)
        used = [a[1]["refresh_token"] for a in w.endpoint.asked]
        equal("requests for tokens", len(used), 2)
        assert used[1].startswith("refresh-1-"), used
        for token in used:
            absent("the log", token, w.appliance.log())


def a_new_refresh_token_is_used_while_it_cannot_be_stored():
    with world() as w:
        w.endpoint.rotates = True
        w.endpoint.lifetime = 2
        w.use(w.oauth2(grant="refreshToken"), value=json.dumps({"client_id": "me", "client_secret": SECRET, "refresh_token": REFRESH}))
        w.get()
        wait_for("the first to be stored", lambda: "is stored" in w.appliance.log())
        # The vault is killed again and again, so that requests to it fail; it is started again each time.
        for _ in range(2):
            before = len(w.endpoint.asked)
            os.kill(w.appliance.roles()[("vault", "")], signal.SIGKILL)
            wait_for("another fetch", lambda: w.get().status in (200, 503) and len(w.endpoint.asked) > before)
        used = [a[1]["refresh_token"] for a in w.endpoint.asked]
        for i, token in enumerate(used[1:], 1):
            assert token.startswith(f"refresh-{i}-"), used
        equal("client", {a[2] for a in w.endpoint.asked}, {basic("me", SECRET)})


def a_credential_set_meanwhile_stays():
    with world() as w:
        w.endpoint.rotates = True
        w.use(w.oauth2(grant="refreshToken", clientId="me"), value=REFRESH)
        w.endpoint.gate.clear()
        waiting = threading.Thread(target=w.get)
        waiting.start()
        wait_for("a request for a token", lambda: w.endpoint.asked)
        w.set("refresh-of-somebody-0123456789")
        w.endpoint.gate.set()
        waiting.join()
        wait_for("the new one's use", lambda: w.get().status == 200)
        equal("asked", [a[1]["refresh_token"] for a in w.endpoint.asked][1], "refresh-of-somebody-0123456789")


# ---- the agent asks itself ----


def post(agent, target, host, body):
    agent.send(f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return agent.response()


def the_agent_gets_a_placeholder_from_the_endpoint():
    with world() as w:
        w.use(w.oauth2(clientId="me", answer=True))
        agent = w.tunnel(LOGIN)
        response = post(agent, "/token", LOGIN, "grant_type=refresh_token&refresh_token=x")
        equal("status", response.status, 200)
        equal("answer", json.loads(response.body), {"access_token": w.placeholder(), "token_type": "Bearer", "expires_in": 3600})
        equal("elsewhere", post(agent, "/token/introspect", LOGIN, "token=x").status, 403)
        equal("another method", get(agent, "/token", LOGIN).status, 403)
        agent.close()
        equal("requests for tokens", w.endpoint.asked, [])
        # With what it got, it may ask the provider.
        agent = w.tunnel()
        agent.send(f"GET /v1/models HTTP/1.1\r\nHost: {API}\r\nAuthorization: Bearer {w.placeholder()}\r\n\r\n".encode())
        equal("status", agent.response().status, 200)
        agent.close()
        equal("sent", w.sent(), [["Bearer " + w.endpoint.tokens[0]]])


def a_route_to_the_endpoint_does_not_lead_there():
    """Somebody allows all of the endpoint's host, even with a credential: its token path is answered here all the same."""
    with world() as w:
        own = w.route(host=LOGIN, credential="other", inject={"basic": True, "user": "me"})
        del own["tokenUpstream"]
        own["upstream"]["address"] = f"127.0.0.1:{w.endpoint.port}"
        w.use(w.oauth2(clientId="me"), own)
        w.appliance.run("credential", "set", "alice", "other", stdin=SECRET.encode())
        agent = w.tunnel(LOGIN)
        equal("answer", json.loads(post(agent, "/token", LOGIN, "grant_type=client_credentials").body)["access_token"], w.placeholder())
        equal("requests for tokens", w.endpoint.asked, [])
        agent.close()


def the_google_genai_package_works_with_vertex():
    """The package finds the file that `clawbox env` wrote, asks for a token with it, and asks Vertex with that."""
    modules = os.environ.get("CLAWBOX_NODE_MODULES", "")
    if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "@google", "genai")):
        raise Skip("node or the packages of tests/e2e/clients are not installed")
    with world() as w:
        user = {"type": "authorized_user", "client_id": "id", "client_secret": SECRET, "refresh_token": REFRESH}
        w.use(w.route(provider="vertex"), value=json.dumps(user))
        stub = json.load(open(w.environment["GOOGLE_APPLICATION_CREDENTIALS"]))
        equal("type", stub["type"], "authorized_user")
        absent("the file", REFRESH, json.dumps(stub))
        folder = os.path.dirname(modules)
        for script in ("proxy.mjs", "genai.mjs"):
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", script), folder)
        w.provider.say(GENERATED)
        done = subprocess.run(["node", "--import", "./proxy.mjs", "genai.mjs", "vertex"], cwd=folder, capture_output=True, timeout=WAIT,
                              env={**os.environ, **w.environment, "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"})
        equal("node", (done.returncode, done.stderr.decode()), (0, ""))
        equal("what it says", json.loads(done.stdout), {"text": "Hello"})
        sent = w.provider.take()
        equal("sent", [(r.target, r.header("Authorization")) for r in sent],
              [("/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
                ["Bearer " + w.endpoint.tokens[0]])])
        equal("requests for tokens", len(w.endpoint.asked), 1)


ANSWER = json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]})
GENERATED = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n{ANSWER}".encode()
GEMINI = "generativelanguage.googleapis.com"


def the_google_genai_package_works_with_a_key():
    modules = os.environ.get("CLAWBOX_NODE_MODULES", "")
    if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "@google", "genai")):
        raise Skip("node or the packages of tests/e2e/clients are not installed")
    with world() as w:
        route = w.route(provider="google")
        del route["tokenUpstream"]
        w.use(route)
        folder = os.path.dirname(modules)
        for script in ("proxy.mjs", "genai.mjs"):
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", script), folder)
        w.provider.say(GENERATED)
        done = subprocess.run(["node", "--import", "./proxy.mjs", "genai.mjs", "key"], cwd=folder, capture_output=True, timeout=WAIT,
                              env={**os.environ, **w.environment})
        equal("node", (done.returncode, done.stderr.decode()), (0, ""))
        equal("what it says", json.loads(done.stdout), {"text": "Hello"})
        equal("sent", [r.header("x-goog-api-key") for r in w.provider.take()], [[SECRET]])


# ---- setting it ----


def what_does_not_fit_is_refused_when_it_is_set():
    with world() as w:
        _, pem = make_key(w, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
        for route, value, why in (
            (w.oauth2(), "{", "not a JSON object"),
            (w.oauth2(), '{"client_id": "x"}', "client_secret"),
            (w.oauth2(), '{"client_secret": "x", "secret": "y"}', "and nothing else"),
            (w.oauth2(grant="refreshToken"), '{"client_id": "x"}', "refresh_token"),
            (w.oauth2(grant="jwtBearer"), "secret", "private key in PEM"),
            (w.oauth2(grant="jwtBearer"), pem, "can sign"),
            (w.route(provider="vertex"), "ya29.token", "service account"),
            (w.route(provider="vertex"), '{"type": "external_account"}', "service_account or authorized_user"),
            (w.route(host=API, inject={"bearer": True}), pem, "right one"),
        ):
            route = {k: v for k, v in route.items() if k != "tokenUpstream" or "bearer" not in str(route)}
            w.use(route, value=None)
            done = w.set(value, check=False)
            equal(f"status for {value[:30]}", done.returncode, 1)
            assert why in done.stderr.decode(), done.stderr.decode()


def a_binding_for_tokens_is_not_one_for_the_credential():
    with world() as w:
        w.use(w.oauth2(clientId="me"))
        ca = hashlib.sha256(open(w.ca, "rb").read()).hexdigest()[:32]
        equal("bound to", [c["bound_to"] for c in json.loads(w.appliance.run("credential", "ls", "alice", "--json").stdout)["credentials"]],
              [[f"{API}:443 via 127.0.0.1:{w.provider.port} own-ca:{ca} token",
                f"{LOGIN}:443 via 127.0.0.1:{w.endpoint.port} own-ca:{ca} token-endpoint"]])
        plain = w.route(host=API, inject={"bearer": True})
        del plain["tokenUpstream"]
        done = w.appliance.apply(yaml.safe_dump({"apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": "alice"},
                                                 "spec": {"routes": [plain]}}), check=False)
        assert done.returncode == 1 and b"not sealed for" in done.stderr or b"bound" in done.stderr, done.stderr


TOKENS = [
    token_by_client_credentials,
    token_with_the_client_in_the_body,
    token_by_signed_assertion_rs256,
    token_by_signed_assertion_es256,
    token_of_a_google_service_account,
    token_of_a_google_user,
    one_token_for_all_who_wait,
    a_token_is_fetched_anew_ahead_of_its_end,
    a_refused_token_is_thrown_away_when_it_is_not_new,
    no_token_no_request,
    a_dead_endpoint_is_said,
    the_token_does_not_come_back,
    a_new_refresh_token_outlives_a_crash,
    a_new_refresh_token_is_used_while_it_cannot_be_stored,
    a_credential_set_meanwhile_stays,
    the_agent_gets_a_placeholder_from_the_endpoint,
    a_route_to_the_endpoint_does_not_lead_there,
    the_google_genai_package_works_with_vertex,
    the_google_genai_package_works_with_a_key,
    what_does_not_fit_is_refused_when_it_is_set,
    a_binding_for_tokens_is_not_one_for_the_credential,
]
