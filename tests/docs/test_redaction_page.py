"""Every promise of docs/reference/redaction.md is kept: each line of its tables is an exchange.

The page is read as it is committed. A line says where a text is sent, as what, what is kept of it,
and what `redacted` says; see "What is kept" there for how the cells are written.
"""

import gzip
import json
import re
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import brotli
import pytest
import zstandard
from tests.docs.test_docs import generated

from dashcam.exchange import Exchange
from dashcam.redaction import Redactor, scrub
from dashcam.redaction.known import MOST_VALUES
from dashcam.redaction.shapes import SHAPES
from dashcam.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/reference/redaction.md").read_text()
LEAST_LINES = {
    "JSON": 34,
    "Names": 13,
    "Names of your own": 10,
    "Names in place of the defaults": 5,
    "JSON under another content type": 13,
    "Lines and events": 22,
    "Forms": 17,
    "Multipart": 9,
    "XML and HTML": 29,
    "Tables": 6,
    "Text": 32,
    "Compressed bodies": 10,
    "Bodies that were cut": 21,
    "Bodies that can't be read": 19,
    "Binary types": 3,
    "Headers": 18,
    "Query, path, and what is known before the body": 16,
    "Errors": 11,
    "Tags": 6,
    "Removed once, removed everywhere": 31,
    "What stays": 10,
    "Personal data": 11,
}
"""How many lines each table has at least: a table that isn't found would prove nothing."""
KINDS = (
    "request body", "request body, gzip", "request body, gzip in two members", "request body, deflate",
    "request body, deflate without header", "request body, gzip, cut", "request body, compress",
    "request body, cut", "request body, UTF-16", "request body, UTF-16 without a mark", "response body",
    "response body, br", "response body, zstd", "response body, cut", "request header", "response header",
    "query", "path", "error message", "traceback", "tags", "user agent", "client address",
)  # fmt: skip
COLUMNS = {
    "query": "query",
    "path": "path",
    "error message": "error_message",
    "traceback": "error_traceback",
    "client address": "client_ip",
    "user agent": "user_agent",
}
SECRETS = re.compile(r"hunter2|swordfish\b|s3cr3t|aB3dE5f|MIIEvQ|ngeVfQ|4111 1111|cat is on")
"""What the examples hide."""


class Line(NamedTuple):
    """One line of a table: a part of an exchange, and what is kept of it."""

    what: str
    place: str
    content_type: str
    sent: bytes
    kept: str | None
    in_base64: bool
    redacted: list[str]


class Case(NamedTuple):
    """The lines of one exchange, and the settings under which it is redacted."""

    section: str
    settings: dict[str, list[str]]
    lines: list[Line]


_ESCAPE = re.compile(r"\\(?:(n|r|t|\\)|x([0-9a-f]{2})|u([0-9a-f]{4}))|\\")


def decoded(cell: str) -> bytes:
    """Read inline code of the page."""

    def sign(match: re.Match[str]) -> str:
        short, byte, character = match.groups()
        if short:
            return {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}[short]
        if byte:
            # A byte that is no text: it comes out again below.
            return chr(int(byte, 16)) if int(byte, 16) < 128 else chr(0xDC00 + int(byte, 16))
        if character:
            return chr(int(character, 16))
        raise ValueError(f"an escape that isn't documented: {cell}")

    match = re.fullmatch(r"`([^`]+)`", cell)
    assert match is not None, f"no inline code: {cell!r}"
    return _ESCAPE.sub(sign, match[1]).encode("utf-8", "surrogateescape")


