"""From the bytes on the wire to text: content encodings, then the character set.

Each step is bounded, whatever goes in. What can't be read as it claims to be is not kept at all:
`Unreadable` says so.
"""

import re
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

MOST_ENCODINGS = 8
MOST_MEMBERS = 1_000


class Unreadable(ValueError):
    """The body is not what its headers claim."""


def decompress(data: bytes, encodings: str, *, limit: int) -> tuple[bytes, bool]:
    """Undo content encodings, at most `limit` bytes; tell also whether the end is missing.

    Args:
        data: the body on the wire, possibly cut.
        encodings: the header's value, in the order applied (RFC 9110, 8.4).
        limit: bytes that come out at most, of each step.

    Raises:
        Unreadable: an encoding that isn't known here, or data that isn't encoded so.
    """
    names = [part.strip().lower() for part in encodings.split(",", 64)]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > MOST_ENCODINGS:
        raise Unreadable(f"more than {MOST_ENCODINGS} content encodings")
    cut = False
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise Unreadable(f"content encoding {name[:20]!r}")
        try:
            data, more = decoder(data, limit)
        except Unreadable:
            raise
        except Exception as error:  # each library has its own; none of them may matter here
            raise Unreadable(f"not {name}") from error
        cut = cut or more
    return data, cut


def _inflate(data: bytes, limit: int, bits: int) -> tuple[bytes, bool]:
    decoder = zlib.decompressobj(bits)
    out = decoder.decompress(data, limit)
    return out, not decoder.eof


def _gzip(data: bytes, limit: int) -> tuple[bytes, bool]:
    """Undo gzip; several members are one body (RFC 1952, 2.2), zeros behind them are padding."""
    out = b""
    for _ in range(MOST_MEMBERS):
        decoder = zlib.decompressobj(31)
        out += decoder.decompress(data, limit - len(out))
        if not decoder.eof:
            return out, True
        data = decoder.unused_data.lstrip(b"\0")
        if not data:
            return out, False
        if len(out) >= limit:
            return out, True
        if not data.startswith(b"\x1f\x8b"):
            if b"\x1f\x8b".startswith(data[:2]):
                return out, True
            raise Unreadable("bytes behind the end of gzip")
    return out, True


def _deflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        return _inflate(data, limit, zlib.MAX_WBITS)
    except zlib.error:  # many servers send it without the zlib header
        return _inflate(data, limit, -zlib.MAX_WBITS)


def _brotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    brotli = _brotli_module()
    decoder = brotli.Decompressor()
    process = getattr(decoder, "process", None) or decoder.decompress
    out = bytearray()
    bounded = True
    for at in range(0, len(data), 256):
        piece = data[at : at + 256]
        if bounded:
            try:
                out += process(piece, output_buffer_limit=limit - len(out) + 1)
            except TypeError:  # before 1.2 the output of a piece has no limit but its own size
                bounded = False
        if not bounded:
            # Brotli makes at most some thousand bytes of one, so small pieces are the bound.
            for small in range(0, len(piece), 8):
                out += process(piece[small : small + 8])
                if len(out) >= limit:
                    break
        if len(out) >= limit:
            return bytes(out[:limit]), True
    return bytes(out), not decoder.is_finished()


def _brotli_module() -> Any:
    try:
        import brotli

        return brotli
    except ImportError:
        pass
    try:
        return import_module("brotlicffi")
    except ImportError:
        raise Unreadable("br needs the brotli package") from None


