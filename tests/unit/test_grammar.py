"""The filter grammar: what people type is what is asked."""

import pytest

from dashcam.access.quota import parse_quota
from dashcam.errors import QueryError
from dashcam.history.filters import parse_duration_ms, parse_rfc3339
from dashcam.history.grammar import parse_filter
from dashcam.store.base import Query, Scope


def asked(**conditions):
    return Query(scope=Scope.all(), **conditions)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", asked()),
        ("status:404", asked(status=(404, 404))),
        ("status:4xx", asked(status=(400, 499))),
        ("status:5xx", asked(errors_only=True)),
        ("is:error", asked(errors_only=True)),
        ("method:post,get", asked(methods=("POST", "GET"))),
        ("path:/v1 user:u_1", asked(path_prefix="/v1", user_id="u_1")),
        ('path:"/a b"', asked(path_prefix="/a b")),
        ("duration:>500ms", asked(min_duration_ms=500)),
        ("duration:<1.5s", asked(max_duration_ms=1500)),
        ("duration:100ms-1s", asked(min_duration_ms=100, max_duration_ms=1000)),
        ("key:k_1 trace:t request:r", asked(api_key_id="k_1", trace_id="t", request_id="r")),
        ("outcome:failed,dropped", asked(outcomes=("failed", "dropped"))),
        ("two words", asked(text="two words")),
        ('"say \\"hi\\""', asked(text='say "hi"')),
        ("body:needle", asked(text="needle", text_in_bodies=True)),
        ("http://a/b status:200", asked(text="http://a/b", status=(200, 200))),
        ("from:2026-01-31T12:00:00Z", asked(from_="2026-01-31T12:00:00.000000Z")),
    ],
)
def test_what_is_typed_is_what_is_asked(text, query):
    """Each key and form of value of the grammar."""
    assert parse_filter(text, scope=Scope.all()) == query


@pytest.mark.parametrize(
    "text",
    ["stauts:5xx", "status:abc", "duration:5", "outcome:sad", '"open', "is:blue", 'path:""'],
)
def test_a_mistake_is_named(text):
    """A wrong key or value is a QueryError, never ignored."""
    with pytest.raises(QueryError):
        parse_filter(text, scope=Scope.all())


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("100/minute", [(None, 100, 60)]),
        ("100/minute;10000/day", [(None, 100, 60), (None, 10000, 86400)]),
        ("10000/day; 5 per 2 hours", [(None, 5, 7200), (None, 10000, 86400)]),
        ("tokens:50000/day", [("tokens", 50000, 86400)]),
    ],
)
def test_a_quota_is_read(text, windows):
    """Windows, shortest first, with their units."""
    found = [(window.unit, window.limit, window.period_s) for window in parse_quota(text)]
    assert found == windows


@pytest.mark.parametrize(
    "text", ["", ";", "lots", "0/minute", "5/parsec", "to kens:5/day", ":5/day"]
)
def test_a_bad_quota_is_named(text):
    """What can't be read is a QueryError with an example."""
    with pytest.raises(QueryError, match="100/minute"):
        parse_quota(text)


def test_times_and_durations():
    """RFC 3339 with any offset, also when its plus sign was decoded to a space."""
    assert parse_rfc3339("2026-01-31T12:00:00+02:00", name="x") == "2026-01-31T10:00:00.000000Z"
    assert parse_rfc3339("2026-01-31T12:00:00 02:00", name="x") == "2026-01-31T10:00:00.000000Z"
    assert parse_rfc3339("2026-01-31t12:00:00.1234567z", name="x") == "2026-01-31T12:00:00.123456Z"
    assert parse_duration_ms("2m") == 120_000
    for text in ("2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "0001-01-01T00:00:00+14:00", "now"):
        with pytest.raises(QueryError):
            parse_rfc3339(text, name="x")
