"""Reads a text by its structure, whatever it says of itself, and gives it without secrets.

A text is JSON, lines of JSON, events, a form, multipart, markup, a table, or free text; what lies
in its strings and fields is read in the same way again, to any depth within the bounds of `Work`.
"""

import re
from bisect import bisect_right

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.forms import FormNames, redact_pairs
from dashcam.redaction.json_text import NotJson, check, json_edits
from dashcam.redaction.known import PIECE_ENDS, Known
from dashcam.redaction.markup import redact_xml
from dashcam.redaction.multipart import redact_multipart, sniff_boundary
from dashcam.redaction.names import REDACTED, Rules
from dashcam.redaction.places import (
    FIRST_SHAPE,
    KIND_BITS,
    NAME,
    TAG,
    find_places,
    name_before,
)
from dashcam.redaction.scrub import apply, scrub_edits
from dashcam.redaction.shapes import is_opaque
from dashcam.redaction.streams import redact_events, redact_lines
from dashcam.redaction.tables import redact_csv
from dashcam.redaction.work import MOST_DEPTH, MOST_PLACES, Work

NAME_CHARACTERS = 100

MANY_PLACES = 256
_KIND = (1 << KIND_BITS) - 1
_EVENT = re.compile(r"\ufeff?(?:(?:data|event|id|retry):|:|data\r?\n)")
_FORM = re.compile(
    r"[?#]?(?:[A-Za-z0-9_.%+~$@:\[\]-]{1,100}=[^\s\"'<>{}&;=?]*[&;])*+"
    r"[A-Za-z0-9_.%+~$@:\[\]-]{1,100}=(?!=)[^\s\"'<>{}]+\Z"
)
_CUT_FORM = re.compile(
    r"[?#]?(?:[A-Za-z0-9_.%+~$@:\[\]-]{1,100}=[^\s\"'<>{}&;=?]*[&;])++"
    r"[A-Za-z0-9_.%+~$@:\[\]-]{0,100}=?\Z"
)
_TAG_AHEAD = re.compile(r"<(?:[A-Za-z_!?/])(?![A-Za-z0-9+.-]{0,20}:/)")
_OPENS_JSON = re.compile(r"[{\[]\s*(?:[\"{\[]|[\]}])")
_EMBEDS_JSON = re.compile(r"[{\[]\s{0,64}[\"{\[]|\"(?:\\{1,16}\")?[{\[](?=[^\"]{0,200}\\\")")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_LINE_OF_JSON = re.compile(r"[}\]\"][ \t]*\r?\n[ \t\x1e\r\n]*[{\[\"]")


