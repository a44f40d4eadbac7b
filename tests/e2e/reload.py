"""What a reload does to a stream: nothing, or at once the end of it."""

import time

from lifecycle import EXTRA, OPENAI, hold_a_stream, place, read_event
from scenarios import equal, wait_for


def a_stream_outlives_what_has_nothing_to_do_with_it():
    with place() as p:
        p.make(routes=OPENAI + EXTRA, methods="GET", value="sk-real-before")
        agent = hold_a_stream(p)
        for number, change in enumerate((
            lambda: p.appliance.apply(p.tenant(routes=OPENAI + EXTRA, methods="GET, HEAD")),
            lambda: p.appliance.apply(p.tenant(routes=OPENAI)),
            lambda: p.set("sk-real-after"),
        ), 1):
            change()
            p.provider().next_event()
            equal(f"event {number}", read_event(agent), f"data: {number}\n\n".encode())
        p.provider().take()
        equal("a new request", p.ask("/v1/models").status, 200)
        equal("its credential", p.provider().take()[0].header("Authorization"), ["Bearer sk-real-after"])
        p.provider().next_event()
        equal("the stream, still", read_event(agent), b"data: 4\n\n")
        agent.close()


def a_stream_that_may_not_go_on_ends_within_a_second():
    changes = (
        ("no_route", lambda p: p.appliance.apply(p.tenant(routes=EXTRA, methods="GET"))),
        ("no_route_path", lambda p: p.appliance.apply(p.tenant(
            routes=OPENAI.replace("credential: openai", "credential: openai\n      paths: [/v1/models]")))),
        ("credential_not_set", lambda p: p.appliance.run("credential", "rm", "alice", "openai")),
        ("tenant_suspended", lambda p: p.appliance.run("tenant", "suspend", "alice")),
        (None, lambda p: p.appliance.run("tenant", "rm", "alice", "--yes")),
    )
    # A place for each: the provider's end of a stream that was cut waits for the next event, and would take another one's.
    for reason, change in changes:
        with place() as p:
            p.make(routes=OPENAI + EXTRA, methods="GET", value="sk-real-alice")
            agent = hold_a_stream(p)
            change(p)
            start = time.monotonic()
            equal(f"the stream ({reason})", read_event(agent), None)
            took = time.monotonic() - start
            assert took < 1, f"it went on for {took:.2f} s ({reason})"
            agent.close()
            if reason is not None:
                rows = wait_for("the outcome", lambda: [r for r in p.appliance.audit() if r["kind"] == "outcome"])
                equal("outcome", rows[0]["reason"], reason)


RELOADS = [a_stream_outlives_what_has_nothing_to_do_with_it, a_stream_that_may_not_go_on_ends_within_a_second]
