"""What was removed from an exchange once is looked for in all of it.

An answer that repeats the password, an error that quotes the token, a `Location` with the same
code: none of them stands under a secret name. So the values that were removed are remembered
while the exchange is redacted, and searched for in its other parts, as they are and as JSON, HTML
and URLs write them. Nothing is done where nothing was removed.
"""

import json
import re
from base64 import b64decode
from html import escape
from urllib.parse import quote, quote_plus, unquote_plus

from dashcam.redaction.names import REDACTED

LEAST_CHARACTERS = 6
MOST_CHARACTERS = 4096
MOST_VALUES = 32
_WORD = re.compile(r"[^\W\d_]+")
_COMMON = re.compile(
    r"(?i)(?:string|boolean|integer|number|object|array|null|undefined|required|optional|bearer"
    r"|basic|digest|true|false|password|secret|token|access|refresh|default|example|redacted"
    r"|invalid|missing|unknown|expired|disabled|enabled|changeme|hidden|masked"
    r"|application/json|gzip, deflate"
    r"|localhost|include|same-origin|[*x.•-]{6,})"
)
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|apikey|digest|negotiate)\s{1,20}(\S.*)", re.DOTALL)


def replace_number(text: str, number: str) -> str:
    """Replace what a pattern finds; a number of JSON becomes a text, so that it stays JSON."""
    bare = re.compile(number)
    if '":' not in text:
        return bare.sub(REDACTED, text)

    def instead(match: re.Match[str]) -> str:
        if match[0][0] == '"':
            return bare.sub(REDACTED, match[0])
        return f'"{REDACTED}"'

    return re.sub(rf'"(?:[^"\\]++|\\.)*+"?|{number}', instead, text, flags=re.DOTALL)


_DIGIT = re.compile(r"\d")
_PIECE_ENDS = re.compile(r"[^A-Za-z0-9]+")


def _is_random(value: str) -> bool:
    return any(
        len(piece) >= 8 and _DIGIT.search(piece) is not None and not piece.isdigit()
        for piece in _PIECE_ENDS.split(value)
    )


class Known:
    """The values that were removed from one exchange."""

    __slots__ = ("_forms", "_values")

    def __init__(self) -> None:
        self._values: dict[str, None] = {}
        self._forms: list[str] | None = None

    def add(self, value: str, *, certain: bool = True) -> None:
        """Remember a value that was removed.

        Args:
            value: as its reader would understand it, without quotes or escapes.
            certain: False where its name alone says little; then words are not remembered.
        """
        if len(self._values) >= MOST_VALUES:
            return
        value = value.strip()
        if len(value) < LEAST_CHARACTERS:
            return
        value = value[:MOST_CHARACTERS]
        if value in self._values or _COMMON.fullmatch(value) is not None:
            return
        if not certain and (_WORD.fullmatch(value) is not None or value.isdigit()):
            return
        self._values[value] = None
        self._forms = None

    def add_header(self, name: str, value: str) -> None:
        """Remember what a secret header says: its value, and the parts of it that are secret."""
        if name.endswith("cookie") or name.endswith("cookie2"):
            pairs = value.split(";")
            for number, pair in enumerate(pairs):
                cookie = pair.partition("=")[2].strip().strip('"')
                if name.startswith("set-") and number:
                    continue  # what follows in Set-Cookie says how it is kept
                if _is_random(cookie):  # not a preference, such as `tz=Europe/Berlin`
                    self.add(cookie, certain=False)
                    if "%" in cookie:
                        self.add(unquote_plus(cookie), certain=False)
            return
        self.add(value)
        value = value.strip()
        scheme = _SCHEME.match(value)
        if scheme is not None or _DIGIT.search(value) is not None:
            self.add(value)
        if scheme is None:
            for piece in re.split(r"[,;\s]+", value):
                part = piece.partition("=")[2].strip('"')
                if len(part) >= 12 and not part.isalpha():
                    self.add(part, certain=False)
            return
        self.add(scheme[1])
        if value.lstrip()[:5].lower() == "basic":
            try:
                user_password = b64decode(scheme[1].encode("latin-1", "replace")).decode()
            except ValueError:
                return
            self.add(user_password)
            self.add(user_password.partition(":")[2])

    def __bool__(self) -> bool:
        return bool(self._values)

    def _all_forms(self) -> list[str]:
        forms: dict[str, None] = {}
        for value in self._values:
            forms[value] = None
            if value.isalnum() and value.isascii():
                encoded: tuple[str, ...] = ()
            else:
                in_json = json.dumps(value, ensure_ascii=False)[1:-1]
                encoded = (
                    in_json,
                    json.dumps(value)[1:-1],
                    json.dumps(in_json, ensure_ascii=False)[1:-1],
                    escape(value),
                    quote(value, safe="", errors="replace"),
                    quote(value, errors="replace"),
                    quote_plus(value, errors="replace"),
                    repr(value)[1:-1],
                )
            for form in encoded:
                forms[form] = None
        return sorted(forms, key=len, reverse=True)

    def remove_from(self, text: str) -> str:
        """Give a text without the values."""
        if self._forms is None:
            self._forms = self._all_forms()
        for form in self._forms:
            if form not in text:
                continue
            if _NUMBER.fullmatch(form) is not None:
                text = replace_number(text, rf"(?<![\w.]){re.escape(form)}(?![\w.])")
            elif form.isalpha() or len(form) < 12:
                # A short value is one where it stands alone, not as a part of a longer word.
                text = re.sub(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", REDACTED, text)
            else:
                text = text.replace(form, REDACTED)
        return text
