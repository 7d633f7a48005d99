"""Values behind secret names in free text: `password=…`, `"token": "…"`, `password hunter2`.

What follows the name is a quoted text, a group in brackets, a block of YAML, a line of cookies, a
scheme with its credential, or a run of characters. Prose, code and placeholders stay.
"""

import re
from typing import TYPE_CHECKING

from dashcam.redaction.names import ALL, OPAQUE, REDACTED, SAFE, TEXT, words_of
from dashcam.redaction.places import UNKNOWN, name_before
from dashcam.redaction.prose import (
    CODE,
    DATE,
    NOTHING,
    PROSE,
    is_prose,
    looks_secret,
)
from dashcam.redaction.shapes import is_mixed, is_no_placeholder, is_opaque

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_SIGN = re.compile(r"(?::=|=>|->|[=:])[ \t]{0,8}+")
_ENTITY = re.compile(r"&(?:quot|apos|#34|#39|#x27|#x22);")
_QUOTE = re.compile(r"(?:[bBuUrRfFNEL$@]{1,2}#?(?=[\"']))?(\\{0,15})([\"'`])")
_QUOTED = {sign: re.compile(rf"(?:[^{sign}\\]|\\.)*+", re.DOTALL) for sign in ("'", '"', "`")}
_RUN = re.compile(
    r"(?:[^\s\"'`&;,<>(){}\[\]\\]|,(?=[^\s\"'=:,]{1,256}(?:[\s\"';&]|\Z))(?![\w.-]{1,64}+[=:])|[({\[](?=[^\s]))+"
)
_LINE = re.compile(r"[^\r\n\"'`<>]{1,4096}+")
_TAGGED = re.compile(r"(?:(?:!!?[\w:/-]{0,40}|&\w{1,40})[ \t]{1,8}){1,3}")
_BLOCK = re.compile(
    r"[|>][+-]?\d?[+-]?(?:[ \t]{1,8}#[^\r\n]*|[ \t]*)\r?\n((?:[ \t]+[^\r\n]*(?:\r?\n|\Z)|\r?\n)+)"
)
_SCHEME = re.compile(
    r"(?i)(?:(?:bearer|basic|token|apikey|negotiate)[ \t]{1,8}[^\s\"'`<>,;]{1,8192}+"
    r"|(?:digest|hmac|aws4-[a-z0-9-]+|signature|oauth)[ \t][^\r\n\"'`<>]{1,4096}+"
    r"(?:\"[^\"\r\n]{0,512}\"[^\r\n\"'`<>]{0,512}){0,16})"
)
_SOFT = re.compile(
    r"(?ai)(?P<word>pass(?:word|wd|phrase|code)|pwd?|secret|token|api[ _-]?key|access[ _-]?key"
    r"|private[ _-]?key|credential|authorization|cookie|csrf)s?"
    r"(?P<sign>[\"'`]{1,2},[ \t]{0,2}|[ \t]{1,4}(?:(?:is:?|was|->|=>)[ \t]{1,4})?|\r?\n[ \t]{0,8})"
)
_OPAQUE_RUN = re.compile(r"[^\s\"'`<>,;(){}\[\]]{6,}+")
_TAIL_WORDS = frozenset(("key", "keys", "code", "codes", "number", "numbers", "phrase", "string"))
_WORDS_BEFORE = re.compile(r"([A-Za-z]{2,20})[ \t]([A-Za-z]{2,20}[ \t])?\Z")


Found = tuple[int, int, str, bool]


def _verdict(text: str, at: int, reader: "Reader") -> tuple[str, int, bool] | None:
    """Judge the name before a separator; give it, its verdict and whether it is quoted."""
    named = name_before(text, at)
    if named is None or named[0].endswith("["):
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
            verdict = max(
                verdict,
                names.verdict(phrase),
                names.verdict(f"{(before[2] or before[1]).strip()} {name}"),
            )
            if verdict >= TEXT:
                name = phrase
    return name, verdict, quoted


_SOURCE = re.compile(r"\.(?:java|py|js|ts|tsx|jsx|go|rb|cs|c|cc|cpp|h|kt|php|rs|swift|scala|vue)\Z")


