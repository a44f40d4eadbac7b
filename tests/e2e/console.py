"""The console of a real server, as a browser uses it and as whoever is in the network or in another tab would like to."""

import concurrent.futures
import contextlib
import gzip
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from appliance import CLAWBOX, EVERYWHERE, WAIT, openssl
from health import free_port
from lifecycle import place
from scenarios import absent, equal, wait_for

PASSWORD = "correct horse battery staple"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
TENANT = """apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
    - {name: docs, host: docs.example.com, methods: [GET]}
"""
GUESSES = 300


class Browser:
    """One person's: keeps cookies, and says of each request what a browser says of a page's own."""

    def __init__(self, port, context=None):
        self.port, self.context = port, context
        self.cookies, self.csrf, self.device = {}, None, None
        self.connection = None

    def origin(self):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, target, body=None, drop=(), **fields):
        """(status, text, fields). Fields that are named with _ for - replace the browser's own; those in `drop` are left out."""
        if self.connection is None:
            self.connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT, context=self.context) if self.context
                               else http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT))
        head = {"Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            head["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if method not in ("GET", "HEAD"):
            head |= {"Origin": self.origin(), "Content-Type": "application/json"}
            if self.csrf:
                head["X-Clawbox-Csrf"] = self.csrf
        head |= {name.replace("_", "-"): value for name, value in fields.items()}
        head = {k: v for k, v in head.items() if k not in drop}
        text = json.dumps(body) if isinstance(body, dict) else body
        try:
            self.connection.request(method, target, text, head)
            response = self.connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        for cookie in response.headers.get_all("Set-Cookie") or []:
            self.keep(cookie)
        if response.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return response.status, content.decode(), response.headers

    def keep(self, cookie):
        pair, *flags = cookie.split("; ")
        name, value = pair.split("=", 1)
        assert name in ("__Host-clawbox", "__Host-clawbox-device"), cookie
        assert set(flags) >= {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} and not any(f.startswith("Domain") for f in flags), cookie
        if "Max-Age=0" in flags:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def expect(self, status, method, target, body=None, **more):
        found, text, fields = self.ask(method, target, body, **more)
        assert found == status, f"{method} {target} was answered with {found}, not {status}: {text[:300]}"
        return json.loads(text) if text.startswith("{") else text

    def sign_in(self, body, status=200):
        answer = self.expect(status, "POST", "/session", body)
        if status == 200:
            self.csrf = answer["csrf"]
        return answer


class Console:
    def __init__(self, p):
        self.p = p
        self.port = int(re.search(r"console at https?://127\.0\.0\.1:(\d+)/", p.appliance.log())[1])

    def browser(self):
        return Browser(self.port)

    def link(self):
        """The one that the first start has printed."""
        wait_for("the link", lambda: "/sign-in#" in self.p.appliance.log())
        return re.search(rf"clawbox: console: http://127\.0\.0\.1:{self.port}/sign-in#(cbxl_[\w-]+)", self.p.appliance.log())[1]

    def administrator(self, name="ann", scope="admin"):
        """Made over the control socket's way in, and signed in with the password."""
        b = self.browser()
        b.sign_in({"link": self.link()})
        answer = b.expect(200, "POST", "/session/first", {"name": name, "password": PASSWORD})
        b.csrf = answer["csrf"]
        if scope != "admin":
            b.expect(204, "PUT", f"/session/administrators/{name}2", {"scope": scope, "password": PASSWORD})
            other = self.browser()
            other.sign_in({"name": name + "2", "password": PASSWORD})
            return b, other
        return b


@contextlib.contextmanager
def console():
    with place("--console", "127.0.0.1:0") as p:
        yield Console(p)


def raw(port, *pieces, wait=0.0):
    """What comes for those bytes until the console closes, or for a second after the last of it."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as s:
        for piece in pieces:
            s.sendall(piece)
            time.sleep(wait)
        s.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := s.recv(65536):
                got += chunk
        return got


# ---- a person ----


def the_first_start_prints_a_link_that_signs_in_once_and_makes_an_administrator():
    with console() as c:
        b = c.browser()
        page = b.expect(200, "GET", "/sign-in")
        assert "<script" in page and "style=" not in page and re.search(r"<script(?![^>]*src=)", page) is None, page
        link = c.link()
        equal("first", b.sign_in({"link": link})["first"], True)
        c.browser().sign_in({"link": link}, 401)  # once
        b.expect(403, "GET", "/api/v1/tenants")  # an administrator has to be made first
        answer = b.expect(200, "POST", "/session/first", {"name": "ann", "password": PASSWORD})
        equal("who", (answer["name"], answer["scope"], answer["first"]), ("ann", "admin", False))
        b.csrf = answer["csrf"]
        equal("tenants", b.expect(200, "GET", "/api/v1/tenants")["tenants"], [])
        b.expect(201, "PUT", "/api/v1/tenants/alice", TENANT, Content_Type="application/yaml")
        equal("tenants", [t["name"] for t in b.expect(200, "GET", "/api/v1/tenants")["tenants"]], ["alice"])
        b.expect(204, "DELETE", "/session")
        b.expect(401, "GET", "/api/v1/tenants")
        log = c.p.appliance.log()
        absent("the log", PASSWORD, log)
        absent("the log", "cbxs_", log)


def a_password_signs_in_and_can_be_changed():
    with console() as c:
        b = c.administrator()
        again = c.browser()
        again.sign_in({"name": "ann", "password": "wrong " + PASSWORD}, 401)
        again.sign_in({"name": "nobody", "password": PASSWORD}, 401)
        again.sign_in({"name": "ann", "password": PASSWORD})
        assert "__Host-clawbox-device" in again.cookies, again.cookies
        b.expect(403, "PUT", "/session/password", {"current": "not this one", "new": "another long one"})
        b.expect(204, "PUT", "/session/password", {"current": PASSWORD, "new": "another long one"})
        equal("its own session goes on", b.expect(200, "GET", "/session")["name"], "ann")
        again.expect(401, "GET", "/session")
        again.sign_in({"name": "ann", "password": PASSWORD}, 401)
        again.sign_in({"name": "ann", "password": "another long one"})
        b.expect(204, "DELETE", "/session?everywhere=1")
        again.expect(401, "GET", "/api/v1/tenants")
        equal("the cookie is gone", "__Host-clawbox" in again.cookies, True)
        again.expect(401, "GET", "/session")
        equal("and now it is", "__Host-clawbox" in again.cookies, False)


def a_viewer_changes_nothing_and_a_tenants_token_sees_its_tenant():
    with console() as c:
        admin, viewer = c.administrator(scope="viewer")
        admin.expect(201, "PUT", "/api/v1/tenants/alice", TENANT, Content_Type="application/yaml")
        admin.expect(201, "PUT", "/api/v1/tenants/bob", TENANT.replace("alice", "bob"), Content_Type="application/yaml")
        viewer.expect(200, "GET", "/api/v1/tenants")
        for method, target in (("PUT", "/api/v1/tenants/carol"), ("DELETE", "/api/v1/tenants/alice"), ("POST", "/api/v1/tenants/alice:suspend"),
                               ("POST", "/api/v1/tokens"), ("PUT", "/session/administrators/eve")):
            viewer.expect(403, method, target, {"scope": "admin", "password": PASSWORD})
        done = c.p.appliance.run("token", "create", "hers", "--scope", "tenant:alice")
        hers = c.browser()
        equal("scope", hers.sign_in({"token": done.stdout.decode().strip()})["scope"], "tenant:alice")
        equal("tenants", [t["name"] for t in hers.expect(200, "GET", "/api/v1/tenants")["tenants"]], ["alice"])
        hers.expect(403, "GET", "/api/v1/tenants/bob")


# ---- another tab ----


def another_page_in_the_same_browser_gets_nothing():
    with console() as c:
        b = c.administrator()
        evil = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://localhost:{c.port}"}, {"Origin": f"https://127.0.0.1:{c.port}"},
                {"Origin": f"http://127.0.0.1:{c.port}.evil.example"}, {"Origin": f"http://127.0.0.1:{c.port + 1}"}, {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"}, {"Origin": ""}]
        for fields in evil:
            for method, target in (("POST", "/api/v1/tokens"), ("DELETE", "/session"), ("PUT", "/session/password"), ("POST", "/session"),
                                   ("POST", "/session/first"), ("GET", "/api/v1/tenants"), ("GET", "/session"), ("OPTIONS", "/api/v1/tenants")):
                if method == "GET" and fields.get("Origin") == "":
                    continue
                status, text, _ = b.ask(method, target, {} if method in ("POST", "PUT") else None, **{k.replace("-", "_"): v for k, v in fields.items()})
                equal(f"{method} {target} with {fields}", status, 403)
        # The cookie alone, as a form of another page would send it where SameSite is not heeded; and a value of another session.
        other = c.browser()
        other.sign_in({"name": "ann", "password": PASSWORD})
        for csrf in ("", "0" * 64, other.csrf, b.csrf.upper(), b.csrf + "0", hashlib.sha256(b.cookies["__Host-clawbox"].encode()).hexdigest()):
            equal(f"csrf {csrf}", b.ask("POST", "/api/v1/sign-in-links", {}, X_Clawbox_Csrf=csrf)[0], 403)
        equal("without it", b.ask("POST", "/api/v1/sign-in-links", {}, drop=("X-Clawbox-Csrf",))[0], 403)
        equal("a form's type", b.ask("POST", "/session", '{"name":"ann","password":"x"}', Content_Type="text/plain")[0], 415)
        b.expect(200, "GET", "/session")
        # What was refused has changed nothing; no answer lets another origin read it.
        _, _, fields = b.ask("GET", "/api/v1/tenants", Origin=b.origin())
        equal("CORS", [f for f in fields if f.lower().startswith("access-control")], [])


def a_name_that_was_rebound_to_this_address_is_another_host():
    with console() as c:
        b = c.administrator()
        for host in ("evil.example", f"evil.example:{c.port}", "127.0.0.1", f"127.0.0.1:{c.port + 1}", f"127.0.0.1.:{c.port}", f"localhost.:{c.port}",
                     f"127.0.0.2:{c.port}", f"0.0.0.0:{c.port}", f"[::1]:{c.port}", f"a@127.0.0.1:{c.port}", f"127.0.0.1:{c.port} "):
            for target in ("/", "/session", "/api/v1/tenants", "/assets/x.js"):
                status, _, fields = b.ask("GET", target, Host=host)
                if host.strip() != f"127.0.0.1:{c.port}":
                    equal(f"Host {host!r} at {target}", status, 421)
                    equal("cookies", fields.get("Set-Cookie"), None)
        for head in (b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n" % c.port):
            got = raw(c.port, b"GET / HTTP/1.1\r\n" + head + b"\r\n")
            assert got.startswith(b"HTTP/1.1 400"), got[:100]
        equal("localhost", b.ask("GET", "/", Host=f"localhost:{c.port}")[0], 200)


def every_answer_tells_the_browser_what_it_may():
    with console() as c:
        b = c.administrator()
        for method, target in (("GET", "/"), ("GET", "/tenants/alice"), ("GET", "/assets/none.js"), ("GET", "/api/v1/tenants"), ("GET", "/api/v1/nothing"),
                               ("GET", "/session"), ("POST", "/session"), ("PUT", "/"), ("GET", "/api")):
            _, _, fields = b.ask(method, target)
            equal(f"CSP of {target}", fields["Content-Security-Policy"], POLICY)
            equal(f"others of {target}", (fields["X-Frame-Options"], fields["X-Content-Type-Options"], fields["Referrer-Policy"],
                                          fields["Cross-Origin-Opener-Policy"], fields["Cross-Origin-Resource-Policy"]),
                  ("DENY", "nosniff", "no-referrer", "same-origin", "same-origin"))
            equal(f"kept of {target}", fields["Cache-Control"], "no-store")
            equal(f"server of {target}", fields.get("Server"), None)


def a_link_from_another_page_opens_a_page_and_no_data():
    with console() as c:
        b = c.administrator()
        visit = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        equal("a page", b.ask("GET", "/tenants/alice", **visit)[0], 200)
        for change in ({"Sec_Fetch_Dest": "iframe"}, {"Sec_Fetch_Dest": "empty"}, {"Sec_Fetch_Mode": "no-cors"}, {"Sec_Fetch_Dest": "script"}):
            equal(f"with {change}", b.ask("GET", "/tenants/alice", **(visit | change))[0], 403)
        for target in ("/api/v1/tenants", "/session"):
            equal(target, b.ask("GET", target, **visit)[0], 403)


# ---- sessions ----


def a_session_that_somebody_brings_is_never_made_anybodys():
    with console() as c:
        c.administrator()
        b = c.browser()
        planted = "cbxs_" + "A" * 43
        b.cookies["__Host-clawbox"] = planted
        b.sign_in({"name": "ann", "password": PASSWORD})
        assert b.cookies["__Host-clawbox"] != planted, "the planted session was kept"
        thief = c.browser()
        thief.cookies["__Host-clawbox"] = planted
        thief.expect(401, "GET", "/session")
        for cookie in ("__Host-clawbox=a; __Host-clawbox=" + b.cookies["__Host-clawbox"], "__Host-clawbox=" + b.cookies["__Host-clawbox"] + "; __Host-clawbox=b"):
            equal("two of them", b.ask("GET", "/session", Cookie=cookie)[0], 400)
        for cookie in ("clawbox=" + b.cookies["__Host-clawbox"], "__host-clawbox=" + b.cookies["__Host-clawbox"], "__Host-clawbox=",
                       "__Host-clawbox=" + b.cookies["__Host-clawbox"][:-1], "__Host-clawbox=\"" + b.cookies["__Host-clawbox"] + "\""):
            equal(cookie[:20], b.ask("GET", "/session", Cookie=cookie)[0], 401)
        # Another kind of secret is no session, and a bearer's field is not looked at.
        token = c.p.appliance.run("token", "create", "root", "--scope", "admin").stdout.decode().strip()
        equal("a token as cookie", thief.ask("GET", "/api/v1/tenants", Cookie="__Host-clawbox=" + token)[0], 401)
        equal("a token as field", thief.ask("GET", "/api/v1/tenants", Authorization="Bearer " + token, drop=("Cookie",))[0], 401)


def nothing_of_the_files_of_this_machine_is_at_any_path():
    with console() as c:
        for path in ("/../../etc/passwd", "/assets/../../../../etc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fetc%2fpasswd",
                     "/assets/....//....//etc/passwd.txt", "/assets/..\\..\\etc\\passwd", "//etc/passwd.js", "/assets/\x00.js", "/assets/%00.js", "/proc/self/environ.js",
                     "file:///etc/passwd", "/assets/", "/index.html/..", "/api/v1/../../etc/passwd", "/session/../assets/x.js"):
            got = raw(c.port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{c.port}\r\nConnection: close\r\n\r\n".encode())
            assert re.match(rb"HTTP/1\.1 (400|401|403|404|405) ", got) and b"root:" not in got, (path, got[:200])


# ---- the network ----


def requests_that_are_too_large_or_malformed_end_there():
    with console() as c:
        b = c.administrator()
        host = f"Host: 127.0.0.1:{c.port}\r\n".encode()
        for bytes_, statuses in (
                (b"GET / HTTP/1.1\r\n" + host + b"X: " + b"a" * 70000 + b"\r\n\r\n", (431,)),
                (b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\n" + host + b"\r\n", (414,)),
                (b"GET / HTTP/1.1\r\n" + host + b"X: y\r\n" * 200 + b"\r\n", (431,)),
                (b"GET / HTTP/1.0\r\n" + host + b"\r\n", (505,)),
                (b"GET / HTTP/2.0\r\n" + host + b"\r\n", (400, 505)),
                (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
                (b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
                (b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", (400,)),
                (b"GET / HTTP/1.1\r\n" + host + b" folded: x\r\n\r\n", (400,)),
                (b"GET / HTTP/1.1\n" + host.replace(b"\r", b"") + b"\n", (400, 505)),
                (b"GET  / HTTP/1.1\r\n" + host + b"\r\n", (400,)),
                (b"GET / HTTP/1.1\r\n" + host + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n", (200,)),
                (b"CONNECT api.openai.com:443 HTTP/1.1\r\n" + host + b"\r\n", (400, 403, 404, 421)),
                (b"TRACE / HTTP/1.1\r\n" + host + b"\r\n", (403, 405)),
                (b"POST /session HTTP/1.1\r\n" + host + b"Origin: " + b.origin().encode() + b"\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{", (413,)),
                (b"POST /session HTTP/1.1\r\n" + host + b"Origin: " + b.origin().encode() + b"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                 + b"10000\r\n" + b"a" * 65536 + b"\r\n0\r\n\r\n", (413,))):
            got = raw(c.port, bytes_)
            status = int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else 0
            assert status in statuses, (bytes_[:80], statuses, got[:120])
        b.expect(200, "GET", "/api/v1/status")


def who_opens_many_connections_keeps_no_administrator_out():
    with console() as c:
        b = c.administrator()
        held = []
        try:
            for i in range(400):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", c.port))
                held.append(s)
                if i % 3 == 0:
                    with contextlib.suppress(OSError):
                        s.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1")  # and the rest never comes
            begun = time.monotonic()
            b.expect(200, "GET", "/api/v1/status")
            took = time.monotonic() - begun
            assert took < 10, f"the administrator waited {took:.1f} s"
            b.close()
            fresh = c.browser()
            begun = time.monotonic()
            fresh.sign_in({"name": "ann", "password": PASSWORD})
            assert time.monotonic() - begun < 20, "nobody could sign in"
        finally:
            for s in held:
                s.close()


def who_guesses_passwords_is_slowed_down_and_the_administrator_is_not():
    with console() as c:
        c.administrator()
        mine = c.browser()
        mine.sign_in({"name": "ann", "password": PASSWORD})  # this browser has a device now
        begun, over = time.monotonic(), threading.Event()
        seen = {}

        def guess(i):
            thief = c.browser()
            for k in range(GUESSES):
                if over.is_set():
                    break
                with contextlib.suppress(OSError, http.client.HTTPException):
                    status = thief.ask("POST", "/session", {"name": "ann", "password": f"guess {i} {k}"})[0]
                    seen[status] = seen.get(status, 0) + 1
            thief.close()

        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            running = [pool.submit(guess, i) for i in range(24)]
            wait_for("some that are told to wait", lambda: seen.get(429, 0) > 20)
            mine.expect(204, "DELETE", "/session")
            mine.sign_in({"name": "ann", "password": PASSWORD})
            over.set()
            for done in running:
                done.result()
        took = time.monotonic() - begun
        assert not set(seen) - {401, 429, 503}, seen
        # Ten at once, and one each ten seconds; those that are computed when the last of them is taken come to the same.
        assert seen.get(401, 0) <= 10 + 16 + took / 10, f"so many passwords could be tried in {took:.0f} seconds: {seen}"


def the_console_lives_without_the_api_and_the_api_without_the_console():
    with console() as c:
        b = c.administrator()
        for victim in ("api", "console"):
            pid = c.p.pid(victim)
            os.kill(pid, 9)
            wait_for(f"another {victim}", lambda: c.p.appliance.roles().get((victim, ""), pid) != pid)

            def served():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    return b.ask("GET", "/api/v1/status")[0] == 200
                return False

            wait_for(f"service after the end of {victim}", served)


# ---- the command line ----


def the_usual_port_may_be_taken_and_a_given_one_not():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 9180))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        with place(start=False) as p:
            p.appliance.options = []
            p.appliance.start()
            assert "there is no console: its port 9180 is taken" in p.appliance.log(), p.appliance.log()
            equal("processes", ("console", "") in p.appliance.roles(), False)
            equal("status", [r["role"] for r in json.loads(p.appliance.run("status", "--json").stdout)["roles"] if r["role"] == "console"], [])
            p.appliance.stop()
            p.appliance.options = ["--console", "127.0.0.1:9180"]
            done = subprocess.run([CLAWBOX, "serve", "--state", p.appliance.state, "--console", "127.0.0.1:9180", *EVERYWHERE], capture_output=True, timeout=WAIT)
            equal("status", done.returncode, 1)
            assert b"9180" in done.stderr, done.stderr
    for wrong in ("127.0.0.1", "localhost:80", "x", ":80", "127.0.0.1:99999"):
        done = subprocess.run([CLAWBOX, "serve", "--state", "/nothing", "--console", wrong], capture_output=True, timeout=WAIT)
        equal(f"--console {wrong}", done.returncode, 2)


def a_new_link_is_the_way_back_in():
    with console() as c:
        c.administrator()
        done = c.p.appliance.run("console")
        found = re.search(rf"http://127\.0\.0\.1:{c.port}/sign-in#(cbxl_[\w-]+)", done.stdout.decode())
        assert found, done.stdout
        b = c.browser()
        b.sign_in({"link": found[1]})
        b.csrf = b.expect(200, "POST", "/session/first", {"name": "ann", "password": "a new long one"})["csrf"]
        c.browser().sign_in({"name": "ann", "password": PASSWORD}, 401)


# ---- TLS ----


def certificate(home, names="IP:127.0.0.1,DNS:console.example.com", kind=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    cert, key = os.path.join(home, "console.pem"), os.path.join(home, "console.key")
    openssl("req", "-x509", *kind, "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=console", "-addext", "subjectAltName=" + names)
    return cert, key


def with_a_certificate_all_of_it_is_in_tls_and_for_its_names_alone():
    for kind in (("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("-newkey", "rsa:2048")):
        with place(start=False) as p:
            os.makedirs(p.appliance.home, exist_ok=True)
            cert, key = certificate(p.appliance.home, kind=kind)
            port = free_port()
            p.appliance.options = ["--console", "0.0.0.0:0", "--api", f"0.0.0.0:{port}", "--tls-cert", cert, "--tls-key", key]
            p.appliance.start()
            log = p.appliance.log()
            console_port = int(re.search(r"console at https://0\.0\.0\.0:(\d+)/", log)[1])
            context = ssl.create_default_context(cafile=cert)
            b = Browser(console_port, context)
            wait_for("the link", lambda: "/sign-in#" in p.appliance.log())
            b.sign_in({"link": re.search(rf"console: https://SERVER:{console_port}/sign-in#(cbxl_[\w-]+)", p.appliance.log())[1]})
            b.csrf = b.expect(200, "POST", "/session/first", {"name": "ann", "password": PASSWORD})["csrf"]
            b.expect(201, "PUT", "/api/v1/tenants/alice", TENANT, Content_Type="application/yaml")
            status, _, fields = b.ask("GET", "/")
            equal("a page", (status, fields["Strict-Transport-Security"]), (200, "max-age=31536000"))
            equal("protocol", b.connection.sock.version(), "TLSv1.3")
            for host, expected in ((f"console.example.com:{console_port}", 200), ("console.example.com", 200), ("CONSOLE.example.com:443", 200),
                                   ("evil.example", 421), (f"0.0.0.0:{console_port}", 421), ("localhost", 421), ("x.console.example.com", 421)):
                equal(f"Host {host}", b.ask("GET", "/session", Host=host)[0], expected)
            for origin in (f"http://127.0.0.1:{console_port}", "https://evil.example", f"https://127.0.0.1:{console_port + 1}"):
                equal(f"Origin {origin}", b.ask("POST", "/api/v1/sign-in-links", {}, Origin=origin)[0], 403)
            # In clear there is nothing, at either.
            for there in (console_port, port):
                got = raw(there, f"GET /v1/tenants HTTP/1.1\r\nHost: 127.0.0.1:{there}\r\n\r\n".encode())
                assert b"HTTP" not in got, got[:100]
            old = ssl.create_default_context(cafile=cert)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            equal("TLS 1.2", Browser(console_port, old).ask("GET", "/")[0], 200)
            token = p.appliance.run("token", "create", "root", "--scope", "admin").stdout.decode().strip()
            c = http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT, context=context)
            for host, expected in ((f"127.0.0.1:{port}", 200), ("console.example.com", 200), ("evil.example", 421)):
                c.request("GET", "/v1/tenants", headers={"Authorization": "Bearer " + token, "Host": host})
                answer = c.getresponse()
                text = answer.read()
                equal(f"the API as {host}", answer.status, expected)
                if expected == 200:
                    equal("tenants", [t["name"] for t in json.loads(text)["tenants"]], ["alice"])
            c.close()
            b.close()


def a_certificate_that_is_none_is_an_error_and_without_one_nobody_else_is_served():
    with place(start=False) as p:
        home = p.appliance.home
        os.makedirs(home, exist_ok=True)
        cert, key = certificate(home)
        other = os.path.join(home, "other")
        os.mkdir(other)
        _, other_key = certificate(other)
        for options, status, said in ((["--console", "0.0.0.0:0"], 2, "--tls-cert"), (["--console", "[::]:0"], 2, "--tls-cert"),
                                      (["--api", "0.0.0.0:9999"], 2, "--tls-cert"), (["--tls-cert", cert], 2, "go together"),
                                      (["--tls-key", key], 2, "go together"), (["--tls-cert", home + "/none", "--tls-key", key], 1, "No such file"),
                                      (["--tls-cert", cert, "--tls-key", other_key, "--console", "127.0.0.1:0"], 1, "not that of the first certificate"),
                                      (["--tls-cert", key, "--tls-key", key, "--console", "127.0.0.1:0"], 1, "no certificate")):
            done = subprocess.run([CLAWBOX, "serve", "--state", p.appliance.state, *options, *EVERYWHERE], capture_output=True, timeout=WAIT, text=True)
            equal(f"status of {options}", done.returncode, status)
            assert said in done.stderr, (options, done.stderr)


def a_renewed_certificate_is_shown_after_sighup():
    with place(start=False) as p:
        home = p.appliance.home
        os.makedirs(home, exist_ok=True)
        cert, key = certificate(home)
        port = free_port()
        p.appliance.options = ["--console", "127.0.0.1:0", "--api", f"127.0.0.1:{port}", "--tls-cert", cert, "--tls-key", key]
        p.appliance.start()
        console_port = int(re.search(r"console at https://127\.0\.0\.1:(\d+)/", p.appliance.log())[1])

        def shown(there):
            return ssl.get_server_certificate(("127.0.0.1", there))

        def written(path):
            with open(path) as file:
                return file.read()

        first = written(cert)
        equal("at first", [shown(console_port), shown(port)], [first, first])
        standing = Browser(console_port, ssl.create_default_context(cafile=cert))
        equal("a session", standing.ask("GET", "/session")[0], 401)
        processes = p.appliance.roles()

        # Another one, with other names; whoever is connected stays so.
        certificate(home, names="IP:127.0.0.1,DNS:other.example.com")
        second = written(cert)
        assert first != second
        p.appliance.process.send_signal(signal.SIGHUP)
        wait_for("the new certificate", lambda: shown(console_port) == shown(port) == second)
        connection = standing.connection.sock
        equal("a connection that stands", standing.ask("GET", "/session")[0], 401)
        assert standing.connection.sock is connection, "it was made anew"
        fresh = Browser(console_port, ssl.create_default_context(cafile=cert))
        for host, expected in (("other.example.com", 401), ("console.example.com", 421)):
            equal(f"Host {host}", fresh.ask("GET", "/session", Host=host)[0], expected)
        equal("processes", p.appliance.roles(), processes)

        # What is of no use is said, and the one before goes on.
        for spoil, words in ((lambda: open(key, "w").close(), "--tls-cert and --tls-key"), (lambda: os.remove(key), "No such file"),
                             (lambda: os.remove(cert), "No such file")):
            before = len(p.appliance.log())
            spoil()
            p.appliance.process.send_signal(signal.SIGHUP)
            wait_for(f"{words} for the console and the API", lambda: p.appliance.log()[before:].count(words) == 2)
            equal("still", [shown(console_port), shown(port)], [second, second])
        certificate(home)
        p.appliance.process.send_signal(signal.SIGHUP)
        wait_for("the third", lambda: shown(console_port) == shown(port) == written(cert))
        equal("processes", p.appliance.roles(), processes)
        standing.close()
        fresh.close()


TESTS = [the_first_start_prints_a_link_that_signs_in_once_and_makes_an_administrator, a_password_signs_in_and_can_be_changed,
         a_viewer_changes_nothing_and_a_tenants_token_sees_its_tenant, another_page_in_the_same_browser_gets_nothing,
         a_name_that_was_rebound_to_this_address_is_another_host, every_answer_tells_the_browser_what_it_may,
         a_link_from_another_page_opens_a_page_and_no_data, a_session_that_somebody_brings_is_never_made_anybodys,
         nothing_of_the_files_of_this_machine_is_at_any_path, requests_that_are_too_large_or_malformed_end_there,
         who_opens_many_connections_keeps_no_administrator_out, who_guesses_passwords_is_slowed_down_and_the_administrator_is_not,
         the_console_lives_without_the_api_and_the_api_without_the_console, the_usual_port_may_be_taken_and_a_given_one_not,
         a_new_link_is_the_way_back_in, with_a_certificate_all_of_it_is_in_tls_and_for_its_names_alone,
         a_renewed_certificate_is_shown_after_sighup,
         a_certificate_that_is_none_is_an_error_and_without_one_nobody_else_is_served]
