"""The console of a real server under whoever sends slowly, too much, for ever, or guesses: what it holds stays bounded, and an administrator works on."""

import contextlib
import errno
import hashlib
import http.client
import itertools
import os
import re
import select
import socket
import threading
import time

from console import PASSWORD, console
from lifecycle import need_root
from scenarios import equal, wait_for

HEAD_S = 10  # CONSOLE_HEAD_MS of modules/console/state.h
CROWD = 1000
FLOOD_S = 1.2
GUESS_S = 6
PATIENCE_S = 15  # an administrator under all of that, on a machine that runs other tests beside
# Two for each of 128 browsers, one for each of 128 that have had their last answer, and what the process has anyhow.
DESCRIPTORS_MAX = 2 * 128 + 128 + 32
# 128 browsers, each with a body of 1 MiB and the same again on its way, and 64 MiB for argon2id.
GROWTH_MAX_KIB = (128 * 2 + 64 + 32) * 1024


class Watch:
    """Looks at the process `console` again and again, and at how long an administrator waits who works all the time."""

    def __init__(self, c, browser):
        self.browser, self.pid = browser, c.p.pid("console")
        self.over = threading.Event()
        self.rss_before, self.rss_most, self.descriptors_most = self.rss(), 0, 0
        self.longest, self.count, self.wrong = 0, 0, []
        self.threads = [threading.Thread(target=self.look), threading.Thread(target=self.work)]

    def rss(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def look(self):
        while not self.over.wait(0.02):
            self.rss_most = max(self.rss_most, self.rss())
            self.descriptors_most = max(self.descriptors_most, self.descriptors())

    def work(self):
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                status, text, _ = self.browser.ask("GET", "/api/v1/status")
                if status != 200:
                    self.wrong.append((status, text[:200]))
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - begun)
            self.count += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def check(self, what):
        equal(f"what the administrator was told during {what}", self.wrong, [])
        assert self.count and self.longest < PATIENCE_S, f"{what}: {self.count} requests, the longest of {self.longest:.1f} s"
        assert self.descriptors_most <= DESCRIPTORS_MAX, f"{what}: {self.descriptors_most} descriptors"
        if not os.environ.get("CLAWBOX_SANITIZED"):
            assert self.rss_most - self.rss_before < GROWTH_MAX_KIB, f"{what}: {self.rss_before} KiB became {self.rss_most}"
        wait_for(f"the end of all of it after {what}", lambda: self.descriptors() < 64)


class Crowd:
    """So many connections at once, again and again, of one thread. Each sends what `first` gives, and then: "close"s, or is "deaf" until the
    console closes, or reads what comes until then."""

    def __init__(self, port, first, keep, size=CROWD):
        self.port, self.first, self.keep, self.size = port, first, keep, size
        self.opened, self.statuses = 0, {}
        self.sockets = {}  # descriptor to [socket, what it still has to send]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def open(self, poll):
        s = socket.socket()
        s.setblocking(False)
        if s.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            s.close()
            return
        self.opened += 1
        self.sockets[s.fileno()] = [s, memoryview(self.first())]
        poll.register(s, select.EPOLLOUT)

    def run(self):
        with select.epoll() as poll:
            while not self.over.is_set():
                for _ in range(min(100, self.size - len(self.sockets))):
                    self.open(poll)
                for descriptor, events in poll.poll(0.02):
                    if not self.turn(poll, descriptor, events):
                        poll.unregister(descriptor)
                        self.sockets.pop(descriptor)[0].close()
        for s, _ in self.sockets.values():
            s.close()

    def turn(self, poll, descriptor, events):
        """False when that is the end of it."""
        entry = self.sockets[descriptor]
        if events & (select.EPOLLERR | select.EPOLLHUP):
            return False
        with contextlib.suppress(BlockingIOError):
            try:
                if events & select.EPOLLOUT:
                    entry[1] = entry[1][entry[0].send(entry[1][:1 << 16]):]
                    if not entry[1]:
                        poll.modify(descriptor, 0 if self.keep == "deaf" else select.EPOLLIN)
                        return self.keep != "close"
                elif events & select.EPOLLIN:
                    got = entry[0].recv(1 << 16)
                    self.note(got)
                    return bool(got)
            except OSError as error:
                return isinstance(error, BlockingIOError)
        return True

    def note(self, got):
        for status in re.findall(rb"HTTP/1\.1 (\d+) ", got):
            self.statuses[int(status)] = self.statuses.get(int(status), 0) + 1


