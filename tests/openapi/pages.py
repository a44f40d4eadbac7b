"""A page of the console, as whoever is signed in there has it: /session, and the API below /api."""

import json

from client import Answer
from console import PASSWORD
from scenario import ALICE, LARGE

OWN_CASES = 12  # of each operation below /session: keys are made of passwords, and what is wrong is told a second late
API_CASES = 25
NAME, OTHER = "ann", "bea"
NEW = "another correct horse"
# Described, and not to be had from a server in good health, or not from pages of its own (tests/e2e/console.py has them).
UNSEEN = {503, 504}
UNSEEN_AT = {("/session", "GET", 400), ("/session", "GET", 403), ("/session", "DELETE", 403), ("/session/first", "POST", 429)}


class Page:
    def __init__(self, c):
        self.c = c
        self.browser = c.administrator(NAME)
        self.origin = self.browser.origin()
        self.token = c.p.appliance.run("token", "create", "page", "--scope", "admin").stdout.decode().strip()

    def ask(self, method, target, body=None, kind=None, browser=None, **fields):
        more = {"Content_Type": kind} if kind else {}
        status, text, answered = (browser or self.browser).ask(method, target, body, **more, **fields)
        return Answer(method, target, status, answered.items(), text.encode())

    def prepare(self):
        self.ask("PUT", "/api/v1/tenants/alice", ALICE, "application/yaml")

    def with_token(self):
        """Another session, of nobody's password."""
        b = self.c.browser()
        b.sign_in({"token": self.token})
        return b

    def fields(self, method, path):
        """What a browser adds to a generated request. Who signs out has a session of his own to end."""
        b = self.with_token() if (method, path) == ("DELETE", "/session") else self.browser
        return {"Origin": self.origin, "X-Clawbox-Csrf": b.csrf, "Cookie": "; ".join(f"{k}={v}" for k, v in b.cookies.items())}


def own_routes_are_its_own(page, document):
    """What the API has for the console alone would give a script the session that the cookie keeps from it."""
    own = [(path, method) for path, item in document["paths"].items() if item.get("x-console") for method in item if method in ("get", "put", "post", "delete")]
    assert len(own) >= 7, own
    for path, method in own:
        answer = page.ask(method.upper(), "/api" + path.replace("{administrator}", NAME), {} if method in ("put", "post") else None)
        assert answer.status == 404, answer
        assert b"cbxs_" not in answer.body, answer


def answers_are_as_described(page, description, validator_for):
    seen = set()

    def ask(status, method, target, *body, browser=None, **fields):
        answer = page.ask(method, target, *body, browser=browser, **fields)
        assert answer.status == status, f"not {status}: {answer}"
        seen.add(description.check(answer, validator_for))
        return answer

    def until(status, *request, **more):
        """The same until it is answered so."""
        for _ in range(25):
            answer = page.ask(*request, **more)
            seen.add(description.check(answer, validator_for))
            if answer.status == status:
                return
        raise AssertionError(f"never {status}: {answer}")

    play(page, ask, until)
    described = {(path, method, int(status)) for (path, method), operation in description.operations.items() for status in operation["responses"]}
    missing = {d for d in described - seen if d[2] not in UNSEEN} - UNSEEN_AT
    assert not missing, f"described, and never seen: {sorted(missing)}"


def play(page, ask, until):
    nobody = page.c.browser()

    # ---- signing in ----
    mine = {"name": NAME, "password": PASSWORD}
    again = page.c.browser()
    assert ask(200, "POST", "/session", mine, browser=again).json()["name"] == NAME
    ask(200, "POST", "/session", {"token": page.token}, browser=nobody)
    nobody = page.c.browser()
    ask(400, "POST", "/session", "{", browser=nobody)
    ask(401, "POST", "/session", {**mine, "password": "wrong"}, browser=nobody)
    ask(401, "POST", "/session", {"link": "cbxl_none"}, browser=nobody)
    ask(403, "POST", "/session", mine, browser=nobody, Origin="http://evil.example")
    ask(413, "POST", "/session", LARGE, browser=nobody)
    ask(415, "POST", "/session", json.dumps(mine), "text/plain", browser=nobody)
    ask(422, "POST", "/session", {"name": NAME}, browser=nobody)
    until(429, "POST", "/session", {"name": OTHER, "password": "guess"}, browser=nobody)

    # ---- who is signed in ----
    assert ask(200, "GET", "/session").json()["scope"] == "admin"
    ask(200, "HEAD", "/session")
    ask(401, "GET", "/session", browser=nobody)

    # ---- other administrators ----
    one = "/session/administrators/"
    other = {"scope": "viewer", "password": PASSWORD}
    ask(204, "PUT", one + OTHER, other)
    by_token = page.with_token()
    ask(400, "PUT", one + OTHER, "{")
    ask(401, "PUT", one + OTHER, other, browser=nobody)
    ask(403, "PUT", one + OTHER, other, X_Clawbox_Csrf="0" * 64)
    ask(404, "PUT", one + "Bea", other)
    ask(413, "PUT", one + OTHER, LARGE)
    ask(409, "PUT", one + NAME, {"scope": "viewer", "password": PASSWORD})  # the last one
    answer = page.ask("DELETE", "/api/v1/administrators/" + NAME)
    assert answer.status == 409 and "clawbox admin rm" in answer.json()["detail"], answer
    ask(422, "PUT", one + OTHER, {**other, "scope": "tenant:alice"})
    ask(422, "PUT", one + OTHER, {**other, "password": "short"})

    # ---- another password ----
    change = {"current": PASSWORD, "new": NEW}
    ask(204, "PUT", "/session/password", change)
    ask(204, "PUT", "/session/password", {"current": NEW, "new": PASSWORD})
    ask(400, "PUT", "/session/password", "{")
    ask(401, "PUT", "/session/password", change, browser=nobody)
    ask(403, "PUT", "/session/password", {**change, "current": "wrong"})
    ask(413, "PUT", "/session/password", LARGE)
    ask(422, "PUT", "/session/password", {**change, "new": "short"})
    ask(404, "PUT", "/session/password", change, browser=by_token)  # a token has none
    until(429, "PUT", "/session/password", {**change, "current": "wrong"})

    # ---- the first ----
    first = page.c.browser()
    link = page.ask("POST", "/api/v1/sign-in-links").json()["link"]
    first.csrf = ask(200, "POST", "/session", {"link": link}, browser=first).json()["csrf"]
    ask(400, "POST", "/session/first", "{", browser=first)
    ask(401, "POST", "/session/first", {"name": "cat", "password": PASSWORD}, browser=nobody)
    ask(403, "POST", "/session/first", {"name": "cat", "password": PASSWORD}, browser=first, X_Clawbox_Csrf="0" * 64)
    ask(413, "POST", "/session/first", LARGE, browser=first)
    ask(422, "POST", "/session/first", {"name": "Cat", "password": PASSWORD}, browser=first)
    ask(200, "POST", "/session/first", {"name": "cat", "password": PASSWORD}, browser=first)

    # ---- signing out ----
    ask(400, "DELETE", "/session", "x", browser=by_token)
    ask(413, "DELETE", "/session", LARGE, browser=by_token)
    ask(204, "DELETE", "/session", browser=by_token)
    ask(401, "DELETE", "/session", browser=by_token)
    by_token = page.with_token()
    ask(204, "DELETE", "/session?everywhere=1", browser=by_token)
