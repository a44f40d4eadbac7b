"""schema/openapi.yaml as the tests need it: which operation a request is, and whether its answer is as described."""

import json
import os
import re

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE = os.path.join(ROOT, "schema", "openapi.yaml")
METHODS = ("get", "put", "post", "delete")


class Description:
    def __init__(self, browser=False):
        """Of what is on the control socket; or of what the console answers to its pages itself. What is there for the console alone is neither."""
        with open(FILE) as file:
            self.document = yaml.safe_load(file)
        self.paths = {path: item for path, item in self.document["paths"].items()
                      if not item.get("x-console") and bool(item.get("x-browser")) == browser}
        # What does not end is asked for by the scenario alone.
        self.ending = {path for path, item in self.paths.items() if not item.get("x-stream")}
        self.operations = {(path, method.upper()): item[method] for path, item in self.paths.items()
                           for method in METHODS if method in item}
        self.validators = {}

    def resolve(self, node):
        while "$ref" in node:
            name = node["$ref"]
            node = self.document
            for part in name.removeprefix("#/").split("/"):
                node = node[part]
        return node

    def template(self, target):
        """The path of the description that the target is of; a name ends where punctuation of a path begins."""
        path = target.partition("?")[0]
        for template in self.paths:
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(template)), path):
                return template
        return None

    def check(self, answer, validator_for):
        """Raises AssertionError; gives (path, method, status)."""
        method = "GET" if answer.method == "HEAD" else answer.method
        template = self.template(answer.target)
        operation = self.operations.get((template, method))
        assert operation is not None, f"not described: {answer}"
        described = operation["responses"].get(str(answer.status))
        assert described is not None, f"the status is not described: {answer}"
        described = self.resolve(described)
        for name, header in described.get("headers", {}).items():
            header = self.resolve(header)
            value = answer.headers.get(name.lower())
            assert value is not None or not header.get("required"), f"{name} is missing: {answer}"
            if value is not None:
                self.validate(header["schema"], value, validator_for, answer)
        content = described.get("content")
        if content is None or answer.method == "HEAD":
            assert answer.body == b"", f"a body that is not described: {answer}"
        else:
            kind = answer.headers.get("content-type")
            assert kind in content, f"the type {kind} is not described: {answer}"
            read = {"application/jsonl": bytes.decode, "application/yaml": yaml.safe_load}.get(kind)
            value = read(answer.body) if read else answer.json()
            self.validate(content[kind]["schema"], value, validator_for, answer)
            for line in answer.body.splitlines() if "itemSchema" in content[kind] else []:
                self.validate(content[kind]["itemSchema"], json.loads(line), validator_for, answer)
            if kind == "application/problem+json":
                assert value["status"] == answer.status, f"another status inside: {answer}"
        return template, method, answer.status

    def validate(self, schema, value, validator_for, answer):
        key = str(schema)
        if key not in self.validators:
            self.validators[key] = validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema,
                                                  "components": self.document["components"]})
        errors = [error.message for error in self.validators[key].iter_errors(value)]
        assert not errors, f"not as described ({'; '.join(errors)[:500]}): {answer}"
