"""The formats that a body may have besides JSON: lines, events, forms, multipart, XML, CSV.

Each function takes a text and a reader and gives the text without what is secret. What isn't what
it claims to be raises `Unreadable`; a text that is cut is read as far as it goes.
"""

import csv
import io
import re
from bisect import bisect_left
from hashlib import sha256
from html import escape, unescape
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

import msgspec

from dashcam.redaction.decoding import Unreadable, decode_text
from dashcam.redaction.json_text import NotJson, check
from dashcam.redaction.names import (
    ALL,
    OPAQUE,
    PAIR_NAMES,
    REDACTED,
    SAFE,
    TEXT,
    VALUE_NAMES,
    Names,
    squeeze,
)
from dashcam.redaction.places import KIND_BITS
from dashcam.redaction.scrub import Edit, apply, is_prose, looks_secret, scrub_edits

from dashcam.redaction.work import TooMuch

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_check_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines
OMITTED = re.compile(r": \[dashcam: \d{1,20} bytes omitted\]")


def redact_lines(text: str, reader: "Reader", *, cut: bool) -> str:
    """NDJSON, JSON Lines, JSON text sequences (RFC 7464): each line a text of its own."""
    places = reader.places(text)
    if not places and not cut and "\x1e" not in text:
        try:
            _check_lines(text)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            pass  # one by one: NaN, a lone surrogate, or no JSON
        else:
            return text
    lines = text.split("\n")
    wanted = _Within(places)
    end = -1
    outside, reader.in_stream = reader.in_stream, True
    try:
        for number, line in enumerate(lines):
            if number % 4 == 3 and not _may_go_on(reader, 5):
                return "\n".join(lines[:number])
            begin, end = end + 1, end + 1 + len(line)
            bare = line.strip("\x1e\r \t")
            if bare and not OMITTED.fullmatch(bare):
                last = cut and number == len(lines) - 1
                try:
                    if not last and not wanted.has(begin, end):
                        check(bare)
                        continue
                    redacted = reader.json(bare, cut=last)
                except TooMuch:
                    reader.work.end()
                    reader.shortened = True
                    return "\n".join(lines[:number])
                except NotJson:
                    raise Unreadable("a line isn't JSON") from None
                if redacted != bare:
                    lines[number] = line.replace(bare, redacted)
    finally:
        reader.in_stream = outside
    return "\n".join(lines)


def _may_go_on(reader: "Reader", units: int) -> bool:
    """Spend units; False where there are none left: then the rest of the part isn't kept."""
    try:
        reader.work.spend(units)
    except TooMuch:
        reader.work.end()
        reader.shortened = True
        return False
    return True


class _Within:
    """Tells whether a place lies in a piece of a text; the pieces are asked for in order."""

    __slots__ = ("_next", "_places")

    def __init__(self, places: list[int]) -> None:
        self._places = [place >> KIND_BITS for place in places]
        self._next = 0

    def has(self, begin: int, end: int) -> bool:
        places, at = self._places, self._next
        while at < len(places) and places[at] < begin:
            at += 1
        self._next = at
        return at < len(places) and places[at] < end


MOST_EVENTS = 8_192
"""Events of a stream that are looked at one by one, besides the last 16 KB."""
LAST_EVENTS = 12
"""Events at the end of a stream that are kept also where looking at all would take too long."""
_BLOCKS = re.compile(r"((?:\r\n|\n|\r)(?:\r\n|\n|\r))")
_LINE_END = re.compile(r"(\r\n|\n|\r)")


