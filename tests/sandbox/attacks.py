"""What an attacker tries with system calls, from inside a role, and what must come of it there.

An attack gets `me` (inside.Inside) and `at` (stage.Targets). It returns when it has succeeded, having looked at what it got;
else it raises Denied or Refused, or the role is killed. Each is also made from a process that nothing confines, where it must
succeed: an attack that cannot succeed proves nothing. Only where the machine refuses it to everybody is it skipped, and said.

Results: `killed` by the filter, `denied` by the kernel with an error, `refused` by a peer, or `done`, which for a role is
expected only where it is the role's work.
"""

import os
import platform
import signal
import socket
import struct

from inside import SCRATCH, JUMP, COMPAT, Denied, Killed, Refused

AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
O_RDONLY, O_RDWR, O_CREAT, O_DIRECTORY, O_PATH = 0, 2, 0o100, 0o200000, 0o10000000
ATTACKS = []


class Attack:
    def __init__(self, function, only_the_filter, landlock, expected):
        self.name = function.__name__.replace("_", " ")
        self.run, self.only_the_filter, self.landlock, self.expected = function, only_the_filter, landlock, expected

    def expect(self, role):
        return self.expected.get(role, "killed")

    def expect_without_filter(self, role):
        if self.only_the_filter:
            return "done"
        return self.expect(role) if self.expect(role) in ("done", "refused") else "denied"


def attack(only_the_filter=False, landlock=0, **expected):
    """Roles that are not named must be killed for it. Without the filter of system calls (`--waive seccomp`) the other layers deny it,
    unless only_the_filter stops it; for an ordinary user's server that may take a kernel with this version of Landlock."""

    def add(function):
        ATTACKS.append(Attack(function, only_the_filter, landlock, expected))
        return function

    return add


def path(text):
    return text.encode() + b"\0"


def open_somehow(me, name, flags=O_RDONLY):
    """As it is named, and from wherever this process stands and whatever is its root."""
    worst = None
    for form in (name, "../" * 16 + name.lstrip("/"), "/proc/self/root" + name, "/proc/1/root" + name):
        r = me.call("openat", AT_FDCWD, path(form), flags, 0o600)
        if r >= 0:
            return r
        worst = worst or r
    raise Denied("openat", -worst)


def read_some(me, fd, length=64):
    got = me.must("read", fd, bytes(length), length)
    return me.memory.get(me.scratch, got)


# ---- files ----


@attack(store="denied")
def read_the_master_key(me, at):
    assert len(read_some(me, open_somehow(me, at.master_key))) >= 32


@attack(store="done")
def read_the_database(me, at):
    try:
        fd = open_somehow(me, at.database)
    except Denied:
        fd = me.must("openat", AT_FDCWD, path(os.path.basename(at.database)), O_RDONLY, 0)  # the store stands in its folder
    assert read_some(me, fd).startswith(b"SQLite format 3")


@attack()
def list_the_state_directory(me, at):
    fd = open_somehow(me, at.state, O_RDONLY | O_DIRECTORY)
    got = me.must("getdents64", fd, bytes(4096), 4096)
    assert b"master.key" in me.memory.get(me.scratch, got)


@attack(store="denied")
def read_etc_shadow(me, at):
    assert b":" in read_some(me, open_somehow(me, "/etc/shadow"))


@attack(store="denied")
def read_a_file_that_everybody_may_read(me, at):
    assert b":" in read_some(me, open_somehow(me, "/etc/passwd"))


@attack(store="denied")
def write_a_file_in_tmp(me, at):
    open_somehow(me, at.scratch_file, O_RDWR | O_CREAT)
    assert os.path.exists(at.scratch_file), "the file is somewhere else"


@attack(store="denied")
def read_a_device(me, at):
    read_some(me, open_somehow(me, "/dev/zero"))


# ---- other processes ----


@attack(store="denied")
def read_the_environment_of_the_monitor(me, at):
    read_some(me, open_somehow(me, f"/proc/{at.monitor}/environ"))


@attack(store="denied")
def open_the_memory_of_another_role(me, at):
    open_somehow(me, f"/proc/{at.sibling}/mem")


@attack()
def read_the_memory_of_another_role(me, at):
    here = lambda a: a.put(struct.pack("=QQ", a.put(bytes(16)), 16))
    there = struct.pack("=QQ", at.sibling_address, 16)
    assert me.must("process_vm_readv", at.sibling, here, 1, there, 1, 0) == 16


