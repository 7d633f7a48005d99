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
from json.decoder import scanstring  # type: ignore[attr-defined]
from urllib.parse import quote, quote_plus, unquote_plus

from dashcam.redaction.names import REDACTED
from dashcam.redaction.shapes import is_opaque

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


_SESSION = re.compile(r"(?i)sid|sess|token|auth|jwt|key|csrf|xsrf|secret|login")
PIECE_ENDS = re.compile(r"[^A-Za-z0-9]+")


def _is_random(value: str) -> bool:
    return any(len(piece) >= 8 and is_opaque(piece) for piece in PIECE_ENDS.split(value))


_GO = re.compile("[<>&]")
_HEX = re.compile("%[0-9A-F]{2}")
_PARAMETER = re.compile(r"=\"?([^\s\",;=]{8,4096})")
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\s"\[\]{},:]++', re.DOTALL)


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
                title, _, cookie = pair.partition("=")
                cookie = cookie.strip().strip('"')
                if name.startswith("set-") and number:
                    continue  # what follows in Set-Cookie says how it is kept
                # A preference, such as `tz=Europe/Berlin`, isn't looked for elsewhere.
                if _is_random(cookie) or _SESSION.search(title) is not None:
                    self.add(cookie, certain=False)
                    if "%" in cookie:
                        self.add(unquote_plus(cookie), certain=False)
            return
        self.add(value)
        value = value.strip()
        scheme = _SCHEME.match(value)
        if scheme is None:
            for piece in re.split(r"[,;\s]+", value):
                part = piece.partition("=")[2].strip('"')
                if len(part) >= 12 and not part.isalpha():
                    self.add(part, certain=False)
            return
        self.add(scheme[1])
        for parameter in _PARAMETER.findall(scheme[1]):
            self.add(parameter, certain=False)
        if value.lstrip()[:5].lower() == "basic":
            data = scheme[1].strip().encode("latin-1", "replace")
            try:
                raw = b64decode(data + b"=" * (-len(data) % 4))
            except ValueError:
                return
            try:
                pair = raw.decode()
            except UnicodeDecodeError:
                pair = raw.decode("latin-1")
            self.add(pair)
            user, _, password = pair.partition(":")
            self.add(password)
            if _is_random(user):
                self.add(user, certain=False)

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
                    escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
                    in_json.replace("/", "\\/"),
                    _GO.sub(lambda sign: f"\\u{ord(sign[0]):04x}", in_json),
                    _HEX.sub(lambda code: code[0].lower(), quote(value, safe="", errors="replace")),
                )
            for form in encoded:
                forms[form] = None
        return sorted(forms, key=len, reverse=True)

    def remove_from(self, text: str) -> str:
        """Give a text without the values; JSON stays JSON."""
        if self._forms is None:
            self._forms = self._all_forms()
        if not any(form in text for form in self._forms):
            return text
        if '":' not in text and text[:1] not in ("[", '"'):
            return self._plainly(text)

        def instead(match: re.Match[str]) -> str:
            token = match[0]
            if token[0] != '"':
                return self._number(token)
            inner = token[1:-1] if len(token) > 1 and token[-1] == '"' else token[1:]
            try:
                decoded = str(scanstring(f'"{inner}"', 1, False)[0])
            except ValueError:
                return self._plainly(token)
            redacted = self._plainly(decoded)
            if redacted == decoded:
                return token
            return f'"{json.dumps(redacted, ensure_ascii=False)[1:-1]}{token[1 + len(inner) :]}'

        return _TOKENS.sub(instead, text)

    def _number(self, token: str) -> str:
        """Replace what stands outside of strings where it is a value as a whole."""
        assert self._forms is not None
        if token in self._forms or self._plainly(token) != token:
            return f'"{REDACTED}"' if _NUMBER.fullmatch(token) is not None else self._plainly(token)
        return token

    def _plainly(self, text: str) -> str:
        assert self._forms is not None
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
