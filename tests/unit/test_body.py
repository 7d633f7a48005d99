"""What is kept of a body that passes by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcam.capture.body import BodyBuffer, Budget


def buffer(limit, *chunks, lines=False, budget=None):
    made = BodyBuffer(limit, budget or Budget(1 << 30), lines=lines)
    for chunk in chunks:
        made.add(chunk)
    return made


@given(st.lists(st.binary(max_size=20)), st.integers(1, 60))
def test_a_plain_body_is_its_first_bytes(chunks, limit):
    """At most `limit` bytes from the start are kept; all are counted."""
    made = buffer(limit, *chunks)
    whole = b"".join(chunks)
    assert made.body() == whole[:limit]
    assert made.total_bytes == len(whole)
    assert made.truncated == (len(whole) > limit)


@given(st.lists(st.binary(max_size=20)), st.integers(4, 60), st.integers(0, 80))
def test_the_budget_is_never_overdrawn_and_gets_all_back(chunks, limit, budget_bytes):
    """What is held never exceeds the limit nor the budget; release gives it back, once."""
    budget = Budget(budget_bytes)
    for lines in (False, True):
        made = BodyBuffer(limit, budget, lines=lines)
        for chunk in chunks:
            made.add(chunk)
            assert 0 <= budget.taken <= min(limit, budget_bytes)
        made.release()
        made.release()
        assert budget.taken == 0


@given(st.lists(st.text("ab\n", max_size=9).map(str.encode), max_size=40), st.integers(8, 60))
def test_lines_keep_head_and_tail(chunks, limit):
    """A body of lines that is too long loses whole lines in its middle only."""
    made = buffer(limit, *chunks, lines=True)
    whole = b"".join(chunks)
    if len(whole) <= limit:
        assert made.body() == whole
        return
    head, _, rest = made.body().partition(b"\n: [dashcam: ")
    omitted, _, tail = rest.partition(b" bytes omitted]\n\n")
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + len(tail) + int(omitted) == len(whole)
    assert not head or head.endswith(b"\n")


def test_the_last_event_of_a_long_stream_is_kept():
    """Token use is in the last event: it survives, however long the stream was."""
    made = buffer(
        1000,
        *[b"data: %d\n\n" % number for number in range(10_000)],
        b"data: usage\n\n",
        lines=True,
    )
    assert made.body().endswith(b"data: 9999\n\ndata: usage\n\n")
    assert made.body().startswith(b"data: 0\n\ndata: 1\n\n")
    assert made.truncated


@pytest.mark.parametrize("lines", [False, True])
def test_one_line_longer_than_the_limit(lines):
    """A single endless line is bounded too."""
    made = buffer(100, *[b"x" * 33] * 50, lines=lines)
    assert len(made.body()) <= 160
    assert made.truncated


def test_limit_0_keeps_nothing_but_counts():
    """With limit 0 there is no body, only its size."""
    made = buffer(0, b"abc")
    assert (made.body(), made.total_bytes, made.truncated) == (None, 3, True)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_mutable_chunks_are_copied(kind):
    """A chunk that changes later doesn't change what was kept."""
    source = bytearray(b"before")
    made = buffer(100, kind(source))
    source[:] = b"AFTER!"
    assert made.body() == b"before"
