"""Bodies by their content type: decoded within a bound, secret values replaced, kept as text.

What can't be parsed as it claims to be is not kept at all: `Unparsable` says so. Compressed
bodies are decoded with a bound on what comes out, whatever goes in.
"""

import re
import zlib
from collections.abc import Callable
from urllib.parse import unquote_plus

from dashcam.native import native
from dashcam.redaction.json_text import NotJson, redact_json
from dashcam.redaction.rules import REDACTED, Names, Rules
from dashcam.redaction.scrub import scrub

# Tells of lines that hold no secret, in one call; what it can't tell is looked at line by line.
_plain_lines = None if native is None else native.plain_lines
OMITTED = re.compile(r": \[dashcam: \d{1,20} bytes omitted\]")


class Unparsable(ValueError):
    """The body is not what its headers claim."""


def decompress(data: bytes, encodings: str, *, limit: int) -> tuple[bytes, bool]:
    """Undo content encodings, at most `limit` bytes; tell also whether the end is missing.

    Args:
        data: the body on the wire, possibly cut.
        encodings: the header's value, in the order applied (RFC 9110, 8.4).
        limit: bytes that come out at most, of each step.

    Raises:
        Unparsable: an encoding that isn't known here, or data that isn't encoded so.
    """
    cut = False
    for name in reversed([part.strip().lower() for part in encodings.split(",")]):
        if name in ("", "identity"):
            continue
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise Unparsable(f"content encoding {name[:20]!r}")
        try:
            data, more = decoder(data, limit)
        except Unparsable:
            raise
        except Exception as error:  # each library has its own; none of them may matter here
            raise Unparsable(f"not {name}") from error
        cut = cut or more
    return data, cut


def _inflate(data: bytes, limit: int, bits: int) -> tuple[bytes, bool]:
    decoder = zlib.decompressobj(bits)
    out = decoder.decompress(data, limit)
    return out, not decoder.eof


def _deflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        return _inflate(data, limit, zlib.MAX_WBITS)
    except zlib.error:  # many servers send it without the zlib header
        return _inflate(data, limit, -zlib.MAX_WBITS)


def _brotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        import brotli
    except ImportError:
        raise Unparsable("br needs the brotli package") from None
    decoder = brotli.Decompressor()
    out = bytearray()
    for at in range(0, len(data), 256):
        out += decoder.process(data[at : at + 256], output_buffer_limit=limit)
        if len(out) >= limit:
            return bytes(out[:limit]), True
    return bytes(out), not decoder.is_finished()


def _zstd(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        import zstandard
    except ImportError:
        raise Unparsable("zstd needs the zstandard package") from None
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data)
    try:
        out = reader.read(limit)
        return out, bool(reader.read(1))
    finally:
        reader.close()  # type: ignore[no-untyped-call]


