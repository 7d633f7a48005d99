"""Free text: values behind secret names, and the shapes of the table.

It goes from place to place, and never examines a character twice: what one place has taken is
behind it for the next one.
"""

import re
from binascii import Error as Base64Error
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.names import ALL, OPAQUE, REDACTED, SAFE, TEXT, words_of
from dashcam.redaction.places import (
    ESCAPE,
    FIRST_SHAPE,
    KIND_BITS,
    NAME,

    UNKNOWN,
    WORD,
    name_before,
)
from dashcam.redaction.shapes import SHAPES, Shape, is_mixed, is_opaque

from dashcam.redaction.work import TooMuch

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

Edit = tuple[int, int, str]
"""Where a text is replaced, and by what: (begin, end, instead)."""

_KIND = (1 << KIND_BITS) - 1
_SIGN = re.compile(r"(?::=|=>|->|[=:])[ \t]{0,8}+")
_ENTITY = re.compile(r"&(?:quot|apos|#34|#39|#x27|#x22);")
_QUOTE = re.compile(r"(?:[bBuUrRfF]{1,2}(?=[\"']))?(\\{0,15})([\"'`])")
_QUOTED = {
    sign: re.compile(rf"(?:[^{sign}\\]|\\.)*+", re.DOTALL) for sign in ("'", '"', "`")
}
_RUN = re.compile(r"(?:[^\s\"'`&;,<>(){}\[\]\\]|,(?=[^\s\"'=:,]{1,256}(?:[\s\"';&]|\Z))(?![\w.-]{1,64}+[=:])|[({\[](?=[^\s]))+")
_LINE = re.compile(r"[^\r\n\"'`<>]{1,4096}+")
_BLOCK = re.compile(r"[|>][+-]?[ \t]*\r?\n((?:[ \t]+[^\r\n]*(?:\r?\n|\Z)|\r?\n)+)")
_SCHEME = re.compile(
    r"(?i)(?:(?:bearer|basic|token|apikey|negotiate)[ \t]{1,8}[^\s\"'`<>,;]{1,8192}+"
    r"|(?:digest|hmac|aws4-[a-z0-9-]+|signature|oauth)[ \t][^\r\n\"'`<>]{1,4096}+(?:\"[^\"\r\n]{0,512}\"[^\r\n\"'`<>]{0,512}){0,16})"
)
_SPACED = re.compile(r"\s")
_PROSE = re.compile(r"[A-Za-z_\u00c0-\U0010ffff][A-Za-z_.\u00c0-\U0010ffff()\[\]|]*[!?.,:]?")
_NOTHING = re.compile(
    r"(?i)(?:(?:your|my|some|the|insert|enter)[-_ ][a-z_-]*|\?|:[a-z_]+|\$\d|#[0-9a-f]{3,8}|include|omit|same-origin"
    r"|none|null|nil|undefined|true|false|yes|no|\*+|x{3,}|\.{2,}|…|\[redacted\]?|\[filtered\]?"
    r"|<[^<>]{1,64}>?|\$\{?[a-z_]\w*\}?|\{\{?\s*[\w.\s]{0,64}\}?\}?|%\(?\w*\)?s?|%[sdr]|str|int|bool|string!?|-+|\"\"|'')"
)
_SOFT = re.compile(
    r"(?ai)(?P<word>pass(?:word|wd|phrase|code)|pwd?|secret|token|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authorization|cookie|csrf)s?"
    r"(?P<sign>[\"'`]{1,2},[ \t]{0,2}|[ \t]{1,4}(?:(?:is|was|->|=>)[ \t]{1,4})?|\r?\n[ \t]{0,8})"
)
_OPAQUE_RUN = re.compile(r"[^\s\"'`<>,;(){}\[\]]{6,}+")
_YAML_PAIR = re.compile(
    r"(?m)^[ \t-]{0,64}(?:name|key):[ \t]{0,8}[\"']?(?P<name>[\w.-]{1,100})[\"']?[ \t]{0,8}\r?\n"
    r"[ \t]{0,64}(?:value|val):[ \t]{0,8}(?P<value>[^\s][^\r\n]*)"
)
_PARAMETERS = re.compile(r"\[parameters: ?[^\r\n]*")
_INPUT_VALUE = re.compile(
    r"(?m)^(?P<loc>[^\s][^\r\n]{0,200})\r?\n[ \t]+[^\r\n]*?\binput_value=(?P<value>[^\r\n]*?)(?=, input_type=|\]?$)"
)
_TAIL_WORDS = frozenset(("key", "keys", "code", "codes", "number", "numbers", "phrase", "string"))
_WORDS_BEFORE = re.compile(r"([A-Za-z]{2,20})[ \t]([A-Za-z]{2,20}[ \t])?\Z")
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
            if any(reader.fields.verdict(part) >= TEXT for part in re.split(r"[.\s]", match["loc"]) if part):
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
            found = _named(text, at, reader, cut)
        elif kind == WORD:
            found = _soft(text, at, reader, cut)
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
        if cut and size - match.end() < 64 and _SPACED.search(text, match.end()) is None:
            found = (at, size, shape.kind, False)
        elif shape.kind == "jwt":
            found = _encoded_json(text, match, self.reader, cut)
        if found is None:
            self.examined = max(self.examined, match.end())
        return found


