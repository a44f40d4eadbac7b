"""The health listener of a real server: /healthz, /readyz, /metrics, and that nothing else is there."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from appliance import WAIT
from lifecycle import HOST, place
from scenarios import Skip, equal, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("Content-Type")
    finally:
        connection.close()


SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([0-9.+eInf-]+)')


def samples(text):
    """{name: {labels: value}}, after a look at the form: each metric has its HELP and TYPE, and all its samples behind them."""
    found, current, kind = {}, None, None
    assert text.endswith("\n"), "the last line is not ended"
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert current not in found, f"{current} is there twice"
            found[current] = {}
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            equal("TYPE", name, current)
            assert kind in ("counter", "gauge", "histogram"), line
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line!r}"
            name = match[1]
            family = re.sub("_(bucket|sum|count)$", "", name) if kind == "histogram" else name
            equal("the metric of " + line, family, current)
            key = (name, match[2] or "")
            assert key not in found[family], f"{line} is there twice"
            found[family][key] = float(match[3])
    return found


def the_metrics_count_what_happened():
    port = free_port()
    with place("--health", f"127.0.0.1:{port}") as p:
        equal("alive", ask(port, "/healthz")[:2], (200, '{"alive":true}\n'))
        equal("ready", ask(port, "/readyz")[0], 200)
        p.make(value=None)
        ready = json.loads(ask(port, "/readyz")[1])
        equal("what alice lacks", [(x["what"], x["tenant"]) for x in ready["problems"]], [("credential", "alice")])
        p.set("sk-real-alice")
        equal("problems", json.loads(ask(port, "/readyz")[1])["problems"], [])
        for target in ("/v1/a", "/v1/b"):
            equal("status", p.ask(target).status, 200)
        agent = p.tunnel(host="elsewhere.example")
        agent.send(b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
        equal("no route", agent.response().status, 403)
        agent.close()
        wanted = {'tenant="alice",verdict="allowed",reason="route"': 2.0, 'tenant="alice",verdict="denied",reason="no_route"': 1.0}
        text = ""

        def counted():
            nonlocal text
            status, text, kind = ask(port, "/metrics")
            equal("answer", (status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
            return {k[1]: v for k, v in samples(text)["clawbox_requests_total"].items()} == wanted
        wait_for("the requests", counted)
        found = samples(text)
        durations = found["clawbox_request_duration_seconds"]
        buckets = [v for (name, _), v in durations.items() if name.endswith("_bucket")]
        equal("buckets only grow", buckets, sorted(buckets))
        equal("the last bucket", buckets[-1], durations[("clawbox_request_duration_seconds_count", 'tenant="alice"')])
        equal("records", found["clawbox_audit_sequence"][("clawbox_audit_sequence", "")], float(len(p.appliance.audit())))
        equal("gates", found["clawbox_processes"][("clawbox_processes", 'role="gate"')], 1.0)
        assert found["clawbox_response_bytes_total"][("clawbox_response_bytes_total", 'tenant="alice"')] > 0
        assert "sk-real-alice" not in text
        os.kill(p.pid("vault"), signal.SIGKILL)
        wait_for("a vault that was ended", lambda: samples(ask(port, "/metrics")[1])["clawbox_process_failures_total"][
            ("clawbox_process_failures_total", 'role="vault"')] == 1.0)
        wait_for("a new one", lambda: ask(port, "/readyz")[0] == 200)
        for method, path, status in [("GET", "/v1/tenants", 404), ("POST", "/v1/tenants:apply", 404), ("GET", "/ca.pem", 404),
                                     ("POST", "/readyz", 405)]:
            equal(path, ask(port, path, method)[0], status)
        assert HOST not in text, "a host is no label"


def promtool_and_the_python_parser_read_the_metrics():
    port = free_port()
    with place("--health", f"127.0.0.1:{port}") as p:
        p.make()
        equal("status", p.ask("/v1/a").status, 200)
        text = ask(port, "/metrics")[1]
    checked = 0
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        equal("promtool", (done.returncode, done.stdout + done.stderr), (0, ""))
        checked += 1
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        text_string_to_metric_families = None
    if text_string_to_metric_families is not None:
        families = {f.name: f for f in text_string_to_metric_families(text)}
        equal("type", families["clawbox_request_duration_seconds"].type, "histogram")
        equal("counter", families["clawbox_requests"].type, "counter")
        checked += 1
    if checked == 0:
        raise Skip("neither promtool nor python3-prometheus-client is installed")


def an_address_that_is_taken_ends_the_start():
    with socket.socket() as taken, place(start=False) as p:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        p.appliance.options += ["--health", f"127.0.0.1:{taken.getsockname()[1]}"]
        try:
            p.appliance.start()
        except RuntimeError as error:
            assert "health listener" in str(error), error
        else:
            raise AssertionError("it started")
        for wrong in ("127.0.0.1", "localhost:8081", "127.0.0.1:0", "127.0.0.1:70000", ":8081"):
            done = subprocess.run([p.appliance.program, "serve", "--state", p.appliance.state, "--health", wrong], capture_output=True,
                                  text=True, timeout=WAIT)
            equal(wrong, done.returncode, 2)
            assert "ADDRESS:PORT" in done.stderr, done.stderr


TESTS = [the_metrics_count_what_happened, promtool_and_the_python_parser_read_the_metrics, an_address_that_is_taken_ends_the_start]