def redact_events(text: str, reader: "Reader", *, cut: bool) -> str:
    """Server-sent events (WHATWG HTML, 9.2): the data of an event is a text of its own."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    places = reader.places(text)
    if not places and not cut:
        return text
    wanted = _Within(places)
    many = next(islice(_BLOCKS.finditer(text), MOST_EVENTS, None), None)
    if many is not None:
        # The first ones, and the last ones: they tell how the stream ended, and what it used.
        stop = many.end()
        rest = text[stop:]
        tail = _BLOCKS.split(rest[-16_384:])[2 if len(rest) > 16_384 else 0 :]
        kept = "".join(tail)
        first = redact_events(text[: many.start()], reader, cut=False) + many[0]
        if len(kept) < len(rest):
            reader.shortened = True
            first += f": [dashcam: {len(rest) - len(kept)} bytes omitted]\n\n"
        return first + redact_events(kept, reader, cut=cut)
    blocks = _BLOCKS.split(text[len(mark) :])
    out = [mark]
    end = len(mark)
    number = 0
    skipped = 0
    outside, reader.in_stream = reader.in_stream, True
    try:
        while number < len(blocks):
            block = blocks[number]
            blank = blocks[number + 1] if number + 1 < len(blocks) else ""
            begin, end = end, end + len(block) + len(blank)
            last = cut and number == len(blocks) - 1
            try:
                if number % 8 == 6:
                    reader.work.spend(6)
                if block and (last or wanted.has(begin, end - len(blank))):
                    block = _event(block, reader, cut=last)
            except TooMuch:
                reader.shortened = True
                if skipped:  # the last ones take too long as well
                    break
                # The last events tell how the stream ended, and what it used.
                reader.work.end()
                resume = max(number + 2, (len(blocks) - 2 * LAST_EVENTS) & ~1)
                skipped = len("".join(blocks[number:resume]))
                end = begin + skipped
                number = resume
                out.append(f": [dashcam: {skipped} bytes omitted]\n\n")
                continue
            out += (block, blank)
            number += 2
    finally:
        reader.in_stream = outside
    redacted = "".join(out)
    places = reader.places(redacted, shapes_only=True)
    if places:  # a shape that spreads over several events, such as a key block
        redacted = apply(redacted, scrub_edits(redacted, places, reader, cut=cut))
    return redacted


def _event(block: str, reader: "Reader", *, cut: bool) -> str:
    pieces = _LINE_END.split(block)
    reader.work.spend(14 + len(pieces))
    lines = pieces[0::2]
    ends = [*pieces[1::2], ""]
    at = [number for number, line in enumerate(lines) if _is_data(line)]
    for number, line in enumerate(lines):
        if number not in at and line:
            lines[number] = reader.value(line, cut=cut and number == len(lines) - 1)
    if at:
        heads = [re.match(r"data(?::[ ]?)?", lines[number])[0] for number in at]  # type: ignore[index]
        data = "\n".join(lines[number][len(head) :] for number, head in zip(at, heads, strict=True))
        last = cut and at[-1] == len(lines) - 1
        redacted = reader.value(data, cut=last, claims=True)
        if redacted != data:
            parts = redacted.split("\n")
            for number, head in zip(at, heads, strict=True):
                lines[number] = head + parts.pop(0) if parts else ""
                if not head.startswith("data:"):
                    lines[number] = ""
            if parts:
                lines[at[-1]] += "".join(f"\ndata: {part}" for part in parts)
            gone = [number for number in at if not lines[number]]
            return "".join(
                line + end
                for number, (line, end) in enumerate(zip(lines, ends, strict=True))
                if number not in gone
            )
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _is_data(line: str) -> bool:
    return line.startswith("data:") or line == "data"


_PAIR_END = re.compile(r"([&;])")


class FormNames:
    """The names of a form's fields: secret where a query's or a field's would be."""

    __slots__ = ("_reader",)

    def __init__(self, reader: "Reader") -> None:
        self._reader = reader

    def verdict(self, name: str) -> int:
        """Tell what may be kept under a name."""
        return max(self._reader.query.verdict(name), self._reader.fields.verdict(name))


