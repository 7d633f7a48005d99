"""The compiled parts and their twins in Python do the same, whatever they are given."""

import html
import json
import mmap
import os
import random
import time
import uuid
from types import SimpleNamespace
from urllib.parse import quote
from zlib import crc32

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.drive import http_scope

from dashcam.capture.asgi import Capture
from dashcam.capture.observed import PythonObserved, entry_of
from dashcam.capture.quick import quick_line
from dashcam.exchange import FINISHED, Exchange
from dashcam.journal.frame import (
    AMENDED,
    FRAME_AFTER_PUBLISHED,
    GAP,
    RECORD,
    VOID,
    frame_crc,
    parse,
    read_lines,
    read_lines_in_python,
)
from dashcam.journal.lines import Lines
from dashcam.journal.pen import PythonPen
from dashcam.journal.slots import PythonSlots
from dashcam.native import native
from dashcam.redaction import Redactor, places, reader, shapes
from dashcam.settings import Settings
from dashcam.testing import MemoryRecorder
from dashcam.writer.batch import is_plain_in_python

pytestmark = pytest.mark.skipif(native is None, reason="dashcam._native was not compiled")

MAP_BYTES = 1 << 14


@given(data=st.binary(max_size=300), before=st.integers(0, 0xFFFFFFFF), more=st.integers(0, 5000))
def test_crc32(data, before, more):
    """It is zlib's CRC, for short and long data."""
    data += random.Random(more).randbytes(more)
    assert native.crc32(data, before) == crc32(data, before)


LINES = st.lists(
    st.tuples(st.binary(max_size=700), st.sampled_from([RECORD, AMENDED, GAP])), max_size=40
)


def pens(journal_id: int, segment_id: int):
    arguments = {
        "journal_id": journal_id,
        "segment_id": segment_id,
        "offset": 64,
        "capacity": MAP_BYTES,
    }
    first, second = mmap.mmap(-1, MAP_BYTES), mmap.mmap(-1, MAP_BYTES)
    return (first, native.Pen(first, **arguments)), (second, PythonPen(second, **arguments))


@given(lines=LINES, journal_id=st.integers(0, (1 << 64) - 1), segment_id=st.integers(1, 1 << 31))
def test_pen(lines, journal_id, segment_id):
    """Both pens leave the same bytes and counters, and refuse the same line."""
    (first, compiled), (second, python) = pens(journal_id, segment_id)
    for line, kind in lines:
        assert compiled.write(line, kind) == python.write(line, kind)
        for name in ("offset", "capacity", "sequence", "accepted", "segment_id"):
            assert getattr(compiled, name) == getattr(python, name)
    assert first[:] == second[:]
    for pen in (compiled, python):
        pen.seal()
        assert pen.write(b"x", RECORD) == 0
        pen.lift()
        assert pen.write(b"x", RECORD) == 0
    assert first[:] == second[:]


@given(
    lines=LINES,
    flips=st.lists(st.tuples(st.integers(0, MAP_BYTES - 1), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, MAP_BYTES),
    most=st.integers(1, 50),
    voids=st.sets(st.integers(0, 39)),
)
def test_read_lines(lines, flips, cut, most, voids):
    """Both see the same in whole, damaged and cut blocks, also where frames say nothing."""
    (block, pen), _ = pens(7, 3)
    for line, kind in lines:
        pen.write(line, kind)
    data = bytearray(block[:])
    arguments = {"base": 64, "limit": MAP_BYTES, "journal_id": 7, "segment_id": 3}
    frames = parse(bytes(data[64:]), **arguments, max_frames=100).frames
    for number in voids & set(range(len(frames))):
        void = frames[number]
        crc = frame_crc(
            journal_id=7,
            segment_id=3,
            offset=void.offset,
            length=len(void.payload),
            kind=VOID,
            sequence=void.sequence,
            accepted=void.accepted,
            payload_crc=0,
        )
        after = FRAME_AFTER_PUBLISHED.pack(crc, VOID, void.sequence, void.accepted)
        data[void.offset + 8 : void.offset + 8 + len(after)] = after
    for at, value in flips:
        data[at] = value
    block = bytes(data[64:cut])
    assert read_lines(block, **arguments, max_frames=most) == read_lines_in_python(
        block, **arguments, max_frames=most
    )
    pen.lift()


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 3)), max_size=20
    ),
    damage=st.none() | st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)),
    before=st.none() | st.integers(1, 14),
)
def test_is_plain_batch(parts, damage, before):
    """Both agree on which batch can go as it is, also where one byte of it is another."""
    lines = [
        msgspec.json.encode(
            Exchange(
                id=f"{number:036d}",
                revision=revision,
                request_timestamp=f"2026-01-{1 + day:02}T00:00:00.000000Z",
            )
        )
        + b"\n"
        for number, day, revision in parts
    ]
    if damage is not None and lines:
        at = damage[0] % 110  # what is looked at
        line = lines[damage[0] % len(lines)]
        lines[damage[0] % len(lines)] = line[:at] + bytes([damage[1]]) + line[at + 1 :]
    limit = b"" if before is None else b"2026-01-%02dT00:00:00.000000Z" % before
    batch = Lines.of(lines, bytes(len(lines)))
    plain = native.is_plain_batch(batch.text, batch.sizes, limit)
    event("plain" if plain else "not plain")
    assert plain == is_plain_in_python(batch, limit)
    short = Lines.of([line[: damage[0] % 120 if damage else None] for line in lines], batch.counts)
    assert native.is_plain_batch(short.text, short.sizes, limit) == is_plain_in_python(short, limit)


