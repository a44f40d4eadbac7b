"""The messages between roles, read from the one table of them, modules/ipc/msgs.h, as an attacker who has the source would."""

import os
import re
import struct

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROLES = ["monitor", "store", "vault", "gate", "egress", "api", "console"]
LIFE, PEER, STREAM = range(3)
HEAD = struct.Struct(">IHI")
NUMBERS = {"BOOL": ">B", "U8": ">B", "ENUM": ">B", "U16": ">H", "U32": ">I", "U64": ">Q"}


def read_table():
    with open(os.path.join(ROOT, "modules", "ipc", "msgs.h")) as file:
        text = file.read()
    # The fields first: F(KIND, name, limit), ... per message.
    fields = {}
    for match in re.finditer(r"#define IPC_FIELDS_(\w+)\(F\)((?:.*\\\n)*.*)", text):
        fields[match[1]] = re.findall(r"\bF\((\w+), (\w+), ", match[2])
    rows = re.findall(r"^ +M\((\w+), +(\w+), +([^,]+), +([^,]+), +(\w+), +(\w+), +(\w+), +(.+?)\) *\\?$", text, re.M)
    roles = re.findall(r"^    IPC_ROLE_(\w+),$", text, re.M)
    assert [r.lower() for r in roles if not r.startswith("_")] == ROLES, f"msgs.h has the roles {roles}"
    assert len(rows) > 40 and all(lower in fields for _, lower, *_ in rows), "msgs.h is not written as it was"
    return rows, fields


ROWS, FIELDS = read_table()
NAMES = [row[0] for row in ROWS]
LOWER = {row[0]: row[1] for row in ROWS}


def senders(name):
    """The roles that may send it."""
    mask = ROWS[NAMES.index(name)][2]
    return ["store", "vault", "gate", "egress", "api", "console"] if "IPC_ANY" in mask else [r.strip()[4:].lower() for r in mask.split("|")]


def receivers(name):
    mask = ROWS[NAMES.index(name)][3]
    return ["store", "vault", "gate", "egress", "api", "console"] if "IPC_ANY" in mask else [r.strip()[4:].lower() for r in mask.split("|")]


def kind(name):
    return ROWS[NAMES.index(name)][5]


def payload(name, values):
    values = dict(values)
    out = b""
    for what, field in FIELDS[LOWER[name]]:
        value = values.pop(field, b"" if what in ("TEXT", "BYTES", "SECRET") else 0)
        if what in NUMBERS:
            out += struct.pack(NUMBERS[what], value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += struct.pack(">I", len(value)) + value
    assert not values, f"{name} has no field {', '.join(values)}"
    return out


def frame(name, call, values):
    data = payload(name, values)
    return HEAD.pack(len(data), NAMES.index(name), call) + data


def split(data):
    """(message, call, fields, bytes used) of the first frame, or None when it is not whole yet."""
    if len(data) < HEAD.size:
        return None
    length, number, call = HEAD.unpack_from(data)
    if len(data) < HEAD.size + length:
        return None
    name, at, values = NAMES[number], HEAD.size, {}
    for what, field in FIELDS[LOWER[name]]:
        if what in NUMBERS:
            values[field] = struct.unpack_from(NUMBERS[what], data, at)[0]
            at += struct.calcsize(NUMBERS[what])
        else:
            size = struct.unpack_from(">I", data, at)[0]
            values[field] = bytes(data[at + 4 : at + 4 + size])
            at += 4 + size
    assert at == HEAD.size + length, f"{name} has {HEAD.size + length - at} bytes more than its fields"
    return name, call, values, at


def header_fields(pairs):
    """As http_fields_encode() writes them."""
    out = struct.pack(">H", len(pairs))
    for name, value in pairs:
        name, value = name.encode("latin-1"), value.encode("latin-1")
        out += struct.pack(">H", len(name)) + name + struct.pack(">I", len(value)) + value
    return out


def read_header_fields(data):
    count, at, pairs = struct.unpack_from(">H", data)[0], 2, []
    for _ in range(count):
        size = struct.unpack_from(">H", data, at)[0]
        name = data[at + 2 : at + 2 + size]
        at += 2 + size
        size = struct.unpack_from(">I", data, at)[0]
        pairs.append((name.decode("latin-1"), data[at + 4 : at + 4 + size].decode("latin-1")))
        at += 4 + size
    return pairs