def redact_pairs(
    text: str, reader: "Reader", names: Names | FormNames, *, cut: bool = False
) -> str:
    """Forms and queries: `key=value&…`, also with `;`. What needs no change stays as it was."""
    if not text or not (cut or reader.places(text)):
        return text
    pieces = _PAIR_END.split(text)
    named = ""
    last = len(pieces) - 1
    for number in range(0, len(pieces), 2):
        if number % 8 == 6 and not _may_go_on(reader, 16):
            return "".join(pieces[:number])
        pair = pieces[number]
        key, equals, value = pair.partition("=")
        ends = cut and number == last
        if not equals:
            if ends:
                pieces[number] = ""
            elif pair:
                pieces[number] = _nested(pair, reader, cut=False)
            continue
        name = _unquoted(key).strip()
        verdict = names.verdict(name)
        squeezed = squeeze(name.rpartition("[")[2].rstrip("]"))
        if verdict >= TEXT or (verdict == OPAQUE and (ends or looks_secret(unquote_plus(value)))):
            if value:
                decoded = unquote_plus(value)
                if decoded == REDACTED:
                    continue
                reader.removed(name, decoded, certain=verdict == ALL)
                pieces[number] = f"{key}={REDACTED}"
            continue
        if squeezed in PAIR_NAMES and names.verdict(unquote_plus(value)) >= TEXT:
            named = unquote_plus(value)
        elif named and squeezed in VALUE_NAMES and value:
            reader.removed(named, unquote_plus(value), certain=False)
            pieces[number] = f"{key}={REDACTED}"
            continue
        redacted = _nested(value, reader, cut=ends)
        if redacted != value:
            pieces[number] = f"{key}={redacted}"
    return "".join(pieces)


def _unquoted(text: str) -> str:
    for _ in range(3):
        if "%" not in text and "+" not in text:
            break
        decoded = unquote_plus(text)
        if decoded == text:
            break
        text = decoded
    return text


def _nested(value: str, reader: "Reader", *, cut: bool) -> str:
    """Redact the value of a pair by its own structure."""
    if "%" not in value and "+" not in value:
        return reader.value(value, cut=cut)
    decoded = unquote_plus(re.sub(r"%[0-9A-Fa-f]?\Z", "", value) if cut else value)
    redacted = reader.value(decoded, cut=cut)
    if redacted == decoded:
        return value
    return quote(redacted, safe="/:[]?=@!$'()*,~", errors="replace")


