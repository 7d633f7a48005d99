"""Pages and cursors, for random data: joined pages are one big query, a changed cursor is none."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashcam.errors import QueryError
from dashcam.exchange import Exchange, timestamp
from dashcam.history.cursor import decode_cursor, encode_cursor
from dashcam.history.page import read_page
from dashcam.store import open_store
from dashcam.store.base import Query, Scope

SECRET = b"s" * 32
POSITIONS = st.tuples(st.text(max_size=30), st.text(max_size=40))
SCOPES = st.one_of(st.just(Scope.all()), st.text(min_size=1, max_size=8).map(Scope.of))


@given(position=POSITIONS, scope=SCOPES, path=st.none() | st.text(max_size=5))
def test_a_cursor_gives_its_position_back(position, scope, path):
    """Whatever the position and the question, the cursor leads back to it."""
    query = Query(scope=scope, path_prefix=path)
    assert decode_cursor(encode_cursor(position, query, SECRET), query, SECRET) == position


@given(position=POSITIONS, data=st.data())
def test_a_changed_cursor_is_refused(position, data):
    """Any change of a character, its length, the user, a filter or the secret: QueryError."""
    query = Query(scope=Scope.of("alice"))
    cursor = encode_cursor(position, query, SECRET)
    at = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.sampled_from("ABCabc012-_=~ \n").filter(lambda c: c != cursor[at]))
    changed = [cursor[:at] + character + cursor[at + 1 :], cursor[:at], cursor + "A", cursor + "="]
    for text in changed:
        with pytest.raises(QueryError, match="cursor"):
            decode_cursor(text, query, SECRET)
    for other in (
        Query(scope=Scope.of("bob")),
        Query(scope=Scope.all()),
        Query(scope=Scope.of("alice"), path_prefix="/a"),
    ):
        with pytest.raises(QueryError, match="cursor"):
            decode_cursor(cursor, other, SECRET)
    with pytest.raises(QueryError, match="cursor"):
        decode_cursor(cursor, query, b"t" * 32)


def test_a_made_up_cursor_is_refused():
    """Base64 of anything, empty, long and not ASCII: QueryError."""
    for text in ("", "A", "é", base64.urlsafe_b64encode(b"x" * 40).decode(), "A" * 10_000):
        with pytest.raises(QueryError, match="cursor"):
            decode_cursor(text, Query(scope=Scope.all()), SECRET)


ROWS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["alice", "bob", None])), max_size=60)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, limit=st.integers(1, 20), scope=st.sampled_from(["alice", None]))
def test_pages_joined_are_one_big_query(rows, limit, scope):
    """Many rows with the same time: each is on exactly one page, in the order of one query."""
    store = open_store("memory://")
    store.migrate()
    lines = b"".join(
        msgspec.json.encode(
            Exchange(request_timestamp=timestamp(second * 10**9), user_id=user, path="/")
        )
        + b"\n"
        for second, user in rows
    )
    if lines:
        store.insert(lines)
    query = Query(scope=Scope.of(scope) if scope else Scope.all(), limit=limit)
    found = []
    cursor = None
    while True:
        page = read_page(store, query, cursor=cursor, secret=SECRET)
        assert len(page.items) <= limit
        found += [item["id"] for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    whole = store.page(msgspec.structs.replace(query, limit=1000))
    assert found == [row.id for row in whole]
    assert len(whole) == sum(scope is None or user == scope for _, user in rows)