def person(c):
    """One who has signed in in this browser before."""
    b = c.browser()
    b.sign_in({"name": "ann", "password": PASSWORD})
    return b


def signs_in(b):
    """Over a connection of its own; how long that took."""
    b.close()
    begun = time.monotonic()
    b.sign_in({"name": "ann", "password": PASSWORD})
    return time.monotonic() - begun


class Requests:
    """What is sent, as bytes."""

    def __init__(self, port):
        self.host = b"Host: 127.0.0.1:%d\r\n" % port
        self.ours = self.host + b"Origin: http://127.0.0.1:%d\r\nContent-Type: application/json\r\n" % port
        session = b"cbxs_" + b"A" * 43  # nobody's, and it says so only when the whole of a request has come
        csrf = hashlib.sha256(b"csrf" + session).hexdigest().encode()
        self.made_up = b"Cookie: __Host-clawbox=" + session + b"\r\nX-Clawbox-Csrf: " + csrf + b"\r\n"

    def page(self):
        return b"GET / HTTP/1.1\r\n" + self.host + b"\r\n"

    def change(self, more, body):
        return b"PUT /api/v1/tenants/x HTTP/1.1\r\n" + self.ours + self.made_up + more + b"\r\n" + body

    def sign_in(self, name, password):
        body = b'{"name":"%s","password":"%s"}' % (name, password)
        return b"POST /session HTTP/1.1\r\n" + self.ours + b"Content-Length: %d\r\n\r\n" % len(body) + body


def who_sends_a_byte_at_a_time_has_the_time_of_one_head():
    need_root()
    with console() as c:
        b, r = c.administrator(), Requests(c.port)
        head = b"GET / HTTP/1.1\r\n" + r.host
        # What comes at once; then one byte after the other of what follows, whose last is repeated.
        slow = {"the head": (b"", head + b"X: y"), "its end": (head + b"X: ", b"y"), "the name of a field": (head, b"x"), "its target": (b"GET /", b"x"),
                "the next request": (r.page(), head + b"X: y"), "the next request, begun": (r.page() + b"GET", b" / HTTP/1.1\r\nX: y"),
                "one behind a refusal": (b"GET /none.x HTTP/1.1\r\n" + r.host + b"\r\n", head + b"X: y")}
        with Watch(c, b) as w:
            open_, ended = {}, {}
            for name, (first, _) in slow.items():
                s = socket.create_connection(("127.0.0.1", c.port))
                s.sendall(first)
                open_[name] = s
            begun = time.monotonic()
            for i in itertools.count():
                if not open_ or time.monotonic() - begun > 2 * HEAD_S:
                    break
                for name, s in list(open_.items()):
                    rest = slow[name][1]
                    try:
                        s.send(rest[min(i, len(rest) - 1):][:1])
                        s.setblocking(False)
                        over = any(s.recv(1 << 16) == b"" for _ in range(9))
                    except BlockingIOError:
                        over = False
                    except OSError:
                        over = True
                    if over:
                        ended[name] = time.monotonic() - begun
                        open_.pop(name).close()
                time.sleep(0.2)
            for s in open_.values():
                s.close()
        equal("that goes on", sorted(open_), [])
        late = {name: f"{s:.1f}" for name, s in ended.items() if s > HEAD_S + 4}
        equal(f"that went on for longer than {HEAD_S} s", late, {})
        early = {name: f"{s:.1f}" for name, s in ended.items() if s < HEAD_S - 2}
        equal(f"that had less than {HEAD_S} s", early, {})
        w.check("slow heads")


