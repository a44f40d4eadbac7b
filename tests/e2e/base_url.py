"""The base URL, for SDKs that take no proxy: who may use it, what it stands for, and where its token does not get."""

import json
import socket

from appliance import WAIT, Agent
from lifecycle import HOST, place
from scenarios import absent, equal, node_client

FOREIGN = "base_url_foreign"


def parts(environment):
    """(host:port, token) of CLAWBOX_BASE_URL."""
    scheme, _, authority, t, token, last = environment["CLAWBOX_BASE_URL"].split("/")
    equal("form", (scheme, t, last), ("http:", "t", "https"))
    return authority, token


def ask(environment, target, *fields, method="GET", host=None):
    agent = Agent(environment)
    head = [f"{method} {target} HTTP/1.1", "Host: " + (host or parts(environment)[0]), *fields, "", ""]
    agent.send("\r\n".join(head).encode())
    response = agent.response(head=method == "HEAD")
    agent.close()
    return response


def a_base_url_stands_for_its_host(world):
    _, token = parts(world.environment)
    world.provider.take()
    placeholder = world.environment["OPENAI_API_KEY"]
    response = ask(world.environment, f"/t/{token}/https/{HOST}/v1/models?a=b", "Authorization: Bearer " + placeholder)
    equal("status", response.status, 200)
    equal("without a placeholder", ask(world.environment, f"/t/{token}/https/{HOST}:443/v1/x/../models").status, 200)
    seen = world.provider.take()
    equal("targets", [r.target for r in seen], ["/v1/models?a=b", "/v1/models"])
    equal("hosts", {r.header("Host")[0] for r in seen}, {HOST})
    equal("credential", {r.header("Authorization")[0] for r in seen}, {"Bearer " + world.real})
    absent("what the provider saw", token, json.dumps([[r.target, r.headers] for r in seen]))
    no_route = ask(world.environment, f"/t/{token}/https/elsewhere.example/")
    equal("no route", (no_route.status, no_route.problem().get("reason")), (403, "no_route"))
    absent("its answer", token, no_route.body.decode())
    equal("requests", len(world.provider.take()), 0)


def a_base_url_is_for_programs_on_this_machine(world):
    """What a web page could have the browser send, and what a stranger on this machine could: none reaches the provider."""
    authority, token = parts(world.environment)
    port = authority.split(":")[1]
    target = f"/t/{token}/https/{HOST}/v1/models"
    world.provider.take()
    for name, fields, host, method, status, reason in [
            ("another site", ["Origin: https://evil.example"], None, "GET", 403, FOREIGN),
            ("a file", ["Origin: null"], None, "GET", 403, FOREIGN),
            ("an image", ["Sec-Fetch-Site: cross-site"], None, "GET", 403, FOREIGN),
            ("typed by hand", ["Sec-Fetch-Site: none"], None, "GET", 403, FOREIGN),
            ("rebinding", [], f"evil.example:{port}", "GET", 403, FOREIGN),
            ("the provider's name", [], HOST, "GET", 403, FOREIGN),
            ("a preflight", ["Origin: https://evil.example", "Access-Control-Request-Method: POST"], None, "OPTIONS", 403, FOREIGN),
            ("OPTIONS", [], None, "OPTIONS", 405, "method_never")]:
        response = ask(world.environment, target, *fields, host=host, method=method)
        equal(name, (response.status, response.problem().get("reason")), (status, reason))
        equal(name + ": CORS", [n for n, _ in response.headers if n.lower().startswith("access-control-")], [])
        absent(name, token, response.body.decode())
    for name, other in [("no token", f"/https/{HOST}/v1/models"), ("a wrong one", f"/t/{token[:-1]}/https/{HOST}/v1/models"),
                        ("an empty one", f"/t//https/{HOST}/v1/models")]:
        equal(name, ask(world.environment, other).status, 407)
    for name, other, status in [("http", f"/t/{token}/http/{HOST}/", 400), ("the token twice", f"{target}?again={token}", 400),
                                ("the token as a name", f"/t/{token}/https/{token}.example/", 400)]:
        equal(name, ask(world.environment, other).status, status)
    equal("Referer", ask(world.environment, target, f"Referer: http://{authority}{target}").status, 400)
    equal("requests", len(world.provider.take()), 0)


def the_token_of_a_base_url_is_in_no_record(world):
    _, token = parts(world.environment)
    equal("status", ask(world.environment, f"/t/{token}/https/{HOST}/v1/models").status, 200)
    equal("from a page", ask(world.environment, f"/t/{token}/https/{HOST}/v1/models", "Origin: null").status, 403)
    equal("wrong method", ask(world.environment, f"/t/{token}/https/{HOST}/v1/models", method="PATCH").status, 403)
    out = world.appliance.run("audit", "alice", "--json", "-n", "100000").stdout.decode()
    absent("audit", token, out)
    absent("log", token, world.appliance.log())
    equal("requests", len(world.provider.take()), 1)
    assert '"base_url_foreign"' in out and '"/v1/models"' in out, "the audit has none of these requests"


def the_openai_package_works_with_a_base_url(world):
    answer = node_client(world, "base_url.mjs", proxy=False)
    equal("whole", answer["whole"], "Hello from the provider")
    equal("parts", answer["parts"], ["Hello", " from", " the", " provider"])
    equal("refusal", answer["refused"]["status"], 403)
    assert "No route" in answer["refused"]["message"], answer["refused"]
    seen = world.provider.take()
    equal("what the provider saw", {r.header("Authorization")[0] for r in seen}, {"Bearer " + world.real})


def a_listener_that_others_reach_has_no_base_url():
    """Without TLS between agent and gate, the token would cross a network in clear."""
    with place("--listen", "0.0.0.0") as p:
        p.make()
        _, token = parts(p.environments["alice"])
        for host in (None, "localhost:" + parts(p.environments["alice"])[0].split(":")[1]):
            response = ask(p.environments["alice"], f"/t/{token}/https/{HOST}/v1/models", host=host)
            equal("answer", (response.status, response.problem().get("reason")), (403, FOREIGN))
        equal("requests", len(p.provider().take()), 0)


def by_the_unix_socket_no_token_is_needed():
    with place() as p:
        p.make()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT)
            s.connect(p.appliance.state + "/run/alice.sock")
            s.sendall(f"GET /https/{HOST}/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = s.makefile("rb").read()
        equal("status", answer.split(b" ")[1], b"200")
        equal("credential", [r.header("Authorization")[0] for r in p.provider().take()], ["Bearer sk-real-alice"])


TESTS = [a_base_url_stands_for_its_host, a_base_url_is_for_programs_on_this_machine, the_token_of_a_base_url_is_in_no_record,
         the_openai_package_works_with_a_base_url]
LIFE = [a_listener_that_others_reach_has_no_base_url, by_the_unix_socket_no_token_is_needed]
