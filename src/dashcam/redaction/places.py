"""Where a text may hold a secret. Text without such a place holds none, and stays as it is.

A place is a separator (`=` or `:`) behind a name that isn't known to be safe, a tag of such a name,
the beginning of a shape, an escape that may hide a name, or a word such as `password`. A place too
many costs a moment, and one too few would show a secret: what is there is decided elsewhere.

The search runs on everything that is recorded, so it is compiled where that is possible; the
compiled one gets the same table and gives the same places.
"""

import re
from bisect import bisect_left

from dashcam.native import native
from dashcam.redaction.names import any_of
from dashcam.redaction.shapes import SHAPES

NAME, TAG, ESCAPE, WORD, FIRST_SHAPE = range(5)
"""What stands at a place; `FIRST_SHAPE + n` is row n of the table of shapes."""
KIND_BITS = 8
NAME_WINDOW = 64
"""Characters of a name that are looked at."""

ESCAPES = ("\\u00", "%3d", "%3a", "%22", ":\\/\\/", "1\\/\\/0")
WORDS = (
    "password", "passwd", "passphrase", "passcode", "pwd", "pw ", "secret", "token", "apikey",
    "api_key", "api-key", "api key", "access key", "access_key", "private key", "private_key",
    "credential", "authorization", "cookie", "csrf", "input_value=", '"kty"', "[parameters: ",
)  # fmt: skip

ANYTHING, NO_KEY, BLANK, USER = range(4)
"""What must follow a literal: anything; not the rest of a word, nor what ends a key; a blank, in
whatever way it is written; what may be a user in a URL. What fits nowhere costs nothing then."""
_FOLLOWS = {"bearer": BLANK, "url_password": USER}
"""What follows the shapes of a kind."""

TABLE: tuple[tuple[str, int, int], ...] = (
    *((prefix, ESCAPE, ANYTHING) for prefix in ESCAPES),
    *((word, WORD, NO_KEY if word[-1].isalpha() else ANYTHING) for word in WORDS),
    *(
        (prefix, FIRST_SHAPE + number, _FOLLOWS.get(shape.kind, ANYTHING))
        for number, shape in enumerate(SHAPES)
        for prefix in shape.prefixes
    ),
)
"""Each literal that makes a place, in lower case, with what it is and what must follow."""

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_SEPARATOR = re.compile(r"[=:]|<(?=[A-Za-z_])")
_TAG = re.compile(r"<([A-Za-z_][A-Za-z0-9_.:\x80-\U0010ffff-]{0,63})")
_BACKWARD_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]$@%+\x80-\U0010ffff]*")
_ENTITIES = ("&quot;", "&#34;", "&#39;", "&apos;", "&#x27;", "&#x22;")
UNKNOWN = ""


def name_before(text: str, at: int) -> tuple[str, int] | None:
    """Find the name that stands before a separator.

    Args:
        text: the text.
        at: where the separator is.

    Returns:
        The name and where it begins; `UNKNOWN` where it is quoted and its beginning isn't found;
        None where there is no name.
    """
    floor = max(0, at - NAME_WINDOW - 16)
    end = at
    for _ in range(8):
        while end > floor and text[end - 1] in " \t\r\n":
            end -= 1
        if end - floor >= 2 and text[end - 1] in "nrt" and text[end - 2] == "\\":
            end -= 2  # white space, as JSON in a string has it, at any depth
            while end > floor and text[end - 1] == "\\":
                end -= 1
        else:
            break
    if end == floor:
        return None
    last = text[end - 1]
    if last == ")":
        end -= 1
        if end == floor:
            return None
        last = text[end - 1]
    if last in "\"'`":
        inner = end - 1
        opening = text.rfind(last, floor, inner)
        if opening < 0:
            return (UNKNOWN, floor)
        closes_escaped = inner > 0 and text[inner - 1] == "\\"
        opens_escaped = opening > 0 and text[opening - 1] == "\\"
        if closes_escaped != opens_escaped:
            return (UNKNOWN, floor)
        while inner > opening + 1 and text[inner - 1] == "\\":
            inner -= 1
        return (text[opening + 1 : inner], opening + 1) if inner > opening + 1 else None
    if last == ";":
        for entity in _ENTITIES:
            if text.endswith(entity, floor, end):
                end -= len(entity)
                break
    begin = max(floor, end - NAME_WINDOW)
    size = _BACKWARD_NAME.match(text[begin:end][::-1]).end()  # type: ignore[union-attr]
    begin = end - size
    if size == NAME_WINDOW:
        return (UNKNOWN, begin)
    if size and begin > 0 and text[begin - 1] == "\\" and text[begin] in "nrtbf":
        begin += 1  # a letter that is an escape's
    name = text[begin:end]
    if not any(sign.isalpha() or sign == "%" or sign >= "\x80" for sign in name):
        return None
    return name, begin


