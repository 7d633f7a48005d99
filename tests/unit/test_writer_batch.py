"""Decisions of the writer: when, which, how long; no clock, no files."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashcam.exchange import Exchange
from dashcam.journal import Lines
from dashcam.settings import Settings
from dashcam.writer.batch import is_due, line_key, reduce_batch
from dashcam.writer.retry import backoff_s

SETTINGS = Settings(environ={}, batch_size=10, batch_bytes=1000, batch_interval_s=1.0)


@pytest.mark.parametrize(
    ("records", "size", "waiting_s", "at_once", "due"),
    [
        (0, 0, 99.0, True, False),
        (1, 10, 0.5, False, False),
        (1, 10, 1.0, False, True),
        (10, 10, 0.0, False, True),
        (2, 1000, 0.0, False, True),
        (1, 10, 0.0, True, True),
    ],
    ids=["nothing waits", "too early", "timer", "size", "bytes", "flush"],
)
def test_timer_and_size_both_trigger(records, size, waiting_s, at_once, due):
    """A batch is sent by size, bytes, interval, or because somebody waits for it."""
    assert is_due(SETTINGS, records=records, size=size, waiting_s=waiting_s, at_once=at_once) is due


def line(**fields):
    return msgspec.json.encode(Exchange(**fields)) + b"\n"


def test_line_key_reads_what_the_encoder_writes():
    """The quick look at a line's beginning agrees with decoding it, and falls back to that."""
    exchange = Exchange(revision=2)
    assert line_key(msgspec.json.encode(exchange)) == (exchange.id.encode(), 2)
    assert line_key(b'{"revision":1,"id":"x"}') == (b"x", 1)
    with pytest.raises(msgspec.MsgspecError):
        line_key(b'{"a":1}')


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=30))
def test_a_batch_has_each_id_once_in_its_highest_revision(parts):
    """One line an id; weights add up to the records counted."""
    ids = [f"{number:036d}" for number in range(6)]
    lines = [line(id=ids[number], revision=revision) for number, revision, _ in parts]
    reduced, expired = reduce_batch(
        Lines.of(lines, bytes(counted for *_, counted in parts)), before=None
    )
    keys = [line_key(each) for each in reduced.split()]
    assert len({key for key, _ in keys}) == len(keys)
    highest = {}
    for number, revision, _ in parts:
        highest[ids[number].encode()] = max(revision, highest.get(ids[number].encode(), 0))
    assert dict(keys) == highest
    assert (sum(reduced.counts), expired) == (sum(counted for *_, counted in parts), 0)


def test_a_line_that_cant_be_read_is_kept_for_the_store_to_refuse():
    """Garbage is not dropped here: the store refuses it, and it goes to the failed file."""
    lines = Lines.of([b"garbage\n", line(), b"garbage\n"], bytes([1, 1, 1]))
    reduced, _ = reduce_batch(lines, before=None)
    assert reduced.split().count(b"garbage\n") == 2


def test_expired_records_are_taken_out():
    """Older than the retention: counted, not sent."""
    old = line(request_timestamp="2020-01-01T00:00:00.000000Z")
    new = line(request_timestamp="2026-01-01T00:00:00.000000Z")
    lines = Lines.of([old, new], bytes([1, 1]))
    fresh, expired = reduce_batch(lines, before="2025-01-01T00:00:00.000000Z")
    assert (fresh.split(), list(fresh.counts), expired) == ([new], [1], 1)
    assert reduce_batch(lines, before=None) == (lines, 0)


def test_a_common_batch_goes_as_it_is():
    """Nothing is taken apart where each id is there once and none is too old."""
    lines = Lines.of([line() for _ in range(500)], bytes([1]) * 500)
    assert reduce_batch(lines, before="2020-01-01T00:00:00.000000Z")[0] is lines


def test_lines_are_taken_apart_as_they_were_put_together():
    """Also halved, also empty ones and those without a newline."""
    kept = [b"one\n", b"", b"two\nthree", b"four\n"]
    lines = Lines.joined([Lines.of(kept[:2], b"\1\0"), Lines.of(kept[2:], b"\1\1")])
    assert (lines.split(), lines.counts, len(lines)) == (kept, b"\1\0\1\1", 4)
    first, second = lines.halves()
    assert (first.split(), second.split()) == (kept[:2], kept[2:])
    assert (first.counts, second.counts) == (b"\1\0", b"\1\1")
    assert Lines.joined([]) == Lines()


@given(st.integers(1, 500), st.floats(0, 1, exclude_max=True))
def test_backoff_grows_is_capped_and_jittered(attempt, chance):
    """Full jitter: from 0 to the bound, which doubles up to its cap."""
    bound = min(30.0, 0.1 * 2 ** min(attempt - 1, 60))
    assert backoff_s(attempt, initial_s=0.1, most_s=30.0, random=lambda: chance) == bound * chance