def _zstd(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        import zstandard
    except ImportError:
        raise Unreadable("zstd needs the zstandard package") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    reader = decompressor.stream_reader(data, read_across_frames=True)
    out = bytearray()
    try:
        while len(out) <= limit:
            piece = reader.read(min(1 << 16, limit + 1 - len(out)))
            if not piece:
                break
            out += piece
    finally:
        reader.close()  # type: ignore[no-untyped-call]
    if len(out) > limit:
        return bytes(out[:limit]), True
    return bytes(out), not _is_whole_zstd(zstandard, data)


def _is_whole_zstd(zstandard: object, data: bytes) -> bool:
    """Tell whether the last frame is complete: reading across frames doesn't say it."""
    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()  # type: ignore[attr-defined]
        frame.decompress(data)
        if not frame.eof:
            return False
        data = frame.unused_data
    return True


_DECODERS: dict[str, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}

# Only these are looked up: some of Python's codecs are no character sets, others are quadratic.
_CHARSETS = re.compile(
    r"(?i)utf-?(?:8|8-sig|16|16-?le|16-?be|32|32-?le|32-?be)|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}"
    r"|windows-125\d|cp125\d|cp437|cp850|koi8-[ru]|shift_?jis|euc-(?:jp|kr)|big5|gbk|gb2312|gb18030"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")


def decode_text(data: bytes, charset: str | None, *, cut: bool) -> str:
    """Decode text by its byte order mark, its character set, or what its bytes show.

    Without a character set it is UTF-8, UTF-16 that shows itself by its zeros, or else Latin-1
    (the default of HTTP's text types before RFC 7231), unless it has control characters in it.
    Only a character that a cut has split is left out.

    Args:
        data: the bytes.
        charset: as the content type says it; None where it says none.
        cut: whether the end is missing.

    Raises:
        Unreadable: it isn't text in this character set.
    """
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return _decode(data, "utf-32", cut=cut)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(data, "utf-16", cut=cut)
    if data.startswith(b"\xef\xbb\xbf"):
        return _decode(data, "utf-8-sig", cut=cut)
    if charset is not None:
        if _CHARSETS.fullmatch(charset) is None:
            raise Unreadable("unknown character set")
        is_utf_8 = charset.lower() in ("utf-8", "utf8", "us-ascii", "ascii")
        if not is_utf_8:
            return _decode(data, charset, cut=cut)
    wide = _wide(data)
    if wide is not None:
        return _decode(data, wide, cut=cut)
    try:
        return _decode(data, "utf-8", cut=cut)
    except Unreadable:
        if charset is not None and charset.lower() not in ("us-ascii", "ascii"):
            raise
    text = data.decode("latin-1")
    if _CONTROL.search(text) is not None:
        # cp1252 has letters and quotes where Latin-1 has C1 controls.
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise Unreadable("not text") from None
        if _CONTROL.search(text) is not None:
            raise Unreadable("not text")
    return text


def _wide(data: bytes) -> str | None:
    """Tell UTF-16 and UTF-32 without a mark by where their zeros are (RFC 4627, 3)."""
    head = data[:256]
    if b"\0" not in head or len(head) < 4:
        return None
    even, odd = head[0::2], head[1::2]
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) * 2 > len(zeros) and others.count(0) * 8 < len(others):
            return name
    fours = [head[at : at + 4] for at in range(0, len(head) - 3, 4)]
    if fours and all(four[1:] == b"\0\0\0" for four in fours):
        return "utf-32-le"
    if fours and all(four[:3] == b"\0\0\0" for four in fours):
        return "utf-32-be"
    return None


def _decode(data: bytes, charset: str, *, cut: bool) -> str:
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        if cut and error.start >= len(data) - 4:
            try:
                return data[: error.start].decode(charset)
            except UnicodeDecodeError:
                pass
        raise Unreadable("not text") from None
    except (LookupError, UnicodeError):
        raise Unreadable("unknown character set") from None


def text_of(data: bytes) -> str:
    """Decode a header's bytes: UTF-8, or else Latin-1, which takes all."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def declared_in_xml(data: bytes) -> str | None:
    """Give the character set that an XML declaration names (XML 1.0, 4.3.3)."""
    match = _XML_ENCODING.match(data[:200].lstrip())
    return match[1].decode() if match is not None else None


_XML_ENCODING = re.compile(
    rb"<\?xml[^>]{0,100}?encoding\s{0,4}=\s{0,4}[\"']([A-Za-z0-9_.-]{1,40})[\"']"
)
