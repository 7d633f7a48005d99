"""JSON texts, whole or cut anywhere: what is secret is replaced, the rest stays byte for byte.

The text is walked once, string by string and bracket by bracket, without recursion. What lies in
strings is read by its own structure (see `reader`). Beyond RFC 8259, `NaN` and `Infinity`
are taken.
"""

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import msgspec

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.names import (
    ALL,
    OPAQUE,
    PAIR_NAMES,
    REDACTED,
    SAFE,
    TEXT,
    VALUE_NAMES,
    squeeze,
    words_of,
)
from dashcam.redaction.places import Within
from dashcam.redaction.prose import is_prose, looks_secret
from dashcam.redaction.schema import (
    has_numbers,
    is_message_value,
    is_piece,
    is_schema,
    is_token_object,
    texts_of,
)
from dashcam.redaction.scrub import Edit
from dashcam.redaction.shapes import is_mixed
from dashcam.redaction.work import TooMuch

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader


MOST_LEVELS = 900
"""Brackets that are open at once; msgspec refuses more as well."""

_validate = msgspec.json.Decoder(msgspec.Raw).decode
_TOKEN = re.compile(
    r'"((?:[^"\\]++|\\.)*+)(?:"(?:(\s*+:)(?:\s*+(?:"([^"\\]*+)"|([^\s"{\[,}\]]++)))?+)?|\\?\Z)'
    r"|[{}\[\]]",
    re.DOTALL,
)
"""A bracket, a string, or a key; with a key its value, where that is simple: a text without
escapes, a number, or a literal."""
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
_CONSTANT = re.compile(r"\b(?:NaN|-?Infinity)\b")
_SIBLINGS = re.compile(
    r'"(?:logprob|logprobs|top_logprobs|token_logprobs|prob|probability|rank|special|token_id|tokenId|bytes|offsets?)"\s*+:'
)
_SURE_PAIRS = frozenset(("type", "id", "k", "path", "label", "var"))
"""Keys that name a pair only where the name is a sure one: `{"type": "token"}` is none."""
_DEPENDING = frozenset(("number", "num", "d", "p", "q", "dp", "dq", "qi", "k"))
"""Harmless names that are secret in some objects: a card's number, a private JWK's values."""
_CHOICES = frozenset(
    (
        "read",
        "write",
        "none",
        "include",
        "omit",
        "same-origin",
        "basic",
        "bearer",
        "required",
        "optional",
    )
)
_HEX_TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}|[A-Z]{2}[0-9a-f]{32}")
"""Of a block chain, or a Twilio SID."""
_LISTS = ("loc", "path", "field")


_ARGUMENT = re.compile(r"[\w. -]{1,60}")


class NotJson(ValueError):
    """The text is not JSON, though it begins so."""


