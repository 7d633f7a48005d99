"""Free text: values behind secret names, and the shapes of the table.

It goes from place to place, and never examines a character twice: what one place has taken is
behind it for the next one.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.named import Found, named_value, value_after_word
from dashcam.redaction.names import REDACTED, TEXT
from dashcam.redaction.places import (
    ESCAPE,
    FIRST_SHAPE,
    KIND_BITS,
    NAME,
    WORD,
)
from dashcam.redaction.prose import SPACED
from dashcam.redaction.shapes import SHAPES, Shape, is_opaque
from dashcam.redaction.work import TooMuch

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

Edit = tuple[int, int, str]
"""Where a text is replaced, and by what: (begin, end, instead)."""

_KIND = (1 << KIND_BITS) - 1
_YAML_PAIR = re.compile(
    r"(?m)^[ \t-]{0,64}(?:name|key):[ \t]{0,8}[\"']?(?P<name>[\w.-]{1,100})[\"']?[ \t]{0,8}\r?\n"
    r"[ \t]{0,64}(?:value|val):[ \t]{0,8}(?P<value>[^\s][^\r\n]*)"
)
_PARAMETERS = re.compile(r"\[parameters: ?[^\r\n]*")
_INPUT_VALUE = re.compile(
    r"(?m)^(?P<loc>[^\s][^\r\n]{0,200})\r?\n[ \t]+[^\r\n]*?\binput_value="
    r"(?P<value>[^\r\n]*?)(?=, input_type=|\]?$)"
)
_ESCAPED = re.compile(r"\\u00([0-9A-Fa-f]{2})")
_ENCODED_RUN = re.compile(r"[^\s\"'<>]*+")


def scrub_edits(text: str, places: list[int], reader: "Reader", *, cut: bool) -> list[Edit]:
    """Find what must go from free text.

    Args:
        text: the text.
        places: of it, from `find_places`.
        reader: whose names, work and findings count.
        cut: whether the text's end is missing; what may be the beginning of a secret goes then.
    """
    scrubber = _Scrubber(text, reader, cut=cut)
    scrubber.run(places)
    edits = scrubber.edits
    if "[parameters: " in text:
        for match in _PARAMETERS.finditer(text):
            reader.removed("parameters", "")
            edits.append((match.start(), match.end(), f"[parameters: {REDACTED}]"))
    if "value:" in text or "val:" in text:
        for match in _YAML_PAIR.finditer(text):
            if reader.fields.verdict(match["name"]) >= TEXT:
                reader.removed(match["name"], match["value"].strip("\"' "), certain=False)
                edits.append((*match.span("value"), REDACTED))
    if "input_value=" in text:
        for match in _INPUT_VALUE.finditer(text):
            if match["value"] in ("{}", "None", "[]", "''", ""):
                continue
            if any(
                reader.fields.verdict(part) >= TEXT
                for part in re.split(r"[.\s]", match["loc"])
                if part
            ):
                reader.removed(match["loc"].rpartition(".")[2], match["value"].strip("'\""))
                edits.append((*match.span("value"), REDACTED))
    return edits


class _Scrubber:
    """One way through the places of one text."""

    def __init__(self, text: str, reader: "Reader", *, cut: bool) -> None:
        self.text = text
        self.reader = reader
        self.cut = cut
        self.edits: list[Edit] = []
        self.examined = 0
        """Where the part ends that was examined: no place before it is looked at again."""
        self.unescaped = False

    def run(self, places: list[int]) -> None:
        """Find what must go at each place; what would take too long goes as a whole."""
        spend = self.reader.work.spend
        for number, place in enumerate(places):
            at, kind = place >> KIND_BITS, place & _KIND
            try:
                if number % 4 == 0:
                    spend(8)
                if at >= self.examined:
                    self._look(at, kind)
            except TooMuch:
                self.reader.work.end()
                self.reader.shortened = True
                begin = self.examined if kind == ESCAPE else max(at, self.examined)
                self.edits.append((begin, len(self.text), ""))
                return

    def _look(self, at: int, kind: int) -> None:
        text, reader, cut = self.text, self.reader, self.cut
        if kind == NAME:
            found = named_value(text, at, reader, cut)
        elif kind == WORD:
            found = value_after_word(text, at, reader, cut)
        elif kind == ESCAPE:
            self._unescape(at)
            return
        elif kind >= FIRST_SHAPE:
            found = self._shape(at, SHAPES[kind - FIRST_SHAPE])
        else:
            return
        if found is None:
            return
        begin, end, name, certain = found
        begin = max(begin, self.examined)
        if end <= begin:
            return
        name = name.rpartition("[")[2].strip("-[] ") or name
        reader.removed(name, text[begin:end], certain=certain)
        self.edits.append((begin, end, REDACTED))
        self.examined = end

    def _unescape(self, at: int) -> None:
        if self.text[at] == "\\":
            if self.unescaped:
                return
            self.unescaped = True
        edit = _escaped(self.text, at, self.examined, self.reader, self.cut)
        if edit is None:
            self.examined = max(self.examined, at)
            return
        while self.edits and self.edits[-1][1] > edit[0]:
            self.edits.pop()
        self.edits.append(edit)
        self.examined = edit[1]

    def _shape(self, at: int, shape: Shape) -> "Found | None":
        """Match a shape where one of its prefixes stands."""
        text, cut, size = self.text, self.cut, len(self.text)
        if (
            shape.kind == "url_password"
            and text.find("@", at, at + 800) < 0
            and not (cut and size - at < 800)
        ):
            return None  # the common URL
        self.reader.work.spend(3)
        match = shape.pattern.match(text, at)
        if match is None:
            return _cut_shape(text, at, shape.kind) if cut and size - at < 64 else None
        begin, end = match.span("secret")
        if begin >= 0:
            if (cut and end == size) or shape.check is None or shape.check(match["secret"]):
                return begin, end, shape.kind, True
            if shape.kind != "bearer":
                self.examined = end
            return None
        if shape.kind == "url_password":
            user = match["user"]
            if user is not None and len(user) >= 10 and is_opaque(user):
                return (*match.span("user"), shape.kind, True)
            return _cut_url(text, at + 3) if cut and match.end() == at + 3 else None
        found: Found | None = None
        if cut and size - match.end() < 64 and SPACED.search(text, match.end()) is None:
            found = (at, size, shape.kind, False)
        elif shape.kind == "jwt":
            found = _encoded_json(text, match, self.reader, cut)
        if found is None:
            self.examined = max(self.examined, match.end())
        return found


def _cut_shape(text: str, at: int, kind: str) -> Found | None:
    """A shape that the text's end cuts before it is long enough to be one."""
    rest = text[at:]
    if kind == "bearer":
        word, _, value = rest.partition(" ")
        if word.isalpha() and value.strip() and SPACED.search(value.strip()) is None:
            return at + len(word) + 1, len(text), kind, False
        return None
    if SPACED.search(rest) is None and (at == 0 or not text[at - 1].isalnum()):
        return at, len(text), kind, False
    return None