class Reader:
    """Redacts the texts of one exchange.

    Args:
        rules: which names are secret.
        work: what looking at this exchange may cost.
        known: where removed values are remembered.
    """

    __slots__ = (
        "fields",
        "found",
        "headers",
        "in_stream",
        "known",
        "lessons",
        "query",
        "shortened",
        "work",
    )

    def __init__(self, rules: Rules, work: Work, known: Known) -> None:
        self.fields = rules.fields
        self.query = rules.query
        self.headers = rules.headers
        self.work = work
        self.known = known
        self.found: set[str] = set()
        """Names of what was removed from the present part."""
        self.lessons = 4
        """How many times the names of a text are still learned before its places are looked at."""
        self.shortened = False
        """Whether the end of the present part isn't kept, because it would take too long."""
        self.in_stream = False
        """Whether the text is an event of a stream: there a token is a piece of text."""

    def removed(self, name: str, value: str, *, certain: bool = True) -> None:
        """Note that a value was removed."""
        pieces = (_COUNTED.sub("", piece) for piece in PIECE_ENDS.split(name))
        if any(len(piece) >= 8 and is_opaque(piece) for piece in pieces):
            name = "name"  # it may hold a secret itself
        self.found.add(name[:NAME_CHARACTERS])
        if value:
            self.known.add(value, certain=certain)

    def places(self, text: str, *, shapes_only: bool = False) -> list[int]:
        """Find the places of a text, `MOST_PLACES` at most."""
        if len(text) < 4:
            return []
        found = find_places(text, self.fields.safe, self.query.safe, MOST_PLACES)
        # Of a text full of names that are new the harmless ones are learned first.
        while len(found) >= MANY_PLACES and self.lessons and self._learn(text, found):
            found = find_places(text, self.fields.safe, self.query.safe, MOST_PLACES)
        if shapes_only:
            return [place for place in found if place & _KIND >= FIRST_SHAPE]
        return found

    def _learn(self, text: str, places: list[int]) -> bool:
        """Judge the names at places; tell whether one of them is now known to be safe."""
        self.lessons -= 1
        known = len(self.fields.safe) + len(self.query.safe)
        names: set[tuple[str, bool]] = set()
        for place in places[:400]:
            at, kind = place >> KIND_BITS, place & _KIND
            if kind == NAME:
                named = name_before(text, at)
                if named is not None:
                    names.add((named[0], named[1] > 0 and text[named[1] - 1] in "?&#;"))
            elif kind == TAG:
                names.add((_TAG_NAME.match(text, at + 1)[0], False))  # type: ignore[index]
        if self.work.units < 4 * len(names) + 1000:
            return False
        self.work.spend(2 * len(names) + min(3 * len(places), 1000))
        for name, in_query in names:
            (self.query if in_query else self.fields).verdict(name)
        return len(self.fields.safe) + len(self.query.safe) > known

    def _short(self, text: str, places: list[int]) -> tuple[str, list[int]]:
        """Give the part of a text up to the last place that is known, and its places."""
        self.shortened = True
        end = places[-1] >> KIND_BITS
        return text[:end], [place for place in places if place >> KIND_BITS < end]

    def value(
        self,
        text: str,
        *,
        cut: bool = False,
        claims: bool = False,
        flat: bool = False,
        headers: bool = False,
    ) -> str:
        """Give a text without secrets, read by its own structure.

        Args:
            text: the text.
            cut: whether its end is missing.
            claims: whether what begins like JSON must be JSON to be kept.
            flat: read it as free text, whatever it looks like.
            headers: whether it is lines of headers.

        Raises:
            TooMuch: it would take too long.
        """
        places = self.places(text)
        if not places:
            return self._cut_end(text) if cut else text
        if len(places) >= MOST_PLACES:
            text, places, cut = *self._short(text, places), True
        work = self.work
        work.spend(8 + len(text) // 200)
        if work.depth >= MOST_DEPTH or work.nested < len(text):
            self.found.add("*")
            return REDACTED
        work.nested -= len(text)
        work.depth += 1
        try:
            if flat or headers:
                return self._free(text, places, cut=cut)
            return self._structured(text, places, cut=cut, claims=claims)
        finally:
            work.depth -= 1

    def _structured(self, text: str, places: list[int], *, cut: bool, claims: bool) -> str:
        bare = text.strip("\ufeff \t\r\n\x1e")
        first = bare[:1]
        if first and first in '{["' and (claims or _may_be_json(bare)):
            try:
                return self._json(text, bare, places, cut=cut)
            except (NotJson, Unreadable):
                pass
            if first in "{[":
                lines = self._lines(text, cut=cut)
                if lines is not None:
                    return lines
                if claims and _OPENS_JSON.match(bare) is not None and not bare.startswith("[DONE]"):
                    self.found.add("*")
                    return REDACTED
        if first == "<" and _TAG_AHEAD.match(bare) is not None:
            try:
                return redact_xml(text, self, cut=cut, strict=False)
            except Unreadable:
                pass
        if _EVENT.match(text) is not None and "\n" in text:
            return redact_events(text, self, cut=cut)
        if first == "-":
            boundary = sniff_boundary(text.encode("utf-8", "surrogatepass")[:4096])
            if boundary is not None:
                try:
                    data = text.encode("utf-8", "surrogatepass")
                    return redact_multipart(data, self, boundary, cut=cut)
                except Unreadable:
                    pass
        if "=" in bare and _is_form(bare, cut) and "://" not in bare.partition("=")[0]:
            is_form = "&" in bare or bare[:1] == "?"
            return redact_pairs(text, self, FormNames(self) if is_form else self.fields, cut=cut)
        if "\n" in text:
            table = redact_csv(text, self, cut=cut)
            if table is not None:
                return table
        return self._free(text, places, cut=cut)

    def _free(self, text: str, places: list[int], *, cut: bool) -> str:
        embedded = text
        read: list[tuple[int, int]] = []
        markup = _ELEMENT.search(text)
        if markup is not None:
            at = markup.start()
            tail = redact_xml(text[at:], self, cut=cut, strict=False)
            if tail != text[at:]:
                embedded = text[:at] + tail
        if _EMBEDS_JSON.search(embedded) is not None:
            embedded, read = self._embedded(embedded, cut=cut)
        if embedded != text:
            places = self.places(embedded)
        if read:
            places = [place for place in places if not _lies_in(place >> KIND_BITS, read)]
        redacted = apply(embedded, scrub_edits(embedded, places, self, cut=cut))
        return self._cut_end(redacted) if cut and redacted == embedded else redacted

    def free(self, text: str) -> str:
        """Redact names with values and shapes alone, whatever structure a text has."""
        places = self.places(text)
        return apply(text, scrub_edits(text, places, self, cut=False)) if places else text

    def _embedded(self, text: str, *, cut: bool) -> tuple[str, list[tuple[int, int]]]:
        """Redact JSON that stands in free text; give also where it now stands."""
        parts: list[str] = []
        read: list[tuple[int, int]] = []
        kept = at = size = 0
        most = 8_000
        for _ in range(32):
            match = _EMBEDS_JSON.search(text, at)
            if match is None:
                break
            begin = match.start()
            is_text = text[begin] == '"'
            end = _STRING.match(text, begin).end() if is_text else _json_end(text, begin, most)  # type: ignore[union-attr]
            ends = cut and (end < 0 or (is_text and end == len(text)))
            end = len(text) if ends else end
            # What isn't closed was looked at up to the bound; all openings share it.
            most = most - 500 if end > 0 else most // 2
            self.work.spend(6 + (max(end - begin, 0) // 500 if end > 0 else most // 4))
            if end <= begin:
                at = begin + 1
                continue
            inner = text[begin:end]
            try:
                redacted = self.json(inner, cut=ends)
            except (NotJson, Unreadable):
                at = begin + 1
                continue
            parts += (text[kept:begin], redacted)
            size += begin - kept
            read.append((size, size + len(redacted)))
            size += len(redacted)
            kept = at = end
        return "".join((*parts, text[kept:])), read

    def json(self, text: str, *, cut: bool) -> str:
        """Redact a JSON text.

        Raises:
            NotJson: it isn't JSON (or, when cut, not the beginning of it).
        """
        return self._json(text, text, None, cut=cut)

    def _json(self, text: str, bare: str, places: list[int] | None, *, cut: bool) -> str:
        if not cut:
            check(bare)
        if places is None or bare is not text:
            places = self.places(bare)
            if not places and not cut:
                return text
            self.work.spend(8)
        if len(places) >= MOST_PLACES:
            whole = bare is text
            bare, places, cut = *self._short(bare, places), True
            text = bare if whole else text
        edits, end = json_edits(bare, places, self, cut=cut)
        redacted = apply(bare[:end], [edit for edit in edits if edit[0] < end])
        if bare is text or redacted == text:
            return redacted
        begin = text.find(bare[:64])
        return (
            text[:begin] + redacted + ("" if end < len(bare) or cut else text[begin + len(bare) :])
        )

    def _lines(self, text: str, *, cut: bool) -> str | None:
        """Redact lines of JSON; None where they are none."""
        if _LINE_OF_JSON.search(text) is None and "\x1e" not in text:
            return None
        try:
            return redact_lines(text, self, cut=cut)
        except Unreadable:
            return None

    def several(self, text: str, *, cut: bool) -> str | None:
        """Redact several JSON values one after the other; None where they are something else."""
        parts: list[str] = []
        at = 0
        size = len(text)
        while at < size and not self.shortened:
            blank = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
            parts.append(text[at:blank])
            at = blank
            if at == size:
                break
            end = _json_end(text, at) if text[at] in "{[" else -1
            self.work.spend(((end if end > 0 else size) - at) // 100)
            if end < 0 and not cut:
                return None
            self.work.spend(6)
            try:
                parts.append(self.json(text[at:] if end < 0 else text[at:end], cut=end < 0))
            except NotJson:
                return None
            at = size if end < 0 else end
        return "".join(parts)

    def _cut_end(self, text: str) -> str:
        """Drop what may be the beginning of a secret at the end of a text that is cut."""
        match = _BEGINNING.search(text, max(0, len(text) - 128))
        return text if match is None else text[: match.start("rest")]

    def has_structure(self, text: str, *, cut: bool) -> bool:
        """Tell whether a text shows by itself what it is: JSON, markup, events or a form."""
        bare = text.strip("\ufeff \t\r\n\x1e")
        if bare[:1] in ("{", "["):
            if cut:
                return _OPENS_JSON.match(bare) is not None
            try:
                check(bare)
            except NotJson:
                return _LINE_OF_JSON.search(bare) is not None
            return True
        return (
            _MARKUP.match(bare) is not None
            or (_EVENT.match(text) is not None and "\n" in text)
            or _is_form(bare, cut)
        )

    def holds_secret(self, text: str) -> bool:
        """Tell whether something would be removed from a text."""
        if not text.isprintable() and "\n" not in text:
            return False
        return self.value(text) != text


_ELEMENT = re.compile(r"<[A-Za-z_][\w:.-]{0,100}(?:\s[^<>]{0,1000})?/?>")
_MARKUP = re.compile(r"<[?!A-Za-z]")
_TAG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\x80-\U0010ffff-]{0,63}")
_COUNTED = re.compile(r"\d{1,2}\Z")  # `password2`
_BLANKS = re.compile(r"[\s,\x1e]*")
_BEGINNING = re.compile(
    r"(?i)(?:(?:bearer|basic|digest|token)[ \t]+|[?&\s\"'{,]"
    r"(?:password|passwd|pwd|secret|token|api[_-]?key|pin|ssn|otp|cvv)[\"']?\s?[=:]\s?[\"']?)(?P<rest>[^\s\"'&]{1,120})\Z"
)


def _lies_in(at: int, spans: list[tuple[int, int]]) -> bool:
    number = bisect_right(spans, (at, 1 << 62)) - 1
    return number >= 0 and at < spans[number][1]


def _may_be_json(bare: str) -> bool:
    if bare[0] == '"':
        return len(bare) > 2
    return _OPENS_JSON.match(bare) is not None or bare[0] == "["


_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)


def _json_end(text: str, begin: int, most: int = 8_000) -> int:
    """Give where brackets that open here are closed, by their number; -1 where they aren't."""
    depth = 0
    for count, match in enumerate(_STRINGS_AND_BRACKETS.finditer(text, begin)):
        sign = text[match.start()]
        if sign in "{[":
            depth += 1
        elif sign != '"':
            depth -= 1
            if depth <= 0:
                return match.end() if depth == 0 else -1
        if count > most:
            return -1
    return -1


_default: Rules | None = None


def default_reader() -> Reader:
    """Make a reader by the default rules."""
    from dashcam.settings import Settings

    global _default
    if _default is None:
        _default = Rules(Settings(environ={}))
    return Reader(_default, Work(), Known())


def _is_form(text: str, cut: bool) -> bool:
    return _FORM.match(text) is not None or (cut and _CUT_FORM.match(text) is not None)
