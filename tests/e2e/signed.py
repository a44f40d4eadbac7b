"""Routes to AWS: what reaches the provider is verified here as AWS would do it, from its documentation and with no code of clawbox's."""

import base64
import hashlib
import hmac
import json
import struct
import urllib.parse
import zlib

from scenarios import absent, equal, node_client

KEY_ID = "AKIAREALKEY000000000"
SECRET = "real/Secret+0123456789abcdefghijklmnopqr"
CREDENTIALS = {"aws": f"{KEY_ID}:{SECRET}", "aws-session": f"{KEY_ID}:{SECRET}:session/Token+0=="}
BEDROCK = "bedrock-runtime.eu-central-1.amazonaws.com"
BUCKET = "bucket.s3.eu-central-1.amazonaws.com"
TABLES = "dynamodb.eu-central-1.amazonaws.com"
HOSTS = [BEDROCK, BUCKET, TABLES]

ROUTES = """    - provider: bedrock
      host: bedrock-runtime.eu-central-1.amazonaws.com
      credential: aws
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: bucket
      host: bucket.s3.eu-central-1.amazonaws.com
      methods: [GET, HEAD, PUT, POST, DELETE]
      inject: {{aws: {{service: s3}}}}
      credential: aws
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
    - name: tables
      host: dynamodb.eu-central-1.amazonaws.com
      inject: {{aws: {{service: dynamodb, region: eu-central-1}}}}
      credential: aws-session
      shape: "AKIA{{24}}"
      env: TABLES_KEY_ID
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""


# ---- what AWS does ----


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def escape(text):
    return urllib.parse.quote(text, safe="-_.~")


def signing_key(day, region, service):
    return mac(mac(mac(mac(b"AWS4" + SECRET.encode(), day), region), service), "aws4_request")


def verify(request, host, service, region="eu-central-1"):
    """Checks the signature; returns what signatures of chunks are continued from."""
    (authorization,) = request.header("Authorization")
    algorithm, rest = authorization.split(" ", 1)
    equal("algorithm", algorithm, "AWS4-HMAC-SHA256")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    (time,) = request.header("X-Amz-Date")
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    equal("scope", parts["Credential"], f"{KEY_ID}/{scope}")
    path, _, query = request.target.partition("?")
    once = urllib.parse.unquote_to_bytes(path) if service == "s3" else path.encode()
    pairs = sorted((escape(urllib.parse.unquote_plus(n)), escape(urllib.parse.unquote_plus(v)))
                   for n, _, v in (p.partition("=") for p in query.split("&") if p))
    names = parts["SignedHeaders"].split(";")
    equal("order of the names", names, sorted(names))
    equal("Host", request.header("Host"), [host])
    for name in {n.lower() for n, _ in request.headers}:
        if name.startswith("x-amz-") or name in ("host", "content-type"):
            assert name in names, f"{name} is not signed"
    said = request.header("X-Amz-Content-Sha256")
    payload = said[0] if said else sha256(request.body)
    if len(payload) == 64:
        equal("hash of the body", payload, request.body_sha256)
    canonical = "\n".join([
        request.method, urllib.parse.quote(once, safe="/-_.~"), "&".join(f"{n}={v}" for n, v in pairs),
        *(n + ":" + ",".join(" ".join(v.split()) for v in request.header(n)) for n in names), "",
        ";".join(names), payload])
    key = signing_key(time[:8], region, service)
    signature = mac(key, "\n".join([algorithm, time, scope, sha256(canonical.encode())])).hex()
    equal("signature", parts["Signature"], signature)
    return key, time, scope, signature


def verify_chunks(body, key, time, scope, signature):
    """Checks each chunk's signature, and the trailers'; returns what was sent in the chunks."""
    data, head = b"", "\n".join([time, scope])
    while True:
        line, body = body.split(b"\r\n", 1)
        size, said = line.decode().split(";chunk-signature=")
        chunk, body = body[: int(size, 16)], body[int(size, 16) :]
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", head, signature, sha256(b""), sha256(chunk)])
        signature = mac(key, text).hex()
        equal("signature of a chunk", said, signature)
        data += chunk
        if not chunk:
            break
        assert body.startswith(b"\r\n")
        body = body[2:]
    trailers = b""
    while not body.startswith(b"\r\n"):
        line, body = body.split(b"\r\n", 1)
        name, value = line.split(b":", 1)
        if name == b"x-amz-trailer-signature":
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", head, signature, sha256(trailers)])
            equal("signature of the trailers", value.decode(), mac(key, text).hex())
        else:
            trailers += name + b":" + value + b"\n"
    equal("rest", body, b"\r\n")
    return data, trailers


# ---- a fake Bedrock ----


def event(kind, payload):
    """One message of application/vnd.amazon.eventstream."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += struct.pack(">B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def model(path):
    if path.endswith("/invoke-with-response-stream"):
        parts = (json.dumps({"bytes": base64.b64encode(json.dumps({"text": w}).encode()).decode()}) for w in ("Hello", " you"))
        return "application/vnd.amazon.eventstream", b"".join(event("chunk", p.encode()) for p in parts)
    message = {"role": "assistant", "content": [{"text": "Hello from the provider"}]}
    return "application/json", json.dumps({"output": {"message": message}, "stopReason": "end_turn",
                                           "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
                                           "metrics": {"latencyMs": 1}}).encode()


# ---- tests ----