@given(
    steps=st.lists(st.one_of(st.binary(max_size=200), st.integers(0, 20)), max_size=60),
)
def test_slots(steps):
    """Both take and free the same slots, and leave the same bytes."""
    maps = mmap.mmap(-1, MAP_BYTES), mmap.mmap(-1, MAP_BYTES)
    arguments = {"first_at": 4096, "slot_bytes": 128, "slots": 6}
    both = native.Slots(maps[0], **arguments), PythonSlots(maps[1], **arguments)
    taken: list[int] = []
    for step in steps:
        if isinstance(step, bytes):
            slot, other = (slots.begin(step) for slots in both)
            assert slot == other
            if slot >= 0:
                taken.append(slot)
        elif taken:
            slot = taken.pop(step % len(taken))
            for slots in both:
                slots.end(slot)
        assert both[0].taken == both[1].taken == len(taken)
        assert both[0].overflows == both[1].overflows
    assert maps[0][:] == maps[1][:]
    for slots in both:
        slots.close()
        assert (slots.begin(b"x"), slots.taken) == (-1, 0)
        slots.end(4096)
    assert maps[0][:] == maps[1][:]


KEYS = st.sampled_from(
    ["model", "messages", "n", "Password", "api_key", "token", "tokens", "é", "", 'a"b', "x\\y"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(
        ['{"password": "x"}', '{"password"\n:1}', 'he said "hi": "yes"', '"', "\\", "a\u2028b"]
    ),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@st.composite
def json_bytes(draw) -> bytes:
    """JSON in some layout, at times damaged by one byte."""
    text = json.dumps(
        draw(VALUES),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1, "\t"])),
    )
    data = bytearray(text.encode())
    if draw(st.booleans()) and data:
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from(b'"\\{}[]:, \n\x00\x1f\x7f\x80\xc0\xed\xff0eE-+.utn'))
    return bytes(data)


def redactor_that_knows(*names: str) -> Redactor:
    """Give a redactor that has judged some names."""
    redactor = Redactor(Settings(environ={}))
    reader = redactor.reader()
    for name in names:
        reader.fields.verdict(name)
        reader.query.verdict(name)
    return redactor


def copied(data: bytes, redactor: Redactor) -> str | None:
    """Give what the compiled way makes of a body of JSON; None where it gives up."""
    observed = native.Observed()
    headers = {b"content-type": (1, "content-type", b'["content-type",', "", "")}
    constants = native.Constants(
        headers,
        {b"application/json": 1},
        *redactor.judged[2:],
        b"}",
        None,
        native.Budget(0),
        1 << 20,
        True,
    )
    recorder = SimpleNamespace(journal=None, constants=constants)
    headers = [(b"content-type", b"application/json")]
    observed.begin(recorder, 0, 0, "i", "GET", "http", "/", "", "1.1", None, headers)
    observed.request_body, observed.request_complete = data, True
    observed.status_code, observed.duration_ns = 200, 0
    line = native.encode_line(observed, "completed", *[None] * 9)
    return None if line is None else msgspec.json.decode(line)["request_body"]


@settings(max_examples=400)
@given(data=json_bytes())
def test_plain_json(data):
    """What the compiled way lets through is what redaction in Python lets through, unchanged."""
    redactor = redactor_that_knows("model", "messages", "n", "tokens", "é", "said")
    assert "password" not in redactor.judged[2]
    text = copied(data, redactor)
    event("compiled" if text is not None else "the long way")
    if text is not None:
        assert text == data.decode()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader, "find_places", places.find_places_in_python)
            assert redactor.reader().json(text, cut=False) == text


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": {"token": "t"}}',
        b'{"to\\u006ben": "t"}',
        b'{"\\"a\\"": 1}',
        b'{"a": "{\\"token\\": \\"t\\"}"}',
        b'{"a": "{\\"token\\" : \\"t\\"}"}',
        b'{"a": "{\\"token\\"\\n:1}"}',
        b'{"a": "{\\u0022token\\u0022:1}"}',
        b'{"a": "{\\"b\\": \\"{\\\\u0022token\\\\u0022:1}\\"}"}',
        b'{"unknown": 1}',
        b'["Bearer x"]',
        b'["\x00"]',
        b'{"a": NaN}',
        b'{"a": 01}',
        b'{"a": 1,}',
        b'{"a" 1}',
        b"[1 2]",
        b'{"a": nul}',
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b'["a]',
        b'["\\x"]',
        b'["\\u12g4"]',
        b"[" * 65 + b"]" * 65,
        b"",
        b"{}{}",
        b'"a" "b"',
        b"{]",
        b"[1.]",
        b"[1e]",
        b"[-]",
    ],
)
def test_what_is_not_plain(text):
    """Secrets, however they are hidden, and what is no JSON never pass the compiled way."""
    redactor = redactor_that_knows("a")
    assert copied(text, redactor) is None
    assert text == b"" or copied(b'{"a": 1}', redactor) == '{"a": 1}'


@pytest.mark.parametrize(
    "text", ['["\\ud83d\\ude00 \\ud800"]', '["é 😀"]', '{"a": "b\\n\\"c\\""}', '" "']
)
def test_what_is_plain(text):
    """Escapes in strings, also those of half a character, stay as they are."""
    redactor = redactor_that_knows("a")
    assert copied(text.encode(), redactor) == text == redactor.reader().json(text, cut=False)