@attack()
def write_the_memory_of_another_role(me, at):
    here = lambda a: a.put(struct.pack("=QQ", a.put(bytes(16)), 16))
    there = struct.pack("=QQ", at.sibling_address, 16)
    assert me.must("process_vm_writev", at.sibling, here, 1, there, 1, 0) == 16


@attack()
def trace_another_role(me, at):
    PTRACE_SEIZE = 0x4206
    me.must("ptrace", PTRACE_SEIZE, at.sibling, 0, 0)


@attack()
def take_a_descriptor_of_another_role(me, at):
    fd = me.must("pidfd_open", at.sibling, 0)
    me.must("pidfd_getfd", fd, 2, 0)


@attack(landlock=6)
def signal_another_role(me, at):
    me.must("kill", at.sibling, signal.SIGURG)


@attack(landlock=6)
def signal_a_thread_of_another_role(me, at):
    me.must("tgkill", at.sibling, at.sibling, signal.SIGURG)


@attack(landlock=6)
def signal_another_role_by_its_descriptor(me, at):
    fd = me.must("pidfd_open", at.sibling, 0)
    me.must("pidfd_send_signal", fd, signal.SIGURG, 0, 0)


@attack(only_the_filter=True)
def have_a_socket_signal_another_role(me, at):
    """A socket can be told to send any signal to any process that its owner might signal."""
    F_SETFL, F_SETOWN, F_SETSIG, O_ASYNC, O_NONBLOCK = 4, 8, 10, 0o20000, 0o4000
    fd = at.some_socket(me)
    me.must("fcntl", fd, F_SETSIG, signal.SIGURG)
    me.must("fcntl", fd, F_SETOWN, at.sibling)
    me.must("fcntl", fd, F_SETFL, O_ASYNC | O_NONBLOCK)


# ---- the network ----

IPV4, IPV6, UNIX, NETLINK, PACKET, STREAM, DATAGRAM, RAW = 2, 10, 1, 16, 17, 1, 2, 3


def ipv4(port, host="127.0.0.1"):
    return struct.pack("=H", IPV4) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)


def connect(me, port):
    fd = me.must("socket", IPV4, STREAM, 0)
    me.must("connect", fd, ipv4(port), 16)
    return fd


@attack(only_the_filter=True, egress="done")
def open_a_TCP_socket(me, at):
    me.must("socket", IPV4, STREAM, 0)


@attack(only_the_filter=True, egress="done")
def open_a_UDP_socket(me, at):
    me.must("socket", IPV6, DATAGRAM, 0)


@attack()
def open_a_raw_socket(me, at):
    me.must("socket", IPV4, RAW, 1)


@attack()
def open_a_packet_socket(me, at):
    me.must("socket", PACKET, RAW, 0)


@attack(only_the_filter=True)
def open_a_netlink_socket(me, at):
    me.must("socket", NETLINK, RAW, 0)


@attack(only_the_filter=True)
def open_a_unix_socket(me, at):
    me.must("socket", UNIX, STREAM, 0)


@attack(egress="done")
def connect_to_the_provider(me, at):
    connect(me, at.provider_port)


@attack(egress="refused")
def use_the_listener_of_another_tenant(me, at):
    fd = connect(me, at.other_port)
    line = b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n" + at.plain_token(me) + b"\r\n"
    me.must("sendto", fd, line, len(line), 0, 0, 0)
    answer = read_some(me, fd)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Refused(answer)


@attack()
def use_the_control_socket_of_the_api(me, at):
    fd = me.must("socket", UNIX, STREAM, 0)
    address = struct.pack("=H", UNIX) + path(at.control)
    me.must("connect", fd, address, len(address))


@attack()
def listen_on_a_port(me, at):
    fd = me.must("socket", IPV4, STREAM, 0)
    me.must("bind", fd, ipv4(0), 16)
    me.must("listen", fd, 1)


# ---- other programs, other code ----

MACHINE = {"x86_64": bytes.fromhex("b82a000000c3"), "aarch64": bytes.fromhex("40058052c0035fd6")}  # returns 42


@attack()
def execute_a_shell(me, at):
    arguments = lambda a: a.put(struct.pack("=QQQQ", a.put(b"sh\0"), a.put(b"-c\0"), a.put(b"echo own\0"), 0))
    executed(me, lambda: me.must("execve", path("/bin/sh"), arguments, 0))


@attack()
def execute_a_file_in_memory(me, at):
    fd = me.must("memfd_create", b"x\0", 0)
    text = b"#!/bin/sh\necho own\n"
    me.must("write", fd, text, len(text))
    executed(me, lambda: me.must("execveat", fd, b"\0", struct.pack("=Q", 0), struct.pack("=Q", 0), AT_EMPTY_PATH))