def rows(text: str) -> list[list[str]]:
    """Give the cells of the only table of a text, without its head."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"[|-]+", table[1]), table[:2]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def section(title: str, level: int) -> str:
    """Give what stands under a heading."""
    sign = "#" * level
    _, found, rest = PAGE.partition(f"\n{sign} {title}\n")
    assert found, f"no heading {title!r}"
    return re.split(rf"\n#{{1,{level}}} ", rest, maxsplit=1)[0]


def line_of(cells: list[str]) -> Line:
    what, place, content_type, sent, kept, names = cells
    in_base64 = kept.startswith("base64 ")
    return Line(
        what,
        place,
        "" if content_type in ("", "none") else decoded(content_type).decode(),
        b"" if sent == "nothing" else decoded(sent),
        None if kept == "nothing" else decoded(kept.removeprefix("base64 ")).decode(),
        in_base64,
        [decoded(name).decode() for name in re.findall(r"`[^`]*`", names)],
    )


def cases() -> list[Case]:
    """Read the promises of the page."""
    found = []
    for part in section("What is kept", 2).split("\n### ")[1:]:
        title = part.partition("\n")[0]
        before = part.partition("\n|")[0]
        settings = {
            name: text.split(",") for name, text in re.findall(r'`(\w+)="([^"`]+)"`', before)
        }
        groups: list[list[Line]] = []
        for cells in rows(part):
            line = line_of(cells)
            if line.what == "+":
                groups[-1].append(line)
            else:
                groups.append([line])
        found += [Case(title, settings, lines) for lines in groups]
    return found


CASES = cases()


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODERS: dict[str, tuple[str, Any]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip in two members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "not gzip": ("gzip", bytes),
    "deflate": ("deflate", zlib.compress),
    "deflate without header": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "compress": ("compress", bytes),
}
GZIP_END = 8
"""Bytes of gzip's trailer: without it the whole text is there, and nothing says so."""


def put(exchange: Exchange, line: Line) -> None:
    """Put what a line sends into an exchange."""
    place, *ways = line.place.split(", ")
    side, _, part = place.partition(" ")
    if part == "body":
        headers = getattr(exchange, f"{side}_headers")
        data = line.sent
        if line.content_type:
            headers.append((b"content-type", line.content_type.encode()))
        for way in ways:
            if way == "UTF-16":
                data = data.decode().encode("utf-16")
            elif way == "UTF-16 without a mark":
                data = data.decode().encode("utf-16-le")
            elif way == "cut":
                setattr(exchange, f"{side}_body_truncated", True)
                data = data[:-GZIP_END] if "gzip" in ways else data
            else:
                name, encode = ENCODERS[way]
                headers.append((b"content-encoding", name.encode()))
                data = encode(data)
        setattr(exchange, f"{side}_body", data)
    elif part == "header":
        name, _, value = line.sent.partition(b": ")
        getattr(exchange, f"{side}_headers").append((name, value))
    elif place == "tags":
        exchange.tags = json.loads(line.sent)
    else:
        setattr(exchange, COLUMNS[place], line.sent.decode())


def left(exchange: Exchange, line: Line) -> str | None:
    """Give what is kept of what a line sent."""
    place, *ways = line.place.split(", ")
    side, _, part = place.partition(" ")
    if part == "body":
        body = getattr(exchange, f"{side}_body")
        encoding = None if body is None else "base64" if line.in_base64 else "utf-8"
        assert getattr(exchange, f"{side}_body_encoding") == encoding
        assert getattr(exchange, f"{side}_body_truncated") == ("cut" in ways)
        return body
    if part == "header":
        name = line.sent.partition(b": ")[0].decode().lower()
        found = [
            f"{name}: {value}"
            for each, value in getattr(exchange, f"{side}_headers")
            if each == name
        ]
        return found[0] if found else None
    if place == "tags":
        return json.dumps(exchange.tags, separators=(",", ":"), ensure_ascii=False)
    return getattr(exchange, COLUMNS[place])


def case_id(case: Case) -> str:
    return f"{case.section}: {case.lines[0].what}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_promise_is_kept(case):
    """What is sent is kept as the line says, also when every name has been seen before."""
    redactor = Redactor(Settings(environ={}, **case.settings))
    for _ in range(2):
        exchange = Exchange(request_headers=[], response_headers=[])
        for line in case.lines:
            put(exchange, line)
        redactor.redact(exchange)
        assert redactor.failures == 0
        assert [left(exchange, line) for line in case.lines] == [line.kept for line in case.lines]
        assert exchange.redacted == sorted({name for line in case.lines for name in line.redacted})


