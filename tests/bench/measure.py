"""What a tree of processes has used, from /proc: CPU time and memory."""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def parents():
    """pid to parent, of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(name)
            if fields:
                found[int(name)] = int(fields[1])
    return found


def stat_fields(pid):
    """The fields of /proc/PID/stat after the command's name: [0] is the state; None when it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root):
    """The process and all that descend from it."""
    children = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def run_ns(pid):
    """The time on a CPU of the process's threads, to the nanosecond; None where the kernel does not tell."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return total


def cpu_seconds(root):
    """User and system time of the tree. By the scheduler's clock where it is told, because a tick is 10 ms."""
    seconds = 0
    for pid in tree(root):
        exact = run_ns(pid)
        fields = stat_fields(pid)
        if exact:
            seconds += exact / 1e9
        elif fields:
            seconds += (int(fields[11]) + int(fields[12])) / TICKS
    return seconds


def pss_bytes(root):
    """Proportional set size of the tree: shared pages count once, divided among those who share them."""
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return total
