"""Every row of the table of shapes works everywhere: deleting or adding one on one side turns red.

The suite runs twice, with the compiled module and without it (see the Makefile).
"""

import json
import re
from html import escape
from urllib.parse import quote

import msgspec
import pytest
from tests.drive import body_messages, drive, http_scope

from dashcam.redaction import scrub
from dashcam.redaction.places import (
    ANYTHING,
    BLANK,
    FIRST_SHAPE,
    KIND_BITS,
    NO_KEY,
    TABLE,
    USER,
    find_places,
)
from dashcam.redaction.shapes import SHAPES, Shape
from dashcam.testing import MemoryRecorder

ROWS = [
    pytest.param(shape, id=f"{number}-{shape.prefixes[0]}") for number, shape in enumerate(SHAPES)
]


def secret_of(shape: Shape) -> str:
    """Give what must go from a row's example, by its own pattern."""
    at = min(
        position
        for prefix in shape.prefixes
        if (position := shape.example.lower().find(prefix)) >= 0
    )
    match = shape.pattern.match(shape.example, at)
    assert match is not None
    assert match["secret"]
    return match["secret"]


def pieces_of(secret: str) -> list[str]:
    """Give the runs of letters and digits of a secret: no writing of it changes them."""
    return [piece for piece in re.findall(r"[A-Za-z0-9]{6,}", secret) if not piece.isupper()] or [
        secret
    ]


def text_body(text):
    return text.encode(), "text/plain"


BODIES = {
    "text": text_body,
    "json": lambda text: (json.dumps({"note": text}).encode(), "application/json"),
    "json in json": lambda text: (
        json.dumps({"note": json.dumps([text])}).encode(),
        "application/json",
    ),
    "form": lambda text: (
        f"note={quote(text, safe='')}&a=1".encode(),
        "application/x-www-form-urlencoded",
    ),
    "xml": lambda text: (f"<r><note>{escape(text)}</note></r>".encode(), "application/xml"),
    "events": lambda text: (
        f"data: {json.dumps({'note': text})}\n\n".encode(),
        "text/event-stream",
    ),
    "lines": lambda text: (
        f'{{"a":1}}\n{json.dumps({"note": text})}\n'.encode(),
        "application/x-ndjson",
    ),
    "multipart": lambda text: (
        f'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\n{text}\r\n--B--\r\n'.encode(),
        "multipart/form-data; boundary=B",
    ),
    "no type": lambda text: (json.dumps({"note": text}).encode(), ""),
}


def recorded(content=b"", content_type="", *, error=None, path="/p", query="", headers=()):
    """Record one exchange twice (the second time names are known) and give both lines."""
    recorder = MemoryRecorder()
    kind = [("content-type", content_type.encode())] if content_type else []

    async def app(scope, receive, send):
        await receive()
        if error is not None:
            raise RuntimeError(error)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(name.encode(), value) for name, value in [*kind, *headers]],
            }
        )
        await send({"type": "http.response.body", "body": content})

    for _ in range(2):
        scope = http_scope(path=path, query_string=query.encode(), headers=[*kind, *headers])
        drive(app, recorder=recorder, scope=scope, incoming=body_messages(content))
    assert recorder.statistics().capture_errors == 0
    return [msgspec.json.encode(each) for each in recorder.exchanges()]


def assert_gone(shape, lines):
    assert len(lines) == 2
    for line in lines:
        for piece in pieces_of(secret_of(shape)):
            assert piece.encode() not in line, line


@pytest.mark.parametrize("shape", ROWS)
def test_the_example_goes_from_free_text(shape):
    """What a row calls a secret is removed from free text, and what looks similar stays."""
    assert secret_of(shape) not in scrub(f"seen {shape.example} there")
    assert scrub(shape.innocent) == shape.innocent


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("shape", ROWS)
def test_the_example_reaches_no_line_through_a_body(shape, kind):
    """It goes from bodies of every format, in both directions, also the second time."""
    assert_gone(shape, recorded(*BODIES[kind](shape.example)))


@pytest.mark.parametrize("shape", ROWS)
def test_the_example_reaches_no_line_elsewhere(shape):
    """It goes from headers, the query, the path, and the error with its traceback."""
    one_line = shape.example.replace("\n", " ")
    if shape.kind != "private_key":
        assert_gone(shape, recorded(headers=[("x-note", one_line.encode())]))
        assert_gone(shape, recorded(path=f"/x/{one_line}"))
    assert_gone(shape, recorded(query=f"note={quote(shape.example, safe='')}"))
    assert_gone(shape, recorded(error=f"got {shape.example}"))


@pytest.mark.parametrize("shape", ROWS)
def test_the_innocent_example_stays(shape):
    """What only looks similar is kept as it is, in text and in errors."""
    lines = recorded(*text_body(shape.innocent))
    assert all(json.loads(line)["response_body"] == shape.innocent for line in lines)
    lines = recorded(error=shape.innocent)
    assert all(json.loads(line)["error_message"] == shape.innocent for line in lines)


BEHIND = {ANYTHING: "", NO_KEY: " ", BLANK: " ", USER: "u:p@h"}


@pytest.mark.parametrize(("literal", "kind", "follows"), TABLE, ids=[row[0] for row in TABLE])
def test_each_literal_makes_a_place(literal, kind, follows):
    """The search, compiled or not, finds each literal of the table, in any case."""
    behind = BEHIND[follows]
    for text in (literal + behind, literal.upper() + behind, f"é {literal}{behind} "):
        found = find_places(text.ljust(4), set(), set(), 100)
        assert text.lower().index(literal) << KIND_BITS | kind in found


def test_a_shape_is_linear_by_its_form():
    """A pattern matches all that it has examined, or its least length is short."""
    for number, shape in enumerate(SHAPES):
        for prefix in shape.prefixes:
            assert prefix == prefix.lower()
            assert (prefix, FIRST_SHAPE + number) in [row[:2] for row in TABLE]
        assert FIRST_SHAPE + number < 1 << KIND_BITS
