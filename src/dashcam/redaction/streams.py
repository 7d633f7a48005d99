"""Streams: lines of JSON and server-sent events, each one a text of its own.

A stream that would take too long to look at keeps its first and its last events.
"""

import re
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.json_text import NotJson, check
from dashcam.redaction.places import Within
from dashcam.redaction.scrub import apply, scrub_edits
from dashcam.redaction.work import TooMuch, may_go_on

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
    wanted = Within(places)
    end = -1
    outside, reader.in_stream = reader.in_stream, True
    try:
        for number, line in enumerate(lines):
            if number % 4 == 3 and not may_go_on(reader, 4):
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
    wanted = Within(places)
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
                behind_gap = number > 1 and OMITTED.fullmatch(blocks[number - 2]) is not None
                if block and behind_gap and not _is_json(block):
                    block = f": [dashcam: {len(block)} bytes omitted]"
                elif block and (last or wanted.has(begin, end - len(blank))):
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
    reader.work.spend(14 + 2 * block.count("\n") + 2 * block.count("\r"))
    pieces = _LINE_END.split(block)
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


def _is_json(block: str) -> bool:
    """Tell whether an event is whole: what was left out before it may have been its beginning."""
    data = "\n".join(line[5:] for line in _LINE_END.split(block) if _is_data(line))
    try:
        check(data)
    except NotJson:
        return data.strip() == "[DONE]"
    return True


def _is_data(line: str) -> bool:
    return line.startswith("data:") or line == "data"