Found = tuple[int, int, str, bool]


def _cut_shape(text: str, at: int, kind: str) -> Found | None:
    """A shape that the text's end cuts before it is long enough to be one."""
    rest = text[at:]
    if kind == "bearer":
        word, _, value = rest.partition(" ")
        if word.isalpha() and value.strip() and _SPACED.search(value.strip()) is None:
            return at + len(word) + 1, len(text), kind, False
        return None
    if _SPACED.search(rest) is None and (at == 0 or not text[at - 1].isalnum()):
        return at, len(text), kind, False
    return None


def _cut_url(text: str, at: int) -> Found | None:
    rest = text[at : at + 800]
    if at + len(rest) == len(text) and _SPACED.search(rest) is None and ":" in rest:
        before, _, after = rest.partition(":")
        if "/" not in before and "?" not in before and not after.partition("/")[0].isdigit():
            return at + len(before) + 1, len(text), "url_password", False
    return None


def _verdict(text: str, at: int, reader: "Reader") -> tuple[str, int, bool] | None:
    """Judge the name before a separator; give it, its verdict and whether it is quoted."""
    named = name_before(text, at)
    if named is None:
        return None
    name, begin = named
    if name == UNKNOWN:
        # A quoted name that is longer than a name is looked at.
        sign = text[:at].rstrip()[-1:]
        opening = text.rfind(sign, max(0, at - 400), at - 1) if sign in "\"'`" else -1
        name = text[max(0, at - 200 if opening < 0 else opening + 1) : at].strip("\"'`\\ \t\r\n")
        name = name[-200:]
        if " " in name:
            name = name.rpartition(" ")[2]
    quoted = begin > 0 and text[begin - 1] in "\"'`"
    names = reader.query if begin and text[begin - 1] in "?&#;" else reader.fields
    verdict = names.verdict(name)
    if verdict < TEXT and not quoted and name.lower() in _TAIL_WORDS:
        before = _WORDS_BEFORE.search(text, max(0, begin - 48), begin)
        if before is not None:
            phrase = f"{before[1]} {before[2] or ''}{name}"
            verdict = max(verdict, names.verdict(phrase), names.verdict(f"{(before[2] or before[1]).strip()} {name}"))
            if verdict >= TEXT:
                name = phrase
    return name, verdict, quoted


_SOURCE = re.compile(r"\.(?:java|py|js|ts|tsx|jsx|go|rb|cs|c|cc|cpp|h|kt|php|rs|swift|scala|vue)\Z")