def check(text: str) -> None:
    """Check that a text is one JSON value.

    Raises:
        NotJson: it isn't.
    """
    try:
        _validate(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        # Lone surrogates are JSON, and JavaScript writes them; NaN is what Python writes.
        if "\\ud" not in text and "\\uD" not in text and not _has_constant(text):
            raise NotJson from error
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            raise NotJson from error


def _has_constant(text: str) -> bool:
    return ("NaN" in text or "Infinity" in text) and _CONSTANT.search(text) is not None


class _Frame:
    """An object or array that is open."""

    __slots__ = (
        "count",
        "is_object",
        "jwk",
        "key",
        "key_at",
        "last",
        "owner",
        "said",
        "start",
        "strings",
        "tokens",
        "values",
        "verdict",
    )  # fmt: skip

    def __init__(self, start: int, owner: str, *, is_object: bool) -> None:
        self.is_object = is_object
        self.start = start
        self.owner = owner
        self.key = ""
        self.key_at = -1
        self.verdict = SAFE
        self.jwk: list[tuple[int, int, str]] | None = None
        self.said: list[tuple[str, str]] | None = None
        self.values: list[tuple[int, int]] | None = None
        self.tokens: list[tuple[int, int, str, str]] | None = None
        self.count = 0
        self.strings: list[tuple[int, int, str]] | None = None
        self.last = ""


def _add(frame: _Frame, begin: int, end: int) -> None:
    if frame.values is None:
        frame.values = []
    frame.values.append((begin, end))


def json_edits(
    text: str, places: list[int], reader: "Reader", *, cut: bool
) -> tuple[list[Edit], int]:
    """Find what must go from JSON.

    Args:
        text: the JSON text; checked, unless it is cut.
        places: of the text, from `find_places`.
        reader: whose names, work and findings count.
        cut: whether the text's end is missing.

    Returns:
        The edits, and where the part ends that is kept.

    Raises:
        NotJson: a cut text isn't the beginning of JSON.
        TooMuch: it would take too long.
    """
    return _Walk(text, places, reader, cut=cut).run()


class _Walk:
    """One walk over one text."""

    def __init__(self, text: str, places: list[int], reader: "Reader", *, cut: bool) -> None:
        self.text = text
        self.within = Within(places)
        self.last_end = 0
        self.reader = reader
        self.cut = cut
        self.edits: list[Edit] = []

    def run(self) -> tuple[list[Edit], int]:
        stack = [_Frame(0, "", is_object=False)]
        try:
            return self._tokens(stack)
        except TooMuch:
            self.reader.work.end()
            return self._cut_off(stack, self.last_end, self.last_end)

    def _tokens(self, stack: list[_Frame]) -> tuple[list[Edit], int]:
        text = self.text
        size = len(text)
        frame = root = stack[0]
        tokens = _TOKEN.finditer(text)
        spend = self.reader.work.spend
        safe = self.reader.fields.safe
        for count, match in enumerate(tokens):
            if count % 8 == 7:
                spend(8)
            inner = match[1]
            if inner is None:
                sign = text[match.start()]
                if sign in "{[":
                    if (
                        frame.is_object
                        and frame.verdict >= TEXT
                        and frame.key
                        and not (
                            (sign == "{" or frame.owner == "security") and self._is_open(frame)
                        )
                    ):
                        end = self._skip(tokens, match.end())
                        if end < 0:
                            self._remember(match.start(), size, frame.key, frame.verdict)
                            return self._ends(frame)
                        self._group(frame, match.start(), end)
                        self.last_end = end
                        frame.key = ""
                        continue
                    if frame.is_object and frame.key and squeeze(frame.key) in ("value", "values"):
                        _add(frame, match.start(), -1)
                    frame.count += 1
                    owner = frame.key if frame.is_object else frame.owner
                    frame = _Frame(match.start(), owner, is_object=sign == "{")
                    stack.append(frame)
                    if len(stack) > MOST_LEVELS:
                        raise Unreadable("too deep")
                else:
                    if len(stack) == 1 or frame.is_object != (sign == "}"):
                        raise NotJson
                    self._close(frame, match.end())
                    closed = stack.pop()
                    frame = stack[-1]
                    if frame.is_object:
                        if not closed.is_object and closed.last and squeeze(frame.key) in _LISTS:
                            self._say(frame, frame.key, closed.last)
                        if frame.values and frame.values[-1][1] < 0:
                            frame.values[-1] = (frame.values[-1][0], match.end())
                        frame.key = ""
                self.last_end = match.end()
                continue
            end = match.end(1)
            if end >= size or text[end] != '"':
                return self._cut_string(stack, match, self.last_end)
            if match[2] is None:
                self._value(frame, match.start(), end + 1, inner)
                self.last_end = end + 1
                continue
            value = match[3]
            if value is not None and inner in safe and inner not in _DEPENDING:
                # Most of JSON: a harmless name with a text.
                frame.key = ""
                if inner in PAIR_NAMES or (len(inner) > 8 and squeeze(inner) in PAIR_NAMES):
                    self._say(frame, inner, value)
                begin, stop = match.span(3)
                if self.within.has(begin - 1, stop):
                    self._string(begin - 1, stop + 1, value)
                self.last_end = stop + 1
                continue
            frame.key_at = match.start()
            frame.key = key = self._decoded(inner)
            frame.verdict = verdict = self.reader.fields.verdict(key) if key else SAFE
            if verdict == SAFE and key in ("number", "num") and frame.owner:
                frame.verdict = verdict = self.reader.fields.verdict(f"{frame.owner}_{key}")
            if verdict == SAFE and len(inner) >= 12 and self.within.has(match.start() + 1, end):
                self._string(match.start(), end + 1, inner)  # a key that is a secret itself
            self.last_end = match.end(2)
            if verdict == ALL and "logprob" in squeeze(frame.owner):
                frame.verdict = verdict = SAFE  # a piece of text, with its probability
            if value is not None:
                begin, stop = match.span(3)
                self._value(frame, begin - 1, stop + 1, value)
                self.last_end = stop + 1
                continue
            scalar = match[4]
            if scalar is None:
                continue
            if self.cut and match.end() == size:
                if verdict == ALL:
                    return self._ends(frame)
                continue
            frame.key = ""
            self.last_end = match.end()
            if scalar[0] not in "tfnNI":
                if verdict == ALL:
                    self._remove(*match.span(4), scalar, key, certain=True)
                elif key and squeeze(key) in VALUE_NAMES:
                    _add(frame, *match.span(4))
        if len(stack) > 1 or self.cut:
            if not self.cut:
                raise NotJson
            return self._cut_off(stack, self.last_end, size)
        self._close(root, size)
        return self.edits, size

    @staticmethod
    def _decoded(inner: str) -> str:
        if "\\" not in inner:
            return inner
        try:
            return str(scanstring(f'"{inner}"', 1, False)[0])
        except ValueError:
            raise NotJson from None

    def _remove(self, begin: int, end: int, value: str, name: str, *, certain: bool) -> None:
        self.reader.work.spend(8)
        self.reader.removed(name, value, certain=certain)
        self.edits.append((begin, end, f'"{REDACTED}"'))

    def _value(self, frame: _Frame, begin: int, end: int, inner: str) -> None:
        """Judge a string that is a value."""
        name = frame.key if frame.is_object else ""
        frame.key = ""
        if frame.is_object and name:
            verdict = frame.verdict
            if verdict >= TEXT:
                value = self._decoded(inner)
                if not value.strip() or value == REDACTED or is_prose(value):
                    return
                if self._is_harmless(frame, name, value):
                    return
                if verdict == TEXT and squeeze(name) in ("token", "tokens"):
                    if frame.tokens is None:
                        frame.tokens = []
                    frame.tokens.append((begin, end, value, name))
                    return
                self._remove(begin, end, value, name, certain=verdict == ALL)
                return
            if verdict == OPAQUE and (
                looks_secret(self._decoded(inner))
                or (
                    _HEX_TOKEN.fullmatch(inner) is not None
                    and words_of(name) in (["key"], ["session"])
                )
            ):
                self._remove(begin, end, self._decoded(inner), name, certain=False)
                return
            squeezed = squeeze(name)
            if name in _DEPENDING and name not in ("number", "num") and len(inner) >= 20:
                if frame.jwk is None:
                    frame.jwk = []
                frame.jwk.append((begin, end, name))
            if squeezed in PAIR_NAMES and len(inner) <= 100:
                self._say(frame, name, inner)
            if squeezed in VALUE_NAMES and inner:
                _add(frame, begin, end)
                return
        elif not frame.is_object:
            frame.count += 1
            if frame.count == 1:
                frame.strings = [(begin, end, inner)]
            elif frame.count == 2 and frame.strings is not None:
                frame.strings.append((begin, end, inner))
                if self._names_secret(frame.strings[0][2]):
                    return  # the list's end tells whether they are a pair
            frame.last = inner if len(inner) <= 200 else ""
        if self.within.has(begin, end):
            self._string(begin, end, inner)

    @staticmethod
    def _is_harmless(frame: _Frame, name: str, value: str) -> bool:
        """Tell whether a text under a secret name is a choice, a label, a message or an address."""
        lower = value.lower()
        if lower == name.lower() or (
            lower in _CHOICES and (frame.verdict == TEXT or name[-1:] == "s")
        ):
            return True
        if "error" in frame.owner.lower():
            return not any(map(is_mixed, value.split()))
        return frame.verdict == TEXT and _ADDRESS.fullmatch(value) is not None

    @staticmethod
    def _say(frame: _Frame, key: str, inner: str) -> None:
        """Note what may be the name of a pair; it is judged where there is a value for it."""
        if len(inner) <= 100:
            if frame.said is None:
                frame.said = []
            frame.said.append((key, inner))

    def _pair(self, frame: _Frame) -> str | None:
        """Give the secret name that an object says of its value: `{"name": "password", …}`."""
        for key, inner in frame.said or ():
            squeezed, value = squeeze(key), self._decoded(inner)
            if value.startswith("/") and squeezed in _LISTS:
                # A JSON Pointer (RFC 6901), as JSON Patch has it.
                for part in reversed(value.split("/")):
                    if part and self.reader.fields.verdict(part) >= TEXT:
                        return part
                continue
            verdict = self.reader.fields.verdict(value) if value else SAFE
            if verdict == ALL or (verdict == TEXT and squeezed not in _SURE_PAIRS):
                return value
        return None

    def _string(self, begin: int, end: int, inner: str, *, cut: bool = False) -> None:
        """Read what lies in a string by its own structure."""
        decoded = self._decoded(inner)
        redacted = self.reader.value(decoded, cut=cut)
        if redacted != decoded:
            written = json.dumps(redacted, ensure_ascii=False)
            self.edits.append((begin, end, written[:-1] if cut else written))

    def _close(self, frame: _Frame, end: int, *, cut: bool = False) -> None:
        """Decide what depended on the whole object or array."""
        text = self.text
        if frame.is_object:
            if frame.tokens:
                pieces = _SIBLINGS.search(text, frame.start, end) is not None and not cut
                for begin, stop, value, name in frame.tokens:
                    if pieces or (self.reader.in_stream and is_piece(value)):
                        continue
                    self._remove(begin, stop, value, name, certain=False)
            if frame.jwk and text.find('"kty"', frame.start, end) >= 0:
                for begin, stop, name in frame.jwk:
                    self._remove(begin, stop, text[begin + 1 : stop - 1], name, certain=False)
            pair = self._pair(frame) if frame.values else None
            for begin, ends in frame.values or ():
                stop = end if ends < 0 else ends
                if pair is not None or cut:
                    raw = text[begin:stop]
                    if raw[:1] in "{[" and pair is not None:
                        self.edits = [each for each in self.edits if each[0] < begin]
                        self._remember(begin, stop, pair, TEXT)
                        self.edits.append((begin, stop, f'"{REDACTED}"'))
                    elif raw[:1] == '"':
                        value = self._decoded(raw[1:-1])
                        if value and (pair is not None or looks_secret(value)):
                            self._remove(begin, stop, value, pair or "value", certain=False)
                    elif raw[:1] not in "{[" and pair is not None:
                        self._remove(begin, stop, raw, pair, certain=False)
                elif text[begin] == '"' and self.within.has_any(begin, stop):
                    self._string(begin, stop, text[begin + 1 : stop - 1])
        elif (
            frame.strings is not None
            and len(frame.strings) == 2
            and self._names_secret(frame.strings[0][2])
        ):
            begin, stop, inner = frame.strings[1]
            value = self._decoded(inner)
            if frame.count == 2 and (is_mixed(value) or (" " in value and not is_prose(value))):
                name = self._decoded(frame.strings[0][2])
                self._remove(begin, stop, value, name, certain=False)
            elif self.within.has_any(begin, stop):
                self._string(begin, stop, inner)

    def _names_secret(self, inner: str) -> bool:
        """Tell whether the first text of a list is a secret name, as in a pair."""
        name = self._decoded(inner)
        if _ARGUMENT.fullmatch(name) is None:
            return False
        reader = self.reader
        return reader.fields.verdict(name) >= TEXT or reader.headers.verdict(name.lower()) >= TEXT

    def _skip(self, tokens: Iterator[re.Match[str]], end: int) -> int:
        """Pass over an object or array that has just begun; give its end, -1 where it is cut."""
        text, size, depth, count = self.text, len(self.text), 1, 0
        for match in tokens:
            count += 1
            if count % 64 == 0:
                self.reader.work.spend(24)
            if match[1] is not None:
                if match.end(1) >= size or text[match.end(1)] != '"':
                    return -1
                continue
            depth += 1 if text[match.start()] in "{[" else -1
            if depth == 0:
                return match.end()
        return -1

    def _group(self, frame: _Frame, begin: int, end: int) -> None:
        """Judge an object or array under a secret name."""
        raw = self.text[begin:end]
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            if not self.cut:
                raise NotJson from None
            value = None
        if value is not None and self._may_stay(value, frame):
            return
        self._remember(begin, end, frame.key, frame.verdict, value)
        self.edits.append((begin, end, f'"{REDACTED}"'))

    def _may_stay(self, value: Any, frame: _Frame) -> bool:
        if not value:
            return True
        texts = texts_of(value)
        if frame.verdict == TEXT and not texts:
            return True
        if not texts and not has_numbers(value):
            return True
        if isinstance(value, dict) and is_schema(value):
            return True
        if isinstance(value, list) and all(map(is_message_value, value)):
            return True
        words = words_of(frame.key)
        if words and words[-1] in ("token", "tokens") and len(words) <= 2:
            if isinstance(value, dict):
                return is_token_object(value)
            if isinstance(value, list) and all(map(is_token_object, value)):
                return True
            return all(is_piece(text) for text in texts) and (
                len(texts) > 1
                or self.reader.in_stream
                or _SIBLINGS.search(self.text, frame.start) is not None
            )
        return False

    @staticmethod
    def _is_open(frame: _Frame) -> bool:
        """Tell whether an object under a secret name is looked into: its own names decide."""
        words = words_of(frame.key)
        return words[-1:] in (["auth"], ["authentication"]) or frame.owner == "security"

    def _remember(self, begin: int, end: int, name: str, verdict: int, value: Any = None) -> None:
        self.reader.work.spend(15)
        if value is None:
            try:
                value = json.loads(self.text[begin:end])
            except (ValueError, RecursionError):
                value = [match[1] for match in _STRING.finditer(self.text, begin, end) if match[1]]
        for text in texts_of(value)[:32] or [""]:
            self.reader.removed(name, text, certain=False)

    def _cut_string(
        self, stack: list[_Frame], match: re.Match[str], last_end: int
    ) -> tuple[list[Edit], int]:
        """End a text whose last string isn't closed."""
        if not self.cut:
            raise NotJson
        text = self.text
        frame = stack[-1]
        begin = match.start()
        before = text[last_end:begin]
        is_value = not frame.is_object or (frame.key != "" and not before.strip())
        self._check_beginning(stack, last_end, begin)
        if not is_value:
            self._close_all(stack, begin)
            return self.edits, begin
        if frame.is_object and frame.verdict != SAFE:
            self._close_all(stack, frame.key_at)
            return self._ends(frame)
        inner = match[1]
        # An escape that the cut has split goes.
        inner = re.sub(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z", "", inner) if _is_split(inner) else inner
        if frame.is_object and squeeze(frame.key) in VALUE_NAMES:
            pair = self._pair(frame)
            if pair is not None:
                self.reader.removed(pair, "")
            self._close_all(stack, frame.key_at)
            return self.edits, frame.key_at
        pair = self._pair(frame)
        if pair is not None:
            self.reader.removed(pair, "")
            self._close_all(stack, begin)
            return self.edits, begin
        if not frame.is_object and frame.strings and len(frame.strings) == 1:
            name = self._decoded(frame.strings[0][2])
            if self.reader.fields.verdict(name) >= TEXT:
                self._close_all(stack, begin)
                return self.edits, begin
        end = begin + 1 + len(inner)
        if "\\" in inner or self.within.has(begin, len(text)):
            self._string(begin, end, inner, cut=True)
        self._close_all(stack, end)
        return self.edits, end

    def _ends(self, frame: _Frame) -> tuple[list[Edit], int]:
        """End the text before a key whose secret value is cut."""
        self.reader.removed(frame.key, "")
        return self.edits, frame.key_at

    def _cut_off(self, stack: list[_Frame], last_end: int, size: int) -> tuple[list[Edit], int]:
        """End a text that is cut between strings."""
        self._check_beginning(stack, last_end, size)
        end = size
        frame = stack[-1]
        if size < len(self.text):  # it would take too long
            self.reader.shortened = True
            end = last_end
            if frame.is_object and frame.verdict != SAFE and frame.key:
                end = frame.key_at
        self._close_all(stack, end)
        return self.edits, end

    def _close_all(self, stack: list[_Frame], end: int) -> None:
        for frame in stack[1:]:
            self._close(frame, end, cut=True)

    def _check_beginning(self, stack: list[_Frame], last_end: int, end: int) -> None:
        """Check that what is there is the beginning of JSON, by closing what is open."""
        text = self.text
        frame = stack[-1]
        if frame.is_object and text[last_end - 1 : last_end] == ":":
            kept = text[: frame.key_at]  # a key without its value
        else:
            tail = text[last_end:end]
            comma = tail.rfind(",")
            kept = text[: last_end + comma] if comma >= 0 else text[:last_end]
        kept = kept.rstrip()
        if kept.endswith(","):
            kept = kept[:-1]
        if len(stack) == 1:
            if not kept:
                return
            closers = ""
        else:
            closers = "".join("}" if each.is_object else "]" for each in reversed(stack[1:]))
        check(kept + closers)


def _is_split(inner: str) -> bool:
    """Tell whether a string ends inside an escape."""
    match = _ESCAPE_END.search(inner, max(0, len(inner) - 4))
    end = len(inner) if match is None else match.start()
    return (end - len(inner[:end].rstrip("\\"))) % 2 == 1


_ESCAPE_END = re.compile(r"(?<=\\)u[0-9A-Fa-f]{0,3}\Z")
