"""Known shapes of secrets in free text: messages, tracebacks, plain bodies.

Most text has none, so first the places are found where a shape may begin, by its first word; only
there the patterns are tried. Each pattern is linear in the text: every repetition is possessive
or bounded.
"""

import re

from dashcam.native import native
from dashcam.redaction.rules import REDACTED

SCHEME, TOKEN, NAMED, URL = 1, 2, 4, 8

_PATTERNS = (
    (
        SCHEME,
        re.compile(
            r"(?i)\b(?:bearer|basic|digest|negotiate|token)\s{1,8}+([A-Za-z0-9+/=._~:-]{8,}+)"
        ),
    ),
    (
        TOKEN,
        re.compile(
            r"\b("
            r"eyJ[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)?+"  # JWT
            r"|(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}+"  # OpenAI, Anthropic, Stripe
            r"|dc_[A-Za-z0-9_-]{8,}+"
            r"|gh[pousr]_[A-Za-z0-9]{16,}+|github_pat_[A-Za-z0-9_]{16,}+|glpat-[A-Za-z0-9_-]{16,}+"
            r"|xox[a-z]-[A-Za-z0-9-]{8,}+"
            r"|(?:AKIA|ASIA)[A-Z0-9]{12,}+"
            r"|AIza[A-Za-z0-9_-]{30,}+|ya29\.[A-Za-z0-9_-]{16,}+"
            r"|hf_[A-Za-z0-9]{16,}+|npm_[A-Za-z0-9]{16,}+|pypi-[A-Za-z0-9_-]{16,}+"
            r"|SG\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+"
            r")"
        ),
    ),
    (
        NAMED,
        re.compile(
            r"(?i)(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key"
            r"|private[_-]?key|token|credential)(?![a-z])"
            r"[\"']?\s{0,8}+[=:]\s{0,8}+[\"']?(?!\[redacted\])([^\s\"'&,;}\])]{1,4096}+)"
        ),
    ),
    (URL, re.compile(r"://[^\s/@:'\"<>]{0,256}+:([^\s/@'\"<>]{1,512}+)(?=@)")),
)
_PLACES = re.compile(
    r"(?i)(?P<url>://)|(?P<both>token)|(?P<scheme>bearer|basic|digest|negotiate)"
    r"|(?P<named>password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential)"
    r"|(?P<token>eyj|[spr]k[-_]|dc_|gh._|github_pat_|glpat-|xox|akia|asia|aiza|ya29\.|hf_|npm_"
    r"|pypi-|sg\.)"
)
_KINDS = {"url": URL, "both": SCHEME | NAMED, "scheme": SCHEME, "named": NAMED, "token": TOKEN}
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]{0,40}?)PRIVATE KEY-----")


def find_shapes_in_python(text: str) -> list[int]:
    """Find where a shape may begin: the place times 16, plus what may be there; ascending."""
    return [match.start() << 4 | _KINDS[match.lastgroup or ""] for match in _PLACES.finditer(text)]


_find_shapes = find_shapes_in_python if native is None else native.find_shapes


def scrub(text: str) -> str:
    """Replace what looks like a secret in free text."""
    if len(text) < 8:
        return text
    if "PRIVATE KEY-----" in text:
        text = _without_private_keys(text)
    spans = []
    for found in _find_shapes(text):
        for shape, pattern in _PATTERNS:
            if found & shape:
                match = pattern.match(text, found >> 4)
                if match is not None:
                    spans.append(match.span(1))
    if not spans:
        return text
    parts: list[str] = []
    kept = 0
    for begin, end in sorted(spans):
        if end <= kept:
            continue
        parts += (text[kept:begin], REDACTED)
        kept = end
    return "".join((*parts, text[kept:]))


def _without_private_keys(text: str) -> str:
    parts = []
    at = 0
    while True:
        begin = _PRIVATE_KEY.search(text, at)
        if begin is None:
            parts.append(text[at:])
            return "".join(parts)
        parts.append(text[at : begin.start()] + REDACTED)
        end = text.find(f"-----END {begin[1]}PRIVATE KEY-----", begin.end())
        if end < 0:
            return "".join(parts)
        at = end + len(f"-----END {begin[1]}PRIVATE KEY-----")
