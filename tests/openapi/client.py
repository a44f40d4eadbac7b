"""HTTP over the control socket, by the standard library alone."""

import http.client
import json
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("clawbox", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, method, target, status, fields, body):
        self.method, self.target, self.status, self.body = method, target, status, body
        self.headers = {name.lower(): value for name, value in fields}

    def __str__(self):
        return f"{self.method} {self.target}: {self.status} {self.body[:900].decode(errors='replace')}"

    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, path):
        self.path = path

    def ask(self, method, target, body=None, kind=None, **fields):
        """`body` is text or what becomes JSON; If_Match="..." becomes the field If-Match."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if body is not None and not isinstance(body, (str, bytes)):
            body, kind = json.dumps(body), kind or "application/json"
        if kind is not None:
            headers["Content-Type"] = kind
        connection = Connection(self.path)
        try:
            connection.request(method, target, body.encode() if isinstance(body, str) else body, headers)
            response = connection.getresponse()
            return Answer(method, target, response.status, response.getheaders(), response.read())
        finally:
            connection.close()