def _named(text: str, at: int, reader: "Reader", cut: bool) -> Found | None:
    """Find the value behind a separator whose name is secret."""
    judged = _verdict(text, at, reader)
    if judged is None:
        return None
    name, verdict, quoted = judged
    if verdict == SAFE or _SOURCE.search(name) is not None:
        return None
    reader.work.spend(12)
    size = len(text)
    sign = _SIGN.match(text, at)
    assert sign is not None
    begin = sign.end()
    if quoted or (begin < size and text[begin] in "\r\n"):
        while begin < size and text[begin] in " \t\r\n":
            if text[begin] == "\n" and not quoted:
                break
            begin += 1
        if not quoted and begin < size and text[begin] in "\r\n":
            return None
    if begin >= size:
        return None
    spaced = begin - at > 1 or text[at] == ":"
    certain = verdict == ALL
    entity = _ENTITY.match(text, begin)
    if entity is not None:
        begin = entity.end()
        end = text.find(entity[0], begin)
        end = size if end < 0 else end
        return _checked(text, begin, end, name, verdict, certain)
    quote_at = _QUOTE.match(text, begin)
    if quote_at is not None:
        begin = quote_at.end()
        slashes, mark = quote_at[1], quote_at[2]
        if slashes:
            end = text.find(slashes + mark, begin)
            while end > 0 and text[end - 1] == "\\" and end > begin:
                end = text.find(slashes + mark, end + len(slashes) + 1)
        else:
            end = _QUOTED[mark].match(text, begin).end()  # type: ignore[union-attr]
            if end >= size:
                end = -1
        if end < 0:
            line_end = text.find("\n", begin)
            end = size if cut or line_end < 0 else line_end
        return _checked(text, begin, end, name, verdict, certain)
    if verdict == OPAQUE:
        run = _RUN.match(text, begin)
        if run is None or not (looks_secret(run[0]) or (cut and run.end() == size)):
            return None
        return begin, run.end(), name, False
    first = text[begin]
    code = _CODE.match(text, begin)
    if code is not None:
        return _in_call(text, code.end() - 1, name, reader) if text[code.end() - 1] in "([" else None
    if text.startswith("{{", begin):
        return None
    if first in "{[(<":
        if first == "<" and _REPR.match(text, begin) is None:
            return None
        end = _bracket_end(text, begin, reader)
        return _checked_group(text, begin, end, name, verdict)
    block = _BLOCK.match(text, begin)
    if block is not None:
        return block.start(1), block.end(1), name, certain
    words = words_of(name)
    if words and words[-1] in ("cookie", "cookies"):
        line = _LINE.match(text, begin)
        if line is not None and "=" in line[0]:
            _remember_cookies(line[0], reader)
            return begin, line.end(), name, False
    if words and words[-1] in ("authorization", "auth", "authentication"):
        scheme = _SCHEME.match(text, begin)
        if scheme is not None:
            value = scheme[0].split(None, 1)[-1]
            if value.endswith(")") and "(" not in value:
                value = value[:-1]
                scheme = _SCHEME.match(text, begin, scheme.end() - 1) or scheme
            if _NOTHING.fullmatch(value) is not None:
                return None
            start = scheme.end() - len(value)
            return start, scheme.end(), name, certain
    run = _RUN.match(text, begin)
    if run is None:
        return None
    end = run.end()
    value = run[0].rstrip(".")
    if not (cut and end == size):
        if is_url_without_password(name, value):
            return None
        if not value or _NOTHING.fullmatch(value) is not None or value.lower() == name.lower():
            return None
        if spaced and _PROSE.fullmatch(value) is not None:
            return None
        if verdict == TEXT and value.rstrip("%.,").isdigit() and len(value) < 10:
            return None
        if value.startswith("$") and not is_opaque(value):
            return None
    return begin, begin + len(value) if not (cut and end == size) else end, name, certain


_CODE = re.compile(
    r"(?<![\w$.])(?:[A-Za-z_$][\w$]{0,60}(?:\.[\w$]{1,60}){0,8}[(\[]"
    r"|(?:os|self|this|process|env|config|settings|request|req|form|args|data|user|cls|ctx|app|secrets|params"
    r"|props|state|options|body|payload|credentials|auth|vars?|local|module|event|session)\.[A-Za-z_.]{1,200}+(?![\w-]))"
)
_SCHEME_WORD = re.compile(r"(?i)\A(?:bearer|basic|token)[ \t]+")
_ARGUMENT = re.compile(r"\"([^\"\\\n]{6,512})\"|'([^'\\\n]{6,512})'")
_DATABASE = frozenset(("database", "db", "redis", "mongo", "mongodb", "broker", "dsn"))