_DECODERS: dict[str, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "gzip": lambda data, limit: _inflate(data, limit, 31),
    "x-gzip": lambda data, limit: _inflate(data, limit, 31),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


def decode_text(data: bytes, charset: str, *, cut: bool) -> str:
    """Decode text strictly; only a character that a cut has split is left out.

    Raises:
        Unparsable: it isn't text in this charset.
    """
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        charset = "utf-32"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    elif data.startswith(b"\xef\xbb\xbf"):
        charset = "utf-8-sig"
    if not _CHARSETS.fullmatch(charset):
        raise Unparsable("unknown charset")
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        if cut and error.start >= len(data) - 4:
            try:
                return data[: error.start].decode(charset)
            except UnicodeDecodeError:
                pass
        raise Unparsable("not text") from None
    except (LookupError, UnicodeError):
        raise Unparsable("unknown charset") from None


# Only these are looked up: some of Python's codecs are no character sets, others are quadratic.
_CHARSETS = re.compile(
    r"(?i)utf-?(?:8|8-sig|16|16le|16be|32|32le|32be)|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}"
    r"|windows-125\d|cp125\d|cp437|cp850|koi8-[ru]|shift_?jis|euc-(?:jp|kr)|big5|gbk|gb2312|gb18030"
)


class Kind:
    """How one kind of content is redacted: text in, text out, names of what was removed."""

    def __init__(self, rules: Rules) -> None:
        self._names: Names = rules.fields
        self._query: Names = rules.query

    def json(self, text: str, removed: set[str], cut: bool) -> str:
        """JSON (RFC 8259)."""
        data = text.encode("utf-8", "surrogatepass")
        try:
            return redact_json(text, data, self._names, removed, cut=cut)
        except NotJson:
            raise Unparsable("not JSON") from None

    def lines(self, text: str, removed: set[str], cut: bool) -> str:
        """NDJSON, JSON Lines and JSON text sequences: each line a JSON text of its own."""
        if _plain_lines is not None and _plain_lines(text, self._names.safe, False):
            return text
        lines = text.split("\n")
        for number, line in enumerate(lines):
            bare = line.strip("\x1e\r \t")
            if bare and not OMITTED.fullmatch(bare):
                last = number == len(lines) - 1
                lines[number] = line.replace(bare, self.json(bare, removed, cut and last))
        return "\n".join(lines)

    def events(self, text: str, removed: set[str], cut: bool) -> str:
        """Server-sent events (WHATWG HTML, 9.2): the data of each event may be JSON."""
        if _plain_lines is not None and _plain_lines(text, self._names.safe, True):
            return text
        blocks = re.split(r"((?:\r\n|\n|\r)(?:\r\n|\n|\r))", text)
        for number in range(0, len(blocks), 2):
            if "{" in blocks[number] or "[" in blocks[number]:
                last = number == len(blocks) - 1
                blocks[number] = self._event(blocks[number], removed, cut and last)
            else:
                blocks[number] = scrub(blocks[number])
        return "".join(blocks)

    def _event(self, block: str, removed: set[str], cut: bool) -> str:
        lines = re.split(r"\r\n|\n|\r", block)
        at = [number for number, line in enumerate(lines) if line.startswith("data:")]
        data = "\n".join(lines[number][5:].removeprefix(" ") for number in at)
        if not data.lstrip().startswith(("{", "[")) or data.lstrip().startswith("[DONE]"):
            return scrub(block)
        try:
            redacted = self.json(data, removed, cut)
        except Unparsable:
            redacted = REDACTED  # it begins like JSON and isn't: nothing of it is kept
            removed.add("*")
        if redacted == data:
            return block
        before = [line for line in lines[: at[0]] if not line.startswith("data:")]
        after = [line for line in lines[at[0] :] if not line.startswith("data:")]
        return "\n".join([*before, *(f"data: {line}" for line in redacted.split("\n")), *after])

    def form(self, text: str, removed: set[str], cut: bool) -> str:
        """`application/x-www-form-urlencoded`."""
        return redact_pairs(text, self._names, removed, cut=cut)

    def xml(self, text: str, removed: set[str], cut: bool) -> str:
        """XML: the content of elements and the values of attributes with secret names."""
        if not text.lstrip("\ufeff \t\r\n").startswith("<"):
            raise Unparsable("not XML")
        names = self._names

        def attribute(match: re.Match[str]) -> str:
            name = match[2].rpartition(":")[2]
            if not names.is_secret(name):
                return match[0]
            removed.add(name)
            return f'{match[1]}{match[2]}{match[3]}"{REDACTED}"'

        text = _XML_ATTRIBUTE.sub(attribute, text)
        parts: list[str] = []
        kept = at = 0
        while True:
            begin = _XML_START.search(text, at)
            if begin is None:
                break
            at = begin.end()
            name = begin[1].rpartition(":")[2]
            if begin[0].endswith("/>") or not names.is_secret(name):
                continue
            removed.add(name)
            end = text.find(f"</{begin[1]}", at)
            if end < 0:
                return "".join((*parts, text[kept : begin.start()]))
            parts += (text[kept:at], REDACTED)
            kept = at = end
        return scrub("".join((*parts, text[kept:])))

    def text(self, text: str, removed: set[str], cut: bool) -> str:
        """Any other text: known shapes of secrets only."""
        return scrub(text)

    def multipart(self, text: str, removed: set[str], cut: bool, boundary: str) -> str:
        """`multipart/form-data` (RFC 7578): fields by name; files keep their headers only."""
        if not boundary or not text.startswith("--" + boundary):
            raise Unparsable("not multipart")
        parts = text.split("--" + boundary)
        out = [parts[0]]
        for number, part in enumerate(parts[1:], 1):
            if part.startswith("--"):
                out.append(part[:4])
                break
            head, blank, content = part.partition("\r\n\r\n")
            if not blank:
                if cut and number == len(parts) - 1:
                    break
                raise Unparsable("not multipart")
            name = _PART_NAME.search(head)
            field = name[1] if name else ""
            if self._names.is_secret(field):
                removed.add(field)
                content = REDACTED + "\r\n"
            elif "filename" in head.lower() or "content-type" in head.lower():
                content = f"[{len(content.rstrip())} characters]\r\n"
            else:
                content = self._field(content, removed, cut)
            out.append(f"{head}{blank}{content}")
        return ("--" + boundary).join(out)

    def _field(self, content: str, removed: set[str], cut: bool) -> str:
        if content.lstrip()[:1] in ("{", "["):
            try:
                return self.json(content.strip(), removed, cut) + "\r\n"
            except Unparsable:
                pass
        return scrub(content)


_XML_ATTRIBUTE = re.compile(r"(\s)([A-Za-z_][\w.:-]{0,100}+)(\s?=\s?)(?:\"[^\"<]*+\"|'[^'<]*+')")
_XML_START = re.compile(r"<([A-Za-z_][\w.:-]{0,100}+)[^<>]*+>")
_PART_NAME = re.compile(r'(?i)\bname="([^"]{0,200})"')


def redact_pairs(text: str, names: Names, removed: set[str], *, cut: bool = False) -> str:
    """Replace the values of secret keys in `key=value&…`, leaving the rest as it was."""
    if not text:
        return text
    pairs = text.split("&")
    changed = False
    for number, pair in enumerate(pairs):
        key, equals, value = pair.partition("=")
        name = unquote_plus(key) if "%" in key or "+" in key else key
        # `user[password]` and `user.password` are how frameworks nest.
        last = name.rstrip("]").rpartition("[")[2] if name.endswith("]") else name
        if value and (names.is_secret(name) or names.is_secret(last)):
            removed.add(name)
            pairs[number] = f"{key}{equals}{REDACTED}"
            changed = True
        elif cut and number == len(pairs) - 1 and not equals:
            pairs[number] = ""
            changed = True
    return "&".join(pairs) if changed else text
