#!/usr/bin/env python3
"""Holds a real `clawbox serve` to schema/openapi.yaml, and the description to the server.

    run.py [PART]       runs the tests whose name contains PART

The packages of requirements.txt are looked for in this Python; without them, what needs them is skipped and said. The last line is
`N passed, N failed, N skipped`.
"""

import os
import re
import shutil
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import console  # noqa: E402
import pages  # noqa: E402
import scenario  # noqa: E402
from appliance import Agent, Appliance  # noqa: E402
from client import Client  # noqa: E402
from description import Description  # noqa: E402

try:
    import generated
    from jsonschema_rs import Draft202012Validator
except ImportError as error:
    generated, MISSING = None, str(error)


class Report:
    def __init__(self, part):
        self.part = part
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function):
        if self.part not in name:
            return
        try:
            function()
            self.passed += 1
        except Exception as error:  # every failure is a result, not an end of the run
            self.failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError) and "schemathesis" not in type(error).__module__:
                traceback.print_exc()

    def skip(self, name, why):
        if self.part in name:
            self.skipped += 1
            print(f"skipped: {name}: {why}", flush=True)


def routes_are_described(client, description):
    """Which paths there are says the table that the server is built from; which methods a path has says the server, asked for OPTIONS."""
    with open(os.path.join(HERE, "../../modules/api/router.c"), encoding="ascii") as file:
        router = file.read()
    table = re.findall(r'\{"[A-Z]+", "(/v1/[^"]+)", \w+,([^{}]*)\}', router)
    served = {path for path, flags in table if "API_CONSOLE" not in flags}
    assert served, "modules/api/router.c has no table of this form"
    described = set(description.paths)
    assert served == described, f"not described: {sorted(served - described)}; not served: {sorted(described - served)}"
    for path in described:
        answer = client.ask("OPTIONS", re.sub(r"\{\w+\}", "x", path))
        methods = {method for p, method in description.operations if p == path}
        expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        assert answer.status == 204 and set(answer.headers["allow"].split(", ")) == expected, \
            f"{path} has {answer.headers.get('allow')}, not {sorted(expected)}"


def answers_are_as_described(client, description, appliance):
    seen = set()

    def send(method, host, target):
        agent = Agent(appliance.environment("alice"))
        try:
            assert agent.connect(f"{host}:443").status == 200
            agent.start_tls(host)
            agent.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return agent.response().status
        finally:
            agent.close()

    def ask(status, method, target, *body, **fields):
        answer = client.ask(method, target, *body, **fields)
        assert answer.status == status, f"not {status}: {answer}"
        seen.add(description.check(answer, Draft202012Validator))
        return answer

    scenario.play(ask, send)
    described = {(path, method, int(status)) for (path, method), operation in description.operations.items()
                 for status in operation["responses"]}
    missing = {d for d in described - seen if d[2] not in scenario.UNSEEN} - scenario.UNSEEN_AT
    assert not missing, f"described, and never seen: {sorted(missing)}"


def of_the_console(report):
    """The same server with a console: what that answers itself, and all of the API as somebody who is signed in has it."""
    description, own = Description(), Description(browser=True)
    with console.console() as c:
        page = pages.Page(c)
        report.run("of the console: pages get none of its own routes", lambda: pages.own_routes_are_its_own(page, description.document))
        if generated is None:
            report.skip("of the console", MISSING)
            return
        report.run("of the console: answers are as described", lambda: pages.answers_are_as_described(page, own, Draft202012Validator))
        for there, paths, cases in ((generated.There(page.origin, fields=page.fields), own.paths, pages.OWN_CASES),
                                    (generated.There(page.origin + "/api", fields=page.fields), description.ending, pages.API_CASES)):
            for name, function in generated.operations(there, paths, page.prepare, cases):
                report.run(f"generated, of the console: {name}", function)
        report.run("of the console: it is still there", lambda: page.ask("GET", "/api/v1/status").json()["version"])
        log = c.p.appliance.log()
    report.run("of the console: no errors in the log", lambda: check("error:" not in log, log[-2000:]))


def main():
    report = Report(sys.argv[1] if len(sys.argv) > 1 else "")
    description = Description()
    appliance = Appliance().start()
    try:
        socket = os.path.join(appliance.state, "control.sock")
        client = Client(socket)
        report.run("routes are described", lambda: routes_are_described(client, description))
        if generated is None:
            report.skip("answers are as described", MISSING)
            report.skip("generated requests", MISSING)
        else:
            report.run("answers are as described", lambda: answers_are_as_described(client, description, appliance))
            for name, function in generated.operations(generated.on_socket(socket), description.ending, lambda: client.ask("PUT", "/v1/tenants/alice", scenario.ALICE)):
                report.run("generated: " + name, function)
            report.run("the server is still there", lambda: client.ask("GET", "/v1/status").json()["version"])
    finally:
        status = appliance.stop()
        log = appliance.log()
        shutil.rmtree(appliance.home, ignore_errors=True)
    report.run("serve ends with status 0", lambda: check(status == 0, f"status {status}\n{log[-2000:]}"))
    report.run("no errors in the log", lambda: check("error:" not in log, log[-2000:]))
    of_the_console(report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0


def check(holds, text):
    assert holds, text


if __name__ == "__main__":
    sys.exit(main())