def is_url_without_password(name: str, value: str) -> bool:
    """Tell whether a database's URL holds no password, or a placeholder for it."""
    match = _DATABASE_URL.fullmatch(value)
    if match is None or _DATABASE.isdisjoint(words_of(name)):
        return False
    return match[1] is None or _NOTHING.fullmatch(match[1]) is not None


_DATABASE_URL = re.compile(
    r"[a-z][a-z0-9+]{0,20}://(?:[^\s/@:]{0,256}(?::([^\s@]{0,512}))?@)?[^\s@?]{0,512}"
)


def _in_call(text: str, at: int, name: str, reader: "Reader") -> Found | None:
    """Find a literal credential among the arguments of a call, or in an index."""
    end = _bracket_end(text, at, reader)
    for match in _ARGUMENT.finditer(text, at, min(end, at + 2000)):
        group = 1 if match[1] is not None else 2
        if is_mixed(match[group]) and not match[group].replace("_", "").isupper():
            return (*match.span(group), name, False)
    return None


def _remember_cookies(line: str, reader: "Reader") -> None:
    reader.known.add_header("cookie", line)


def _checked(
    text: str, begin: int, end: int, name: str, verdict: int, certain: bool
) -> Found | None:
    value = text[begin:end]
    if not value.strip():
        return None
    if verdict == OPAQUE:
        return (begin, end, name, False) if looks_secret(value) else None
    if _NOTHING.fullmatch(_SCHEME_WORD.sub("", value)) is not None and verdict != ALL:
        return None
    if is_url_without_password(name, value):
        return None
    if value in ("include", "omit", "same-origin") or (value.startswith("{{") and value.endswith("}}")):
        return None
    if value in ("None", "null", "true", "false", "string", REDACTED) or is_prose(value):
        return None
    return begin, end, name, certain


_REPR = re.compile(r"<[A-Za-z]{1,40}:? ?[\[{(]")
_GROUP_HARMLESS = re.compile(
    r"[\[{(]\s*(?:[\"']?(?:type|\$ref|description|anyOf|oneOf|allOf|format|title|required)[\"']?\s*:|[\]})])"
)
_GROUP_NUMBERS = re.compile(r"[\[{(][\s\d.,eE+:{}\[\]()truefalsn-]*+")


def _checked_group(text: str, begin: int, end: int, name: str, verdict: int) -> Found | None:
    value = text[begin:end]
    if _GROUP_HARMLESS.match(value) is not None or value in ("[redacted]", "[redacted"):
        return None
    if _PROSE.fullmatch(value[1:-1]) is not None and value[0] == "(":
        return None
    if verdict == TEXT and _GROUP_NUMBERS.fullmatch(value) is not None:
        return None
    return begin, end, name, False


_BRACKETS = re.compile(
    r"[{}\[\]()]|\"(?:[^\"\\\n]|\\.)*+(?:\"|\\?\Z|(?=\n))|'(?:[^'\\\n]|\\.)*+(?:'|\\?\Z|(?=\n))"
)


def _bracket_end(text: str, begin: int, reader: "Reader") -> int:
    """Give where a bracket that opens here is closed; the end of the text where it isn't."""
    depth = 0
    for match in _BRACKETS.finditer(text, begin):
        sign = match[0]
        if sign in "{[(":
            depth += 1
        elif sign in "}])":
            depth -= 1
            if depth <= 0:
                return match.end()
        reader.work.spend(1)
    return len(text)