_LITERAL = re.compile(any_of(literal for literal, _, _ in TABLE))
_ALL_AT = {literal: [row for row in TABLE if literal.startswith(row[0])] for literal, _, _ in TABLE}
"""By the longest literal at a position, all that match there."""
_ENDS_KEY = re.compile(r"[sS]?+(?:[A-Za-z0-9_]|\\{0,15}[\"'`][ \t]{0,8}:)")
_BLANKS = frozenset(("", " ", "\t", "\\", "%", "+", "&"))
_RUN = re.compile(r"[^ \t\r\n\"'<>]*")
_USER_ENDS = re.compile(r"@|%40|&#")
_DIGITS = re.compile(r"[0-9]*")


class _Following:
    """Tells whether what follows a literal is what must; asked from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.run_end = 0
        self.user_end = -1

    def is_there(self, end: int, follows: int) -> bool:
        """Tell it of a literal that ends at a place."""
        if follows == ANYTHING:
            return True
        if follows == NO_KEY:
            return _ENDS_KEY.match(self.text, end) is None
        if follows == BLANK:
            return self.text[end : end + 1] in _BLANKS
        return self._has_user(end)

    def _has_user(self, at: int) -> bool:
        text = self.text
        if at >= self.run_end:
            self.run_end = _RUN.match(text, at).end()  # type: ignore[union-attr]
            self.user_end = -1
        if self.user_end < at:
            match = _USER_ENDS.search(text, at, self.run_end)
            self.user_end = self.run_end if match is None else match.start()
        if self.user_end < self.run_end:
            return True
        if self.run_end < len(text):
            return False
        # Where the text is cut, it may be cut before the end of the user; a port is no password.
        colon = text.find(":", at)
        if colon < 0:
            return False
        end = _DIGITS.match(text, colon + 1).end()  # type: ignore[union-attr]
        return text[end : end + 1] not in ("", "/")


def find_places_in_python(
    text: str, safe: set[str], query_safe: set[str], most: int, /
) -> list[int]:
    """Find the places of a text: `position << KIND_BITS | what is there`, ascending.

    Args:
        text: the text.
        safe: names that are known to be safe.
        query_safe: the same for names behind `?`, `&`, `#` or `;`.
        most: places that are given at most.
    """
    found: list[int] = []
    names = 0
    size = len(text)
    for match in _SEPARATOR.finditer(text):
        at = match.start()
        sign = text[at]
        after = text[at + 1] if at + 1 < size else ""
        if sign == "<":
            tag = _TAG.match(text, at)
            if tag is not None and (tag[1] not in safe or len(tag[1]) == NAME_WINDOW):
                found.append(at << KIND_BITS | TAG)
            continue
        before = text[at - 1] if at else ""
        if sign == ":":
            if after == ":" or before == ":" or (after == "/" and text.startswith("//", at + 1)):
                continue
        elif after == "=" or (before and before in "=!<>:"):
            continue
        named = name_before(text, at)
        if named is None:
            continue
        name, begin = named
        known = query_safe if begin and text[begin - 1] in "?&#;" else safe
        if name not in known or name == UNKNOWN:
            found.append(at << KIND_BITS | NAME)
            names += 1
            if names >= most:
                break
    before_literals = len(found)
    following = _Following(text)
    lower = text.lower() if text.isascii() else text.translate(_LOWER)
    literal = _LITERAL.search(lower)
    while literal is not None:
        at = literal.start()
        for prefix, kind, follows in _ALL_AT[literal[0]]:
            if following.is_there(at + len(prefix), follows):
                found.append(at << KIND_BITS | kind)
        if len(found) - before_literals >= most:
            break
        literal = _LITERAL.search(lower, at + 1)
    found.sort()
    return found[:most]


find_places = find_places_in_python
if native is not None:
    native.set_places(tuple((prefix.encode(), kind, follows) for prefix, kind, follows in TABLE))
    find_places = native.find_places


class Within:
    """Tells whether a place lies in a piece of the text.

    Args:
        places: of the text, from `find_places`.
    """

    __slots__ = ("_next", "positions")

    def __init__(self, places: list[int]) -> None:
        self.positions = [place >> KIND_BITS for place in places]
        self._next = 0

    def has(self, begin: int, end: int) -> bool:
        """Tell it of pieces that are asked for in order."""
        positions, at = self.positions, self._next
        while at < len(positions) and positions[at] < begin:
            at += 1
        self._next = at
        return at < len(positions) and positions[at] < end

    def has_any(self, begin: int, end: int) -> bool:
        """Tell it of pieces in any order."""
        at = bisect_left(self.positions, begin)
        return at < len(self.positions) and self.positions[at] < end
