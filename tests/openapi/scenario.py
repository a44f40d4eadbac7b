"""Every operation, with every answer that can be had from a server in good health."""

import json

from description import FILE as DESCRIPTION

ALICE = """apiVersion: clawbox/v1
kind: Tenant
metadata: {name: alice}
spec:
  routes:
    - provider: openai
      credential: openai
    - {name: docs, host: docs.example.com, methods: [GET], inject: {header: X-Key}, credential: docs}
    - {name: no-admin, action: deny, host: docs.example.com, methods: [DELETE], paths: [/admin]}
    - {name: nothing, host: nothing.example.com, upstream: {address: "127.0.0.1:1"}}
"""
BOB = {"apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": "bob"}, "spec": {"routes": [
    {"name": "inside", "host": "llm.example.com", "upstream": {"address": "10.0.0.1:8443"}}]}}
FILE = "application/vnd.clawbox.tenant-file+json"
OTHER = '"00000000000000000000000000000000"'
LARGE = "#" * (1024 * 1024 + 1)
# Described, and not to be had here: 503 is for a store or a vault that is away (tests/role has it).
UNSEEN = {503}
UNSEEN_AT = {("/v1/tenants/{tenant}/credentials/{credential}:prepare", "GET", 422),  # more hosts than a binding holds
             ("/v1/tenants/{tenant}/credentials/{credential}", "DELETE", 409),
             # The last one goes by the control socket; a page is refused (pages.py).
             ("/v1/administrators/{administrator}", "PUT", 409), ("/v1/administrators/{administrator}", "DELETE", 409),
             ("/v1/tenants/{tenant}:rotate-ca", "POST", 409),
             ("/v1/tenants/{tenant}:suspend", "POST", 409), ("/v1/tenants/{tenant}:resume", "POST", 409)}