SECRET = "tok3n-4f8a91c2d7e3b5-08aQ"
COOKIE = "k7f03b2d9e"
PLAIN_NAMES = [b"accept", b"authorization", b"cookie", b"user-agent", b"host", b"set-cookie"]
ODD_NAMES = [b"x-request-id", b"referer", b"content-length", b"traceparent", b"x-odd\x01"]
SECRET_NAMES = [b"x-api-key", b"Set-Cookie", b"proxy-authorization"]
HEADER_NAMES = st.sampled_from([*PLAIN_NAMES * 4, *ODD_NAMES, *SECRET_NAMES, b"content-encoding"])
TRACE = b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"
COMMON_VALUES = [b"a", b"12", b"", b'q"\\', TRACE, b"a c", b"text/html;q=0.9, */*;q=0.1"]
SECRET_VALUES = [f"Bearer {SECRET}".encode(), f"a={COOKIE}; theme=dark".encode(), SECRET.encode()]
ODD_VALUES = [
    b"https://h/p",
    f"a={COOKIE}; Path=/; HttpOnly".encode(),
    f'Digest username="u", nonce="{SECRET}"'.encode(),
    f"Custom Credential={SECRET}/a, Signature=0123456789abcdef0123".encode(),
    b"Basic dXNlcjpwYXNzLTEyMzQ=",
    b"Basic abc",
    b"Bearer x",
    b"a/b/c/d/e/f",
    b"s=a%2Fk7f03b2d9e%zz",
    b"https://u:p@h/p",
    b"https://h/?token=x",
    b"https://h/sk-abcdefghijkl",
    b"password: hunter22",
    b"\xe9",
    b"\xc3\xa9",
    b"a\tb",
    b"\x00",
]
HEADER_VALUES = st.sampled_from([*COMMON_VALUES * 20, *SECRET_VALUES * 7, *ODD_VALUES])
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=5)
TEXT_TYPES = [b"text/plain", b"text/html; charset=utf-8"]
OTHER_TYPES = [
    b"application/json; charset=utf-8",
    b"application/problem+json",
    b"image/png",
    b"text/plain; charset=latin-1",
    b"text/plain; charset=utf-16",
    b"text/event-stream",
    b"text/csv",
    b"application/xml",
    b"application/x-ndjson",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=b",
    b"",
    None,
]
CONTENT_TYPES = st.sampled_from([*[b"application/json"] * 12, *TEXT_TYPES * 5, *OTHER_TYPES])
REPEATED = [
    form(value)
    for value in (SECRET, COOKIE)
    for form in (
        str,
        lambda value: f"<{value}>",
        lambda value: f"/{value}/x",
        lambda value: value[:5],
        lambda value: value[1:],
        str.upper,
    )
]
TEXTS = st.sampled_from(
    [
        *["/echo", "/é", '/a"b\\', "/\n"] * 9,
        *["/\x00", "/\ud800", "/v1/messages", "/a:1", "/password/x", "/sk-abcdefghijkl"],
        f"/{SECRET}",
        f"/a/{COOKIE}",
    ]
)
TEXT_BODIES = [
    *[b"a page", "é\n".encode(), b"Bearer abcdefghij1", "pa\u017f\u017fword=x".encode()],
    *[
        "\ufeffbom".encode(),
        b"\x00",
        b"a\0b\0c\0d\0",
        b"\x1b[0m",
        b"a=1&b=2",
        b"\xe9",
        b"caf\xe9 au lait",
    ],
    *[b"data: a\n", b": a\n", b"id: 1\n", b"---\na", b"<b>x</b>", b"<b>\n--x", b"\xff\xfea\0"],
    b"--b\r\nContent-Type: a\r\n\r\nx\r\n--b--",
    b'--b\r\nContent-Disposition: form-data; name="pin"\r\n\r\n1234\r\n--b--\r\n',
    b'a\n--b\ncontent-disposition: form-data; name="f"; filename="x"\n\n1234\n--b--\n',
    b'data: {"content": "my s"}\n\ndata: {"content": "k-abc1234567def"}\n\n',
    *[
        b"state=abcdefgh",
        b"1;2",
        b"a,password\n1,2\n",
        b"name=password&content=hunter2",
        b"a=%73ig",
    ],
    b"pin,a\n1234,2\n2345,3\n",
    b'{"n": 1}\n{"n": 2}\n',
]
PLAIN_BODIES = [b"", b"[]", b'{"model":"m","n":[1,-2.5e3,null,true]}', b' {"n" : "a\\n\\"b" }\n']
BODIES = (
    st.sampled_from(PLAIN_BODIES * 4)
    | st.sampled_from(PLAIN_BODIES)
    | st.sampled_from(PLAIN_BODIES)
    | json_bytes()
    | st.binary(max_size=30)
    | st.sampled_from(TEXT_BODIES)
    | st.sampled_from(REPEATED).map(lambda text: json.dumps([text]).encode())
)
SAID = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.sampled_from(["u", "é"]),
        "model": st.just("m"),
        "input_tokens": st.integers(0, 1 << 40),
        "cost": st.just(0.5),
        "route": st.just("/r"),
    },
)


def content_type(value: bytes | None) -> list[tuple[bytes, bytes]]:
    return [] if value is None else [(b"content-type", value)]


def record_both(recorder: MemoryRecorder, capture: Capture) -> tuple[bytes | None, bytes]:
    """Give the line of the short way, after what is new was judged, and that of the long way."""
    lines: list[bytes] = []
    recorder.append = lambda line, **_: lines.append(line)  # type: ignore[method-assign,assignment]
    recorder.quick = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "find_places", places.find_places_in_python)
        capture._record(FINISHED, None, None)
    capture.recorded = False
    recorder.quick = True
    quick = quick_line(capture, "completed")
    return quick, lines[0]


def finished(
    recorder: MemoryRecorder,
    *,
    path: str = "/x",
    query: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    types: tuple[bytes | None, bytes | None] = (None, None),
    body: bytes = b"",
    answer_headers: list[tuple[bytes, bytes]] | None = None,
    answer: bytes = b"",
    route: str = "/r",
) -> Capture:
    """Give an exchange that has ended well; headers are as they are, also with capitals."""
    scope = http_scope("POST", path, query_string=query, path_template=route)
    scope["headers"] = [*(headers or []), *content_type(types[0])]
    capture = Capture.open(recorder, scope, None, None)
    capture.request_chunk(body, final=True)
    capture.request_complete = True
    capture.respond(200, [*(answer_headers or []), *content_type(types[1])])
    capture.response_body = answer or None
    capture.response_bytes, capture.response_chunks = len(answer), 1
    capture.duration_ns = capture.ttfb_ns = capture.began_ns
    return capture


