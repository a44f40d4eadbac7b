#!/usr/bin/env python3
"""End-to-end tests: a real `clawbox serve`, real TLS, a fake provider, scenarios as data (cases/*.yaml).

    run.py [PART]       runs the scenarios and tests whose name contains PART

The last line is `N passed, N failed, N skipped`.
"""

import os
import shutil
import sys
import traceback

import yaml

import base_url
import bodies
import keys
import kubernetes
import api_tcp
import console
import console_flood
import console_keys
import attack
import cas
import closed_in
import drain
import grants
import health
import lifecycle
import pod
import policy
import presets
import provision
import reload
import scenarios
import signed
import tenants
import tokens
import tools
import trust
import upstream
import verify
import websockets
from appliance import Agent, Appliance, make_certificates
from provider import Provider

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = "sk-real-0123456789abcdef-e2e"
HOSTS = ["api.openai.com", "api.anthropic.com", "plain.example.com", "api.telegram.org", "github.com", "keys.example.com",
         "maps.example.com", "open.example.com", *bodies.HOSTS, *signed.HOSTS]
CREDENTIALS = ["openai", "telegram", "github", "keys", "maps", *bodies.CREDENTIALS]

TENANT = """apiVersion: clawbox/v1
kind: Tenant
metadata:
  name: alice
spec:
  routes:
    - provider: openai
      credential: openai
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - provider: anthropic
      credential: anthropic
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - provider: telegram
      credential: telegram
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - provider: github-git
      credential: github
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: keys
      host: keys.example.com
      inject: {{headers: [{{name: X-Key}}, {{name: X-Sign, prefix: "key="}}]}}
      headers: {{X-Version: "2026-11"}}
      places: {{headers: [X-Session], query: [sig]}}
      credential: keys
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: maps
      host: maps.example.com
      inject: {{query: key}}
      credential: maps
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: open
      host: open.example.com
      pass: {{headers: [X-Api-Key], query: [token]}}
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: plain
      host: plain.example.com
      port: {plain_port}
      scheme: http
      methods: [GET]
      paths: [/files/**]
      upstream: {{address: "127.0.0.1:{plain_port}"}}
""" + bodies.ROUTES + signed.ROUTES


class World:
    """What every test finds: an appliance with the tenant alice, and her providers."""

    def __init__(self):
        self.appliance = Appliance()
        self.ca, certificate, key = make_certificates(self.appliance.home, HOSTS)
        self.provider = Provider(certificate, key)
        self.plain = Provider()
        self.real = REAL
        self.appliance.start()
        self.appliance.apply(self.tenant())
        for credential in CREDENTIALS:
            self.appliance.run("credential", "set", "alice", credential, stdin=REAL.encode() + b"\n")
        for credential, value in signed.CREDENTIALS.items():
            self.appliance.run("credential", "set", "alice", credential, stdin=value.encode())
        self.environment = self.appliance.environment("alice")

    def tenant(self):
        return TENANT.format(port=self.provider.port, plain_port=self.plain.port, ca=self.ca)

    def agent(self):
        return Agent(self.environment)

    def tunnel(self, host="api.openai.com"):
        agent = self.agent()
        response = agent.connect(host + ":443")
        assert response.status == 200, f"CONNECT was answered {response.status}"
        agent.start_tls(host)
        return agent

    def close(self):
        status = self.appliance.stop()
        self.provider.close()
        self.plain.close()
        log = self.appliance.log()
        shutil.rmtree(self.appliance.home, ignore_errors=True)
        return status, log


class Report:
    def __init__(self, part):
        self.part = part
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function, *arguments):
        if self.part not in name:
            return
        try:
            function(*arguments)
            self.passed += 1
        except scenarios.Skip as reason:
            self.skipped += 1
            print(f"skipped: {name}: {reason}", flush=True)
        except Exception as error:  # every failure is a result, not an end of the run
            self.failed += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()


def main():
    report = Report(sys.argv[1] if len(sys.argv) > 1 else "")
    world = World()
    try:
        for file in sorted(os.listdir(os.path.join(HERE, "cases"))):
            with open(os.path.join(HERE, "cases", file)) as text:
                for case in yaml.safe_load(text):
                    report.run(case["name"], scenarios.play, world, case)
        for test in bodies.TESTS + base_url.TESTS + trust.TESTS + signed.TESTS + policy.TESTS + attack.TESTS + scenarios.TESTS:
            report.run(test.__name__.replace("_", " "), test, world)
    finally:
        status, log = world.close()
        if os.environ.get("CLAWBOX_E2E_LOG"):
            print(log)
    report.run("serve ends with status 0", lambda: scenarios.equal("status", status, 0))
    report.run("no credential in the log", lambda: scenarios.absent("log", REAL, log))
    for test in lifecycle.LIFECYCLE + kubernetes.KUBERNETES + presets.PRESET_TESTS + tenants.TESTS + keys.TESTS + cas.TESTS + tokens.TOKENS:
        report.run(test.__name__.replace("_", " "), test)
    for test in base_url.LIFE + trust.LIFE + drain.TESTS + health.TESTS + closed_in.TESTS + pod.TESTS + reload.RELOADS + websockets.WEBSOCKETS + tools.TOOLS + upstream.TESTS + provision.PROVISION + verify.TESTS + grants.TESTS:
        report.run(test.__name__.replace("_", " "), test)
    for test in api_tcp.TESTS + console.TESTS + console_flood.TESTS + console_keys.TESTS:
        report.run(test.__name__.replace("_", " "), test)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
