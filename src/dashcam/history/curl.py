"""A record as a curl command that a POSIX shell runs as it is meant."""

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
    url = f"{record.scheme or 'http'}://{record.host or 'localhost'}{target_of(record)}"
    parts = [f"curl {shlex.quote(url)}"]
    if record.method != "GET" or record.request_body:
        parts.append(f"-X {shlex.quote(record.method or 'GET')}")
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers_of(record)]
    prefix = ""
    if record.request_body:
        if record.request_body_encoding == "base64":
            prefix = f"echo {shlex.quote(record.request_body)} | base64 -d | "
            parts.append("--data-binary @-")
        else:
            parts.append(f"--data-binary {shlex.quote(record.request_body)}")
    return prefix + " \\\n  ".join(parts)
