"""Starts a real `clawbox serve` in a directory of its own and talks to it as its users do."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLAWBOX = os.environ.get("CLAWBOX_BIN", os.path.join(ROOT, "build", "clawbox"))
EVERYWHERE = os.environ.get("CLAWBOX_SERVE_OPTIONS", "").split()  # what every server of these tests is started with
WAIT = 30  # seconds after which something that must happen is said not to have happened


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(directory, names):
    """A CA and a server certificate for the names, as PEM files: (ca, certificate, key)."""
    ca, ca_key = os.path.join(directory, "ca.pem"), os.path.join(directory, "ca.key")
    cert, key = os.path.join(directory, "server.pem"), os.path.join(directory, "server.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "30", "-subj", "/CN=test provider CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    request, extensions = os.path.join(directory, "server.csr"), os.path.join(directory, "server.ext")
    with open(extensions, "w") as file:
        file.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
        file.write("extendedKeyUsage=serverAuth\nsubjectAltName=" + ",".join("DNS:" + n for n in names) + "\n")
        file.write("subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("req", "-new", *curve, "-keyout", key, "-out", request, "-subj", "/CN=test provider")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert, "-days", "30",
            "-extfile", extensions)
    return ca, cert, key


def roles_of(monitor):
    """(role, tenant) to pid, of the children of the serve with this pid."""
    found = {}
    for pid in open(f"/proc/{monitor}/task/{monitor}/children").read().split():
        try:
            arguments = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
        except OSError:
            continue
        if len(arguments) > 1:
            found[(arguments[1].decode().lstrip("@"), arguments[2].decode() if len(arguments) > 2 else "")] = int(pid)
    return found


class Appliance:
    def __init__(self, *options, user=None):
        """user: the uid that serve and the commands run with, when the tests run as root."""
        self.user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.program = CLAWBOX
        self.prefix = []  # a command that serve is started by
        self.home = tempfile.mkdtemp(prefix="clawbox-e2e-")
        self.state = os.path.join(self.home, "state")
        # Many servers run at once, and the console's usual port is one.
        console = [] if "--console" in options else ["--console", "off"]
        self.options = [*options, *console]
        self.process = None
        self.log_path = os.path.join(self.home, "serve.log")

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*self.prefix, self.program, "serve", "--state", self.state, *self.options, *EVERYWHERE],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, **self.user)
        log.close()
        timer = threading.Timer(WAIT, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            if line.strip() == b"clawbox: ready":
                break
        else:
            timer.cancel()
            raise RuntimeError("serve ended before it was ready:\n" + self.log()[-2000:])
        timer.cancel()
        return self

    def stop(self, signum=signal.SIGTERM):
        """Returns the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signum)
        try:
            status = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        return status

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def run(self, *arguments, stdin=b"", check=True):
        done = subprocess.run([self.program, *arguments, "--state", self.state], input=stdin, capture_output=True, timeout=WAIT,
                              **self.user)
        if check and done.returncode != 0:
            raise RuntimeError(f"clawbox {' '.join(arguments)}: {done.returncode}\n{done.stderr.decode()}")
        return done

    def apply(self, text, check=True):
        path = os.path.join(self.home, "tenant.yaml")
        with open(path, "w") as file:
            file.write(text)
        return self.run("tenant", "apply", "-f", path, check=check)

    def environment(self, tenant):
        """The variables of `clawbox env`, as a dictionary."""
        out = self.run("env", tenant, "--json").stdout
        document = json.loads(out)
        return document.get("variables", document)

    def audit(self, tenant=None):
        out = self.run("audit", *([tenant] if tenant else []), "--json", "-n", "1000").stdout
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def roles(self):
        """(role, tenant) to pid, of the children of serve."""
        return roles_of(self.process.pid)


class Response:
    def __init__(self, status, headers, body, complete):
        self.status = status
        self.headers = headers
        self.body = body
        self.complete = complete

    def header(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def problem(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Agent:
    """A client of the proxy that sends exactly the bytes it is told to."""

    def __init__(self, environment):
        proxy = environment["HTTPS_PROXY"]
        login, address = proxy.split("//")[1].rstrip("/").rsplit("@", 1)
        host, port = address.rsplit(":", 1)
        self.token = base64.b64encode(login.encode()).decode()
        self.bundle = environment["SSL_CERT_FILE"]
        self.socket = socket.create_connection((host, int(port)), timeout=WAIT)
        self.stream = self.socket.makefile("rb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def connect(self, authority, token=True):
        head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
        if token:
            head += f"Proxy-Authorization: Basic {self.token if token is True else token}\r\n"
        self.send((head + "\r\n").encode("latin-1"))
        return self.response(connect=True)

    def start_tls(self, name, verify=True):
        context = ssl.create_default_context(cafile=self.bundle)
        context.set_alpn_protocols(["http/1.1"])
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self.stream = self.socket.makefile("rb")

    def response(self, connect=False, head=False, on_part=None):
        while True:
            line = self.stream.readline(65536)
            if not line:
                return None
            status = int(line.split(b" ")[1])
            headers = []
            while True:
                line = self.stream.readline(65536)
                if line in (b"\r\n", b""):
                    break
                name, value = line.decode("latin-1").rstrip("\r\n").split(":", 1)
                headers.append((name, value.strip()))
            if status >= 200:
                break
        lower = {n.lower(): v for n, v in headers}
        parts, complete = [], True

        def take(part):
            if on_part:
                on_part(part)
            else:
                parts.append(part)

        if head or status in (204, 304) or (connect and status == 200):
            pass
        elif lower.get("transfer-encoding") == "chunked":
            complete = False
            while True:
                size = self.stream.readline(100)
                if not size.strip():
                    break
                size = int(size, 16)
                if size == 0:
                    self.stream.readline(10)
                    complete = True
                    break
                take(self.stream.read(size))
                self.stream.readline(10)
        elif "content-length" in lower:
            left = int(lower["content-length"])
            while left:
                part = self.stream.read(min(left, 1 << 20))
                if not part:
                    complete = False
                    break
                left -= len(part)
                take(part)
        else:
            while part := self.stream.read1(65536):
                take(part)
        return Response(status, headers, b"".join(parts), complete)