@pytest.mark.parametrize("kind", [b"application/json", *TEXT_TYPES, *OTHER_TYPES], ids=repr)
def test_each_body_under_each_content_type(kind):
    """In a request and in an answer, alone and beside another content type."""
    recorder = MemoryRecorder()
    recorder.start()
    fields = recorder.redactor.reader().fields
    for name in ("state", "data", "content", "event", "id", "name", "a", "n"):
        fields.verdict(name)  # they are safe in JSON, and have a meaning elsewhere
    try:
        for body in (*TEXT_BODIES, *PLAIN_BODIES, json.dumps(REPEATED).encode()):
            for types in ((kind, None), (None, kind)):
                bodies = {"body" if types[0] else "answer": body}
                for more in (
                    [],
                    [(b"content-type", b"text/plain")],
                    [(b"Content-Type", b"image/png")],
                ):
                    capture = finished(
                        recorder, types=types, headers=more, answer_headers=more, **bodies
                    )
                    quick, long = record_both(recorder, capture)
                    assert quick is None or quick == long, (body, types, more)
    finally:
        recorder.close(timeout=0)


@pytest.mark.parametrize("name", [*PLAIN_NAMES, *ODD_NAMES, *SECRET_NAMES, b"x-plain"])
def test_each_value_in_each_header(name):
    """In a request and in an answer, where it is repeated and where it isn't."""
    recorder = MemoryRecorder()
    recorder.start()
    shapes_ = [shape.example.encode() for shape in shapes.SHAPES if shape.example.isprintable()]
    try:
        for value in (*COMMON_VALUES, *SECRET_VALUES, *ODD_VALUES, *shapes_):
            for repeated in (
                b"",
                b"pass-1234",
                SECRET.encode(),
                COOKIE.encode(),
                b"a/b/c/d/e/f",
                b"abc",
            ):
                for where in ("headers", "answer_headers"):
                    capture = finished(
                        recorder,
                        types=(None, b"text/plain"),
                        answer=repeated,
                        **{where: [(name, value)]},
                    )
                    quick, long = record_both(recorder, capture)
                    assert quick is None or quick == long, (value, repeated, where)
    finally:
        recorder.close(timeout=0)


@settings(max_examples=300)
@given(
    path=TEXTS,
    query=st.sampled_from(
        [*[b"", b"a=1"] * 4, b"token=x&b=2", b"key=1&token=2&\xff", f"a={SECRET}".encode()]
    ),
    headers=HEADERS,
    answer_headers=HEADERS,
    types=st.tuples(CONTENT_TYPES, CONTENT_TYPES),
    bodies=st.tuples(BODIES, BODIES),
    status_code=st.integers(100, 599),
    elapsed_us=st.integers(0, 1 << 40),
    ttfb_us=st.none() | st.integers(0, 1 << 40),
    state=st.fixed_dictionaries(
        {}, optional={"user_id": st.text(max_size=3), "api_key_id": st.just(1)}
    ),
    said=SAID,
)
def test_the_short_way_gives_the_line_of_the_long_way(
    path, query, headers, answer_headers, types, bodies, status_code, elapsed_us, ttfb_us, state, said
):  # fmt: skip
    """A line made by one compiled call is, to the byte, what Exchange, Redactor and msgspec make."""
    from dashcam.capture.annotation import Annotations

    recorder = MemoryRecorder()
    recorder.start()
    try:
        headers = [*headers, *content_type(types[0])]
        scope = http_scope("POST", path, headers=headers, query_string=query, state=state)
        capture = Capture.open(recorder, scope, None, None)
        capture.request_chunk(bodies[0], final=True)
        capture.request_complete = True
        capture.respond(status_code, [*answer_headers, *content_type(types[1])])
        capture.response_bytes = len(bodies[1])
        capture.response_chunks = 1
        capture.response_body = bodies[1] or None
        capture.duration_ns = capture.began_ns + elapsed_us * 1000
        if ttfb_us is not None:
            capture.ttfb_ns = capture.began_ns + ttfb_us * 1000
        if said is not None:
            capture.said = Annotations()
            capture.said.fields.update(said)
        quick, long = record_both(recorder, capture)
        event("short" if quick is not None else "long")
        if quick is not None:
            assert quick == long
        plain = native.plain_line(capture)
        event("plain" if plain is not None else "not plain")
        assert plain is None or plain == long
    finally:
        recorder.close(timeout=0)


@pytest.mark.parametrize("special", ['"', "\\", "\x1f", "\n", "\x00", "\x7f", "é", "\x20", "~"])
def test_text_is_judged_the_same_at_each_place(special):
    """Text is copied by pieces of 16 and 8 bytes: what isn't plain is seen wherever it stands in one."""
    recorder = MemoryRecorder()
    recorder.start()
    try:
        for size in range(1, 36):
            for at in range(size):
                text = "a" * at + special + "b" * (size - at - 1)
                body = json.dumps([text], ensure_ascii=False).encode()
                headers = [
                    (b"content-type", b"application/json"),
                    (b"user-agent", text.encode("latin-1")),
                ]
                scope = http_scope("POST", "/" + text, headers=headers)
                capture = Capture.open(recorder, scope, None, None)
                capture.request_chunk(body, final=True)
                capture.request_complete = True
                capture.respond(200, [(b"content-type", b"text/plain")])
                capture.response_body = text.encode()
                capture.response_bytes, capture.response_chunks = len(text.encode()), 1
                capture.duration_ns = capture.ttfb_ns = capture.began_ns
                quick, long = record_both(recorder, capture)
                assert quick is None or quick == long
                assert quick is not None or special in "\x1f\n\x00\x7fé"
    finally:
        recorder.close(timeout=0)


