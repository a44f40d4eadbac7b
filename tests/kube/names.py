"""Hostile names: refused before anything is written, or applied with exactly that text as data."""

import yaml

from apply import apply, applied_as_written
from provision import files

TEXTS = {"a;b": "a;b", "dashes": "--", "true": "true", "hexadecimal": "0x10", "null": "null", "64 characters": "x" * 64,
         "unicode": "n\u00e4me", "right to left": "a\u202eb", "a newline": "a\nkind: Secret", "a star": "*", "an anchor": "&a", "a tag": "!!str x",
         "a comment": "a #b", "a path": "../../etc", "a variable": "$(PROXY_TOKEN)", "a template": "${claw}", "nothing": "", "a number": "12",
         "a document": "--- {}", "upper case": "Name", "a quote": "a\"b", "a colon": "a: b"}


def document(**route):
    return {"apiVersion": "clawbox/v1", "kind": "Tenant", "metadata": {"name": "hostile"},
            "spec": {"kubernetes": {}, "routes": [{"name": "r", "host": "api.example.com", **route}]}}


def with_setting(**settings):
    made = document()
    made["spec"]["kubernetes"] = settings
    return made


# Where a text goes, and where it is to be found as data afterwards: in the tenant's document in the cluster, or in an object.
PLACES = {
    "tenant": (lambda t: {**document(), "metadata": {"name": t}}, lambda d: d["tenant"]["metadata"]["name"]),
    "route": (lambda t: document(name=t), lambda d: d["tenant"]["spec"]["routes"][0]["name"]),
    "credential": (lambda t: document(credential=t, inject={"bearer": True}), lambda d: d["tenant"]["spec"]["routes"][0]["credential"]),
    "header": (lambda t: document(credential="c", inject={"header": t}), lambda d: d["tenant"]["spec"]["routes"][0]["inject"]["header"]),
    "prefix": (lambda t: document(credential="c", inject={"header": "x-key", "prefix": t}),
               lambda d: d["tenant"]["spec"]["routes"][0]["inject"].get("prefix", "")),
    "label": (lambda t: with_setting(ingressFrom={"team": t}),
              lambda d: d["claw/16-networkpolicy-gateway.yaml"]["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]["team"]),
    "label name": (lambda t: with_setting(ingressFrom={t: "x"}),
                   lambda d: list(d["claw/16-networkpolicy-gateway.yaml"]["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"])[0]),
    "storage class": (lambda t: with_setting(storageClass=t), lambda d: d["claw/30-persistentvolumeclaim-gateway.yaml"]["spec"]["storageClassName"]),
    "image": (lambda t: with_setting(image=t),
              lambda d: d["claw/50-deployment-proxy.yaml"]["spec"]["template"]["spec"]["containers"][0]["image"]),
}
# Those of which each text is applied; of the others, which are data within a text, the last.
EACH = ("tenant", "label")
# The texts that are names there; every other one is refused.
TAKEN = {
    "tenant": {"true", "hexadecimal", "null", "a number"},
    "route": {"true", "hexadecimal", "null", "a number"},
    "credential": {"true", "hexadecimal", "null", "a number"},
    "header": {"dashes", "true", "hexadecimal", "null", "64 characters", "a star", "an anchor", "a number", "upper case"},
    "prefix": set(TEXTS) - {"unicode", "right to left", "a newline"},
    "label": {"true", "hexadecimal", "null", "nothing", "a number", "upper case"},
    "label name": {"true", "hexadecimal", "null", "a number", "upper case"},
    "storage class": {"true", "hexadecimal", "null", "64 characters", "a number"},
    "image": {"true", "hexadecimal", "null", "64 characters", "a number", "upper case"},
}


def check(cluster, resources, provisioner, place):
    make, find = PLACES[place]
    taken, last = set(), None
    for what, text in TEXTS.items():
        made = make(text)
        if place == "storage class":  # a claim that is there keeps its own
            made["metadata"]["name"] = "stored"
        name = made["metadata"]["name"]
        before = files(provisioner.out)
        done = provisioner.write(name, yaml.safe_dump(made), check=False)
        if done.returncode != 0:
            assert done.stderr.strip(), f"{what}: refused without a word"
            assert files(provisioner.out) == before, f"{what}: refused, and yet something was written"
            continue
        taken.add(what)
        last = name
        folder = provisioner.folder(name)
        written = {path: yaml.safe_load(content) for path, content in files(folder).items()}
        written["tenant"] = yaml.safe_load(written["claw/20-configmap-tenant.yaml"]["data"]["tenant.yaml"])
        assert find(written) == text, f"{what}: is {find(written)!r}"
        others = {path for path in files(provisioner.out) if path not in before and not path.startswith(name + "/")}
        assert not others, f"{what}: written elsewhere: {others}"
        if place in EACH:
            apply(cluster, folder)
            applied_as_written(cluster, resources, folder)
    assert taken == TAKEN[place], f"taken and not expected: {sorted(taken - TAKEN[place])}; expected and refused: {sorted(TAKEN[place] - taken)}"
    if place not in EACH:
        apply(cluster, provisioner.folder(last))
        applied_as_written(cluster, resources, provisioner.folder(last))
