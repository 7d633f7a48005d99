"""What is no secret, though it stands where one would: prose, placeholders, code, identifiers."""

import re

from dashcam.redaction.shapes import is_opaque

SPACED = re.compile(r"\s")
PROSE = re.compile(r"[A-Za-z_\u00c0-\U0010ffff][A-Za-z_.\u00c0-\U0010ffff()\[\]|]*[!?.,:]?")
NOTHING = re.compile(
    r"(?i)(?:(?:your|my|some|the|insert|enter)[-_ ][a-z_-]*|\?|:[a-z_]+|\$\d|#[0-9a-f]{3,8}"
    r"|include|omit|same-origin"
    r"|none|null|nil|undefined|true|false|yes|no|\*+|x{3,}|\.{2,}|…|\[redacted\]?|\[filtered\]?"
    r"|<[^<>]{1,64}>?|\$\{?[a-z_]\w*\}?|\{\{?\s*[\w.\s]{0,64}\}?\}?"
    r"|%\(?\w*\)?s?|%[sdr]|str|int|bool|string!?|-+|\"\"|'')"
)


CODE = re.compile(
    r"(?<![\w$.])(?:[A-Za-z_$][\w$]{0,60}(?:\.[\w$]{1,60}){0,8}[(\[]"
    r"|(?:os|self|this|process|env|config|settings|request|req|form|args|data|user|cls|ctx|app|secrets|params"
    r"|props|state|options|body|payload|credentials|auth|vars?|local|module|event|session)\.[A-Za-z_.]{1,200}+(?![\w-]))"
)


DATE = re.compile(
    r"\d{4}-\d\d|\d{1,2}:\d\d|v?\d{1,9}\.\d|\d{1,9}(?:ms|s|m|h|d|kb|mb|gb|st|nd|rd|th|x|px|%)(?!\w)",
    re.I,
)


def looks_secret(value: str) -> bool:
    """Tell whether a value looks like a credential: letters and digits in one piece, no digest."""
    value = value.strip()
    if not 10 <= len(value) <= 4096 or SPACED.search(value) is not None:
        return False
    if ("/" in value and not value.endswith("=")) or _FILE_NAME.search(value) is not None:
        return False  # a path, or a file's name
    if value.isdigit():
        return len(value) in range(13, 20)
    if _IDENTIFIER.match(value) is not None:
        return False
    return any(
        len(piece) >= 10 and is_opaque(piece) and _HEX.fullmatch(piece) is None
        for piece in _PIECES.split(value)
    )


_FILE_NAME = re.compile(r"\.[A-Za-z]{2,5}\Z")
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
