"""Every preset of schema/providers.yaml against a fake of its provider: the agent uses what `clawbox env` gives it, the
provider sees the credential where its documentation wants it and the placeholder nowhere, and somebody's own key stays out."""

import base64
import os
import urllib.parse

import yaml

from appliance import Agent, make_certificates
from lifecycle import place
from scenarios import absent, equal

PRESETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schema", "providers.yaml")
# Some need a form of their own.
VALUES = {"bedrock": "AKIAREALKEY000000000:realsecretrealsecretrealsecretrealsecret"}
REAL = "REAL-0123456789:abcdefghijklmnopqrstuvwxyz"
# What a route has to say beside the provider and the credential.
RULES = "kubernetes: [{namespaces: [alice-dev], verbs: [get, list], resources: [pods]}]"


def read_presets():
    with open(PRESETS) as file:
        presets = yaml.safe_load(file)
    # What fetches a token has an endpoint as well: tokens.py.
    return {name: preset for name, preset in presets.items() if "gcp" not in preset.get("inject", {})}


def route(name, preset, port, ca):
    more = []
    if "suffix" in preset:
        more.append(f"host: {urllib.parse.urlsplit(preset['example']).hostname}")
    if "kubernetes" in preset:
        more.append(RULES)
    lines = [f"provider: {name}", *more]
    if "inject" in preset:
        lines += [f"credential: {name}", f"env: PLACEHOLDER_{name.upper().replace('-', '_')}"]
    lines.append(f'upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}')
    return "    - " + "\n      ".join(lines) + "\n"


def expected(preset, value):
    """Where the value has to stand: (header, value) or (None, what is in the target)."""
    inject = preset["inject"]
    if "bearer" in inject:
        return "Authorization", f"Bearer {value}"
    if "basic" in inject:
        user = inject.get("user")
        pair = f"{user}:{value}" if user else value
        return "Authorization", "Basic " + base64.b64encode(pair.encode()).decode()
    if "header" in inject:
        return inject["header"], inject.get("prefix", "") + value
    if "aws" in inject:
        return "Authorization", f"AWS4-HMAC-SHA256 Credential={value.split(':')[0]}/"
    if "query" in inject:
        return None, f"{inject['query']}={urllib.parse.quote(value, safe='')}"
    if "path" in inject:
        return None, value
    raise AssertionError(f"no test knows how {inject} goes in")


def request(preset, value):
    """The example with `value` where the SDK would put its key."""
    url = urllib.parse.urlsplit(preset["example"])
    target = url.path.replace("{credential}", value) + (f"?{url.query}" if url.query else "")
    method = "GET" if "GET" in preset["methods"] else preset["methods"][0]
    name, text = expected(preset, value)
    if "aws" in preset["inject"]:
        text += "20261127/eu-central-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"
    fields = [f"{name}: {text}"] if name else []
    return url.hostname, method, target, fields


def ask(environment, host, method, target, fields):
    agent = Agent(environment)
    try:
        response = agent.connect(host + ":443")
        equal(f"CONNECT {host}", response.status, 200)
        agent.start_tls(host)
        agent.send("\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "Content-Length: 0", "", ""]).encode())
        return agent.response()
    finally:
        agent.close()


def every_preset_reaches_its_provider_with_the_credential_in_its_place():
    presets = read_presets()
    with place() as p:
        hosts = sorted({urllib.parse.urlsplit(preset["example"]).hostname for preset in presets.values()})
        p.ca, certificate, key = make_certificates(p.appliance.home, hosts)
        p.certificate, p.key = certificate, key
        provider = p.provider()
        text = "apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: alice\nspec:\n  routes:\n"
        text += "".join(route(name, preset, provider.port, p.ca) for name, preset in presets.items())
        p.appliance.apply(text)
        without = [presets.pop(name) for name in list(presets) if "inject" not in presets[name]]
        for name in presets:
            p.set(VALUES.get(name, REAL), credential=name)
        environment = p.appliance.environment("alice")
        provider.take()
        for name, preset in presets.items():
            real = VALUES.get(name, REAL)
            placeholder = environment["PLACEHOLDER_" + name.upper().replace("-", "_")]
            assert real not in placeholder, name
            response = ask(environment, *request(preset, placeholder))
            equal(f"{name}: status", response.status, 200)
            (got,) = provider.take()
            header, value = expected(preset, real)
            if "aws" in preset["inject"]:
                assert got.header(header)[0].startswith(value), (name, got.header(header))
            elif header:
                equal(f"{name}: {header}", got.header(header), [value])
            else:
                assert value in got.target, (name, got.target)
            absent(f"{name}: the head", placeholder, got.head.decode("latin-1"))
            # The same with a key of somebody's own.
            response = ask(environment, *request(preset, "sk-of-somebody-else-0123456789"))
            equal(f"{name}: foreign", (response.status, response.problem()["reason"]), (403, "foreign_credential"))
            equal(f"{name}: foreign", provider.take(), [])
        for preset in without:
            url = urllib.parse.urlsplit(preset["example"])
            response = ask(environment, url.hostname, preset["methods"][0], f"{url.path}?{url.query}", ["X-Api-Key: k"])
            equal(f"{url.hostname}: status", response.status, 200)
            (got,) = provider.take()
            equal(f"{url.hostname}: credentials", got.header("X-Api-Key") + got.header("Authorization"), [])


PRESET_TESTS = [every_preset_reaches_its_provider_with_the_credential_in_its_place]
