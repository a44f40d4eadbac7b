"""git and grammy through the proxy, against fakes of GitHub (git's own http-backend) and Telegram."""

import base64
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading

from appliance import WAIT, make_certificates
from lifecycle import place
from provider import Provider
from scenarios import Skip, absent, equal, node_client

TOKEN = "ghp_real0123456789abcdefghijklmnopqrstuv"
BOT = "7000000001:AAreal-0123456789abcdefghijklmnopqr"

ROUTES = """    - provider: github-git
      credential: github
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - provider: telegram
      credential: telegram
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""


class GitHandler(http.server.BaseHTTPRequestHandler):
    """One repository host; only who brings the token may come in."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self):
        body = self.body()
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization"), len(body)))
        if self.headers.get("Authorization") != self.server.authorization:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.server.root, "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, timeout=WAIT)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = [v for n, v in fields if n == "Status"]
        self.send_response(int(status[0].split()[0]) if status else 200)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer


class GitHost:
    def __init__(self, root, certificate, key, token):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.root, self.server.seen = root, []
        self.server.authorization = "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def next_event(self):
        pass  # it has none to let go

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Telegram(Provider):
    """The Bot API, as much as the test uses; whoever has another token gets 401."""

    def _answer(self, connection, method, path, length, sha256):
        results = {
            "getMe": {"id": 1, "is_bot": True, "first_name": "b", "username": "the_bot"},
            "sendMessage": {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "hello"},
            "getFile": {"file_id": "f1", "file_unique_id": "u1", "file_path": "documents/a.txt"},
        }
        name = path.rsplit("/", 1)[1]
        if path == f"/file/bot{BOT}/documents/a.txt":
            status, body = "200 OK", b"the file"
        elif path.startswith(f"/bot{BOT}/") and name in results:
            status, body = "200 OK", json.dumps({"ok": True, "result": results[name]}).encode()
        else:
            status, body = "401 Unauthorized", b'{"ok": false, "error_code": 401, "description": "Unauthorized"}'
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return True


def git_clones_fetches_and_pushes():
    if not shutil.which("git"):
        raise Skip("git is not installed")
    with place() as p:
        home = p.appliance.home
        root, work = os.path.join(home, "repositories"), os.path.join(home, "work")
        ca, certificate, key = make_certificates(home, ["github.com"])
        p.ca = ca
        host = p.providers["alice"] = GitHost(root, certificate, key, TOKEN)
        p.appliance.apply(p.tenant(routes=ROUTES))
        p.set(TOKEN, credential="github")
        variables = p.appliance.environment("alice")
        environment = {**os.environ, **variables, "HOME": work, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                       "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        os.makedirs(work)
        os.makedirs(os.path.join(root, "owner"))

        def git(*arguments, where=work, fails=False):
            done = subprocess.run(["git", *arguments], cwd=where, env=environment, capture_output=True, timeout=WAIT)
            assert (done.returncode != 0) == fails, f"git {' '.join(arguments)}: {done.stderr.decode()}"
            absent("what git says", TOKEN, (done.stdout + done.stderr).decode("latin-1"))
            return done

        git("init", "-q", "--bare", "-b", "main", os.path.join(root, "owner", "name.git"))
        git("config", "http.receivepack", "true", where=os.path.join(root, "owner", "name.git"))
        url = "https://github.com/owner/name.git"
        git("clone", "-q", url, "first")
        first = os.path.join(work, "first")
        git("checkout", "-q", "-b", "main", where=first)
        with open(os.path.join(first, "big"), "wb") as file:
            file.write(os.urandom(4 << 20))  # over git's post buffer: it is sent in chunks
        git("add", "big", where=first)
        git("commit", "-q", "-m", "one", where=first)
        git("push", "-q", "origin", "main", where=first)
        # With the placeholder, as a tool that has been given a token does it.
        login = base64.b64encode(f"x-access-token:{variables['GITHUB_TOKEN']}".encode()).decode()
        header = f"http.extraHeader=Authorization: Basic {login}"
        listed = git("-c", header, "ls-remote", url, "main").stdout.decode()
        equal("what is there", listed.split()[0], git("rev-parse", "HEAD", where=first).stdout.decode().strip())
        git("-c", header, "clone", "-q", url, "second")
        with open(os.path.join(work, "second", "big"), "rb") as a, open(os.path.join(first, "big"), "rb") as b:
            assert a.read() == b.read(), "the clone is another one"
        seen = list(host.server.seen)
        equal("who came", {authorization for _, _, authorization, _ in seen}, {host.server.authorization})
        assert any(path.endswith("/git-receive-pack") and length > 4 << 20 for _, path, _, length in seen), seen
        # Somebody's own token, and another part of the site.
        mine = base64.b64encode(b"x-access-token:ghp_mine").decode()
        done = git("-c", f"http.extraHeader=Authorization: Basic {mine}", "ls-remote", url, fails=True)
        assert b"403" in done.stderr, done.stderr
        git("ls-remote", "https://github.com/settings/tokens/x", fails=True)
        equal("what came of it", len(host.server.seen), len(seen))


def grammy_works():
    with place() as p:
        home = p.appliance.home
        p.ca, certificate, key = make_certificates(home, ["api.telegram.org"])
        provider = p.providers["alice"] = Telegram(certificate, key)
        p.appliance.apply(p.tenant(routes=ROUTES))
        p.set(BOT, credential="telegram")

        class World:
            environment = p.appliance.environment("alice")

        World.provider = provider
        answer = node_client(World, "grammy.mjs")
        equal("answers", answer, {"me": "the_bot", "sent": "hello", "path": "documents/a.txt", "content": "the file"})
        equal("what the provider saw", [r.target for r in provider.take()],
              [f"/bot{BOT}/getMe", f"/bot{BOT}/sendMessage", f"/bot{BOT}/getFile", f"/file/bot{BOT}/documents/a.txt"])
        records = p.appliance.run("audit", "alice", "--json").stdout.decode()
        absent("the audit", BOT, records)
        assert "/bot{credential}/getMe" in records, records


TOOLS = [git_clones_fetches_and_pushes, grammy_works]
