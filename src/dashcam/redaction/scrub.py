"""Known shapes of secrets in free text: messages, tracebacks, plain bodies.

Each pattern is linear in the text: every repetition is possessive or bounded, and none begins
with one.
"""

import re

from dashcam.redaction.rules import REDACTED

_SCHEMES = re.compile(
    r"(?i)\b(bearer|basic|digest|negotiate|token)(\s{1,8}+)([A-Za-z0-9+/=._~:-]{8,}+)"
)
_TOKENS = re.compile(
    r"\b(?:"
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
)
_URL_PASSWORD = re.compile(r"(://[^\s/@:'\"<>]{0,256}+:)([^\s/@'\"<>]{1,512}+)(?=@)")
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]{0,40}?)PRIVATE KEY-----")
_NAMED = re.compile(
    r"(?i)\b([a-z0-9_\-.]{0,40}?(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|token|credential))(?![a-z])"
    r"([\"']?\s{0,8}+[=:]\s{0,8}+)([\"']?)(?!\[redacted\])([^\s\"'&,;}\])]{1,4096}+)"
)


def scrub(text: str) -> str:
    """Replace what looks like a secret in free text."""
    if len(text) < 8:
        return text
    text = _SCHEMES.sub(rf"\1\2{REDACTED}", text)
    text = _TOKENS.sub(REDACTED, text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    if "PRIVATE KEY-----" in text:
        text = _without_private_keys(text)
    return _NAMED.sub(rf"\1\2\3{REDACTED}", text)


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