def play(ask, send):
    """`ask` checks each answer against the description, and that its status is the one given first. `send` is what the agent of tenant alice asks for, a
    method, a host and a path; it gives the status."""
    ask(200, "GET", "/v1/status")
    ask(400, "GET", "/v1/status?x=1")

    # ---- PUT, GET, DELETE of a tenant ----
    made = ask(201, "PUT", "/v1/tenants/alice", ALICE, "application/yaml")
    assert made.headers["location"] == "/v1/tenants/alice", made
    first = ask(200, "GET", "/v1/tenants/alice")
    tag = first.headers["etag"]
    assert made.headers["etag"] == tag, "PUT tells another tag than GET"
    assert first.json()["yaml"] == ALICE, "the document is not kept as it was written"
    again = ask(200, "PUT", "/v1/tenants/alice", ALICE, "application/yaml")
    assert again.json()["result"] == "unchanged" and again.headers["etag"] == tag, again
    ask(304, "GET", "/v1/tenants/alice", If_None_Match=tag)
    ask(304, "HEAD", "/v1/tenants/alice", If_None_Match=tag)
    ask(200, "HEAD", "/v1/tenants/alice")
    ask(412, "GET", "/v1/tenants/alice", If_Match=OTHER)
    ask(412, "PUT", "/v1/tenants/alice", ALICE, If_None_Match="*")
    ask(412, "PUT", "/v1/tenants/alice", ALICE, If_Match=OTHER)
    changed = ALICE.replace("methods: [GET]", "methods: [GET, POST]")
    dry = ask(200, "PUT", "/v1/tenants/alice?dry_run=1", changed)
    assert dry.json() == {"name": "alice", "result": "updated", "dry_run": True}, dry
    ask(304, "GET", "/v1/tenants/alice", If_None_Match=tag)
    new = ask(200, "PUT", "/v1/tenants/alice", changed, If_Match=tag)
    assert new.json()["result"] == "updated" and new.headers["etag"] != tag, new
    ask(412, "PUT", "/v1/tenants/alice", ALICE, If_Match=tag)
    ask(400, "PUT", "/v1/tenants/alice", ALICE, If_Match="7")
    ask(404, "PUT", "/v1/tenants/Alice", ALICE)
    ask(415, "PUT", "/v1/tenants/alice", ALICE, "text/html")
    ask(413, "PUT", "/v1/tenants/alice", LARGE)
    ask(422, "PUT", "/v1/tenants/bob", ALICE)
    wrong = ask(422, "PUT", "/v1/tenants/alice", ALICE.replace("docs.example.com, m", "DOCS.example.com, pahts: [], m"))
    fields = {error["field"] for error in wrong.json()["errors"]}
    assert fields >= {"spec.routes[1].host", "spec.routes[1].pahts"}, wrong
    ask(201, "PUT", "/v1/tenants/bob", BOB, If_None_Match="*")
    ask(200, "PUT", "/v1/tenants/bob", {"file": "bob.json", "text": str(BOB).replace("'", '"'), "files": {}}, FILE)
    ask(404, "GET", "/v1/tenants/nobody")
    ask(400, "GET", "/v1/tenants/alice?x=1")
    ask(400, "GET", "/v1/tenants/alice", If_None_Match="x")

    # ---- lists ----
    page = ask(200, "GET", "/v1/tenants?limit=1")
    assert page.json()["next"] == "/v1/tenants?limit=1&after=alice", page
    page = ask(200, "GET", page.json()["next"])
    assert [t["name"] for t in page.json()["tenants"]] == ["bob"] and page.json()["next"] is None, page
    ask(400, "GET", "/v1/tenants?limit=0")
    names = []
    target = "/v1/tenants/alice/routes?limit=2"
    while target is not None:
        page = ask(200, "GET", target).json()
        names += [r["name"] for r in page["routes"]]
        target = page["next"]
    whole = ask(200, "GET", "/v1/tenants/alice/routes").json()["routes"]
    assert names == [r["name"] for r in whole] and len(names) >= 4 and names[-3:] == ["docs", "no-admin", "nothing"], names
    page = ask(200, "GET", "/v1/tenants/alice/credentials?limit=1")
    assert ask(200, "GET", page.json()["next"]).json()["next"] is None
    for path in ("/v1/tenants", "/v1/tenants/alice/routes", "/v1/tenants/alice/credentials", "/v1/tenants/alice/policy"):
        tag = ask(200, "GET", path).headers["etag"]
        ask(304, "GET", path, If_None_Match=f'"x", W/{tag}')
        ask(412, "GET", path, If_Match=OTHER)
        ask(400, "GET", path, If_Match="x")
        if path != "/v1/tenants":
            ask(404, "GET", path.replace("alice", "nobody"))
    ca = ask(200, "GET", "/v1/tenants/alice/ca").json()["certificates"]
    assert len(ca) == 1 and ca[0]["signs"] and ca[0]["not_before"] < ca[0]["not_after"], ca
    assert ask(200, "GET", "/v1/tenants/alice/env").json()["ca_pem"] == ca[0]["pem"], ca
    ask(404, "GET", "/v1/tenants/nobody/ca")
    ask(400, "GET", "/v1/tenants/alice/ca", If_Match="*")
    ask(404, "GET", "/v1/tenants/nobody/env")
    ask(400, "GET", "/v1/tenants/alice/env", If_Match="*")

    # ---- documents looked at ----
    document = ask(200, "GET", "/v1/tenants/alice/document")
    assert document.json()["spec"]["routes"][1]["methods"] == ["GET", "POST"], document
    tag = document.headers["etag"]
    assert tag == ask(200, "GET", "/v1/tenants/alice").headers["etag"], "another tag than the tenant's"
    ask(304, "GET", "/v1/tenants/alice/document", If_None_Match=tag)
    ask(412, "GET", "/v1/tenants/alice/document", If_Match=OTHER)
    ask(400, "GET", "/v1/tenants/alice/document?x=1")
    ask(404, "GET", "/v1/tenants/nobody/document")
    same = ask(200, "POST", "/v1/tenants/alice:diff", {"document": json.dumps(document.json())}).json()
    assert same == {"new": False, "changes": [], "not_bound": []}, same
    kept = ask(200, "PUT", "/v1/tenants/alice", document.json(), "application/json", If_Match=tag)
    assert kept.json()["result"] == "updated", kept
    text = ask(200, "GET", "/v1/tenants/alice").json()["yaml"]
    assert text.startswith("apiVersion: clawbox/v1\n"), text
    assert ask(200, "GET", "/v1/tenants/alice/document").json() == document.json(), "JSON there and back is another"
    assert ask(200, "PUT", "/v1/tenants/alice", text, "application/yaml").json()["result"] == "unchanged"
    changes = ask(200, "POST", "/v1/tenants/alice:diff", {"document": changed.replace("GET, POST", "GET, PUT")}).json()["changes"]
    assert [(c["effect"], c["route"]) for c in changes] == [("allows", "docs"), ("refuses", "docs")], changes
    assert ask(200, "POST", "/v1/tenants/dora:diff", {"document": ALICE.replace("alice", "dora")}).json()["new"]
    diff, explain = "/v1/tenants/{}:diff", "/v1/tenants/{}:explain"
    wrong = ask(422, "POST", diff.format("alice"), {"document": ALICE.replace("docs.example.com, m", "DOCS.example.com, m")})
    assert [e["field"] for e in wrong.json()["errors"]] == ["spec.routes[1].host", "spec.routes[2].host"], wrong
    asked = {"method": "POST", "url": "https://docs.example.com/a"}
    assert ask(200, "POST", explain.format("alice"), asked).json()["route"] == "docs"
    told = ask(200, "POST", explain.format("alice"), {**asked, "document": ALICE}).json()
    assert (told["verdict"], told["reason"], told["decides"]) == ("denied", "no_route_method", False), told
    told = ask(200, "POST", explain.format("dora"), {"method": "GET", "url": "https://docs.example.com/",
                                                     "document": ALICE.replace("alice", "dora")}).json()
    assert told["credential"] == {"name": "docs", "set": None, "bound": None} and told["sent"]["put_in"], told
    for verb, body in ((diff, {"document": ALICE}), (explain, asked)):
        ask(400, "POST", verb.format("alice") + "?x=1", body)
        ask(400, "POST", verb.format("alice"), "{")
        ask(404, "POST", verb.format("Alice"), body)
        ask(413, "POST", verb.format("alice"), LARGE)
        ask(422, "POST", verb.format("alice"), {**body, "x": "y"})
    ask(404, "POST", explain.format("nobody"), asked)
    ask(422, "POST", diff.format("alice"), {})
    ask(422, "POST", diff.format("alice"), {"document": ALICE.replace("alice", "dora")})
    ask(422, "POST", explain.format("alice"), {**asked, "url": "https://{placeholder:nothing}.example/"})
    presets = ask(200, "GET", "/v1/presets")
    assert presets.json()["presets"][0]["title"] == "OpenAI", presets
    ask(304, "GET", "/v1/presets", If_None_Match=presets.headers["etag"])
    ask(412, "GET", "/v1/presets", If_Match=OTHER)
    ask(400, "GET", "/v1/presets?x=1")
    with open(DESCRIPTION) as file:
        assert ask(200, "GET", "/v1/openapi.yaml").body.decode() == file.read(), "another description is served"
    ask(400, "GET", "/v1/openapi.yaml?x=1")

    # ---- manifests ----
    files = ask(200, "GET", "/v1/tenants/alice/manifests").json()
    assert files == ask(200, "GET", "/v1/tenants/alice/manifests").json(), "not the same twice"
    assert any(f["path"] == "alice/kustomization.yaml" for f in files["files"]), files
    tag = ask(200, "GET", "/v1/tenants/alice/manifests?flavor=openshift&image=registry.example:5000/clawbox@sha256:0a").headers["etag"]
    ask(304, "GET", "/v1/tenants/alice/manifests?flavor=openshift&image=registry.example:5000/clawbox@sha256:0a", If_None_Match=tag)
    ask(412, "GET", "/v1/tenants/alice/manifests", If_Match=tag)
    ask(400, "GET", "/v1/tenants/alice/manifests?flavor=plain")
    ask(404, "GET", "/v1/tenants/nobody/manifests")
    ask(422, "GET", "/v1/tenants/alice/manifests?secrets=external")
    token = "/v1/tenants/{}/proxy-token"
    ask(204, "PUT", token.format("alice"), {"token": "t" * 32})
    ask(400, "PUT", token.format("alice") + "?x=1", {"token": "t" * 32})
    ask(404, "PUT", token.format("nobody"), {"token": "t" * 32})
    ask(413, "PUT", token.format("alice"), LARGE)
    ask(422, "PUT", token.format("alice"), {"token": "?" * 32})
    preview = "/v1/tenants/{}/manifests:preview"
    same = ask(200, "POST", preview.format("alice"), ask(200, "GET", "/v1/tenants/alice").json()["yaml"]).json()
    assert same == files, "a preview of what is there is another"
    ask(200, "POST", preview.format("dora"), ALICE.replace("alice", "dora"))
    ask(404, "GET", "/v1/tenants/dora")
    ask(400, "POST", preview.format("alice") + "?secrets=none", ALICE)
    ask(404, "POST", preview.format("Alice"), ALICE)
    ask(413, "POST", preview.format("alice"), LARGE)
    ask(415, "POST", preview.format("alice"), ALICE, "text/html")
    ask(422, "POST", preview.format("bob"), ALICE)

    # ---- several at once ----
    text = ALICE + "---\n" + ALICE.replace("alice", "carol")
    applied = ask(200, "POST", "/v1/tenants:apply", {"file": "two.yaml", "text": text})
    assert [t["result"] for t in applied.json()["tenants"]] == ["updated", "created"], applied
    ask(400, "POST", "/v1/tenants:apply", "[]")
    ask(413, "POST", "/v1/tenants:apply", LARGE)
    ask(422, "POST", "/v1/tenants:apply", {"file": "x.yaml", "text": "x: 1\n"})

    # ---- the proxy token ----
    token, value = "/v1/tenants/{}/proxy-token", {"token": "t" * 32}
    ask(204, "PUT", token.format("alice"), value)
    assert ask(200, "GET", "/v1/tenants/alice/env").json()["token"] == value["token"], "another token"
    ask(400, "PUT", token.format("alice") + "?x=1", value)
    ask(404, "PUT", token.format("nobody"), value)
    ask(413, "PUT", token.format("alice"), LARGE)
    ask(422, "PUT", token.format("alice"), {"token": "?"})

    # ---- credentials: a box of nobody's is taken as it is; only the vault can tell ----
    prepared = ask(200, "GET", "/v1/tenants/alice/credentials/docs:prepare").json()
    ask(400, "GET", "/v1/tenants/alice/credentials/docs:prepare?x=1")
    ask(404, "GET", "/v1/tenants/alice/credentials/nothing:prepare")
    box = {"tenant_id": prepared["tenant_id"], "binding": prepared["binding"], "box": "c2VhbGVk"}
    ask(200, "PUT", "/v1/tenants/alice/credentials/docs", box)
    ask(400, "PUT", "/v1/tenants/alice/credentials/docs", "{")
    ask(404, "PUT", "/v1/tenants/nobody/credentials/docs", box)
    ask(409, "PUT", "/v1/tenants/alice/credentials/docs", {**box, "binding": ["evil.example:443"]})
    ask(413, "PUT", "/v1/tenants/alice/credentials/docs", LARGE)
    ask(422, "PUT", "/v1/tenants/alice/credentials/docs", {**box, "box": "?"})
    moved = ALICE.replace("{name: docs, host: docs.example.com", "{name: docs, host: evil.example.com")
    ask(409, "PUT", "/v1/tenants/alice", moved)
    ask(409, "PUT", "/v1/tenants/alice?dry_run=1", moved)
    ask(409, "POST", "/v1/tenants:apply", {"file": "x.yaml", "text": moved})
    ask(204, "DELETE", "/v1/tenants/alice/credentials/docs")
    ask(404, "DELETE", "/v1/tenants/alice/credentials/docs")
    ask(400, "DELETE", "/v1/tenants/alice/credentials/docs?x=1")

    # ---- verbs ----
    ask(409, "POST", "/v1/tenants/alice:finish-ca")
    for verb in ("suspend", "resume", "rotate-ca", "finish-ca"):
        ask(204, "POST", f"/v1/tenants/alice:{verb}")
        ask(404, "POST", f"/v1/tenants/nobody:{verb}")
        ask(400, "POST", f"/v1/tenants/alice:{verb}?x=1")

    # ---- tokens ----
    made = ask(201, "POST", "/v1/tokens", {"name": "one", "scope": "tenant:alice", "expires_days": 3})
    assert made.headers["location"] == "/v1/tokens/one" and made.json()["expires"] is not None, made
    ask(201, "POST", "/v1/tokens", {"name": "two", "scope": "viewer"})
    listed = ask(200, "GET", "/v1/tokens").json()["tokens"]
    assert [(t["name"], t["scope"], t["used"]) for t in listed] == [("one", "tenant:alice", None), ("two", "viewer", None)], listed
    ask(400, "GET", "/v1/tokens?x=1")
    ask(400, "POST", "/v1/tokens", "{")
    ask(404, "POST", "/v1/tokens", {"name": "three", "scope": "tenant:nobody"})
    ask(409, "POST", "/v1/tokens", {"name": "one", "scope": "admin"})
    ask(413, "POST", "/v1/tokens", LARGE)
    ask(422, "POST", "/v1/tokens", {"name": "three", "scope": "all"})
    ask(204, "DELETE", "/v1/tokens/one")
    ask(404, "DELETE", "/v1/tokens/one")
    ask(400, "DELETE", "/v1/tokens/two?x=1")

    # ---- what was refused ----
    assert ask(200, "GET", "/v1/denials?tenant=alice&muted=1&limit=5").json() == {"denials": [], "next": None}
    ask(400, "GET", "/v1/denials?after=1")
    mute, what = "/v1/tenants/{}/denials:mute", {"host": "x.example", "method": "GET", "path": "/", "muted": True}
    ask(404, "POST", mute.format("alice"), what)
    ask(404, "POST", mute.format("nobody"), what)
    assert send("DELETE", "docs.example.com", "/x?a=b&c=d") == 403
    denial = ask(200, "GET", "/v1/denials?tenant=alice").json()["denials"][0]
    what = {"host": "docs.example.com", "method": "DELETE", "path": "/x", "muted": True}
    assert {**denial, "muted": True} == {**denial, **what} and denial["count"] == 1, denial
    ask(204, "POST", mute.format("alice"), what)
    assert ask(200, "GET", "/v1/denials?tenant=alice&muted=1").json()["denials"] == [{**denial, "muted": True}], denial
    ask(400, "POST", mute.format("alice") + "?x=1", what)
    ask(413, "POST", mute.format("alice"), LARGE)
    ask(422, "POST", mute.format("alice"), {**what, "muted": 1})

    # ---- who changed what ----
    history = ask(200, "GET", "/v1/tenants/alice/history?limit=500").json()["history"]
    assert history[-1]["change"] == "created" and {h["by"] for h in history} <= {"socket", "vault"}, history
    page = ask(200, "GET", "/v1/tenants/alice/history?limit=1").json()
    assert page["history"] == history[:1], page
    assert ask(200, "GET", page["next"]).json()["history"] == history[1:2], page
    revision = ask(200, "GET", f"/v1/tenants/alice/history/{history[-1]['generation']}").json()
    assert revision["yaml"] and revision["changes"], revision
    assert ask(200, "GET", "/v1/changes?limit=2").json()["changes"]
    ask(400, "GET", "/v1/changes?x=1")
    ask(400, "GET", "/v1/tenants/alice/history?x=1")
    ask(404, "GET", "/v1/tenants/nobody/history")
    ask(400, "GET", "/v1/tenants/alice/history/1?x=1")
    ask(404, "GET", "/v1/tenants/alice/history/9999")

    # ---- administrators ----
    # What argon2id makes of a password is no matter of the server's: any 32 bytes do.
    ada = {"scope": "admin", "kdf": "01" + "5a" * 16 + "00000004" + "00010000", "key": "6b" * 32}
    ask(204, "PUT", "/v1/administrators/ada", ada)
    ask(204, "PUT", "/v1/administrators/ada", {**ada, "scope": "viewer"})
    listed = ask(200, "GET", "/v1/administrators").json()["administrators"]
    assert [(a["name"], a["scope"], a["used"]) for a in listed] == [("ada", "viewer", None)], listed
    ask(400, "GET", "/v1/administrators?x=1")
    ask(400, "PUT", "/v1/administrators/ada", "{")
    ask(404, "PUT", "/v1/administrators/Ada", ada)
    ask(413, "PUT", "/v1/administrators/ada", LARGE)
    ask(422, "PUT", "/v1/administrators/ada", {**ada, "scope": "tenant:alice"})
    ask(422, "PUT", "/v1/administrators/ada", {**ada, "kdf": "00" * 25})
    ask(204, "DELETE", "/v1/administrators/ada")
    ask(404, "DELETE", "/v1/administrators/ada")
    ask(400, "DELETE", "/v1/administrators/ada?x=1")
    ask(201, "POST", "/v1/sign-in-links")
    ask(400, "POST", "/v1/sign-in-links?x=1")

    # ---- grants ----
    grants, what = "/v1/tenants/{}/grants", {"host": "x.example", "method": "GET", "path": "/a/*"}
    made = ask(201, "POST", grants.format("alice"), {**what, "seconds": 3600})
    assert made.headers["location"] == f"/v1/tenants/alice/grants/{made.json()['id']}", made
    ask(201, "POST", grants.format("alice"), {**what, "scheme": "http", "port": 8080, "uses": 1})
    listed = ask(200, "GET", grants.format("alice")).json()["grants"]
    told = ask(200, "POST", "/v1/tenants/alice:explain", {"method": "GET", "url": "https://x.example/a/b"}).json()
    assert (told["verdict"], told["grant"]["id"], told["grant"]["without"]) == ("allowed", made.json()["id"], "no_route"), told
    assert ask(200, "GET", "/v1/tenants/alice/policy").json()["grants"], "the policy has no grants beside it"
    assert [(g["scheme"], g["port"], g["uses_left"]) for g in listed] == [("https", 443, None), ("http", 8080, 1)], listed
    ask(400, "POST", grants.format("alice"), "{")
    ask(404, "POST", grants.format("nobody"), {**what, "uses": 1})
    ask(413, "POST", grants.format("alice"), LARGE)
    ask(422, "POST", grants.format("alice"), what)
    ask(422, "POST", grants.format("alice"), {**what, "seconds": 604801})
    ask(422, "POST", grants.format("alice"), {**what, "host": "*.example", "uses": 1})
    ask(422, "POST", grants.format("alice"), {**what, "method": "PUT", "websocket": True, "uses": 1})
    ask(400, "GET", grants.format("alice") + "?x=1")
    ask(404, "GET", grants.format("nobody"))
    ask(204, "DELETE", made.headers["location"])
    ask(404, "DELETE", made.headers["location"])
    ask(404, "DELETE", grants.format("alice") + "/nothing")
    ask(400, "DELETE", made.headers["location"] + "?x=1")

    # ---- the audit ----
    assert send("GET", "nothing.example.com", "/") == 502  # allowed, and nobody is there
    lines = [json.loads(line) for line in ask(200, "GET", "/v1/audit?tenant=alice&limit=1000&newest=1").body.splitlines()]
    assert {line["kind"] for line in lines} == {"decision", "outcome", "change"}, "there are records that nothing was looked at of"
    ask(200, "GET", "/v1/audit?tenant=alice&limit=10&newest=1")
    ask(400, "GET", "/v1/audit?limit=0")
    ask(200, "HEAD", "/v1/audit:follow")
    ask(400, "GET", "/v1/audit:follow?after=x")
    for kind in ("decision", "outcome", "change"):
        assert ask(200, "GET", f"/v1/audit:search?tenant=alice&kind={kind}&limit=1").json()["records"], kind
    ask(200, "GET", "/v1/audit:search?tenant=alice&kind=decision&text=%2F&limit=1")
    ask(400, "GET", "/v1/audit:search?kind=none")
    ask(200, "GET", "/v1/series?tenant=alice&step=60")
    ask(400, "GET", "/v1/series?step=61")
    ask(404, "GET", "/v1/series?tenant=nobody")
    ask(200, "GET", "/v1/audit:verify")
    ask(400, "GET", "/v1/audit:verify?x=1")

    tag = ask(200, "GET", "/v1/tenants/bob").headers["etag"]
    ask(412, "DELETE", "/v1/tenants/bob", If_Match=OTHER)
    ask(400, "DELETE", "/v1/tenants/bob", If_Match="x")
    ask(204, "DELETE", "/v1/tenants/bob", If_Match=tag)
    ask(404, "DELETE", "/v1/tenants/bob")
