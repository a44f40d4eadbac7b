"""The commands that look at a policy, against a real server: explain, tenant diff."""

import json
import os

import yaml

from scenarios import absent, equal, fill

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
# What the routes and the request's parts decide; the other reasons need traffic.
REASONS = {"no_route", "no_route_port", "no_route_scheme", "no_route_method", "no_route_path", "route_denies", "method_never",
           "foreign_credential", "placeholder_required", "placeholder_misplaced", "credential_not_set", "authority_mismatch",
           "bad_path"}
CARRIED = {"foreign_credential", "placeholder_required", "placeholder_misplaced"}  # a body is not asked about


def decided_cases():
    for file in sorted(os.listdir(CASES)):
        with open(os.path.join(CASES, file)) as text:
            for case in yaml.safe_load(text):
                expect = case["expect"]
                reason = expect.get("reason") or ("route" if case.get("provider", {}).get("requests") else None)
                if "connect" in case and "request" in case and case.get("tls", True) and "sni" not in case and (reason in REASONS or reason == "route") \
                        and case.get("tenant", "alice") == "alice" and expect.get("connect_status", 200) == 200 \
                        and case["request"]["target"].startswith("/") and not ("body" in case["request"] and reason in CARRIED):
                    yield case, reason


def explain_agrees_with_the_proxy(world):
    """Every scenario that the policy decides, asked instead of sent."""
    world.provider.take()
    count = 0
    for case, reason in decided_cases():
        request = case["request"]
        arguments = ["explain", "alice", request["method"], "https://" + fill(case["connect"], world) + fill(request["target"], world)]
        for header in request.get("headers", []):
            arguments += ["-H", fill(header, world)]
        if "host" in request:
            arguments += ["-H", "Host: " + request["host"]]
        out = world.appliance.run(*arguments, "--json").stdout.decode()
        answer = json.loads(out)
        equal(f"{case['name']}: reason", answer["reason"], reason)
        absent(case["name"], world.real, out)
        if case.get("provider", {}).get("requests") == 1 and "target" in case["provider"]:
            sent = answer["sent"]["target"].replace("{credential}", world.real)
            equal(f"{case['name']}: target", sent, fill(case["provider"]["target"], world))
        count += 1
    assert count > 20, f"only {count} scenarios were compared"
    equal("requests that a provider saw", len(world.provider.take()), 0)


def explain_says_whether_a_credential_is_set_and_bound(world):
    answer = json.loads(world.appliance.run("explain", "alice", "GET", "https://api.anthropic.com/v1/models", "--json").stdout)
    equal("not set", (answer["reason"], answer["credential"]["set"]), ("credential_not_set", False))
    text = world.appliance.run("explain", "alice", "GET", "https://api.openai.com/v1/models").stdout.decode()
    assert "openai is set, and its binding covers this host" in text, text
    assert f"127.0.0.1:{world.provider.port}, without asking for the name" in text, text


def diff_against_the_running_server(world):
    path = os.path.join(world.appliance.home, "changed.yaml")
    with open(path, "w") as file:
        file.write(world.tenant())
    done = world.appliance.run("tenant", "diff", "-f", path)
    equal("nothing", done.stdout, b"tenant alice: nothing changes\n")
    with open(path, "w") as file:
        file.write(world.tenant().replace("host: open.example.com", "host: open.example.com\n      inject: {bearer: true}\n      credential: openai"))
    done = world.appliance.run("tenant", "diff", "-f", path, check=False)
    equal("status", done.returncode, 1)
    text = done.stdout.decode()
    assert f'credential "openai" goes to open.example.com:443 via 127.0.0.1:{world.provider.port}' in text, text
    assert 'note: the credential "openai" is not bound to all of these' in text, text


TESTS = [diff_against_the_running_server, explain_agrees_with_the_proxy, explain_says_whether_a_credential_is_set_and_bound]
