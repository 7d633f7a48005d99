"""Forms and queries: `key=value&…` (WHATWG URL, 5), their values read by their own structure."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

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
from dashcam.redaction.prose import looks_secret
from dashcam.redaction.work import TooMuch, may_go_on

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_PAIR_END = re.compile(r"([&;])")


class FormNames:
    """The names of a form's fields: secret where a query's or a field's would be."""

    __slots__ = ("_reader",)

    def __init__(self, reader: "Reader") -> None:
        self._reader = reader

    def verdict(self, name: str) -> int:
        """Tell what may be kept under a name."""
        return max(self._reader.query.verdict(name), self._reader.fields.verdict(name))


def redact_pairs(
    text: str, reader: "Reader", names: Names | FormNames, *, cut: bool = False
) -> str:
    """Forms and queries: `key=value&…`, also with `;`. What needs no change stays as it was."""
    if not text or (not cut and _holds_none(text, reader, names)):
        return text
    reader.work.spend(len(text) // 40)
    pieces = _PAIR_END.split(text)
    named = ""
    last = len(pieces) - 1
    for number in range(0, len(pieces), 2):
        if number % 8 == 6 and not may_go_on(reader, 12):
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
        name = unquoted(key).strip()
        verdict = names.verdict(name)
        squeezed = squeeze(name.rpartition("[")[2].rstrip("]"))
        if verdict >= TEXT or (verdict == OPAQUE and (ends or looks_secret(unquote_plus(value)))):
            if value:
                decoded = unquote_plus(value)
                if decoded == REDACTED:
                    continue
                is_choice = squeezed in _CHOSEN and _CHOICE.fullmatch(decoded) is not None
                if (is_choice or decoded == name) and not (ends or _is_certain(reader, name)):
                    continue  # `state=open`, `code=404`, `login=login`
                reader.removed(name, decoded, certain=verdict == ALL)
                pieces[number] = f"{key}={REDACTED}"
            continue
        if squeezed in PAIR_NAMES and names.verdict(unquote_plus(value)) >= TEXT:
            named = unquote_plus(value)
        elif named and squeezed in VALUE_NAMES and value:
            reader.removed(named, unquote_plus(value), certain=False)
            pieces[number] = f"{key}={REDACTED}"
            continue
        try:
            redacted = _nested(value, reader, cut=ends)
        except TooMuch:
            reader.work.end()
            reader.shortened = True
            return "".join(pieces[:number])
        if redacted != value:
            pieces[number] = f"{key}={redacted}"
    return "".join(pieces)


MOST_ENCODED = 20_000
_KEY = re.compile(r"(?:\A|[&;])([^=&;]*)=")


def _holds_none(text: str, reader: "Reader", names: Names | FormNames) -> bool:
    """Tell cheaply of a large form that no name is secret, and no value has a place."""
    if text.count("%") > MOST_ENCODED:
        return False  # undoing it would cost more than looking at the pairs within bounds
    keys = set(_KEY.findall(text))
    if len(keys) > 64 or reader.places("&" + unquote_plus(text)):
        return False
    return all(
        names.verdict(unquoted(key).strip()) == SAFE
        and squeeze(key.rpartition("[")[2].rstrip("]")) not in VALUE_NAMES
        for key in keys
    )


def _is_certain(reader: "Reader", name: str) -> bool:
    """Tell whether a name is secret in every place, or by the settings."""
    return reader.fields.verdict(name) >= TEXT or any(
        reader.query.is_listed(each) for each in (name, *re.split(r"[\[\].]+", name))
    )


_CHOSEN = frozenset(("state", "code"))
_CHOICE = re.compile(r"[A-Za-z]{1,16}(?:[-_ ][A-Za-z]{1,16})?|\d{1,4}")


def unquoted(text: str) -> str:
    """Undo percent-encoding, also where it was applied twice."""
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
    reader.work.spend(2 + len(value) // 60 + value.count("%") // 5)
    decoded = unquote_plus(re.sub(r"%[0-9A-Fa-f]?\Z", "", value) if cut else value)
    redacted = reader.value(decoded, cut=cut)
    if redacted == decoded:
        return value
    return quote(redacted, safe="/:[]?=@!$'()*,~", errors="replace")
