"""Requests that a tool makes up from the description (schemathesis), well-formed and not: no answer is a 5xx, and each is as described."""

import itertools

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

import hypothesis
import schemathesis
from schemathesis import checks, openapi
from schemathesis.specs.openapi import checks as openapi_checks

from client import Connection
from description import FILE

CASES = 60  # of each operation


class Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, path):
        super().__init__("clawbox")
        self.path = path

    def _new_conn(self):
        connection = urllib3.connection.HTTPConnection("clawbox")
        unix = Connection(self.path)

        def connect():
            unix.connect()
            connection.sock = unix.sock

        connection.connect = connect
        return connection


class Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, path):
        super().__init__()
        self.pool = Pool(path)

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.pool


class There:
    """Where the operations are, and what every request has besides: a function of the operation's method and path."""

    def __init__(self, url, adapter=None, fields=lambda method, path: {}):
        self.url, self.fields = url, fields
        self.session = requests.Session()
        self.session.trust_env = False
        if adapter:
            self.session.mount(url, adapter)


def on_socket(path):
    return There("http://clawbox", Adapter(path))


def operations(there, paths, prepare, cases=CASES):
    """A test for each operation: (name, function). A name that is made up is nobody's, so every other request is about tenant alice and
    credential docs, which `prepare` sees to before."""
    schema = openapi.from_path(FILE)
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in paths:
            continue

        def run(operation=operation):
            turn = itertools.count()
            method = operation.method.upper()

            @hypothesis.settings(max_examples=cases, deadline=None, database=None, derandomize=True,
                                 suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate])
            @hypothesis.given(case=operation.as_strategy())
            def one(case):
                if case.path_parameters and next(turn) % 2 == 0:
                    prepare()
                    case.path_parameters.update({name: value for name, value in (("tenant", "alice"), ("credential", "docs"))
                                                 if name in case.path_parameters})
                case.call_and_validate(base_url=there.url, session=there.session, headers=there.fields(method, operation.path), checks=[
                    checks.not_a_server_error, openapi_checks.status_code_conformance,
                    openapi_checks.content_type_conformance, openapi_checks.response_schema_conformance])
            one()

        yield f"{operation.method.upper()} {operation.path}", run
