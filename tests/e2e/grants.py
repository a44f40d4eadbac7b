"""What was refused, with the smallest route for it; and grants: for a time, once, taken back, and what they never do."""

import contextlib
import json
import os
import signal
import time

from api_tcp import Place as Api
from appliance import Agent
from health import free_port
from lifecycle import EXTRA, EXTRA_HOST, OPENAI, HOST, all_gone, place
from scenarios import absent, equal, get, wait_for
from websockets import Socket, SocketProvider

DENY = """    - name: no-secrets
      action: deny
      host: extra.example.com
      methods: [GET]
      paths: ["/v2/secret/**"]
"""


@contextlib.contextmanager
def allowed_little(routes=EXTRA, tenants=("alice",)):
    """Tenants whose routes allow GET /v1/** of one host; and the API."""
    port = free_port()
    with place("--api", f"127.0.0.1:{port}") as p:
        for name in tenants:
            p.make(name, value="sk-real-" + name if "openai" in routes else None, routes=routes, methods="GET")
        yield p, Api(p, port)


def grant(a, path, tenant="alice", host=EXTRA_HOST, status=201, **how):
    body = {"host": host, "method": "GET", "path": path} | how
    text = a.expect(status, a.admin, "POST", f"/v1/tenants/{tenant}/grants", body)
    return json.loads(text)


def outcome(p, target, tenant="alice", host=EXTRA_HOST):
    """200, or the reason of the refusal."""
    response = p.ask(target, tenant, host)
    return response.status if response.status == 200 else response.problem().get("reason")


def denials(a, query=""):
    return json.loads(a.expect(200, a.admin, "GET", "/v1/denials" + query))["denials"]


def killed(p):
    """Everything, as by a power switch; and started again."""
    pids = list(p.appliance.roles().values())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    p.appliance.stop(signal.SIGKILL)
    wait_for("the end of all", all_gone(pids))
    p.appliance.start()


def what_is_refused_is_counted_with_the_smallest_route_for_it():
    with allowed_little() as (p, a):
        for _ in range(3):
            equal("refused", outcome(p, "/v2/x?key=1"), "no_route_path")
        equal("refused", outcome(p, "/", host="new.example.com"), "no_route")
        found = denials(a, "?tenant=alice")
        equal("what", [(d["host"], d["port"], d["scheme"], d["method"], d["path"], d["reason"], d["count"]) for d in found],
              [("new.example.com", 443, "https", "GET", "/", "no_route", 1),
               (EXTRA_HOST, 443, "https", "GET", "/v2/x", "no_route_path", 3)])
        suggestion = found[1]["suggestion"]
        equal("suggestion", {k: v for k, v in suggestion.items() if k != "name"},
              {"host": EXTRA_HOST, "methods": ["GET"], "paths": ["/v2/x"]})
        what = {k: found[0][k] for k in ("scheme", "host", "port", "method", "path")}
        a.expect(204, a.admin, "POST", "/v1/tenants/alice/denials:mute", what | {"muted": True})
        equal("left", [d["path"] for d in denials(a)], ["/v2/x"])
        equal("muted", [d["host"] for d in denials(a, "?muted=1")], ["new.example.com"])
        # The suggestion is one that a tenant file takes, and it allows the request.
        more = "    - " + json.dumps(suggestion | {"upstream": {"address": f"127.0.0.1:{p.provider().port}"}}).replace("{", "{{") \
            .replace("}", "}}") + "\n"
        p.appliance.apply(p.tenant(routes=EXTRA + more, methods="GET"))
        assert outcome(p, "/v2/x") not in ("no_route", "no_route_path"), "the suggestion does not allow it"


def a_grant_for_a_time_ends_by_itself():
    with allowed_little(tenants=("alice", "bob")) as (p, a):
        equal("before", outcome(p, "/v2/x"), "no_route_path")
        start = time.monotonic()
        made = grant(a, "/v2/*", seconds=8)
        equal("granted", outcome(p, "/v2/x"), 200)
        equal("again", outcome(p, "/v2/y"), 200)
        equal("beside it", outcome(p, "/v2/x/y"), "no_route_path")
        equal("another tenant", outcome(p, "/v2/x", "bob"), "no_route_path")
        change = [(r["change"], r["by"]) for r in p.appliance.audit("alice") if r["kind"] == "change" and r["change"] == "granted"]
        equal("who", change, [("granted", "token:root")])
        stays = p.tunnel(host=EXTRA_HOST)
        equal("on a connection that stays", get(stays, "/v2/x", EXTRA_HOST).status, 200)
        wait_for("its end", lambda: get(stays, "/v2/x", EXTRA_HOST).status == 403)
        took = time.monotonic() - start
        assert 7.9 <= took < 20, f"it ended after {took:.2f} s"
        stays.close()
        wait_for("its end on the list", lambda: json.loads(
            a.expect(200, a.admin, "GET", "/v1/tenants/alice/grants"))["grants"] == [])
        rows = [r for r in p.appliance.audit("alice") if r["kind"] == "decision" and r["reason"] == "route"]
        equal("routes in the audit", {(r["route"], r["credential"]) for r in rows}, {(f"grant:{made['id']}", None)})
        p.appliance.run("audit", "verify")


