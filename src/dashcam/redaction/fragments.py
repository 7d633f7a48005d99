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
from dashcam.redaction.scrub import Edit, apply

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_CONSTANT = (
    "id|object|model|type|role|name|event|created|finish_reason|system_fingerprint|index|item_id"
    "|status"
)
_REST = r'((?:[^"\\\r\n]|\\.)*+)(?:"|\\?\Z)'
_FRAGMENT = re.compile(
    rf'"(?=[A-Za-z_][\w-]{{0,40}}+"\s{{0,8}}+:\s{{0,8}}+")(?!(?:{_CONSTANT})")'
    rf'([\w-]{{1,41}}+)"\s{{0,8}}+:\s{{0,8}}+"{_REST}'
)
_HEADS = ("{}", "{}data: ", "{}data:", "{}[0-9a-z]:")
_BARE = re.compile(
    '"()(?:'
    + "|".join(f'(?<={head.format(begin)}")' for begin in (r"[\r\n]", r"\A") for head in _HEADS)
    + f"){_REST}"
)
"""A fragment that has no key: `data: "…"`, `0:"…"`."""
_USUAL = re.compile(
    r"content|text|arguments|partial_json|thinking|reasoning|reasoning_content|delta|token|response"
    r"|output|input|refusal|data|message|chunk|answer|completion|generated_text"
)
MOST_KEYS = 5
"""Text keys of an event. Lines that have more are records; of them the usual keys are read."""
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
    reader.work.spend(text.count('"') // 12)
    matches = list(_FRAGMENT.finditer(text)) or list(_BARE.finditer(text))
    if len(matches) > MOST_KEYS * (text.count("\n") + 1):
        matches = [match for match in matches if _USUAL.fullmatch(match[1])]
    if len(matches) < 2:
        return text
    reader.work.spend(len(matches) // 4)
    channels: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
    if _OTHER_INDEX.search(text) is None:
        # All events belong to one answer: its fragments are one text by the name of their key.
        channels = _held(matches, reader)
        if not channels:
            return text
        if "item_id" in text or "tool_call_id" in text:
            channels = {}
    if not channels:
        channels = _by_index(matches, text, reader, cut=cut)
    edits: list[Edit] = []
    for fragments in channels.values():
        if len(fragments) > 1:
            edits += _channel(fragments, reader)
    return apply(text, edits)


def _held(
    matches: list[re.Match[str]], reader: "Reader"
) -> dict[tuple[str, ...], list[tuple[int, int, str]]]:
    """Give the fragments, by their key, that may say a secret together: mostly none do."""
    texts: dict[str, list[re.Match[str]]] = {}
    for match in matches:
        texts.setdefault(match[1], []).append(match)
    return {
        (key,): [(*match.span(2), match[2]) for match in each]
        for key, each in texts.items()
        if len(each) > 1 and reader.places(_decoded("".join(match[2] for match in each)))
    }


def _by_index(
    matches: list[re.Match[str]], text: str, reader: "Reader", *, cut: bool
) -> dict[tuple[str, ...], list[tuple[int, int, str]]]:
    """Give the fragments by their key, and by the indexes and ids of their event."""
    channels: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
    line_begin = -1
    about: tuple[str, ...] = ()
    for match in matches:
        begin = max(text.rfind("\n", 0, match.start()), text.rfind("\r", 0, match.start())) + 1
        if begin != line_begin:
            reader.work.spend(3)
            line_begin = begin
            end = text.find("\n", match.end())
            # Which of several answers or calls it belongs to: the indexes and ids of its event.
            about = tuple(
                each[0] for each in _INDEX.finditer(text, begin, len(text) if end < 0 else end)
            )
            if cut and end < 0:
                # Of an event that is cut the indexes may be missing: it goes on with the last one.
                same = [key for key in channels if key[0] == match[1]]
                if same and (match[1], *about) not in channels:
                    about = same[-1][1:]
        channels.setdefault((match[1], *about), []).append((*match.span(2), match[2]))
    return channels


def _channel(fragments: list[tuple[int, int, str]], reader: "Reader") -> list[Edit]:
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