def test_the_common_exchange_goes_the_short_way():
    """JSON in and out, with the usual headers, an owner and a query, once they were judged."""
    recorder = MemoryRecorder()
    recorder.start()
    try:
        headers = [
            (b"host", b"example.test"),
            (b"authorization", f"Bearer {SECRET}".encode()),
            (b"cookie", f"theme=dark; session={COOKIE}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"20"),
        ]
        scope = http_scope("POST", "/v1/chat/completions", headers=headers, query_string=b"a=1&b=x")
        scope["state"]["user_id"] = "u_1"
        capture = Capture.open(recorder, scope, None, None)
        capture.request_chunk(b'{"model": "example"}', final=True)
        capture.request_complete = True
        answer = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 5}}'
        capture.respond(200, [(b"content-type", b"application/json")])
        capture.response_body, capture.response_bytes, capture.response_chunks = (
            answer,
            len(answer),
            1,
        )
        capture.duration_ns = capture.ttfb_ns = capture.began_ns + 1500
        quick, long = record_both(recorder, capture)
        assert quick == long
        seen = msgspec.json.decode(quick)
        assert seen["redacted"] == ["header:authorization", "header:cookie"]
        assert (seen["model"], seen["input_tokens"], seen["output_tokens"]) == ("example", 3, 5)
        assert (seen["user_id"], seen["duration_ms"], seen["request_body"]) == (
            "u_1",
            0.001,
            '{"model": "example"}',
        )
    finally:
        recorder.close(timeout=0)


LONG = "V3ry-l0ng-" * 4 + "end7"
SAID_IN_HEADERS = [SECRET, COOKIE, LONG, "p/q+r&s<t>u=abcdef1", "a-b.c_d~1"]
FORMS = [
    str,
    lambda text: json.dumps(text)[1:-1],
    html.escape,
    lambda text: quote(text, safe=""),
]
PARTS = ("request_id", "path", "request_body", "answer_header", "response_body", "route", "query")


def observed_with(recorder: MemoryRecorder, header: tuple[bytes, str], value: str, **said: str):
    """Give a finished exchange with a secret header, and texts in some of its parts."""
    text = {part: said.get(part, "x") for part in PARTS}
    secret = [(header[0], header[1].format(value).encode())]
    in_answer = header[0] == b"Set-Cookie"
    return finished(
        recorder,
        path=f"/{text['path']}",
        query=b"a=" + text["query"].encode(),
        headers=[(b"x-request-id", text["request_id"].encode())] + ([] if in_answer else secret),
        types=(b"application/json", b"text/plain"),
        body=json.dumps([text["request_body"]]).encode(),
        answer_headers=[(b"x-answer", text["answer_header"].encode())] + secret * in_answer,
        answer=text["response_body"].encode(),
        route=f"/{text['route']}",
    )


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", "Bearer {}"),
        (b"authorization", "token  {}"),
        (b"authorization", "{}"),
        (b"authorization", 'Custom a="1", b="{}"'),
        (b"authorization", f'Custom {"the-longest-run-" * 5}, b="{{}}"'),
        (b"cookie", "a=b; c={}; d=e"),
        (b"cookie", 'c="{}"'),
        (b"cookie", "c=s%3A{}"),
        (b"x-api-key", " {} "),
        (b"Proxy-Authorization", "Bearer {}"),
        (b"Set-Cookie", "c={}; Path=/abcdefgh"),
    ],
)
def test_what_a_secret_header_says_is_looked_for_everywhere(header):
    """Where redaction in Python removes it, the compiled way leaves the exchange to it."""
    recorder = MemoryRecorder()
    recorder.start()
    outcomes = set()
    try:
        for value in SAID_IN_HEADERS:
            for number, form in enumerate(FORMS):
                for part in PARTS:
                    known = f"s:{value}" if "%3A" in header[1] else value
                    text = "." * number * 7 + form(known)
                    capture = observed_with(recorder, header, value, **{part: text})
                    quick, long = record_both(recorder, capture)
                    assert quick is None or quick == long, (value, number, part)
                    assert b"/abcdefgh" not in long
                    outcomes.add(any(":repeated" in name for name in redacted_in(long)))
                quick, long = record_both(recorder, observed_with(recorder, header, value))
                assert quick == long or value == SAID_IN_HEADERS[-1]
    finally:
        recorder.close(timeout=0)
    assert True in outcomes


def redacted_in(line: bytes) -> list[str]:
    found: list[str] = msgspec.json.decode(line)["redacted"]
    return found


@pytest.mark.parametrize("name", [b"authorization", b"cookie"])
def test_a_secret_header_that_is_repeated_nowhere_costs_no_long_way(name):
    """Also where a part of it is, or where it is long."""
    recorder = MemoryRecorder()
    recorder.start()
    try:
        for value in (SECRET, LONG):
            scheme = b"Bearer " if name == b"authorization" else b"a="
            headers = [(name, scheme + value.encode()), (b"x-request-id", value[:12].encode())]
            capture = finished(recorder, headers=headers)
            quick, long = record_both(recorder, capture)
            assert quick == long
    finally:
        recorder.close(timeout=0)


class Compiled(native.Observed if native is not None else object):
    """A compiled struct that counts how often Python makes its entry."""

    __slots__ = ()
    asked = 0

    def _entry(self):
        Compiled.asked += 1
        return entry_of(self)


ENTRY_PATHS = [
    *[
        "/echo",
        "/a/{}/b",
        "/{}",
        "/é",
        '/a"b',
        "/\n",
        "/\ud800",
        "/a=1",
        "/sk-abcdefghijkl",
        "/x?a",
    ],
    "/" + "a/" * 300,
]
ENTRY_QUERIES = [
    *[b"", b"a=1", b"a=1&b=2;c", b"token={}", b"a=%7B{}", b"a={}", b"sig={}", b"a=b=c", b"{}"],
    *[b"\xe9=1", b"a=x:1", b"a=password:{}", b"password:{}", b"a=1;a=my+password+is+{}", b"=&="],
]
ENTRY_HEADERS = [
    [],
    [(b"authorization", f"Bearer {SECRET}".encode())],
    [(b"cookie", f"a={COOKIE}".encode())],
    [(b"host", b"sk-abcdefghijkl")],
    [(b"x-unheard-of-secret", SECRET.encode())],
    [(b"authorization", b"Basic dTpwYXNzLTEyMzQ=")],
]