def _soft(text: str, at: int, reader: "Reader", cut: bool) -> Found | None:
    """Find a credential behind a word alone: `password hunter2`, `('password', 'hunter2')`."""
    match = _SOFT.match(text, at)
    if match is None:
        return None
    word, sign, begin = match["word"], match["sign"], match.end()
    if at and (text[at - 1] == "/" or (len(word) <= 3 and text[at - 1].isalnum())):
        return None
    size = len(text)
    if begin >= size:
        return None
    quote_at = _QUOTE.match(text, begin)
    if quote_at is not None:
        mark = quote_at[2]
        start = quote_at.end()
        end = _QUOTED[mark].match(text, start).end()  # type: ignore[union-attr]
        value = text[start:end]
        if not value or not (is_mixed(value) or " " in value or not value.replace("_", "a").isalnum()):
            return None
        if sign[0] in "\"'`":
            opening = text.rfind(sign[0], max(0, at - 64), at)
            if opening <= 0 or text[opening - 1] not in "([" or text[end + 1 : end + 2] not in (")", "]", ","):
                return None
        return (start, end, word, True) if not is_prose(value) else None
    if sign[0] in "\"'`":
        return None
    if at > 1 and text[at - 2 : at] == "--" and sign[0] == " " and text[begin] not in "-$<{":
        flag = _RUN.match(text, begin)  # of a command line
        if flag is None or flag[0].isupper() or flag[0] in ("/", "|"):
            return None
        return begin, flag.end(), word, True
    run = _OPAQUE_RUN.match(text, begin)
    if run is None:
        return None
    value = run[0].rstrip(".:!?")
    if (cut and run.end() == size and _PROSE.fullmatch(value) is None) or (
        len(value) >= 6
        and is_opaque(value)
        and not value.lower().startswith(("http", "/"))
        and _DATE.match(value) is None
        and "=" not in value[:-2]
    ):
        return begin, begin + len(value), word, False
    return None


_DATE = re.compile(
    r"\d{4}-\d\d|\d{1,2}:\d\d|v?\d{1,9}\.\d|\d{1,9}(?:ms|s|m|h|d|kb|mb|gb|st|nd|rd|th|x|px|%)(?!\w)", re.I
)


def _encoded_json(
    text: str, match: re.Match[str], reader: "Reader", cut: bool
) -> Found | None:
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


def _escaped(
    text: str, at: int, examined: int, reader: "Reader", cut: bool
) -> Edit | None:
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


def looks_secret(value: str) -> bool:
    """Tell whether a value looks like a credential: letters and digits in one piece, no digest."""
    value = value.strip()
    if not 10 <= len(value) <= 4096 or _SPACED.search(value) is not None:
        return False
    if value.isdigit():
        return len(value) in range(13, 20)
    if _IDENTIFIER.match(value) is not None:
        return False
    return any(
        len(piece) >= 10 and is_opaque(piece) and _HEX.fullmatch(piece) is None
        for piece in _PIECES.split(value)
    )


_PIECES = re.compile(r"[._/\-:,@]")
_HEX = re.compile(r"(?:0x)?[0-9a-f]+|(?:0x)?[0-9A-F]+")
_IDENTIFIER = re.compile(
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z|(?:sha\d+|md5)[:-]|https?://|\d{4}-\d\d-\d\d"
)
_SENTENCE = re.compile(
    r"(?i)(?:this|the|a|an|ensure|enter|please|password|token|must|should|field|value|string|invalid|missing"
    r"|your|must|is|not|it|too|no|cannot|can't|api|secret|wrong|incorrect|expired|required|optional|authentication|user)\b"
)
_PROSE_WORD = re.compile(
    r"(?i)\b(?:required|must|should|blank|match|matches|invalid|valid|incorrect|common|short|least|characters|missing"
    r"|expired|empty|value|taken|weak|unauthorized|allowed|wrong|numeric|between|contain|optional|cannot|can't|don't)\b"
)


def is_prose(value: str) -> bool:
    """Tell whether a value is a sentence about a secret, such as an answer's error message."""
    if len(value) > 400 or value.count(" ") < 2:
        return False
    if any(map(is_opaque, value.split())) or _SENTENCE.match(value) is None:
        return False
    return _PROSE_WORD.search(value) is not None and value.isprintable()


def is_message(value: str) -> bool:
    """Tell whether a text in a list of errors is a message, such as "is invalid"."""
    return (
        len(value) <= 400
        and " " in value.strip()
        and not any(map(is_opaque, value.split()))
        and _PROSE_WORD.search(value) is not None
    )


def apply(text: str, edits: list[Edit]) -> str:
    """Give a text with its edits made; of two that overlap the first counts."""
    if not edits:
        return text
    parts: list[str] = []
    kept = 0
    for begin, end, instead in sorted(edits):
        if begin < kept:
            if end > kept:
                kept = end
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
