"""A record as a curl command that a POSIX shell runs as it is meant."""

import re
import shlex
from urllib.parse import quote

from dashcam.store.base import StoredExchange

HOP_BY_HOP = frozenset(
    {
        "host",
        "content-length",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "accept-encoding",
        "content-encoding",
        "expect",
    }
)
"""Headers that belong to a connection (RFC 9110, 7.6.1) or are made anew by a client."""


_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What acts on a terminal or hides text, also when it is pasted (ESC ends a bracketed paste)."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def shell_quoted(text: str) -> str:
    """Quote a word; control characters in it as bytes by number in `$'…'` (POSIX 2024, 2.2.4)."""
    if not _ACTS.search(text.replace("\n", "").replace("\t", "")):
        return shlex.quote(text)

    def escaped(match: re.Match[str]) -> str:
        known = {"\n": "\\n", "\t": "\\t"}.get(match[0])
        return known or "".join(f"\\{byte:03o}" for byte in match[0].encode())

    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _ACTS.sub(escaped, quoted) + "'"


def target_of(record: StoredExchange) -> str:
    """Give the request target: the path, encoded, and the query as it is kept."""
    path = quote(record.path or "/", safe="/:@!$&'()*+,;=-._~")
    return path + (f"?{record.query}" if record.query else "")


def headers_of(record: StoredExchange) -> list[tuple[str, str]]:
    """Give the headers that a client would send again."""
    return [
        (str(name), str(value))
        for name, value in record.request_headers
        if str(name).lower() not in HOP_BY_HOP
    ]


def as_curl(record: StoredExchange) -> str:
    """Give the command; what was redacted stays redacted."""
    scheme = record.scheme if record.scheme in ("http", "https") else "http"
    url = f"{scheme}://{record.host or 'localhost'}{target_of(record)}"
    # Not globbed: `[redacted]` would be a range. Sent raw: a body with @ in front would be a file.
    parts = [f"curl --globoff {shell_quoted(url)}"]
    if record.method == "HEAD":
        parts.append("--head")
    elif record.method != "GET" or record.request_body:
        parts.append(f"-X {shell_quoted(record.method or 'GET')}")
    for name, value in headers_of(record):
        if _TOKEN.fullmatch(name):  # another would be no header, and @ in front a file
            parts.append(f"-H {shell_quoted(f'{name}: {value}' if value.strip() else f'{name};')}")
    prefix = ""
    if record.request_body:
        if record.request_body_encoding == "base64":
            prefix = f"echo {shell_quoted(record.request_body)} | base64 -d | "
            parts.append("--data-binary @-")
        else:
            parts.append(f"--data-raw {shell_quoted(record.request_body)}")
    return prefix + " \\\n  ".join(parts)