def request_both(recorder: SimpleNamespace, scope: dict, first: type) -> list[bytes]:
    """Give what is noted of a request by three structs, one after the other."""
    entries: list[bytes] = []
    recorder.journal = SimpleNamespace(begin=lambda entry: entries.append(entry) or 1)
    for kind in (first, PythonObserved if first is Compiled else Compiled, Compiled):
        Compiled.asked = 0
        kind().begin_asgi(recorder, scope, 5, 0, "an id")
    return entries


def without_journal(**settings_: object) -> SimpleNamespace:
    """Give what a struct needs of a recorder."""
    inner = MemoryRecorder(**settings_)
    return SimpleNamespace(constants=inner.constants, redactor=inner.redactor)


@pytest.mark.parametrize("headers", ENTRY_HEADERS, ids=repr)
def test_what_is_noted_of_a_request_in_flight(headers):
    """It is the same, whoever judges the headers first."""
    for path in ENTRY_PATHS:
        for query in ENTRY_QUERIES:
            for value in (SECRET, "hunter22x", "pass-1234", "x"):
                scope = http_scope(
                    "GET",
                    path.format(value),
                    headers=headers,
                    query_string=query.replace(b"{}", value.encode()),
                )
                first = request_both(ENTRY_RECORDERS[0], scope, PythonObserved)
                assert first[0] == first[1] == first[2], (path, query)
    for path in ENTRY_PATHS:
        scope = http_scope("GET", path.format(SECRET), headers=headers)
        entries = request_both(without_journal(), scope, Compiled)
        assert entries[0] == entries[1] == entries[2], path


ENTRY_RECORDERS = [without_journal()]


@settings(max_examples=300)
@given(
    headers=HEADERS,
    time_ns=st.integers(0, (1 << 63) - 1),
    path=st.sampled_from(ENTRY_PATHS),
    query=st.sampled_from(ENTRY_QUERIES),
    values=st.tuples(*[st.sampled_from(REPEATED)] * 3),
    status_code=st.integers(100, 599),
    personal=st.sampled_from([(), (), ("ip", "email")]),
)
def test_observed(headers, time_ns, path, query, values, status_code, personal):
    """Both structs are filled alike, and note the same of a request in flight."""
    entries: list[bytes] = []
    recorder = without_journal(redact_personal=personal)
    recorder.journal = SimpleNamespace(begin=lambda entry: entries.append(entry) or 1)
    headers = [*headers, (b"x-request-id", values[2].encode())]
    seen = []
    for kind in (PythonObserved, Compiled, Compiled):
        Compiled.asked = 0
        observed = kind()
        scope = http_scope(
            "GET",
            path.format(values[0]),
            headers=headers,
            query_string=query.replace(b"{}", values[1].encode()),
        )
        observed.begin_asgi(recorder, scope, 5, time_ns, "an id")
        observed.respond(status_code, headers)
        fields = {name: getattr(observed, name) for name in PythonObserved.__slots__}
        fields["slot"] = None
        seen.append(fields)
    event("asked" if Compiled.asked else "compiled")
    assert seen[0] == seen[1] == seen[2]
    assert entries[0] == entries[1] == entries[2]
    assert not personal or Compiled.asked


def test_the_common_request_is_noted_without_python():
    """Once its headers were judged; also with a query and secret headers."""
    headers = [
        (b"host", b"example.test"),
        (b"authorization", f"Bearer {SECRET}".encode()),
        (b"cookie", f"session={COOKIE}; theme=dark".encode()),
        (b"x-request-id", b"4f8a91c2-d7e3"),
    ]
    scope = http_scope("GET", "/items/4f8a91c2", headers=headers, query_string=b"page=2&q=abc")
    entries = request_both(without_journal(), scope, Compiled)
    assert Compiled.asked == 0
    assert json.loads(entries[2])[5] == "/items/4f8a91c2"


LITERALS = [literal for literal, _, _ in places.TABLE]
PIECES = st.sampled_from(
    [
        *LITERALS,
        *(literal[:-1] for literal in LITERALS),
        *(literal.upper() for literal in LITERALS),
        *[shape.example for shape in shapes.SHAPES],
        *['"', "'", "`", "\\", '\\"', "&quot;", "&#34;", "&apos;", "&#39;", "&#x27;", "&#x22;"],
        *[":", "=", "::", "==", ":=", "!=", "<", "</", ">", "?", "&", "#", ";", ")", "(", "//"],
        *[
            " ",
            "\t",
            "\n",
            "\r",
            "\\n",
            "\\t",
            "\\r",
            "\\b",
            "\\f",
            " " * 15,
            " " * 17,
            " " * 80,
            "\\n" * 9,
        ],
        *["é", "ſ", "K", "ı", "😀", "名", "\udc80", "\x80", "<é"],
        *["x" * size for size in (62, 63, 64, 65, 66)],
        *[
            *["@", "%40", "&#64", "u:p", "8080", "/", "s", "S", "tokens", "_"],
            "y" * 80,
            "name",
            '"name":',
            '\\"name\\":',
            "known",
            "a",
            "1",
            "%",
            "+",
            "[",
            "]",
            "$",
            "@",
            ".",
            "-",
            "_",
        ],
    ]
)
SAFE = {"name", "éname", "known", "a", "é", "名", "n", "x" * 62, "x" * 63, "x" * 64, "<", "", "1a"}
QUERY_SAFE = {"name", "a", "q"}


def both_places(text: str, most: int = 1 << 20) -> list[int]:
    """Give the places of a text, having compared what finds them."""
    found = places.find_places_in_python(text, SAFE, QUERY_SAFE, 1 << 20)
    assert native.find_places(text, SAFE, QUERY_SAFE, most) == found[:most]
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return found
    assert native.has_places(raw, SAFE, QUERY_SAFE) or not found
    return found