def whatever_many_send_at_once_what_the_console_holds_is_bounded():
    need_root()
    with console() as c:
        b, r = c.administrator(), Requests(c.port)
        known = person(c)
        whole = b"a" * (1 << 20)
        chunk = b"10000;x=" + b"y" * 200 + b"\r\n" + b"a" * 65536 + b"\r\n"
        floods = {
            "connections that come and go": ("close", b"GET / HTTP/1.1"),
            "connections that say nothing": ("read", b"G"),
            "refusals that are not read": ("deaf", b"NONSENSE\r\n\r\n"),
            "pages that are not read": ("deaf", r.page() * 2000),
            "pages asked for in one go": ("read", r.page() * 2000),
            "heads that are too large": ("read", b"GET / HTTP/1.1\r\n" + r.host + b"X: " + b"a" * 70000),
            "too many fields": ("read", b"GET / HTTP/1.1\r\n" + r.host + b"X: y\r\n" * 10000),
            "bodies without their last byte": ("read", r.change(b"Content-Length: %d\r\n" % len(whole), whole[1:])),
            "bodies of nobody's session": ("read", r.change(b"Content-Length: %d\r\n" % len(whole), whole)),
            "bodies that are too large": ("deaf", r.change(b"Content-Length: %d\r\n" % (len(whole) + 1), whole)),
            "chunks without an end": ("read", r.change(b"Transfer-Encoding: chunked\r\n", chunk * 20)),
            "the name of a chunk without an end": ("read", r.change(b"Transfer-Encoding: chunked\r\n", b"1;" + b"x" * (1 << 20))),
            "trailers without an end": ("read", r.change(b"Transfer-Encoding: chunked\r\n", b"0\r\nX: " + b"x" * (1 << 20))),
        }
        for name, (keep, first) in floods.items():
            begun = time.monotonic()
            with Watch(c, b) as w:
                with Crowd(c.port, lambda: first, keep) as crowd:
                    wait_for(f"{name}: many", lambda: crowd.opened >= CROWD)
                    if name in ("connections that come and go", "refusals that are not read", "bodies of nobody's session"):
                        assert signs_in(known) < PATIENCE_S, f"{name}: who was here before waited for too long"
                    time.sleep(max(0.0, FLOOD_S - (time.monotonic() - begun)))
            w.check(name)
        stranger = c.browser()
        assert signs_in(stranger) < PATIENCE_S
        absent_log = [line for line in c.p.appliance.log().splitlines() if "Too many open files" in line or "accepting stops" in line]
        equal("in the log", absent_log, [])


def guessing(c, names, known):
    """As many attempts as go for some seconds, over connections that stay; the statuses that were told, and how long it took."""
    r = Requests(c.port)
    number = itertools.count()

    def guesses():
        return b"".join(r.sign_in(names(i), b"guess%d" % i) for i in itertools.islice(number, 500))

    waits = []
    begun = time.monotonic()
    with Crowd(c.port, guesses, "read", size=100) as crowd:
        wait_for("some attempts that are refused", lambda: crowd.statuses.get(429, 0) + crowd.statuses.get(503, 0) > 100)
        while time.monotonic() - begun < GUESS_S:
            waits.append(signs_in(known))
            time.sleep(1.5)
    return crowd.statuses, time.monotonic() - begun, max(waits)


def as_many_attempts_as_there_can_be_are_few_guesses_and_keep_out_nobody_who_was_here_before():
    need_root()
    with console() as c:
        b = c.administrator()
        known = person(c)
        for what, names in (("one name", lambda i: b"ann"), ("a name each", lambda i: b"ann%d" % i)):
            with Watch(c, b) as w:
                statuses, took, wait = guessing(c, names, known)
            w.check(f"guesses of {what}")
            equal(f"statuses for guesses of {what}", set(statuses) - {401, 429, 503}, set())
            told = sum(statuses.values())
            judged = statuses.get(401, 0)
            if what == "one name":
                # Ten at once and one each ten seconds; those whose key is made while the last is taken come to the same.
                assert judged <= 10 + 16 + took / 10, f"so many passwords could be tried in {took:.0f} s: {statuses}"
            else:
                # A key of a password is some 50 ms of work on the fastest machine, and the same time of rest follows.
                assert judged <= took * 10 + 16, f"so many keys were made in {took:.0f} s: {statuses}"
            assert told > 3 * judged, f"the attempts were not many: {statuses}"
            assert wait < PATIENCE_S, f"who was here before waited for {wait:.1f} s during guesses of {what}"
        # A stranger's wait has an end, and a link is a way in meanwhile.
        stranger = c.browser()
        status, _, fields = stranger.ask("POST", "/session", {"name": "ann", "password": PASSWORD})
        if status != 200:
            equal("status", status, 429)
            wait_s = int(fields["Retry-After"])
            assert 0 < wait_s <= 11, wait_s
            time.sleep(wait_s)
            stranger.sign_in({"name": "ann", "password": PASSWORD})


TESTS = [who_sends_a_byte_at_a_time_has_the_time_of_one_head, whatever_many_send_at_once_what_the_console_holds_is_bounded,
         as_many_attempts_as_there_can_be_are_few_guesses_and_keep_out_nobody_who_was_here_before]
