"""Routes whose credential goes into the body (cases/body.yaml), and Slack's own client."""

import hashlib
import re

from scenarios import equal, node_client

HOSTS = ["slack.com", "hooks.example.com"]
CREDENTIALS = ["slack", "slack-app", "hooks"]

ROUTES = """    - provider: slack
      credential: slack
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - provider: slack-app
      credential: slack-app
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: hooks
      host: hooks.example.com
      inject: {{body: api_key}}
      credential: hooks
      shape: "{{28}}"
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""


def pieces(world, host, target, headers, parts):
    """A POST whose body comes in these parts, each only after the one before it was taken."""
    agent = world.tunnel(host)
    agent.send("\r\n".join([f"POST {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode())
    for part in parts:
        agent.send(part)
    response = agent.response()
    agent.close()
    return response


def a_body_of_any_size_streams_when_the_lengths_are_equal(world):
    placeholder = world.environment["CLAWBOX_HOOKS"].encode()
    equal("length", len(placeholder), len(world.real))
    filler = b"y" * (4 << 20)
    body = b'{"a":"' + filler + b'","api_key":"' + placeholder + b'","z":[1.0,1e5]}'
    world.provider.take()
    response = pieces(world, "hooks.example.com", "/v1/echo",
                      ["Content-Type: application/json", f"Content-Length: {len(body)}"],
                      [body[i : i + 999983] for i in range(0, len(body), 999983)])
    equal("status", response.status, 200)
    seen = world.provider.take()[0]
    equal("length", seen.body_length, len(body))
    equal("body", seen.body_sha256, hashlib.sha256(body.replace(placeholder, world.real.encode())).hexdigest())


def a_foreign_key_behind_a_large_body_does_not_leave(world):
    body = b"a=" + b"y" * (3 << 20) + b"&api_key=somebody-elses&b=c"
    world.provider.take()
    response = pieces(world, "hooks.example.com", "/v1/echo",
                      ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"], [body])
    equal("answer", (response.status, response.problem().get("reason")), (403, "foreign_credential"))
    equal("whole requests at the provider", world.provider.take(), [])


def expect_100_continue_with_a_held_body(world):
    agent = world.tunnel("slack.com")
    body = b"token=" + world.environment["SLACK_BOT_TOKEN"].encode()
    agent.send(b"POST /api/auth.test HTTP/1.1\r\nHost: slack.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"
               b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
    equal("interim", agent.stream.readline(), b"HTTP/1.1 100 Continue\r\n")
    equal("its end", agent.stream.readline(), b"\r\n")
    agent.send(body)
    equal("status", agent.response().status, 200)
    agent.close()
    equal("body", world.provider.take()[-1].body, b"token=" + world.real.encode())


def the_slack_package_works(world):
    answer = node_client(world, "slack.mjs", oldest=20)
    equal("answer", answer, {"header": True, "body": True, "app": True, "foreign": 403})
    seen = world.provider.take()
    equal("targets", [r.target for r in seen], ["/api/auth.test", "/api/chat.postMessage", "/api/apps.connections.open"])
    for request in seen:
        equal("header", request.header("Authorization"), ["Bearer " + world.real])
    assert re.search(rb"(^|&)token=" + world.real.encode() + rb"(&|$)", seen[1].body), seen[1].body
    assert b"text=a+%26+b" in seen[1].body or b"text=a%20%26%20b" in seen[1].body, seen[1].body
    equal("length", seen[1].header("Content-Length"), [str(seen[1].body_length)])


TESTS = [
    a_body_of_any_size_streams_when_the_lengths_are_equal,
    a_foreign_key_behind_a_large_body_does_not_leave,
    expect_100_continue_with_a_held_body,
    the_slack_package_works,
]