@settings(max_examples=1000)
@given(pieces=st.lists(PIECES | st.text(max_size=3), max_size=14), most=st.integers(0, 8))
def test_find_places(pieces, most):
    """Both find the same, and what is searched as bytes finds no less."""
    text = "".join(pieces)
    found = both_places(text)
    both_places(text, most)
    few = places.find_places_in_python(text, SAFE, QUERY_SAFE, most)
    assert len(few) == min(most, len(found))
    event("places" if found else "none")


QUOTES = ["", '"', "'", "`", '\\"', '\\\\\\"', "&quot;", "&#x27;"]
BLANKS = ["", " ", "\\n", "\\\\n", "\\\\\\\\t ", "\n", ")", "))", ") ", "\\r" * 8, "\\r" * 9, " ;"]


@pytest.mark.parametrize("separator", [":", "=", "::", ":=", "==", "!=", "://", ":/", "=\\"])
@pytest.mark.parametrize(
    "name", ["name", "q", "nname", "unknown", "x" * 63, "x" * 64, "é", "a b", "1", "<", ""]
)
def test_names_in_their_surroundings(name, separator):
    """Quoted and not, behind signs that tell a query, before blanks as strings have them."""
    for before in ("", "?", "&", ";", "#", "\\", "a ", '"', "é"):
        for opening in QUOTES:
            for closing in {opening, "", '"', '\\"'}:
                for blank in BLANKS:
                    both_places(f"{before}{opening}{name}{closing}{blank}{separator}")


@pytest.mark.parametrize("size", [1, *range(60, 68), 200])
def test_tags(size):
    """Those of names that are known, that aren't, and that are too long to be looked at."""
    for letter in ("x", "é", "_", "-", ":", "n"):
        for end in ("", ">", " a=1>", "/"):
            both_places(f"<{'x' + letter * (size - 1)}{end}")
            both_places(f"<{letter * size}{end}")
    for tag in ("<name>", "<a", "<b>", "</a>", "<1a>", "<[a", "<$", "<", "a<"):
        both_places(tag)


BEHIND = {places.ANYTHING: "", places.NO_KEY: " ", places.BLANK: " ", places.USER: "u:p@h"}


@pytest.mark.parametrize("row", places.TABLE, ids=repr)
def test_every_literal_makes_a_place(row):
    """Wherever it stands, in capitals and in wide text, too."""
    literal, kind, follows = row
    for before in range(20):
        for after in ("", ".", "." * 9, "é", "名", "😀"):
            for written in (literal, literal.upper()):
                text = "." * before + written + BEHIND[follows] + after
                assert before << places.KIND_BITS | kind in both_places(text)
                assert native.has_places(text.encode(), SAFE, QUERY_SAFE)


@pytest.mark.parametrize(
    ("literal", "there", "not_there"),
    [
        (
            "password",
            [
                "",
                "s",
                " x",
                "s x",
                "\\nx",
                "s\\t",
                '", "x"',
                '"] ',
                "<",
                "&",
                "'s",
                "é",
                "\\\\",
                '"' * 2 + ":",
                '"' + " " * 9 + ":",
            ],
            ["_x", "s_x", "sx", "1", '": 1', '\\": 1', 's\\\\\\": 1', "' :", "s`\t:", "word"],
        ),
        (
            "bearer",
            ["", " x", "\tx", "\\tx", "%20x", "+x", "&nbsp;x"],
            ["s", "_x", '"', ":", ".", "-x", "\n", "é", "<"],
        ),
        (
            "://",
            [
                "u:p@h",
                "h/a@b",
                "u:p%40h",
                "u:p&#64;h",
                "u:p",
                "u:1a",
                "h?a:b",
                "[::1]:80/",
                "u:p\\/w@h",
                "ü:p@h x",
            ],
            [
                "",
                "h",
                "h/a",
                "h:80",
                "h:80/a",
                "h:",
                "h:/",
                "h @",
                'h"@',
                "h'@",
                "h<@",
                "h\n@",
                "u:p x",
                "h/a%4",
                "h/a&",
            ],
        ),
    ],
)
def test_what_follows_a_literal(literal, there, not_there):
    """Words in longer words and at the end of keys, and URLs without a user, are no places."""
    kinds = {kind for row, kind, _ in places.TABLE if row == literal} - {places.NAME}
    for before in ("", "é ", "x" * 17):
        for behind in (*there, *not_there):
            text = before + literal + behind
            at = [place & 255 for place in both_places(text) if place >> 8 == len(before)]
            assert bool(kinds.intersection(at)) == (behind in there), text
    many = f"{literal}x" * 50
    for behind in ("", " ", "@", ":p", ":80", " @"):
        both_places(many + behind)


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda shape: shape.example[:20])
def test_places_of_every_shape(shape):
    """The texts of the table of shapes, which have one, or nearly."""
    kind = places.FIRST_SHAPE + shapes.SHAPES.index(shape)
    for text in (shape.example, f"é {shape.example}\n", shape.example * 20):
        found = both_places(text)
        assert kind in {place & (1 << places.KIND_BITS) - 1 for place in found}
        both_places(text, 3)
    both_places(shape.innocent)


@pytest.mark.parametrize("separator", [":", "="])
def test_names_at_the_border_of_their_window(separator):
    """Names of about as many characters as are looked at, in characters of each width."""
    for letter in ("x", "é", "名", "😀"):
        for size in (1, 2, *range(15, 35), *range(60, 70), *range(76, 84)):
            for space in (0, 1, 14, 15, 16, 17, 18, 64, 65, 79, 80, 81):
                for quote_ in ("", '"', "'", '\\"'):
                    name = letter * size
                    both_places(f"{quote_}{name}{quote_}{' ' * space}{separator}1")
                    both_places(f"é{quote_}a {name}{quote_}{' ' * space}{separator}")
    for space in range(60, 80):
        both_places(f"éééname{' ' * space}{separator}")