_PART_NAME = re.compile(r'(?i)(?:^|[;\s])name\s*=\s*(?:"((?:[^"\\]|\\.){0,300})"|([^\s;"]{1,300}))')
_PART_NAME_EXTENDED = re.compile(r"(?i)(?:^|[;\s])name\*\s*=\s*[\w-]*'[^']*'([^\s;]{1,300})")
_FILE = re.compile(r"(?i)[;\s]filename\*?\s*=")
_DISPOSITION = re.compile(r"(?im)^content-disposition\s*:((?:[^\r\n]|\r?\n[ \t])*)")
_PART_TYPE = re.compile(r"(?im)^content-type\s*:\s*([^\r\n;]+)(?:[^\r\n]*?charset=\"?([\w-]{1,40}))?")
_BOUNDARY_LINE = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200})\r?\n[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-")


def sniff_boundary(data: bytes) -> str | None:
    """Find the boundary of multipart whose content type names none."""
    match = _BOUNDARY_LINE.search(data[:4096])
    return match[1].decode("latin-1").rstrip() if match is not None else None


def redact_multipart(data: bytes, reader: "Reader", boundary: str, *, cut: bool) -> str:
    """`multipart/form-data` (RFC 7578): fields by name; files keep headers, size and a hash."""
    mark = b"--" + boundary.encode("latin-1", "replace")
    begin = 0 if data.startswith(mark) else data.find(b"\n" + mark) + 1
    if not boundary or (begin == 0 and not data.startswith(mark)):
        raise Unreadable("not multipart")
    out: list[str] = []
    at = begin + len(mark)
    while True:
        if not _may_go_on(reader, 30):
            break
        if data.startswith(b"--", at):
            rest = data[at + 2 :]
            out.append("--" + ("" if rest.strip() else rest.decode()))  # an epilogue isn't kept
            break
        head_begin = at
        for blank, line_end in ((b"\r\n", "\r\n"), (b"\n", "\n")):
            if data.startswith(blank, at):
                head_begin = at + len(blank)
                break
        else:
            if cut and at >= len(data) - 2:
                break
            raise Unreadable("not multipart")
        end_of_head = data.find(blank + blank, head_begin - len(blank))
        next_mark = data.find(blank + mark, head_begin - len(blank) if end_of_head < 0 else end_of_head)
        if end_of_head < 0 or (0 <= next_mark < end_of_head):
            if cut:
                break
            raise Unreadable("not multipart")
        content_begin = end_of_head + 2 * len(blank)
        next_mark = data.find(blank + mark, content_begin - len(blank))
        whole = next_mark >= 0
        if not whole and not cut:
            raise Unreadable("multipart without its end")
        content = data[content_begin : max(next_mark, content_begin) if whole else len(data)]
        head = _text(data[head_begin:end_of_head])
        try:
            shown = reader.value(head, headers=True)
            part = _part(head, content, reader, whole=whole)
        except TooMuch:
            reader.work.end()
            reader.shortened = True
            break
        out.append(line_end + shown + line_end * 2)
        out.append(part + (line_end if whole else ""))
        if not whole:
            break
        at = next_mark + len(blank) + len(mark)
    parts = [out[0] if out else ""]
    text = "--" + boundary
    for number, piece in enumerate(out):
        if number == 0:
            continue
        if (piece.startswith(("\r\n", "\n")) and number % 2 == 0) or (piece.startswith("--") and number == len(out) - 1):
            parts.append("--" + boundary)
        parts.append(piece)
    return text + "".join(parts)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _part(head: str, content: bytes, reader: "Reader", *, whole: bool) -> str:
    disposition = _DISPOSITION.search(head)
    about = disposition[1] if disposition is not None else ""
    match = _PART_NAME.search(about)
    extended = _PART_NAME_EXTENDED.search(about)
    field = "" if match is None else match[1] or match[2] or ""
    names = [field.replace("\\", ""), "" if extended is None else _unquoted(extended[1])]
    for name in names:
        if name and reader.fields.verdict(name) >= TEXT and content.strip():
            reader.removed(name, _text(content).strip(), certain=False)
            return REDACTED
    if disposition is None or _FILE.search(about) is not None:
        size = f"{len(content)} bytes"
        if not whole:
            return f"[{size} and more]"
        return f"[{size}, sha256 {sha256(content).hexdigest()}]"
    kind = _PART_TYPE.search(head)
    try:
        text = decode_text(content, kind[2] if kind is not None else None, cut=not whole)
    except Unreadable:
        reader.found.add("*")
        return f"[{len(content)} bytes]"
    stripped = text.strip()
    if stripped and any(reader.fields.verdict(name) == OPAQUE for name in names) and looks_secret(stripped):
        reader.removed(field, stripped, certain=False)
        return REDACTED
    return reader.value(text, cut=not whole)


_XML_NAME = r"[A-Za-z_:\u0080-\U0010ffff][\w:.\u0080-\U0010ffff-]{0,200}"
_XML_TOKEN = re.compile(
    r"<!--(?:.*?)(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<\?(?P<pi>.*?)(?:\?>|\Z)"
    r"|<!(?P<doctype>[A-Za-z][^\[>]{0,2000}(?P<subset>\[.*?(?:\]\s*>|\Z))?)>?"
    rf"|</(?P<end>{_XML_NAME})\s*+>?"
    rf"|<(?![A-Za-z][A-Za-z0-9+.-]{{0,20}}:/)(?P<start>{_XML_NAME})(?P<attributes>(?:[^<>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?P<closing>>|\Z|(?=[<\"']))",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rf"(?P<name>{_XML_NAME})(?:(?P<sign>\s*+=\s*+)(?P<value>\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s\"'=<>`]++))?"
)
_CONTENT_OF_NAMED = frozenset(
    "property param parameter entry setting item field variable env secret attribute member value header arg add "
    "data cookie pair option config textarea".split()
)
"""Elements whose content belongs to the name that their attribute says."""
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr add".split()
)
_RAW = frozenset(("script", "style"))
_XML_NAMED = frozenset("name key id field property header http-equiv param itemprop for".split())
_XML_VALUED = frozenset("value content data val text connectionstring default".split())
MOST_OPEN = 512


