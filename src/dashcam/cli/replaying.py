"""`dashcam replay`: a recorded request sent again, to this machine unless told otherwise.

The target is an origin that is given by hand; a redirect is shown, never followed.
"""

import base64
import http.client
import ipaddress
import json
import re
import socket
import time
from urllib.parse import quote, urlsplit

import msgspec

from dashcam.errors import DashcamError, QueryError
from dashcam.history.curl import headers_of, target_of
from dashcam.redaction import REDACTED
from dashcam.store.base import StoredExchange

MOST_ANSWER_BYTES = 8 << 20


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The new answer; `body` is text, or base64 where it is none."""

    status_code: int
    duration_ms: float
    headers: list[tuple[str, str]]
    body: str
    is_text: bool
    body_bytes: int


def replay_record(
    record: StoredExchange,
    to: str,
    *,
    secrets: list[str],
    without_secrets: bool,
    anywhere: bool,
    timeout_s: float,
) -> Replayed:
    """Send a record's request to an origin, and give its answer.

    Raises:
        QueryError: the target or a secret makes no sense, or a secret is missing.
        DashcamError: the request can't be sent again as it was, or nobody answers.
    """
    scheme, host, port = _origin(to, anywhere=anywhere)
    if record.method is None or record.path is None:
        raise DashcamError("this record is no request")
    if record.request_body_truncated or (record.request_body_bytes and not record.request_body):
        raise DashcamError("the request's body was not kept whole: it can't be sent again")
    given = dict(_secret(each) for each in secrets)
    target, headers, body = _with_secrets(record, given, without_secrets=without_secrets)
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=timeout_s)
    began = time.perf_counter()
    try:
        connection.putrequest(record.method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("utf-8"))
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read(MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DashcamError(f"{to} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    duration_ms = (time.perf_counter() - began) * 1e3
    try:
        text, is_text = data.decode(), True
    except UnicodeDecodeError:
        text, is_text = base64.b64encode(data).decode(), False
    return Replayed(
        status_code=answer.status,
        duration_ms=round(duration_ms, 3),
        headers=answer.getheaders(),
        body=text,
        is_text=is_text,
        body_bytes=len(data),
    )


def _origin(to: str, *, anywhere: bool) -> tuple[str, str, int]:
    try:
        parts = urlsplit(to)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
        or parts.username
    ):
        raise QueryError(f"--to must be an origin like http://127.0.0.1:8000, got {to!r}")
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DashcamError(f"there is no host {parts.hostname!r}: {error.strerror}") from error
    addresses = {str(each[4][0]).partition("%")[0] for each in found}
    if not anywhere and not all(ipaddress.ip_address(each).is_loopback for each in addresses):
        raise QueryError(
            f"{parts.hostname} is not this machine ({', '.join(sorted(addresses))}); say --anywhere "
            "if the request really shall be sent there"
        )
    # The address that was looked at is the one that is used: a name can't change its mind.
    return parts.scheme, parts.hostname if anywhere else sorted(addresses)[0], port


def _secret(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise QueryError(f"--secret must be like authorization=VALUE, got {name.strip()!r}")
    return name.strip().lower(), value


def _with_secrets(
    record: StoredExchange, given: dict[str, str], *, without_secrets: bool
) -> tuple[str, list[tuple[str, str]], bytes | None]:
    target, headers = target_of(record), headers_of(record)
    body = record.request_body
    missing = []
    for part in record.redacted:
        where, _, name = part.partition(":")
        value = given.get(name.lower())
        if where not in ("header", "query", "body"):
            continue
        if value is None:
            missing.append(part)
        elif where == "header":
            headers.append((name, value))
        elif where == "query":
            pattern = rf"((?:^|[?&]){re.escape(name)}=){re.escape(REDACTED)}"
            target = re.sub(pattern, rf"\g<1>{quote(value, safe='')}", target)
        elif body is not None:
            body = _fill(body, name, value)
    if "request_body:*" in record.redacted:
        raise DashcamError("the request's body was not kept: it can't be sent again")
    if missing and not without_secrets:
        options = " ".join(f"--secret {part.partition(':')[2]}=…" for part in missing)
        raise QueryError(
            f"{', '.join(missing)} was removed when it was recorded; give it anew with {options}, "
            "or say --without-secrets"
        )
    if body is None:
        return target, headers, None
    if record.request_body_encoding == "base64":
        return target, headers, base64.b64decode(body)
    return target, headers, body.encode("utf-8", "surrogateescape")


def _fill(body: str, name: str, value: str) -> str:
    """Put a value back in JSON or in a form, wherever its name stands before a placeholder."""
    mark = re.escape(REDACTED)
    encoded = json.dumps(value)
    body = re.sub(
        rf'(?i)("{re.escape(name)}"\s*:\s*)"{mark}"', lambda found: found[1] + encoded, body
    )
    return re.sub(
        rf"(?i)((?:^|&){re.escape(name)}=){mark}",
        lambda found: found[1] + quote(value, safe=""),
        body,
    )
