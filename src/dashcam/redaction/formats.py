"""The formats that a body may have besides JSON: lines, events, forms, multipart, XML, CSV.

Each function takes a text and a reader and gives the text without what is secret. What isn't what
it claims to be raises `Unreadable`; a text that is cut is read as far as it goes.
"""

import csv
import io
import re
from hashlib import sha256
from html import escape, unescape
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

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
from dashcam.redaction.scrub import apply, is_prose, looks_secret, scrub_edits

from dashcam.redaction.work import TooMuch

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

OMITTED = re.compile(r": \[dashcam: \d{1,20} bytes omitted\]")


def redact_lines(text: str, reader: "Reader", *, cut: bool) -> str:
    """NDJSON, JSON Lines, JSON text sequences (RFC 7464): each line a text of its own."""
    lines = text.split("\n")
    wanted = _Within(reader.places(text))
    end = -1
    outside, reader.in_stream = reader.in_stream, True
    try:
        for number, line in enumerate(lines):
            if number % 4 == 3 and not _may_go_on(reader, 4):
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


LAST_EVENTS = 12
"""Events at the end of a stream that are kept also where looking at all would take too long."""
_BLOCKS = re.compile(r"((?:\r\n|\n|\r)(?:\r\n|\n|\r))")
_LINE_END = re.compile(r"(\r\n|\n|\r)")