def redact_xml(text: str, reader: "Reader", *, cut: bool, strict: bool) -> str:
    """XML and HTML: elements and attributes with secret names, pairs of names and values.

    Args:
        text: the text.
        reader: whose names count.
        cut: whether the end is missing.
        strict: whether it claims to be XML; then what is no markup raises `Unreadable`.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise Unreadable("not XML")
    return _Xml(text, reader, cut=cut, strict=strict).run()


class _Xml:
    """One walk over one text of markup."""

    def __init__(self, text: str, reader: "Reader", *, cut: bool, strict: bool) -> None:
        self.text = text
        self.reader = reader
        self.cut = cut
        self.strict = strict
        self.edits: list[Edit] = []
        self.places = [place >> KIND_BITS for place in reader.places(text)]
        self.closed = {name.lower() for name in _END_TAG.findall(text)}
        """Names of elements that are closed somewhere: those are not void, whatever HTML says."""

    def run(self) -> str:
        if not self.places and not self.cut and "<!" not in self.text:
            return self.text
        end = self._walk()
        return apply(self.text[:end], [edit for edit in self.edits if edit[0] < end])

    def _has_place(self, begin: int, end: int) -> bool:
        at = bisect_left(self.places, begin)
        return at < len(self.places) and self.places[at] < end

    def _walk(self) -> int:
        """Find what must go; give where the text that is kept ends."""
        text, reader = self.text, self.reader
        size = len(text)
        open_: list[str] = []
        secret = 0  # how many elements are open inside the secret one, itself included
        secret_name = ""
        secret_at = 0
        pairs: list[str] = []  # the name that <name>…</name> has said, a level each
        kept = 0
        raw_until = ""
        for count, match in enumerate(_XML_TOKEN.finditer(text)):
            if raw_until:
                if (match["end"] or "").lower() != raw_until:
                    continue
                raw_until = ""
            if count % 4 == 3 and not _may_go_on(reader, 16):
                if secret:
                    self._hide(secret_at, kept, secret_name)
                return kept
            begin, end = match.span()
            if not secret and begin > kept and self._concerns(kept, begin, open_, pairs):
                self._content(kept, begin, open_, pairs, raw=bool(open_) and open_[-1].lower() in _RAW)
            kept = end
            name = match["start"]
            if name is not None:
                bare = _local(name)
                closed = match["attributes"].endswith("/") or (
                    bare.lower() in _VOID
                    and name.lower() not in self.closed
                    and not (self.cut and text.find(">", end) < 0)
                )
                if secret:
                    secret += not closed
                    continue
                named = ""
                if "=" in match["attributes"] and self._has_place(begin, end):
                    named = self._attributes(name, match, ends=match["closing"] == "" and end == size)
                elif self._has_place(begin, end):
                    self._free(begin, end)
                if closed:
                    continue
                if len(open_) < MOST_OPEN:
                    open_.append(name)
                lower = bare.lower()
                verdict = reader.fields.verdict(bare)
                if not (self.strict or self.cut or name.lower() in self.closed):
                    continue  # free text in angle brackets, such as `<token>`
                if verdict >= TEXT or (named and lower in _CONTENT_OF_NAMED):
                    secret, secret_at = 1, end
                    secret_name = bare if verdict >= TEXT else named
                elif pairs and pairs[-1] and lower in VALUE_NAMES:
                    secret, secret_at, secret_name = 1, end, pairs[-1]
                elif lower in _PAIRS:
                    pairs.append("")
                elif lower in _RAW:
                    raw_until = lower
            elif match["end"] is not None:
                if secret:
                    secret -= 1
                    if secret == 0:
                        self._hide(secret_at, begin, secret_name)
                        if open_:
                            open_.pop()
                    continue
                if pairs and _local(match["end"]).lower() in _PAIRS:
                    pairs.pop()
                if match["end"] in open_[-8:]:
                    while open_ and open_.pop() != match["end"]:
                        pass
            elif secret:
                continue
            elif match["cdata"] is not None:
                if self._concerns(begin, end, open_, pairs):
                    self._content(*match.span("cdata"), open_, pairs, raw=True)
            elif match["subset"] is not None:
                reader.found.add("doctype")
                last = ">" if match["subset"].endswith(">") else ""
                self.edits.append((*match.span("subset"), f"[{REDACTED}]{last}"))
            elif self._has_place(begin, end):
                if text.startswith("<!--", begin):
                    self._content(begin + 4, end, [], [], raw=True, cut=self.cut and end == size)
                else:
                    self._free(begin, end)
        if secret:
            if self.cut:
                self._note(text[secret_at:], secret_name)
                return secret_at
            self._hide(secret_at, size, secret_name)
        elif size > kept and (self.cut or self._concerns(kept, size, open_, pairs)):
            self._content(kept, size, open_, pairs, cut=self.cut)
        return size

    def _concerns(self, begin: int, end: int, open_: list[str], pairs: list[str]) -> bool:
        """Tell whether text between tags has to be looked at."""
        if self._has_place(begin, end) or self.text.find("&", begin, end) >= 0:
            return True
        if not open_:
            return False
        name = _local(open_[-1])
        return (bool(pairs) and name.lower() in PAIR_NAMES) or self.reader.fields.verdict(name) == OPAQUE

    def _free(self, begin: int, end: int) -> None:
        text = self.text[begin:end]
        redacted = self.reader.free(text)
        if redacted != text:
            self.edits.append((begin, end, redacted))

    def _note(self, hidden: str, name: str) -> bool:
        """Remember the content of a secret element; False where there is none."""
        value = unescape(_TAG.sub("", _CDATA.sub(r"\1", hidden))).strip()
        if not value or value.lower() in ("true", "false", "yes", "no", "null", "none"):
            return False
        self.reader.removed(name, value, certain=self.reader.fields.verdict(name) == ALL)
        return True

    def _hide(self, begin: int, end: int, name: str) -> None:
        if self._note(self.text[begin:end], name):
            self.edits.append((begin, end, REDACTED))

    def _content(
        self,
        begin: int,
        end: int,
        open_: list[str],
        pairs: list[str],
        *,
        raw: bool = False,
        cut: bool = False,
    ) -> None:
        """Redact text between tags."""
        text = self.text[begin:end]
        if open_ and text.strip():
            bare = _local(open_[-1])
            if pairs and bare.lower() in PAIR_NAMES:
                name = unescape(text).strip()
                if self.reader.fields.verdict(name) >= TEXT:
                    pairs[-1] = name
            if self.reader.fields.verdict(bare) == OPAQUE and looks_secret(unescape(text)):
                self.reader.removed(bare, text.strip(), certain=False)
                self.edits.append((begin, end, REDACTED))
                return
        self.reader.work.spend(2 + 3 * text.count("&"))
        decoded = text if raw else unescape(text)
        redacted = self.reader.value(decoded, cut=cut)
        if redacted != decoded:
            self.edits.append(
                (begin, end, redacted if raw or decoded == text else escape(redacted, quote=False))
            )

    def _attributes(self, tag: str, token: re.Match[str], *, ends: bool) -> str:
        """Redact the attributes of a tag; give the secret name that one of them says."""
        reader = self.reader
        text, offset = token["attributes"], token.start("attributes")
        named = ""
        matches = [match for match in _ATTRIBUTE.finditer(text) if match["value"] is not None]
        reader.work.spend(8 + 5 * len(matches))
        for match in matches:
            if _local(match["name"]).lower() in _XML_NAMED or (
                match["name"].lower() == "type" and tag.lower() == "input"
            ):
                said = unescape(match["value"].strip("\"'"))
                if reader.fields.verdict(said) >= TEXT:
                    named = said
                    break
        edits: list[Edit] = []
        for match in matches:
            value = match["value"]
            mark = value[0] if value[0] in "\"'" else ""
            whole = not mark or (len(value) > 1 and value[-1] == mark)
            cut = ends and not whole and match.end() == len(text)
            bare = _local(match["name"])
            inner = unescape(value[1:-1] if mark and whole else value[1:] if mark else value)
            verdict = reader.fields.verdict(bare)
            if not inner.strip() or inner == REDACTED:
                continue
            if verdict == SAFE and bare.lower() in _HARMLESS_ATTRIBUTES:
                continue
            secret = (verdict >= TEXT and not (verdict == TEXT and inner.isdigit())) or (
                named and bare.lower() in _XML_VALUED
            )
            if (secret and (cut or not is_prose(inner))) or (
                verdict == OPAQUE and (cut or looks_secret(inner))
            ):
                reader.removed(named or bare, inner, certain=False)
                instead = REDACTED
                if cut:
                    edits.append((match.start(), len(text), ""))
                    break
            else:
                instead = reader.value(inner, cut=cut)
                if instead == inner:
                    continue
                instead = escape(instead)
            mark = mark or '"'
            edits.append((*match.span("value"), f"{mark}{instead}{mark}"))
        attributes = apply(text, edits)
        written = f"<{tag}{attributes}{token['closing']}"
        free = reader.free(written)  # what is no attribute
        if edits or free != written:
            self.edits.append((*token.span(), free))
        return named


_END_TAG = re.compile(rf"</({_XML_NAME})")
_TAG = re.compile(r"<[^<>]{0,4096}>")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_HARMLESS_ATTRIBUTES = frozenset(("autocomplete", "type", "for", "id", "name", "class"))
_PAIRS = frozenset("member entry property parameter param item pair header setting add".split())


def _local(name: str) -> str:
    return name.rpartition(":")[2]


_COLUMN = re.compile(r"[\w][\w .#-]{0,60}|")


def redact_csv(text: str, reader: "Reader", *, cut: bool) -> str | None:
    """Tables whose first line names its columns (RFC 4180): cells of secret ones, and what the
    others hold; None where it is no table.
    """
    first = text[: text.find("\n") if "\n" in text else len(text)].strip("\r\ufeff")
    delimiter = max(",;\t", key=first.count)
    if delimiter not in first or len(first) > 4096:
        return None
    rows = text.split("\n", 4)
    rows = rows[1:-1] if cut and len(rows) < 5 else rows[1:4]
    if any(row.count(delimiter) != first.count(delimiter) for row in rows if row.strip() and '"' not in row):
        return None
    head = [cell.strip().strip('"') for cell in first.split(delimiter)]
    if len(head) < 2 or not all(map(_COLUMN.fullmatch, head)) or len(text) == len(first):
        return None
    verdicts = [reader.fields.verdict(cell) for cell in head]
    line_end = "\r\n" if "\r\n" in text else "\n"
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise Unreadable("not CSV") from None
    changed = False
    if max(verdicts) == SAFE and not cut and not reader.places(text):
        return text
    for number, row in enumerate(table[1:], 1):
        if number % 4 == 0 and not _may_go_on(reader, 8 + 4 * len(row)):
            del table[number:]
            changed = True
            break
        last = cut and number == len(table) - 1
        for column, cell in enumerate(row):
            verdict = verdicts[column] if column < len(verdicts) else SAFE
            if not cell.strip():
                continue
            if verdict >= TEXT or (verdict == OPAQUE and looks_secret(cell)):
                reader.removed(head[column], cell, certain=False)
                row[column] = REDACTED
            else:
                row[column] = reader.value(cell, cut=last and column == len(row) - 1)
            changed = changed or row[column] != cell
    if not changed:
        return text
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(table)
    written = out.getvalue()
    return written if text.endswith("\n") else written.removesuffix(line_end)