def _cut_url(text: str, at: int) -> Found | None:
    rest = text[at : at + 800]
    if at + len(rest) == len(text) and SPACED.search(rest) is None and ":" in rest:
        before, _, after = rest.partition(":")
        if "/" not in before and "?" not in before and not after.partition("/")[0].isdigit():
            return at + len(before) + 1, len(text), "url_password", False
    return None


def _encoded_json(text: str, match: re.Match[str], reader: "Reader", cut: bool) -> Found | None:
    """Look into base64 that begins like JSON; all of it goes where a secret is in it."""
    begin, end = match.span()
    while end < len(text) and text[end] in "+/=":
        more = _BASE64.match(text, end)
        end = more.end() if more is not None else end + 1
    data = text[begin:end].rstrip("=").replace("+", "-").replace("/", "_")
    if len(data) < 12:
        return (begin, end, "jwt", False) if cut and end == len(text) else None
    reader.work.spend(8 + len(data) // 200)
    try:
        inner = urlsafe_b64decode(data + "=" * (-len(data) % 4)).decode()
    except (ValueError, Base64Error):
        return None
    if reader.holds_secret(inner):
        return begin, end, "base64", False
    return None


_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]*+")


def _escaped(text: str, at: int, examined: int, reader: "Reader", cut: bool) -> Edit | None:
    """Look into a run in which quotes and signs are written with escapes; it is kept decoded."""
    reader.work.spend(20)
    if text[at] == "\\":
        tail = text[at:]
        decoded = _ESCAPED.sub(lambda each: chr(int(each[1], 16)), tail)
        redacted = reader.value(decoded, cut=cut)
        return None if redacted == decoded else (at, len(text), redacted)
    begin = at
    floor = max(examined, at - 4096)
    while begin > floor and not text[begin - 1].isspace() and text[begin - 1] not in "\"'<>=&?":
        begin -= 1
    end = _ENCODED_RUN.match(text, at).end()  # type: ignore[union-attr]
    stop = min(position for position in (text.find("&", at, end), end) if position >= 0)
    run = text[begin:stop]
    decoded = run.replace("\\/", "/") if "\\/" in run else unquote(run)
    if decoded == run:
        return None
    redacted = reader.value(decoded, cut=cut and stop == len(text))
    if redacted == decoded:
        return (begin, stop, run)
    return begin, stop, quote(redacted, safe="/:[]?=@!$'()*,~", errors="replace")


def apply(text: str, edits: list[Edit]) -> str:
    """Give a text with its edits made; of two that overlap the first counts."""
    if not edits:
        return text
    parts: list[str] = []
    kept = 0
    for begin, end, instead in sorted(edits):
        if begin < kept:
            kept = max(kept, end)
            continue
        parts += (text[kept:begin], instead)
        kept = end
    return "".join((*parts, text[kept:]))


def scrub(text: str) -> str:
    """Replace what looks like a secret in free text, by the default rules."""
    from dashcam.redaction.reader import default_reader

    try:
        return default_reader().value(text)
    except (TooMuch, Unreadable):
        return scrub(text[: len(text) // 16]) + REDACTED if len(text) > 64 else REDACTED