def post(world, host, target, headers, body, method="POST", parts=None):
    agent = world.tunnel(host)
    agent.send("\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode())
    for part in parts or [body]:
        agent.send(part)
    response = agent.response()
    agent.close()
    return response


def agents_signature(world, service="s3", variable="AWS_ACCESS_KEY_ID"):
    return (f"Authorization: AWS4-HMAC-SHA256 Credential={world.environment[variable]}/20261127/eu-central-1/{service}/"
            "aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)


def the_variables_of_an_aws_sdk_hold_the_placeholder(world):
    equal("variables", world.environment["AWS_ACCESS_KEY_ID"], world.environment["AWS_SECRET_ACCESS_KEY"])
    assert world.environment["AWS_ACCESS_KEY_ID"].startswith("AKIA"), world.environment


def a_value_that_cannot_sign_is_refused_when_it_is_set_for_aws(world):
    done = world.appliance.run("credential", "set", "alice", "aws", stdin=b"AKIAIOSFODNN7EXAMPLE", check=False)
    equal("status", done.returncode, 1)
    assert b"ACCESS_KEY_ID:SECRET_ACCESS_KEY" in done.stderr, done.stderr


def an_aws_request_without_a_hash_is_held_and_signed(world):
    world.provider.take()
    body = json.dumps({"TableName": "a" * 5000}).encode()
    for framing, parts in ((f"Content-Length: {len(body)}", [body]),
                           ("Transfer-Encoding: chunked", [b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)])):
        response = post(world, TABLES, "/?b=2&a=x%20y&a=1", [
            "X-Amz-Target: DynamoDB_20120810.Query", "Content-Type: application/x-amz-json-1.0", framing, "X-Amz-Date: 20000101T000000Z",
            agents_signature(world, "dynamodb", "TABLES_KEY_ID")], body, parts=parts)
        equal("status", response.status, 200)
        seen = world.provider.take()[0]
        verify(seen, TABLES, "dynamodb")
        equal("body", seen.body, body)
        equal("session", seen.header("X-Amz-Security-Token"), ["session/Token+0=="])
        equal("length", seen.header("Content-Length"), [str(len(body))])
        equal("hash", seen.header("X-Amz-Content-Sha256"), [])


def an_aws_request_that_is_not_signed_by_the_agent_is_signed(world):
    world.provider.take()
    equal("status", post(world, BUCKET, "/a%2Bb/c:d?list-type=2&prefix=x%2Fy", [], b"", method="GET").status, 200)
    seen = world.provider.take()[0]
    verify(seen, BUCKET, "s3")


def aws_chunks_are_signed_anew(world):
    world.provider.take()
    data = bytes(range(256)) * 100
    for trailer in (False, True):
        parts = [b"%x;chunk-signature=%s\r\n%s\r\n" % (len(p), b"f" * 64, p) for p in (data[:20000], data[20000:])]
        parts.append(b"0;chunk-signature=" + b"f" * 64 + b"\r\n")
        if trailer:
            parts.append(b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:" + b"f" * 64 + b"\r\n")
        parts.append(b"\r\n")
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        length = sum(len(p) for p in parts)
        response = post(world, BUCKET, "/key", [
            f"X-Amz-Content-Sha256: {kind}", f"X-Amz-Decoded-Content-Length: {len(data)}", "Content-Encoding: aws-chunked",
            *(["X-Amz-Trailer: x-amz-checksum-crc32"] if trailer else []), f"Content-Length: {length}",
            agents_signature(world)], b"", method="PUT", parts=parts)
        equal("status", response.status, 200)
        seen = world.provider.take()[0]
        equal("kind", seen.header("X-Amz-Content-Sha256"), [kind])
        equal("length", (seen.body_length, seen.header("Content-Length")), (length, [str(length)]))
        got, trailers = verify_chunks(seen.body, *verify(seen, BUCKET, "s3"))
        equal("data", got, data)
        equal("trailers", trailers, b"x-amz-checksum-crc32:AAAAAA==\n" if trailer else b"")


def a_body_that_is_no_aws_chunks_is_cut_off(world):
    world.provider.take()
    body = b"3;chunk-signature=" + b"f" * 64 + b"\r\nabcd\r\n"
    response = post(world, BUCKET, "/key", ["X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                            f"Content-Length: {len(body)}"], body, method="PUT")
    equal("answer", (response.status, response.problem().get("reason")), (415, "body_format"))
    equal("whole requests at the provider", world.provider.take(), [])


def the_aws_packages_work(world):
    world.provider.take()
    world.provider.extra["/model/"] = model
    answer = node_client(world, "aws.mjs", oldest=20)
    equal("answer", answer, {"converse": "Hello from the provider", "stream": ["Hello", " you"], "whole": 200, "streamed": 200,
                             "listed": 200, "foreign": 403})
    seen = world.provider.take()
    equal("requests", [(r.method, r.target.split("?")[0]) for r in seen],
          [("POST", "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"),
           ("POST", "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream"),
           ("PUT", "/a%20whole%2Bkey"), ("PUT", "/streamed"), ("GET", "/streamed")])
    for request in seen[:2]:
        verify(request, BEDROCK, "bedrock")
    for request in seen[2:]:
        verify(request, BUCKET, "s3")
    equal("streamed", seen[3].header("X-Amz-Content-Sha256"), ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
    assert b"x-amz-checksum-" in seen[3].body, seen[3].body[-200:]
    for request in seen:
        absent("a head", world.environment["AWS_ACCESS_KEY_ID"], request.head.decode("latin-1"))
        absent("a head", SECRET, request.head.decode("latin-1"))


TESTS = [
    a_value_that_cannot_sign_is_refused_when_it_is_set_for_aws,
    the_variables_of_an_aws_sdk_hold_the_placeholder,
    an_aws_request_without_a_hash_is_held_and_signed,
    an_aws_request_that_is_not_signed_by_the_agent_is_signed,
    aws_chunks_are_signed_anew,
    a_body_that_is_no_aws_chunks_is_cut_off,
    the_aws_packages_work,
]