def once_is_once_also_when_everything_is_killed_in_between():
    with allowed_little() as (p, a):
        grant(a, "/v2/x", uses=1)
        equal("once", outcome(p, "/v2/x"), 200)
        equal("twice", outcome(p, "/v2/x"), "no_route_path")
        equal("at the provider", len(p.provider().take()), 1)

        grant(a, "/v2/y", uses=1)
        killed(p)
        equal("not used, and killed", outcome(p, "/v2/y"), 200)
        killed(p)
        equal("used, and killed", outcome(p, "/v2/y"), "no_route_path")

        grant(a, "/v2/z", uses=1)
        agent = p.tunnel(host=EXTRA_HOST)
        agent.send(f"GET /v2/z HTTP/1.1\r\nHost: {EXTRA_HOST}\r\n\r\n".encode())
        wait_for("its record", lambda: any(r["kind"] == "decision" and r["path"] == "/v2/z" for r in p.appliance.audit("alice")))
        killed(p)
        agent.close()
        equal("on its way, and killed", outcome(p, "/v2/z"), "no_route_path")
        used = json.loads(a.expect(200, a.admin, "GET", "/v1/tenants/alice/grants"))["grants"]
        equal("uses left", [g["uses_left"] for g in used], [0, 0, 0])
        p.appliance.run("audit", "verify")


def of_many_at_once_one_passes():
    with allowed_little() as (p, a):
        grant(a, "/v2/x", uses=1)
        agents = [p.tunnel(host=EXTRA_HOST) for _ in range(20)]
        for agent in agents:
            agent.send(f"GET /v2/x HTTP/1.1\r\nHost: {EXTRA_HOST}\r\n\r\n".encode())
        equal("answers", sorted(agent.response().status for agent in agents), [200] + 19 * [403])
        equal("at the provider", len(p.provider().take()), 1)
        for agent in agents:
            agent.close()


