"""What is measured: each contender is started on loopback before the same origin, and says how load reaches it."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

import appliance  # noqa: E402

KEY_HOST, OPEN_HOST = "key.example.com", "open.example.com"
KEY = "sk-real-" + "0123456789abcdef" * 3  # what each contender puts in place of the placeholder
PLACEHOLDER = "sk-fake-" + "0123456789abcdef" * 3  # what the client of a peer sends; clawbox makes its own
WAIT = 30  # seconds


class Unavailable(Exception):
    """The contender is not on this machine."""


def find_program(*names):
    for name in names:
        for path in (shutil.which(name), "/usr/sbin/" + os.path.basename(name)):
            if path and os.access(path, os.X_OK):
                return path
    raise Unavailable(f"{os.path.basename(names[0])} is not installed")


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "?"


def on_cores(cores):
    return lambda: os.sched_setaffinity(0, cores)


class Contender:
    """name: for the table. injects: it puts KEY into Authorization. proxied: it is told where to by CONNECT.
    tenants: it knows more than one."""

    name = ""
    injects = True
    proxied = False
    tenants = 0

    def __init__(self, bench):
        self.bench = bench
        self.home = tempfile.mkdtemp(prefix="contender-", dir=bench.home)
        os.chmod(self.home, 0o755)
        self.process = None
        self.ca = bench.ca
        self.port = 0

    def version(self):
        return ""

    def start(self):
        pass

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def load_arguments(self):
        return ["--to", f"127.0.0.1:{self.port}", "--ca", self.ca, "--authority", f"{KEY_HOST}:{self.bench.origin_port}",
                "--header", f"Authorization: Bearer {PLACEHOLDER}", *(["--proxy"] if self.proxied else [])]

    # For those that are started by a command of their own:

    def file(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def log(self):
        with open(os.path.join(self.home, "log"), errors="replace") as file:
            return file.read()

    def launch(self, command, **more):
        with open(os.path.join(self.home, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=on_cores(self.bench.contender_cores), **more)

    def listener(self):
        """A listening socket on a port from the kernel, to be inherited."""
        server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = server.getsockname()[1]
        return server

    def choose_port(self):
        """For those that can neither inherit a socket nor say which port they got."""
        self.listener().close()

    def wait_for_port(self):
        end = time.monotonic() + WAIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen:\n{self.log()[-2000:]}")


class Direct(Contender):
    name = "direct"
    injects = False

    def start(self):
        self.port = self.bench.origin_port


class HAProxy(Contender):
    """Ends TLS itself, under the provider's own name; it has no CONNECT for this."""

    name = "HAProxy"

    def start(self):
        program = find_program("haproxy")
        with open(self.bench.certificate) as certificate, open(self.bench.key) as key:
            pem = self.file("server.pem", certificate.read() + key.read())
        server = self.listener()
        config = self.file("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    option http-keep-alive
    http-reuse always
frontend in
    bind fd@{server.fileno()} ssl crt {pem} alpn http/1.1
    http-request set-header Authorization "Bearer {KEY}"
    default_backend origin
backend origin
    server origin 127.0.0.1:{self.bench.origin_port} ssl verify required ca-file {self.bench.ca} sni str({KEY_HOST}) verifyhost {KEY_HOST}
""")
        self.launch([program, "-db", "-f", config], pass_fds=[server.fileno()])
        server.close()
        self.wait_for_port()

    def version(self):
        return first_line(find_program("haproxy"), "-v")


class Squid(Contender):
    name = "squid"
    proxied = True

    def start(self):
        program = find_program("squid")
        certgen = next((p for p in ("/usr/lib/squid/security_file_certgen", "/usr/libexec/squid/security_file_certgen")
                        if os.access(p, os.X_OK)), None)
        if certgen is None:
            raise Unavailable("squid is installed without OpenSSL (security_file_certgen is missing)")
        self.choose_port()
        ca, key = os.path.join(self.home, "ca.pem"), os.path.join(self.home, "ca.key")
        appliance.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                          "-out", ca, "-days", "30", "-subj", "/CN=squid bench CA", "-addext",
                          "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.ca = ca
        os.chmod(self.home, 0o777)  # started by root, it becomes somebody else
        os.chmod(key, 0o644)
        database = os.path.join(self.home, "certificates")
        subprocess.run([certgen, "-c", "-s", database, "-M", "4MB"], check=True, capture_output=True)
        for folder, _, names in os.walk(database):
            for path in [folder] + [os.path.join(folder, n) for n in names]:
                os.chmod(path, 0o777)
        hosts = self.file("hosts", f"127.0.0.1 {KEY_HOST}\n")
        config = self.file("squid.conf", f"""
http_port 127.0.0.1:{self.port} ssl-bump tls-cert={ca} tls-key={key} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
sslcrtd_program {certgen} -s {database} -M 4MB
sslcrtd_children 1 startup=1 idle=1
ssl_bump bump all
tls_outgoing_options cafile={self.bench.ca}
hosts_file {hosts}
http_access allow all
request_header_access Authorization deny all
request_header_add Authorization "Bearer {KEY}" all
cache deny all
cache_mem 0 MB
memory_pools off
access_log none
cache_log {self.home}/cache.log
cache_store_log none
pid_filename none
coredump_dir {self.home}
pinger_enable off
via off
forwarded_for delete
visible_hostname bench
shutdown_lifetime 0 seconds
""")
        self.launch([program, "-N", "-f", config])
        self.wait_for_port()

    def log(self):
        path = os.path.join(self.home, "cache.log")
        more = open(path, errors="replace").read() if os.path.exists(path) else ""
        return super().log() + more

    def version(self):
        return first_line(find_program("squid"), "-v")


class Mitmproxy(Contender):
    name = "mitmproxy"
    proxied = True

    @staticmethod
    def program():
        return find_program(os.path.join(ROOT, "build", "venv-mitmproxy", "bin", "mitmdump"), "mitmdump")

    def start(self):
        self.choose_port()
        script = self.file("inject.py", f"""
def requestheaders(flow):
    flow.request.stream = True
    flow.request.headers["Authorization"] = "Bearer {KEY}"

def responseheaders(flow):
    flow.response.stream = True
""")
        self.ca = os.path.join(self.home, "mitmproxy-ca-cert.pem")
        self.launch([self.program(), "-q", "--listen-host", "127.0.0.1", "--listen-port", str(self.port), "-s", script,
                     "--set", f"confdir={self.home}", "--set", f"ssl_verify_upstream_trusted_ca={self.bench.ca}",
                     "--set", "http2=false", "--set", "connection_strategy=lazy"])
        self.wait_for_port()

    def load_arguments(self):
        # It takes the name for TLS from the client's, so no name has to be resolved.
        return super().load_arguments() + ["--connect", f"127.0.0.1:{self.bench.origin_port}"]

    def version(self):
        return first_line(self.program(), "--version")


TENANT = """apiVersion: clawbox/v1
kind: Tenant
metadata:
  name: {name}
spec:
  routes:
    - name: key
      host: {key_host}
      credential: key
      inject: {{bearer: true}}
      env: BENCH_KEY
      methods: [GET, POST]
      paths: [/**]
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: open
      host: {open_host}
      methods: [GET, POST]
      paths: [/**]
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""


class Service:
    """One `clawbox serve`, with a number of tenants that are all alike; the first has the credential."""

    def __init__(self, bench, directory):
        self.bench = bench
        self.directory = directory
        self.users = 0
        self.box = None

    def start(self):
        self.users += 1
        if self.box is not None:
            return
        if not os.access(appliance.CLAWBOX, os.X_OK):
            raise Unavailable(f"{os.path.relpath(appliance.CLAWBOX, ROOT)} is not built")
        default, tempfile.tempdir = tempfile.tempdir, self.directory
        self.box = appliance.Appliance()
        tempfile.tempdir = default
        try:
            self.fill(self.box)
        except Exception as error:
            raise RuntimeError(f"{error}\n{self.box.log()[-2000:]}") from error

    def fill(self, box):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.bench.contender_cores)  # inherited by the process that is started
        try:
            box.start()
        finally:
            os.sched_setaffinity(0, cores)
        names = [f"tenant{i}" for i in range(self.bench.tenants + 1)]
        box.apply("---\n".join(TENANT.format(name=name, key_host=KEY_HOST, open_host=OPEN_HOST, port=self.bench.origin_port,
                                             ca=self.bench.ca) for name in names))
        box.run("credential", "set", names[0], "key", stdin=KEY.encode())
        self.environments = [box.environment(name) for name in names]

    def stop(self):
        self.users -= 1
        if self.users == 0 and self.box is not None:
            if self.box.process is not None and self.box.process.poll() is None:
                self.box.stop()
            shutil.rmtree(self.box.home, ignore_errors=True)
            self.box = None

    def ca(self, tenant):
        path = os.path.join(self.box.home, f"ca-{tenant}.pem")
        if not os.path.exists(path):
            shutil.copy(self.environments[tenant]["SSL_CERT_FILE"], path)
        return path


class Clawbox(Contender):
    def __init__(self, bench, service, name, host):
        super().__init__(bench)
        self.service = service
        self.name = name
        self.host = host
        self.injects = host == KEY_HOST
        self.tenants = bench.tenants

    def start(self):
        self.service.start()

    def stop(self):
        self.service.stop()

    @property
    def pid(self):
        return self.service.box.process.pid

    def log(self):
        return self.service.box.log()

    def load_arguments(self, tenant=0):
        """Tenant 0 is the one that is measured; the others are only woken up."""
        variables = self.service.environments[tenant]
        proxy = urllib.parse.urlsplit(variables["HTTPS_PROXY"])
        login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        host = self.host if tenant == 0 else OPEN_HOST
        arguments = ["--to", f"{proxy.hostname}:{proxy.port}", "--ca", self.service.ca(tenant), "--authority", f"{host}:443",
                     "--proxy", "--proxy-auth", login]
        if host == KEY_HOST:
            arguments += ["--header", "Authorization: Bearer " + variables["BENCH_KEY"]]
        return arguments

    def version(self):
        return first_line(appliance.CLAWBOX, "version")