def named_value(text: str, at: int, reader: "Reader", cut: bool) -> Found | None:
    """Find the value behind a separator whose name is secret."""
    judged = _verdict(text, at, reader)
    if judged is None:
        return None
    name, verdict, quoted = judged
    if verdict == SAFE or _SOURCE.search(name) is not None:
        return None
    reader.work.spend(8)
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
    tagged = _TAGGED.match(text, begin)
    if tagged is not None:
        begin = tagged.end()
    entity = _ENTITY.match(text, begin)
    if entity is not None:
        begin = entity.end()
        end = text.find(entity[0], begin)
        end = size if end < 0 else end
        return _checked(text, begin, end, name, verdict, certain)
    quote_at = _QUOTE.match(text, begin)
    if quote_at is not None:
        if not quoted and not quote_at[1] and _ends_label(text, at, quote_at[2]):
            return None
        begin = quote_at.end()
        slashes, mark = quote_at[1], quote_at[2]
        if slashes:
            end = text.find(slashes + mark, begin)
            while end > 0 and text[end - 1] == "\\" and end > begin:
                end = text.find(slashes + mark, end + len(slashes) + 1)
        elif text.startswith(mark * 2, begin):
            begin += 2  # a text of several lines
            end = text.find(mark * 3, begin)
        else:
            end = _QUOTED[mark].match(text, begin).end()  # type: ignore[union-attr]
            while text.startswith(mark * 2, end):  # a doubled quote, as SQL and YAML have it
                end = _QUOTED[mark].match(text, end + 2).end()  # type: ignore[union-attr]
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
    code = CODE.match(text, begin)
    if code is not None:
        return (
            _in_call(text, code.end() - 1, name, reader) if text[code.end() - 1] in "([" else None
        )
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
            reader.known.add_header("cookie", line[0])
            return begin, line.end(), name, False
    if words and words[-1] in ("authorization", "auth", "authentication"):
        scheme = _SCHEME.match(text, begin)
        if scheme is not None:
            value = scheme[0].split(None, 1)[-1]
            if value.endswith(")") and "(" not in value:
                value = value[:-1]
                scheme = _SCHEME.match(text, begin, scheme.end() - 1) or scheme
            if NOTHING.fullmatch(value) is not None:
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
        if not value or NOTHING.fullmatch(value) is not None or value.lower() == name.lower():
            return None
        if spaced and PROSE.fullmatch(value) is not None:
            return None
        if spaced and _VARIABLE.fullmatch(value) is not None and reader.fields.is_secret(value):
            return None  # `self.api_key = api_key2`; `Password123` is a password
        if verdict == TEXT and value.rstrip("%.,").isdigit() and len(value) < 10:
            return None
        if value.startswith("$") and not is_opaque(value):
            return None
    return begin, begin + len(value) if not (cut and end == size) else end, name, certain


_VARIABLE = re.compile(r"[a-z]{1,30}(?:_[a-z]{1,30}){1,4}\d?")
_SCHEME_WORD = re.compile(r"(?i)\A(?:bearer|basic|token)[ \t]+")
_ARGUMENT = re.compile(r"\"([^\"\\\n]{6,512})\"|'([^'\\\n]{6,512})'")
_DATABASE = frozenset(("database", "db", "redis", "mongo", "mongodb", "broker", "dsn"))


def is_url_without_password(name: str, value: str) -> bool:
    """Tell whether a database's URL holds no password, or a placeholder for it."""
    match = _DATABASE_URL.fullmatch(value)
    if match is None or _DATABASE.isdisjoint(words_of(name)):
        return False
    return match[1] is None or NOTHING.fullmatch(match[1]) is not None


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


_FORMAT = re.compile(r"\{[A-Za-z0-9_.!:]{0,40}\}|%[sdr]|%\(\w{1,40}\)[sd]")


def _ends_label(text: str, at: int, mark: str) -> bool:
    """Tell whether a quote behind a separator ends the text in which the name is a label."""
    line = text.rfind("\n", max(0, at - 200), at) + 1
    return text.count(mark, max(line, at - 200), at) % 2 == 1


def _checked(
    text: str, begin: int, end: int, name: str, verdict: int, certain: bool
) -> Found | None:
    value = text[begin:end]
    if not value.strip():
        return None
    if verdict == OPAQUE:
        return (begin, end, name, False) if looks_secret(value) else None
    if NOTHING.fullmatch(_SCHEME_WORD.sub("", value)) is not None and verdict != ALL:
        return None
    if is_url_without_password(name, value) or not is_no_placeholder(value):
        return None
    if _FORMAT.search(value) is not None and not any(
        map(is_mixed, _FORMAT.sub(" ", value).split())
    ):
        return None
    if not _SCHEME_WORD.sub("", value).strip():
        return None
    if value in ("include", "omit", "same-origin") or (
        value.startswith("{{") and value.endswith("}}")
    ):
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
    if PROSE.fullmatch(value[1:-1]) is not None and value[0] == "(":
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


def value_after_word(text: str, at: int, reader: "Reader", cut: bool) -> Found | None:
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
        if not value or not (
            is_mixed(value) or " " in value or not value.replace("_", "a").isalnum()
        ):
            return None
        if sign[0] in "\"'`":
            opening = text.rfind(sign[0], max(0, at - 64), at)
            if (
                opening <= 0
                or text[opening - 1] not in "(["
                or text[end + 1 : end + 2] not in (")", "]", ",")
            ):
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
    if (cut and run.end() == size and PROSE.fullmatch(value) is None) or (
        len(value) >= 6
        and is_opaque(value)
        and not value.lower().startswith(("http", "/"))
        and DATE.match(value) is None
        and "=" not in value[:-2]
    ):
        return begin, begin + len(value), word, False
    return None