def what_a_grant_does_not_open():
    with allowed_little(EXTRA + DENY) as (p, a):
        grant(a, "/v2/**", seconds=600)
        equal("granted", outcome(p, "/v2/x"), 200)
        equal("a deny route", outcome(p, "/v2/secret/x"), "route_denies")
        port = p.provider().port
        p.provider().take()
        grant(a, "/**", host="127.0.0.1", scheme="http", port=port, seconds=600)
        agent = p.tunnel(host=EXTRA_HOST)
        agent.close()
        agent = Agent(p.environments["alice"])
        agent.send((f"GET http://127.0.0.1:{port}/v1/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                    f"Proxy-Authorization: Basic {agent.token}\r\n\r\n").encode())
        equal("a special address", agent.response().problem().get("reason"), "special_address")
        agent.close()
        equal("at the provider", p.provider().take(), [])
        grant(a, "/", host="*.example.com", status=422, seconds=600)
        # A host of no route: the gate has a certificate for it, and it is asked for by name.
        grant(a, "/", host="granted.example.com", seconds=600)
        reason = outcome(p, "/", host="granted.example.com")
        assert reason in ("dns_failed", "dns_timeout", "special_address"), f"a granted host: {reason}"


def no_credential_goes_by_a_grant():
    with allowed_little(OPENAI) as (p, a):
        key = p.environments["alice"]["OPENAI_API_KEY"]
        grant(a, "/v9/x", host=HOST, seconds=600)
        equal("granted", outcome(p, "/v9/x", host=HOST), 200)
        sent = p.provider().take()
        equal("what was sent", [r.header("Authorization") for r in sent], [[]])
        agent = p.tunnel()
        agent.send(f"GET /v9/x HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        equal("with a placeholder", agent.response().problem().get("reason"), "placeholder_misplaced")
        agent.close()
        equal("at the provider", p.provider().take(), [])
        equal("by its route", outcome(p, "/v1/models", host=HOST), 200)
        equal("its credential", p.provider().take()[0].header("Authorization"), ["Bearer sk-real-alice"])
        absent("the log", "sk-real-alice", p.appliance.log())


def a_tunnel_that_was_refused_has_a_route_that_opens_it():
    with allowed_little() as (p, a):
        agent = Agent(p.environments["alice"])
        equal("CONNECT", agent.connect(f"{EXTRA_HOST}:8443").status, 403)
        agent.close()
        found = wait_for("its line", lambda: denials(a, "?tenant=alice"))[0]
        equal("what", (found["method"], found["path"], found["port"], found["reason"], found["grantable"]),
              ("CONNECT", "", 8443, "no_route_port", True))
        suggestion = found["suggestion"]
        equal("suggestion", {k: v for k, v in suggestion.items() if k != "name"},
              {"host": EXTRA_HOST, "port": 8443, "methods": ["HEAD"], "paths": ["/"]})
        # It opens the tunnel, and what is asked in it is seen: refused, with the route for just that.
        p.appliance.apply(p.tenant(routes=EXTRA, methods="GET") + "    - " + json.dumps(suggestion) + "\n")
        agent = Agent(p.environments["alice"])
        equal("CONNECT", wait_for("the tunnel", lambda: opened(agent, 8443)), 200)
        agent.start_tls(EXTRA_HOST)
        agent.send(f"GET /v2/x HTTP/1.1\r\nHost: {EXTRA_HOST}:8443\r\n\r\n".encode())
        equal("in it", agent.response().problem().get("reason"), "no_route_method")
        agent.close()
        inside = wait_for("its line", lambda: [d for d in denials(a) if d["method"] == "GET"])[0]
        equal("what to add", (inside["suggestion"]["methods"], inside["suggestion"]["paths"]), (["GET"], ["/v2/x"]))


def opened(agent, port):
    """200, once the new routes have come to the gate."""
    status = agent.connect(f"{EXTRA_HOST}:{port}").status
    return status if status == 200 else None


def what_its_host_leads_to_is_listed_and_nothing_is_suggested():
    with allowed_little() as (p, a):
        port = p.provider().port
        grant(a, "/**", host="127.0.0.1", scheme="http", port=port, seconds=600)
        agent = Agent(p.environments["alice"])
        agent.send((f"GET http://127.0.0.1:{port}/v1/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                    f"Proxy-Authorization: Basic {agent.token}\r\n\r\n").encode())
        equal("a special address", agent.response().problem().get("reason"), "special_address")
        agent.close()
        found = wait_for("its line", lambda: denials(a, "?tenant=alice"))[0]
        equal("what", (found["host"], found["method"], found["path"], found["reason"], found["route"]),
              ("127.0.0.1", "GET", "/v1/x", "special_address", "grant:1"))
        equal("what can be done", (found["suggestion"], found["grantable"]), (None, False))
        assert found["detail"].startswith("127.0.0.1 is in 127.0.0.0/8") and "upstream.address" in found["why"], found


def explain(a, path, host=EXTRA_HOST, **more):
    body = {"method": "GET", "url": f"https://{host}{path}"} | more
    return json.loads(a.expect(200, a.admin, "POST", "/v1/tenants/alice:explain", body))


def explain_says_what_a_grant_allows_and_the_proxy_does_it():
    with allowed_little(EXTRA + DENY) as (p, a):
        url = f"https://{EXTRA_HOST}/v2/x"
        equal("refused", (outcome(p, "/v2/x"), explain(a, "/v2/x")["reason"]), ("no_route_path", "no_route_path"))
        assert "grant" not in explain(a, "/v2/x")
        made = grant(a, "/v2/**", seconds=3600)
        told = explain(a, "/v2/x")
        equal("explained", (told["verdict"], told["route"], told["grant"]["id"], told["grant"]["until"], told["grant"]["uses_left"],
                            told["grant"]["without"]), ("allowed", f"grant:{made['id']}", made["id"], made["until"], None, "no_route_path"))
        equal("where to", told["sent"]["to"].split(",")[0], f"127.0.0.1:{p.provider().port}")
        equal("asked", outcome(p, "/v2/x"), 200)
        said = p.appliance.run("explain", "alice", "GET", url).stdout.decode()
        assert said.startswith("allowed (route): no route allows it, but somebody has allowed it for a time\n") and \
            f"\ngrant      {made['id']}, which ends in " in said and "; without it: no_route_path\n" in said, said
        equal("as JSON", json.loads(p.appliance.run("explain", "alice", "GET", url, "--json").stdout)["grant"]["id"], made["id"])
        # What a deny route forbids stays forbidden; what a route allows is the route's.
        equal("denied", explain(a, "/v2/secret/x")["reason"], "route_denies")
        assert "grant" not in explain(a, "/v1/x")
        # A document that is only written: the grant stands beside it too.
        with open(p.ca, encoding="ascii") as file:
            proposed = {"document": p.tenant(routes=OPENAI), "files": {p.ca: file.read()}}
        equal("beside a document", explain(a, "/v2/x", **proposed)["route"], f"grant:{made['id']}")
        a.expect(204, a.admin, "DELETE", f"/v1/tenants/alice/grants/{made['id']}")
        equal("explained after its end", explain(a, "/v2/x")["reason"], "no_route_path")
        wait_for("its end", lambda: outcome(p, "/v2/x") == "no_route_path")
        assert "denied (no_route_path)" in p.appliance.run("explain", "alice", "GET", url).stdout.decode()
        once = grant(a, "/v2/x", uses=1)
        equal("once", (explain(a, "/v2/x")["grant"]["uses_left"], outcome(p, "/v2/x")), (1, 200))
        equal("used up", (explain(a, "/v2/x")["reason"], outcome(p, "/v2/x")), ("no_route_path", "no_route_path"))
        assert once["id"] != made["id"]


def a_websocket_needs_a_grant_that_says_so_and_ends_with_it():
    little = """    - name: little
      host: api.openai.com
      paths: [/v1/models]
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
    port = free_port()
    with place("--api", f"127.0.0.1:{port}") as p:
        p.providers["alice"] = SocketProvider(p.certificate, p.key)
        p.make(value=None, routes=little)
        a = Api(p, port)
        made = grant(a, "/v1/ws/echo", host=HOST, seconds=600)
        s = Socket(p)
        assert s.status != 101, "a WebSocket was opened by a grant for a request"
        s.close()
        a.expect(204, a.admin, "DELETE", f"/v1/tenants/alice/grants/{made['id']}")
        made = grant(a, "/v1/ws/echo", host=HOST, uses=1, websocket=True)
        s = Socket(p)
        equal("opened", s.status, 101)
        s.send(b"hello")
        equal("echo", s.read()[2], b"hello")
        again = Socket(p)
        equal("twice", again.status, 403)
        again.close()
        s.send(b"still here")
        equal("used up, and going on", s.read()[2], b"still here")
        a.expect(204, a.admin, "DELETE", f"/v1/tenants/alice/grants/{made['id']}")
        equal("cut", s.rest(), b"")
        s.close()
        equal("for", wait_for("the outcome", lambda: [r["reason"] for r in p.appliance.audit("alice") if r["kind"] == "outcome"
                                                      and r["reason"] != "route"])[-1], "no_route_path")


def taking_back_ends_it():
    with allowed_little() as (p, a):
        made = grant(a, "/v2/x", seconds=600)
        equal("granted", outcome(p, "/v2/x"), 200)
        a.expect(204, a.admin, "DELETE", f"/v1/tenants/alice/grants/{made['id']}")
        wait_for("its end", lambda: outcome(p, "/v2/x") == "no_route_path")
        viewer, hers = a.token("looks", "viewer"), a.token("hers", "tenant:alice")
        body = {"host": EXTRA_HOST, "method": "GET", "path": "/v2/x", "seconds": 600}
        a.expect(403, viewer, "POST", "/v1/tenants/alice/grants", body)
        a.expect(201, hers, "POST", "/v1/tenants/alice/grants", body)
        equal("by its own token", outcome(p, "/v2/x"), 200)


TESTS = [what_is_refused_is_counted_with_the_smallest_route_for_it, a_grant_for_a_time_ends_by_itself,
         once_is_once_also_when_everything_is_killed_in_between, of_many_at_once_one_passes, what_a_grant_does_not_open,
         no_credential_goes_by_a_grant,
         explain_says_what_a_grant_allows_and_the_proxy_does_it,
         a_tunnel_that_was_refused_has_a_route_that_opens_it, what_its_host_leads_to_is_listed_and_nothing_is_suggested,
         a_websocket_needs_a_grant_that_says_so_and_ends_with_it, taking_back_ends_it]