def executed(me, do):
    """Does what ends this process's code: a new program speaks over the same socket."""
    try:
        do()
    except Killed as end:
        if end.args[0] != b"own\n":
            raise


@attack()
def start_a_process(me, at):
    me.must("clone", signal.SIGCHLD, 0, 0, 0, 0)


@attack(only_the_filter=True)
def write_code_and_run_it(me, at):
    code = MACHINE[platform.machine()]
    page = (me.scratch + SCRATCH // 2) // 4096 * 4096
    me.must("mprotect", page, 4096, 7)
    value, _ = me.order(JUMP, arguments=[page], data=bytes(page - me.scratch) + code)
    assert value == 42


@attack(only_the_filter=True)
def map_memory_to_run_code_in(me, at):
    me.must("mmap", 0, 4096, 5, 0x22, -1, 0)


@attack(only_the_filter=True)
def turn_the_protection_of_memory_off(me, at):
    READ_IMPLIES_EXEC = 0x0400000
    me.must("personality", READ_IMPLIES_EXEC)


@attack(only_the_filter=True)
def use_the_32_bit_calls(me, at):
    value, _ = me.order(COMPAT, arguments=[20])  # getpid
    if value < 0:
        raise Denied("int 0x80", -value)


if platform.machine() != "x86_64":
    ATTACKS.pop()  # there is no second door


# ---- the kernel ----


@attack(only_the_filter=True)
def make_a_user_namespace(me, at):
    me.must("unshare", 0x10000000)


@attack()
def make_a_mount_namespace(me, at):
    me.must("unshare", 0x00020000)


@attack()
def enter_a_namespace(me, at):
    """Of a process by its descriptor, so that no path is needed; one's own is refused by the kernel in its own way."""
    fd = me.must("pidfd_open", at.monitor, 0)
    me.must("setns", fd, 0x40000000)


@attack()
def mount_a_file_system(me, at):
    me.must("mount", b"none\0", path(at.mount_point), b"tmpfs\0", 0, 0)


@attack()
def change_the_root(me, at):
    me.must("chroot", path("/tmp"))


@attack()
def become_root(me, at):
    me.must("setuid", 0)


@attack(only_the_filter=True)
def be_traceable_again(me, at):
    PR_SET_DUMPABLE = 4
    me.must("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)


@attack(only_the_filter=True)
def set_a_limit(me, at):
    me.must("prlimit64", 0, 7, struct.pack("=QQ", 64, 64), 0)


@attack(gate="denied", egress="denied", store="denied", vault="denied", api="denied", console="denied")
def take_a_terabyte_of_memory(me, at):
    PRIVATE, ANONYMOUS, NORESERVE = 2, 0x20, 0x4000
    me.must("mmap", 0, 1 << 40, 3, PRIVATE | ANONYMOUS | NORESERVE, -1, 0)


@attack(only_the_filter=True)
def set_up_an_io_ring(me, at):
    me.must("io_uring_setup", 4, bytes(120))


@attack()
def load_a_BPF_program(me, at):
    BPF_MAP_CREATE, ARRAY = 0, 2
    me.must("bpf", BPF_MAP_CREATE, struct.pack("=IIII", ARRAY, 4, 4, 1) + bytes(56), 72)


@attack(only_the_filter=True)
def handle_page_faults(me, at):
    UFFD_USER_MODE_ONLY = 1
    me.must("userfaultfd", UFFD_USER_MODE_ONLY)


@attack(only_the_filter=True)
def use_the_keys_of_the_kernel(me, at):
    KEY_SPEC_PROCESS_KEYRING = -2
    me.must("add_key", b"user\0", b"clawbox\0", b"x", 1, KEY_SPEC_PROCESS_KEYRING)


@attack()
def open_a_file_by_its_handle(me, at):
    """The way out of a chroot of a process that has the capability for it."""
    mount = b"\0\0\0\0"
    handle = struct.pack("=II", 64, 0) + bytes(64)
    me.must("name_to_handle_at", AT_FDCWD, path("/etc/passwd"), handle, mount, 0)


@attack(only_the_filter=True)
def measure_the_machine(me, at):
    PERF_TYPE_SOFTWARE, CLOCK = 1, 0
    attributes = struct.pack("=IIQQ", PERF_TYPE_SOFTWARE, 112, CLOCK, 0) + bytes(16) + struct.pack("=Q", 0x61) + bytes(64)
    me.must("perf_event_open", attributes, 0, -1, -1, 0)
