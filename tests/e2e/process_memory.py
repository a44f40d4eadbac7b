#!/usr/bin/env python3
"""Reads every byte of the memory of a running server's processes, as root, and says whose memory has what.

    process_memory.py PID       {name: secret} in JSON on standard input; {"processes": [...], "found": {name: [process, ...]}} on standard output
"""

import base64
import json
import re
import sys
import urllib.parse

from appliance import roles_of

MAPS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ \S+ *(.*)")


def memory(pid):
    """Every byte that the process could read, in parts that overlap: (address, name of the mapping, bytes). What it unmaps meanwhile is passed
    over."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as file:
        for line in maps:
            match = MAPS.match(line)
            if not match or match[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            at, end = int(match[1], 16), int(match[2], 16)
            file.seek(at)
            left = end - at
            tail = b""
            while left:
                try:
                    part = file.read(min(left, 1 << 22))
                except OSError:
                    break
                assert part, f"memory of {pid} at {at:x} cannot be read"
                yield end - left - len(tail), match[4], tail + part
                left -= len(part)
                tail = part[-256:]


def memory_has(pid, needle):
    """Whether the bytes, at most 256, are anywhere in a process's memory."""
    return any(needle in part for _, _, part in memory(pid))


def forms(secret):
    """How a credential looks in what an attacker might be given."""
    raw = secret.encode()
    for prefix in range(3):  # its place in the base64 of something longer
        whole = base64.b64encode(bytes(prefix) + raw)
        yield whole[4 if prefix else 0 : -4]
    yield from (raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1], raw.decode().encode("utf-16-le"),
                urllib.parse.quote(secret, safe="").encode(), b"".join(b"\\u%04x" % c for c in raw))


def processes_of(pid):
    """{name of a process of the server whose monitor is pid: its pid}."""
    return {"monitor": pid, **{" ".join(who).strip(): role for who, role in roles_of(pid).items()}}


def holders(processes, wanted):
    """{name: {process whose memory has one of the needles of that name: where}}."""
    found = {name: {} for name in wanted}
    for who, pid in processes.items():
        for at, mapping, part in memory(pid):
            for name, needles in wanted.items():
                for needle in needles:
                    place = part.find(needle)
                    if place >= 0:
                        around = part[max(place - 24, 0) : place + len(needle) + 24]
                        found[name].setdefault(who, []).append(f"{at + place:x} {mapping or 'mapped'} {around}")
    return found


def main():
    processes = processes_of(int(sys.argv[1]))
    found = holders(processes, {name: {*forms(secret)} for name, secret in json.load(sys.stdin).items()})
    json.dump({"processes": sorted(processes), "found": {name: sorted(who) for name, who in found.items()}}, sys.stdout)


if __name__ == "__main__":
    main()
