"""Text that a stream sends in fragments: read as a whole, and redacted in the fragments.

Language models stream an answer's text, and the arguments of tool calls, a few characters at a
time. A password in them stands in no fragment as a whole. So the fragments that belong together
(the same place in the events, with the same indexes) are joined, the whole is redacted, and of
each fragment goes what was removed from the whole.
"""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING

from dashcam.redaction.json_text import NotJson
from dashcam.redaction.names import REDACTED

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_CONSTANT = (
    "id|object|model|type|role|name|event|created|finish_reason|system_fingerprint|index|item_id"
    "|status"
)
_FRAGMENT = re.compile(
    rf'(?m)(?:"(?!(?:{_CONSTANT})")([A-Za-z_][\w-]{{0,40}})"\s{{0,8}}:\s{{0,8}}'
    r'|^(?:data: ?)?([0-9a-z]:)?)"((?:[^"\\\r\n]|\\.)*+)(?:"|\\?\Z)'
)
_INDEX = re.compile(
    r'"(?:index|output_index|content_index|item_id|choice|tool_call_id|summary_index)"\s{0,8}:\s{0,8}(?:"[^"]{0,80}"|\d{1,9})'
)
_OTHER_INDEX = re.compile(r'"(?:[a-z_]*index|choice)"\s{0,8}:\s{0,8}[1-9]')


def redact_fragments(text: str, reader: "Reader", *, cut: bool) -> str:
    """Redact what the fragments of a stream say together.

    Args:
        text: events or lines of JSON.
        reader: whose names, work and findings count.
        cut: whether the text's end is missing.

    Raises:
        TooMuch: it would take too long.
    """
    matches = list(_FRAGMENT.finditer(text))
    if len(matches) < 2:
        return text
    reader.work.spend(len(matches) // 3)
    if not _may_hold(matches, text, reader):
        return text
    channels: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
    line_begin = -1
    about: tuple[str, ...] = ()
    for match in matches:
        begin = max(text.rfind("\n", 0, match.start()), text.rfind("\r", 0, match.start())) + 1
        if begin != line_begin:
            reader.work.spend(5)
            line_begin = begin
            end = text.find("\n", match.end())
            # Which of several answers or calls it belongs to: the indexes and ids of its event.
            about = tuple(
                each[0] for each in _INDEX.finditer(text, begin, len(text) if end < 0 else end)
            )
            if cut and end < 0:
                # Of an event that is cut the indexes may be missing: it goes on with the last one.
                same = [key for key in channels if key[0] == (match[1] or match[2] or "")]
                if same and ((match[1] or match[2] or ""), *about) not in channels:
                    about = same[-1][1:]
        channels.setdefault(((match[1] or match[2] or ""), *about), []).append(
            (*match.span(3), match[3])
        )
    edits: list[tuple[int, int, str]] = []
    for fragments in channels.values():
        if len(fragments) > 1:
            edits += _channel(fragments, reader)
    if not edits:
        return text
    parts: list[str] = []
    kept = 0
    for begin, end, instead in sorted(edits):
        parts += (text[kept:begin], instead)
        kept = end
    return "".join((*parts, text[kept:]))


def _may_hold(matches: list[re.Match[str]], text: str, reader: "Reader") -> bool:
    """Tell cheaply whether the fragments may say a secret together: mostly they don't.

    Where all events belong to one answer, its fragments are one text by the name of their key.
    """
    if _OTHER_INDEX.search(text) is not None:
        return True
    texts: dict[str, list[str]] = {}
    for match in matches:
        texts.setdefault((match[1] or match[2] or ""), []).append(match[3])
    return any(reader.places(_decoded("".join(each))) for each in texts.values() if len(each) > 1)


def _channel(fragments: list[tuple[int, int, str]], reader: "Reader") -> list[tuple[int, int, str]]:
    decoded = [_decoded(each[2]) for each in fragments]
    whole = "".join(decoded)
    if len(whole) < 8 or not reader.places(whole):
        return []
    redacted = _redacted(whole, reader)
    if redacted == whole:
        return []
    gone = _gone(whole, redacted)
    edits = []
    at = 0
    said = -1
    for (begin, end, _), piece in zip(fragments, decoded, strict=True):
        stop = at + len(piece)
        kept: list[str] = []
        place = at
        for number, (first, last) in enumerate(gone):
            if last <= at or first >= stop:
                continue
            kept.append(whole[place : max(first, place)])
            if number != said:
                kept.append(REDACTED)
                said = number
            place = min(last, stop)
        if place != at or kept:
            kept.append(whole[place:stop])
            edits.append((begin, end, json.dumps("".join(kept), ensure_ascii=False)[1:-1]))
        at = stop
    return edits


def _decoded(inner: str) -> str:
    if "\\" not in inner:
        return inner
    try:
        return str(scanstring(f'"{inner}"', 1, False)[0])
    except ValueError:
        return inner


def _redacted(whole: str, reader: "Reader") -> str:
    """Redact what the fragments say; the arguments of a tool call may end in the middle."""
    if whole.lstrip()[:1] in ("{", "["):
        for cut in (False, True):
            try:
                return reader.json(whole, cut=cut)
            except NotJson:
                continue
    return reader.value(whole)


def _gone(whole: str, redacted: str) -> list[tuple[int, int]]:
    """Give which spans of a text are missing in its redacted form."""
    pieces = redacted.split(REDACTED)
    spans: list[tuple[int, int]] = []
    at = 0
    for number, piece in enumerate(pieces):
        found = whole.find(piece, at) if piece else at
        if found < 0:
            return [(at, len(whole))]
        if number:
            last = number == len(pieces) - 1
            end = len(whole) - len(piece) if last and whole.endswith(piece) else found
            spans.append((at, max(end, at)))
            found = max(end, at)
        elif found != 0:
            return [(0, len(whole))]
        at = found + len(piece)
    if at < len(whole):
        spans.append((at, len(whole)))
    return spans
