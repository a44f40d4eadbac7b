"""SIGTERM drains: nobody connects any more, what is under way has its time, and a second SIGTERM ends it."""

import signal
import socket

from appliance import WAIT
from lifecycle import HOST, hold_a_stream, place, read_event
from scenarios import equal, get, wait_for

DRAIN = ["--drain", "60"]


def port_of(p):
    return int(p.environments["alice"]["HTTPS_PROXY"].rsplit(":", 1)[1])


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=WAIT).close()
        return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # It was in the listener's queue when that was closed: the next attempt is refused.


def begin(p):
    """A stream is under way, another connection waits for its next request, and the server was told to stop."""
    p.make()
    waiting = p.tunnel()
    equal("a request", get(waiting, "/v1/before", HOST).status, 200)
    held = hold_a_stream(p)
    p.appliance.process.send_signal(signal.SIGTERM)
    wait_for("the end of the listener", lambda: is_refused(port_of(p)))
    equal("the connection without a request", waiting.stream.read(), b"")
    waiting.close()
    return held


def a_stream_goes_on_to_its_end():
    with place(*DRAIN) as p:
        held = begin(p)
        for _ in range(60):
            p.provider().next_event()
        events = 0
        while read_event(held):
            events += 1
        assert events > 40, events
        held.close()
        equal("the end", p.appliance.process.wait(WAIT), 0)
        p.appliance.stop()
        p.appliance.start()
        outcomes = [r["reason"] for r in p.appliance.audit() if r["kind"] == "outcome"]
        equal("outcomes", outcomes, ["route", "route"])


def a_second_sigterm_ends_it():
    with place(*DRAIN) as p:
        held = begin(p)
        p.appliance.process.send_signal(signal.SIGTERM)
        equal("the stream", read_event(held), None)
        held.close()
        equal("the end", p.appliance.process.wait(WAIT), 0)
        assert "stopping at once" in p.appliance.log(), p.appliance.log()


def an_answer_that_begins_now_says_that_it_is_the_last():
    with place(*DRAIN) as p:
        p.make()
        agent = p.tunnel()
        agent.send(f"POST /v1/late HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n1".encode())
        wait_for("the request", lambda: [r for r in p.appliance.audit() if r["kind"] == "decision"])
        p.appliance.process.send_signal(signal.SIGTERM)
        wait_for("the end of the listener", lambda: is_refused(port_of(p)))
        agent.send(b"2")
        response = agent.response()
        equal("status", response.status, 200)
        equal("Connection", response.header("Connection"), ["close"])
        agent.close()
        equal("the end", p.appliance.process.wait(WAIT), 0)


TESTS = [a_stream_goes_on_to_its_end, a_second_sigterm_ends_it, an_answer_that_begins_now_says_that_it_is_the_last]