PIECES = ("hunter2", "s3cr3t7abc", "aB3dE5fG7hJ9", "MIIEvQ", "ngeVfQFYQ")
ONLY_THE_END_TELLS = (
    "JSON: a pair, value first",
    "Text: a URL with a token for a user",
    "Text: behind the word alone, with letters and digits",
    "XML and HTML: an attribute without quotes",
)
"""The page says so under "What is not promised"."""


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.lines[0].place in ("request body", "response body")
        and len(case.lines) == 1
        and case.section != "Bodies that can't be read"
        and case_id(case) not in ONLY_THE_END_TELLS
    ],
    ids=case_id,
)
def test_a_promise_holds_wherever_the_body_is_cut(case):
    """No cut leaves a secret of a line, or four characters of its beginning."""
    (line,) = case.lines
    side = line.place.partition(" ")[0]
    hidden = [
        piece for piece in PIECES if piece.encode() in line.sent and piece not in (line.kept or "")
    ]
    for end in range(1, len(line.sent) if hidden else 0):
        exchange = Exchange(request_headers=[], response_headers=[])
        put(exchange, line._replace(sent=line.sent[:end]))
        setattr(exchange, f"{side}_body_truncated", True)
        redact(exchange, **case.settings)
        kept = getattr(exchange, f"{side}_body") or ""
        for piece in hidden:
            assert piece[:4] not in kept, (line.sent[:end], kept)


def test_every_table_is_read():
    """No table is missing or emptied, and every kind of place is there."""
    counts = dict.fromkeys(LEAST_LINES, 0)
    for case in CASES:
        counts[case.section] += len(case.lines)
    assert {title for title, count in counts.items() if count < LEAST_LINES[title]} == set()
    places = {line.place for case in CASES for line in case.lines}
    assert set(KINDS) <= places, set(KINDS) - places
    assert len(CASES) == len({case_id(case) for case in CASES}), "two promises have one name"


def test_no_example_keeps_its_secret():
    """The page itself doesn't promise to keep what it hides elsewhere."""
    for case in CASES:
        for line in case.lines:
            if line.kept is not None and line.kept.encode() != line.sent:
                assert SECRETS.search(line.kept) is None, line


def test_every_name_in_redacted_is_explained():
    """The table of what `redacted` says has each form that occurs in the promises."""
    forms = [
        re.escape(form).replace("x", ".+")
        for row in rows(section("What `redacted` says", 3))
        for form in re.findall(r"`([^`]+)`", row[0])
    ]
    for case in CASES:
        for line in case.lines:
            for name in line.redacted:
                assert re.fullmatch("|".join(forms), name), name


def test_every_rule_is_documented():
    """Each list of rules.py is in the page, with exactly its words."""
    lists = generated().rule_lists()
    assert lists
    text = section("Names", 2)
    for name, (words, doc) in lists.items():
        title = f"**{name.replace('_', ' ').capitalize()}**: {doc}\n\n"
        assert title in text, name
        listed = text.partition(title)[2].partition("\n")[0]
        assert re.findall(r"`([^`]+)`", listed) == list(words)


# ---- Shapes.

SHOWN = rows(section("Shapes", 2))
PLACES = {
    "a JSON string": (
        "application/json",
        lambda text: json.dumps({"note": text}, ensure_ascii=False),
    ),
    "a text": ("text/plain", lambda text: f"see {text}"),
    "a form": ("application/x-www-form-urlencoded", lambda text: "a=1&note=" + quoted(text)),
}


def quoted(text: str) -> str:
    return "".join(sign if sign.isalnum() else f"%{ord(sign):02X}" for sign in text)