def redact_events(text: str, reader: "Reader", *, cut: bool) -> str:
    """Server-sent events (WHATWG HTML, 9.2): the data of an event is a text of its own."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    blocks = _BLOCKS.split(text[len(mark) :])
    wanted = _Within(reader.places(text))
    out = [mark]
    end = len(mark)
    skipped = 0
    resume = len(blocks)
    outside, reader.in_stream = reader.in_stream, True
    try:
        for number in range(0, len(blocks), 2):
            block = blocks[number]
            blank = blocks[number + 1] if number + 1 < len(blocks) else ""
            begin, end = end, end + len(block)
            end += len(blank)
            if number < resume and skipped:
                skipped += len(block) + len(blank)
                continue
            last = cut and number == len(blocks) - 1
            try:
                if number % 16 == 14:
                    reader.work.spend(8)
                if block and (last or wanted.has(begin, end - len(blank))):
                    block = _event(block, reader, cut=last)
            except TooMuch:
                reader.shortened = True
                if skipped:  # the last ones took too long as well
                    break
                # The last events tell how the stream ended, and what it used.
                reader.work.end()
                resume = max(number + 2, len(blocks) - 2 * LAST_EVENTS) & ~1
                skipped = len(block) + len(blank)
                continue
            if skipped and number >= resume:
                out.append(f": [dashcam: {skipped} bytes omitted]\n\n")
                skipped, resume = 0, len(blocks)
            out += (block, blank)
    finally:
        reader.in_stream = outside
    redacted = "".join(out)
    places = reader.places(redacted, shapes_only=True)
    if places:  # a shape that spreads over several events, such as a key block
        redacted = apply(redacted, scrub_edits(redacted, places, reader, cut=cut))
    return redacted


def _event(block: str, reader: "Reader", *, cut: bool) -> str:
    pieces = _LINE_END.split(block)
    reader.work.spend(2 + len(pieces) // 4)
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


def redact_pairs(text: str, reader: "Reader", names: Names, *, cut: bool = False) -> str:
    """Forms and queries: `key=value&…`, also with `;`. What needs no change stays as it was."""
    if not text:
        return text
    pieces = _PAIR_END.split(text)
    named = ""
    last = len(pieces) - 1
    for number in range(0, len(pieces), 2):
        if number % 8 == 6 and not _may_go_on(reader, 6):
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
    return quote(redacted, safe="/:[]?=@!$'()*,~")


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
        if not _may_go_on(reader, 24):
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
        out.append(line_end + reader.value(head, headers=True) + line_end * 2)
        out.append(_part(head, content, reader, whole=whole) + (line_end if whole else ""))
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
    rf"|<(?P<start>{_XML_NAME})(?P<attributes>(?:[^<>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?P<closing>>|\Z|(?=[<\"']))",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rf"(?P<name>{_XML_NAME})(?:(?P<sign>\s*+=\s*+)(?P<value>\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s\"'=<>`]++))?"
)
_CONTENT_OF_NAMED = frozenset(
    "property param parameter entry setting item field variable env secret attribute member value header arg add "
    "data cookie pair option config".split()
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
    return _Xml(text, reader, cut=cut).run()


class _Xml:
    """One walk over one text of markup."""

    def __init__(self, text: str, reader: "Reader", *, cut: bool) -> None:
        self.text = text
        self.reader = reader
        self.cut = cut
        self.out: list[str] = []

    def run(self) -> str:
        text, reader, out = self.text, self.reader, self.out
        open_: list[str] = []
        secret = 0  # how many elements are open inside the secret one, itself included
        secret_name = ""
        hidden: list[str] = []
        pair_name: list[str] = []  # the name that <name>…</name> has given, a level each
        kept = 0
        raw_until = ""
        for match in _XML_TOKEN.finditer(text):
            if raw_until:
                if (match["end"] or "").lower() != raw_until:
                    continue
                raw_until = ""
            if not _may_go_on(reader, 3):
                if secret:
                    self._hide(hidden, secret_name)
                return "".join(out)
            between = text[kept : match.start()]
            kept = match.end()
            if secret:
                hidden.append(between)
            elif between:
                out.append(self._content(between, open_, pair_name))
            token = match[0]
            if match["start"] is not None:
                name = match["start"]
                ends = match["closing"] == "" and kept == len(text)
                attributes, named = self._attributes(name, match["attributes"], ends)
                bare = _local(name)
                closed = match["attributes"].endswith("/") or bare.lower() in _VOID
                if secret:
                    if not closed:
                        secret += 1
                    continue
                tag = f"<{name}{attributes}{match['closing']}"
                out.append(reader.free(tag))
                if closed:
                    continue
                if len(open_) < MOST_OPEN:
                    open_.append(name)
                verdict = reader.fields.verdict(bare)
                if verdict >= TEXT or (named and bare.lower() in _CONTENT_OF_NAMED):
                    secret, secret_name, hidden = 1, bare if verdict >= TEXT else named, []
                elif pair_name and bare.lower() in VALUE_NAMES and pair_name[-1]:
                    secret, secret_name, hidden = 1, pair_name[-1], []
                elif bare.lower() in ("member", "entry", "property", "parameter", "param", "item", "pair", "header", "setting", "add"):
                    pair_name.append("")
                elif bare.lower() in _RAW:
                    raw_until = bare.lower()
            elif match["end"] is not None:
                if secret:
                    secret -= 1
                    if secret == 0:
                        self._hide(hidden, secret_name)
                        out.append(token)
                        if open_:
                            open_.pop()
                    continue
                bare = _local(match["end"]).lower()
                if bare in ("member", "entry", "property", "parameter", "param", "item", "pair", "header", "setting", "add") and pair_name:
                    pair_name.pop()
                if match["end"] in open_[-8:]:
                    while open_ and open_.pop() != match["end"]:
                        pass
                out.append(token)
            elif match["cdata"] is not None:
                if secret:
                    hidden.append(match["cdata"])
                else:
                    inner = self._content(match["cdata"], open_, pair_name, raw=True)
                    out.append(token if inner == match["cdata"] else f"<![CDATA[{inner}]]>")
            elif match["subset"] is not None:
                out.append(f"<!{match['doctype'].partition('[')[0]}[{REDACTED}]>")
                reader.found.add("doctype")
            elif not secret:
                out.append(reader.value(token, flat=True))
            else:
                hidden.append(token)
        rest = text[kept:]
        if secret:
            hidden.append(rest)
            self._hide(hidden, secret_name, replace=not self.cut)
        elif rest:
            out.append(self._content(rest, open_, pair_name, cut=self.cut))
        return "".join(out)

    def _hide(self, hidden: list[str], name: str, *, replace: bool = True) -> None:
        value = unescape("".join(hidden)).strip()
        if value and value.lower() not in ("true", "false", "yes", "no", "null", "none"):
            self.reader.removed(name, value, certain=self.reader.fields.verdict(name) == ALL)
            if replace:
                self.out.append(REDACTED)
        else:
            self.out += hidden

    def _content(
        self, text: str, open_: list[str], pair_name: list[str], *, raw: bool = False, cut: bool = False
    ) -> str:
        """Redact text between tags."""
        if open_ and text.strip():
            bare = _local(open_[-1]).lower()
            if pair_name and bare in PAIR_NAMES:
                name = unescape(text).strip()
                if self.reader.fields.verdict(name) >= TEXT:
                    pair_name[-1] = name
            if self.reader.fields.verdict(_local(open_[-1])) == OPAQUE and looks_secret(unescape(text)):
                self.reader.removed(bare, text.strip(), certain=False)
                return REDACTED
        if not self.reader.places(text) and "&" not in text:
            return text
        decoded = text if raw else unescape(text)
        redacted = self.reader.value(decoded, cut=cut)
        if redacted == decoded:
            return text
        return redacted if raw else escape(redacted, quote=False)

    def _attributes(self, tag: str, text: str, ends: bool) -> tuple[str, str]:
        """Redact the attributes of a tag; give also the secret name that one of them says."""
        if not text or "=" not in text:
            return text, ""
        reader = self.reader
        named = ""
        matches = list(_ATTRIBUTE.finditer(text))
        reader.work.spend(2 * len(matches))
        for match in matches:
            if match["value"] is None:
                continue
            if _local(match["name"]).lower() in _XML_NAMED or (
                match["name"].lower() == "type" and tag.lower() == "input"
            ):
                said = unescape(match["value"].strip("\"'"))
                if reader.fields.verdict(said) >= TEXT:
                    named = said
                    break
        parts: list[str] = []
        kept = 0
        for match in matches:
            value = match["value"]
            if value is None:
                continue
            mark = value[0] if value[0] in "\"'" else ""
            cut = bool(ends and mark and (len(value) < 2 or value[-1] != mark) and match.end() == len(text))
            bare = _local(match["name"])
            inner = unescape(value[1 : -1 if len(value) > 1 and value[-1] == mark else None] if mark else value)
            verdict = reader.fields.verdict(bare)
            if not inner.strip() or inner == REDACTED:
                continue
            if bare.lower() in ("autocomplete", "type", "for", "id", "name", "class") and verdict == SAFE:
                continue
            secret = (verdict >= TEXT and not (verdict == TEXT and inner.isdigit())) or (
                named and bare.lower() in _XML_VALUED
            )
            if secret and is_prose(inner):
                secret = False
            if secret or (verdict == OPAQUE and (cut or looks_secret(inner))):
                reader.removed(named or bare, inner, certain=False)
                instead = REDACTED
                if cut:
                    parts.append(text[kept : match.start()])
                    return "".join(parts), named
            else:
                instead = reader.value(inner, cut=cut)
                if instead == inner:
                    continue
                instead = escape(instead)
            mark = mark or '"'
            parts += (text[kept : match.start("value")], f"{mark}{instead}{mark}")
            kept = match.end("value")
        return "".join((*parts, text[kept:])), named


def _local(name: str) -> str:
    return name.rpartition(":")[2]


_COLUMN = re.compile(r"[\w][\w .#-]{0,60}|")


def redact_csv(text: str, reader: "Reader", *, cut: bool) -> str:
    """Tables whose first line names a column that is secret: its cells (RFC 4180)."""
    first = text[: text.find("\n") if "\n" in text else len(text)]
    delimiter = max(",;\t", key=first.count)
    if delimiter not in first or len(first) > 4096:
        return text
    rows = text.split("\n", 4)
    rows = rows[1:-1] if cut and len(rows) < 5 else rows[1:4]
    if any(row.count(delimiter) != first.count(delimiter) for row in rows if row.strip() and '"' not in row):
        return text
    head = [cell.strip().strip('"') for cell in first.strip("\r\ufeff").split(delimiter)]
    if not all(map(_COLUMN.fullmatch, head)):
        return text
    secret = [number for number, cell in enumerate(head) if reader.fields.verdict(cell) >= TEXT]
    if not secret:
        return text
    line_end = "\r\n" if "\r\n" in text else "\n"
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise Unreadable("not CSV") from None
    reader.work.spend(len(rows) // 2)
    for row in rows[1:]:
        for number in secret:
            if number < len(row) and row[number].strip():
                reader.removed(head[number], row[number], certain=False)
                row[number] = REDACTED
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    written = out.getvalue()
    return written if text.endswith("\n") else written.removesuffix(line_end)