@pytest.mark.parametrize(
    "table",
    [
        [(b"abc", 1, 0)],
        ((b"ab", 1, 0),),
        ((b"", 1, 0),),
        ((b"aBc", 1, 0),),
        ((b"ab\x80", 1, 0),),
        ((b"a" * 256, 1, 0),),
        ((b"abc", 256, 0),),
        ((b"abc", -1, 0),),
        ((b"abc", 1, 4),),
        ((b"abc", 1, -1),),
        (("abc", 1, 0),),
        ((b"abc", 1),),
    ],
)
def test_a_table_that_is_none_is_refused(table):
    """And the one that there is stays."""
    with pytest.raises((TypeError, ValueError)):
        native.set_places(table)
    both_places("password=1 :// eyJ")


VALUES = st.text(max_size=12) | st.sampled_from(
    ["", "x" * 300, '"\\/\b\f\n\r\t', "é", "😀", "\x01", "\x7f", "null"]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VALUES, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
BATCHES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "method": VALUES,
            "duration_ms": st.floats(allow_nan=False) | st.sampled_from([0.0, 1.5, -0.5, 1e300]),
            "status_code": st.integers(-(1 << 64), 1 << 64) | st.sampled_from([200, 0, -1]),
            "outcome": st.sampled_from(["completed", "failed", "unheard_of"]),
            "request_headers": st.lists(st.tuples(VALUES, VALUES), max_size=3),
            "request_body": VALUES,
            "request_body_truncated": st.booleans(),
            "response_timeline": st.none() | st.lists(st.tuples(st.floats(0, 9), st.just(1))),
            "tags": st.dictionaries(VALUES, JSON_VALUES, max_size=2),
        },
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400)
@given(
    batch=BATCHES,
    damage=st.none() | st.tuples(st.integers(0, 1 << 20), st.sampled_from(list(b'"\\,:{}[]0e-.nu\xc3\x80\n'))),
)  # fmt: skip
def test_bind_rows(batch, damage):
    """What the compiled reading of a batch takes is what msgspec takes, value by value."""
    from dashcam.errors import RowRefusedError
    from dashcam.store import binding
    from dashcam.store.row import decode_rows

    lines = bytearray().join(msgspec.json.encode(Exchange(**each)) + b"\n" for each in batch)
    if damage is not None:
        lines[damage[0] % len(lines)] = damage[1]
    lines = bytes(lines)
    found = native.bind_rows(
        lines, len(batch) + 1, "now", binding._KEYS, binding._KINDS, binding._OUTCOMES
    )
    event("taken" if found else "left")
    try:
        rows = decode_rows(lines)
    except RowRefusedError:
        assert found is None
        return
    if found is not None:
        assert len(rows) == len(batch)
        count, shared, varying, values = found
        assert count == len(batch)
        names = [["stored_at", *map(binding.COLUMNS.__getitem__, shared)]]
        names.append(list(map(binding.COLUMNS.__getitem__, varying)))
        assert rows_of(binding.Bound(len(batch), *names, values)) == rows_of(
            binding._bind_in_python(rows, "now")
        )


def rows_of(bound) -> list[dict[str, object]]:
    """Give the rows that a statement would store; repr tells 1 from 1.0."""
    shared = len(bound.shared)
    width = len(bound.varying)
    assert len(bound.values) == shared + bound.rows * width
    rows = []
    for row in range(bound.rows):
        values = bound.values[:shared] + bound.values[shared + row * width :][:width]
        named = zip(bound.shared + bound.varying, values, strict=True)
        rows.append({name: repr(value) for name, value in named if value is not None})
    return rows


def test_a_batch_of_the_recorder_is_bound_without_the_twin():
    """Lines as the recorder encodes them, with escapes and text that isn't ASCII."""
    from dashcam.store import binding

    lines = b"".join(
        msgspec.json.encode(
            Exchange(
                path=f"/é/{number}",
                request_body='{"a": "b\\n"}',
                request_headers=[["a", '"']],
                duration_ms=0.25,
                status_code=200,
                response_timeline=[[0.5, number]],
            )
        )
        + b"\n"
        for number in range(3)
    )
    found = native.bind_rows(lines, 3, "now", binding._KEYS, binding._KINDS, binding._OUTCOMES)
    assert found is not None
    count, _, varying, values = found
    assert count == 3
    few = native.bind_rows(lines, 2, "now", binding._KEYS, binding._KINDS, binding._OUTCOMES)
    assert few is None
    assert [binding.COLUMNS[number] for number in varying] == [
        "id",
        "request_timestamp",
        "path",
        "response_timeline",
    ]
    assert '{"a": "b\\n"}' in values
    assert '[["a","\\""]]' in values


@given(time_ns=st.integers(0, (1 << 63) - 1))
def test_uuid7(time_ns):
    """Ids have the time in front, version and variant in their places, and differ."""
    one, other = uuid.UUID(native.uuid7(time_ns)), uuid.UUID(native.uuid7(time_ns))
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == time_ns // 1_000_000 & (1 << 48) - 1
    assert one != other
    assert str(one) == native.uuid7(time_ns)[:14] + str(one)[14:]


def test_uuid7_differs_in_a_forked_child():
    """A child doesn't go on with the random bytes of its parent."""
    native.uuid7(0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, native.uuid7(0).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 36).decode() != native.uuid7(0)
    os.close(reader)
    os.close(writer)


def test_times_are_those_of_perf_counter():
    """What the compiled way notes can be subtracted from what Python notes."""
    recorder = MemoryRecorder()
    recorder.start()
    try:
        before = time.perf_counter_ns()
        capture = Capture.open(recorder, http_scope("GET", "/"), None, None)
        assert before <= capture.began_ns <= time.perf_counter_ns()
    finally:
        recorder.close(timeout=0)
