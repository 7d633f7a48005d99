"""`multipart/form-data` (RFC 7578): fields by name; files keep their headers, size and a hash."""

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from dashcam.redaction.decoding import Unreadable, decode_text, text_of
from dashcam.redaction.forms import unquoted
from dashcam.redaction.names import OPAQUE, REDACTED, TEXT
from dashcam.redaction.prose import looks_secret
from dashcam.redaction.work import TooMuch, may_go_on

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_PART_NAME = re.compile(r'(?i)(?:^|[;\s])name\s*=\s*(?:"((?:[^"\\]|\\.){0,300})"|([^\s;"]{1,300}))')
_PART_NAME_EXTENDED = re.compile(r"(?i)(?:^|[;\s])name\*\s*=\s*[\w-]*'[^']*'([^\s;]{1,300})")
_FILE = re.compile(r"(?i)[;\s]filename\*?\s*=")
_DISPOSITION = re.compile(r"(?im)^content-disposition\s*:((?:[^\r\n]|\r?\n[ \t])*)")
_PART_TYPE = re.compile(
    r"(?im)^content-type\s*:\s*([^\r\n;]+)(?:[^\r\n]*?charset=\"?([\w-]{1,40}))?"
)
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
        if not may_go_on(reader, 30):
            break
        if data.startswith(b"--", at):
            rest = data[at + 2 :]
            out.append("--" + ("" if rest.strip() else rest.decode()))  # an epilogue isn't kept
            break
        head_begin = at
        for blank in (b"\r\n", b"\n"):
            if data.startswith(blank, at):
                head_begin = at + len(blank)
                break
        else:
            if cut and at >= len(data) - 2:
                break
            raise Unreadable("not multipart")
        ending = blank.decode()
        end_of_head = data.find(blank + blank, head_begin - len(blank))
        next_mark = data.find(
            blank + mark, head_begin - len(blank) if end_of_head < 0 else end_of_head
        )
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
        head = text_of(data[head_begin:end_of_head])
        try:
            shown = reader.value(head, headers=True)
            part = _part(head, content, reader, whole=whole)
        except TooMuch:
            reader.work.end()
            reader.shortened = True
            break
        out.append(ending + shown + ending * 2)
        out.append(part + (ending if whole else ""))
        if not whole:
            break
        at = next_mark + len(blank) + len(mark)
    parts = [out[0] if out else ""]
    text = "--" + boundary
    for number, piece in enumerate(out):
        if number == 0:
            continue
        if (piece.startswith(("\r\n", "\n")) and number % 2 == 0) or (
            piece.startswith("--") and number == len(out) - 1
        ):
            parts.append("--" + boundary)
        parts.append(piece)
    return text + "".join(parts)


def _part(head: str, content: bytes, reader: "Reader", *, whole: bool) -> str:
    disposition = _DISPOSITION.search(head)
    about = disposition[1] if disposition is not None else ""
    match = _PART_NAME.search(about)
    extended = _PART_NAME_EXTENDED.search(about)
    field = "" if match is None else match[1] or match[2] or ""
    names = [field.replace("\\", ""), "" if extended is None else unquoted(extended[1])]
    for name in names:
        if name and reader.fields.verdict(name) >= TEXT and content.strip():
            reader.removed(name, text_of(content).strip(), certain=False)
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
    if (
        stripped
        and any(reader.fields.verdict(name) == OPAQUE for name in names)
        and looks_secret(stripped)
    ):
        reader.removed(field, stripped, certain=False)
        return REDACTED
    return reader.value(text, cut=not whole)