def secret_of(shape, example: str) -> str:
    """Give what is the secret of an example: the group `secret` of the shape's pattern."""
    for at in range(len(example)):
        match = shape.pattern.match(example, at)
        if match is not None and match["secret"]:
            return match["secret"]
    raise AssertionError(f"{shape.kind} doesn't match its example")


def test_every_shape_is_shown():
    """The table of shapes has each row of `SHAPES`, in order, with its examples."""
    assert len(SHOWN) == len(SHAPES) >= 15
    for cells, shape in zip(SHOWN, SHAPES, strict=True):
        kind, begins, doc, example, innocent = cells
        assert (kind, doc) == (f"`{shape.kind}`", shape.doc)
        assert [decoded(each).decode() for each in begins.split()] == list(shape.prefixes)
        assert (decoded(example).decode(), decoded(innocent).decode()) == (
            shape.example,
            shape.innocent,
        )


shapes = pytest.mark.parametrize(
    ("shape", "example", "innocent"),
    [
        (shape, decoded(cells[3]).decode(), decoded(cells[4]).decode())
        for cells, shape in zip(SHOWN, SHAPES, strict=False)
    ],
    ids=[f"{cells[0]}-{decoded(cells[1].split()[0]).decode()}" for cells in SHOWN],
)


@shapes
def test_a_shape_is_removed_everywhere(shape, example, innocent):
    """In free text, a JSON string, a text, a form, a header, a query and an error its example loses its secret."""
    secret = secret_of(shape, example)
    pieces = [piece for piece in secret.split("\n") if len(piece) > 3]
    kept = {"scrub": scrub(example)}
    for where, (content_type, write) in PLACES.items():
        exchange = Exchange(
            request_headers=[(b"content-type", content_type.encode())],
            request_body=write(example).encode(),
        )
        redact(exchange)
        kept[where] = exchange.request_body
        assert exchange.redacted == [f"body:{shape.kind}"], where
        if where == "a JSON string":
            json.loads(exchange.request_body)
    exchange = Exchange(
        request_headers=[(b"x-note", example.encode())],
        query="a=1&note=" + quoted(example),
        error_message=f"ValueError: {example}",
    )
    redact(exchange)
    assert exchange.redacted == ["error", "header:x-note", f"query:{shape.kind}"]
    kept |= {
        "a header": exchange.request_headers[0][1],
        "a query": exchange.query,
        "an error": exchange.error_message,
    }
    for where, text in kept.items():
        assert "[redacted]" in text, where
        assert not [piece for piece in pieces if piece in text or quoted(piece) in text], (
            where,
            text,
        )


@shapes
def test_a_text_that_looks_similar_stays(shape, example, innocent):
    """What only resembles a shape stays as it is."""
    assert scrub(innocent) == innocent
    exchange = Exchange(request_headers=[(b"x-note", innocent.encode())], error_message=innocent)
    redact(exchange)
    assert (exchange.request_headers, exchange.error_message) == ([("x-note", innocent)], innocent)


def redact(exchange: Exchange, **settings: Any) -> Exchange:
    redactor = Redactor(Settings(environ={}, **settings))
    redactor.redact(exchange)
    assert redactor.failures == 0
    return exchange


# ---- Bounds, and columns that follow their headers.

