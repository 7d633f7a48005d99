"""A stored body made readable: decoded, within a bound, and named by what it is.

What is shown never grows beyond `DISPLAY_BYTES`, whatever a compressed body claims to hold.
"""

import base64
import binascii
from typing import Any

import msgspec

from dashcam.redaction.decoding import Unreadable, decompress
from dashcam.store.base import StoredExchange

DISPLAY_BYTES = 1 << 20

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Display(msgspec.Struct, frozen=True, kw_only=True):
    """A body to look at: `text` where it is one, else `base64`."""

    content_type: str
    text: str | None = None
    base64: str | None = None
    truncated: bool = False
    """Whether there is more than is shown here."""


def display_body(
    body: str | None, encoding: str | None, headers: list[Any], *, truncated: bool
) -> Display | None:
    """Make one body of a row readable; None where none was kept."""
    if body is None:
        return None
    content_type = content_type_of(headers)
    if encoding != "base64":
        cut = body[:DISPLAY_BYTES]
        return Display(content_type=content_type, text=cut, truncated=truncated or cut != body)
    limit = DISPLAY_BYTES // 3 * 4
    try:
        raw = base64.b64decode(body[:limit])
    except (binascii.Error, ValueError):
        return Display(content_type=content_type, text=body[:limit], truncated=True)
    truncated = truncated or len(body) > limit
    for magic, name in _MAGIC.items():
        if raw.startswith(magic):
            try:
                raw, more = decompress(raw, name, limit=DISPLAY_BYTES)
            except Unreadable:
                break
            truncated = truncated or more
    try:
        text = raw.decode()
        if "\x00" not in text:
            return Display(content_type=content_type, text=text, truncated=truncated)
    except UnicodeDecodeError:
        pass
    shown = base64.b64encode(raw).decode()
    return Display(content_type=content_type, base64=shown, truncated=truncated)


def content_type_of(headers: list[Any]) -> str:
    """Give the Content-Type of a row's headers; empty where there is none."""
    return next((str(value) for name, value in headers if str(name).lower() == "content-type"), "")


def display(exchange: StoredExchange) -> dict[str, Display | None]:
    """Make both bodies of a row readable."""
    return {
        "request_body": display_body(
            exchange.request_body,
            exchange.request_body_encoding,
            exchange.request_headers,
            truncated=exchange.request_body_truncated,
        ),
        "response_body": display_body(
            exchange.response_body,
            exchange.response_body_encoding,
            exchange.response_headers,
            truncated=exchange.response_body_truncated,
        ),
    }