HOSTILE = {
    "JSON": ("application/json", "[" + '{"password":"hunter2"},' * 12_000 + "1]"),
    "JSON in strings": (
        "application/json",
        "[" + '"{\\"password\\":\\"hunter2\\"}",' * 10_000 + "1]",
    ),
    "lines": ("application/x-ndjson", '{"token":"hunter2"}\n' * 13_000),
    "events": ("text/event-stream", 'data: {"token":"hunter2"}\n\n' * 10_000),
    "a form": ("application/x-www-form-urlencoded", "password=hunter2&" * 16_000),
    "multipart": (
        "multipart/form-data; boundary=b",
        '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n' * 4_000
        + "--b--\r\n",
    ),
    "XML": ("application/xml", "<a>" + "<password>hunter2</password>" * 9_000 + "</a>"),
    "CSV": ("text/csv", "id,password\n" + "1,hunter2\n" * 26_000),
    "text": ("text/plain", "password=hunter2 " * 15_000),
    "shapes": ("text/plain", "://ann:hunter2@h " * 15_000),
    "quotes": ("text/plain", "password='" * 26_000),
    "brackets": ("text/plain", "password={" * 26_000),
    "escapes": ("text/plain", "pin%3dhunter2 " * 21_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_beyond_its_budget_the_rest_is_not_kept(name):
    """Of 256 KiB that are nothing but secrets a beginning is kept, and `redacted` says so."""
    content_type, body = HOSTILE[name]
    exchange = Exchange(
        request_headers=[(b"content-type", content_type.encode())], request_body=body.encode()
    )
    before = time.thread_time()
    redact(exchange, max_body_bytes=1 << 20)
    took = time.thread_time() - before
    assert exchange.request_body
    assert "hunter2" not in exchange.request_body
    assert "[redacted]" in exchange.request_body
    assert "body:rest" in exchange.redacted
    assert exchange.request_body_truncated
    assert took < 1, f"{took:.2f} s"


LARGE = {
    "JSON": (
        "application/json",
        json.dumps([{"name": "ann", "id": n, "at": "x"} for n in range(6_000)]),
    ),
    "lines": ("application/x-ndjson", '{"level":"info","took_ms":12}\n' * 8_000),
    "events": ("text/event-stream", 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n' * 5_000),
    "a form": (
        "application/x-www-form-urlencoded",
        "&".join(["note=" + "word+" * 12] * 3_500),
    ),
    "XML": ("application/xml", "<a>" + '<row id="7"><name>ann</name></row>' * 7_000 + "</a>"),
    "CSV": ("text/csv", "id,name\n" + "1,ann\n" * 40_000),
    "text": (
        "text/plain",
        "".join(f"level=info path=/x user=ann{n} took=12ms\n" for n in range(5_500)),
    ),
    "prose": ("text/plain", "Note: the quick brown fox jumps over the lazy dog.\n" * 5_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_body_without_secrets_is_kept_whole(name):
    """Nor is its end dropped when its names are seen for the first time."""
    content_type, body = LARGE[name]
    assert 150_000 < len(body) < 256 << 10
    headers = [(b"content-type", content_type.encode())]
    exchange = redact(Exchange(request_headers=headers, request_body=body.encode()))
    assert exchange.request_body == body
    assert (exchange.redacted, exchange.request_body_truncated) == ([], False)


@pytest.mark.parametrize(
    ("header", "column", "instead"),
    [
        ("host", "host", None),
        ("user-agent", "user_agent", None),
        ("x-request-id", "request_id", "the trace"),
        ("traceparent", "trace_id", None),
    ],
)
def test_a_column_follows_its_header(header, column, instead):
    """A header that the settings remove is in no column either."""
    fields = {
        "host": "h",
        "user_agent": "u",
        "request_id": "r",
        "trace_id": "the trace",
        "span_id": "s",
    }
    exchange = Exchange(request_headers=[(header.encode(), b"x")], **fields)
    redact(exchange, redact_headers=[header])
    assert getattr(exchange, column) == instead
    assert exchange.request_headers == []
    assert exchange.redacted == [f"header:{header}"]


def test_values_beyond_the_bound_are_not_searched_for():
    """Only so many of the values that were removed are searched for elsewhere."""
    query = "&".join(f"token={number:03}hunter" for number in range(MOST_VALUES + 6))
    last, beyond = f"{MOST_VALUES - 1:03}hunter", f"{MOST_VALUES:03}hunter"
    exchange = redact(Exchange(query=query, error_message=f"{last}, {beyond}"))
    assert exchange.error_message == f"[redacted], {beyond}"
