"""From an exchange to its line: the JSON that is kept, less what makes it too long."""

import msgspec

from dashcam.exchange import Exchange
from dashcam.redaction import sanitize

_encode = msgspec.json.Encoder().encode


def encode_line(exchange: Exchange, *, max_line_bytes: int) -> bytes:
    """Encode a redacted exchange to one JSON line that every engine accepts and that fits.

    Args:
        exchange: what is to be kept. It is changed in place where it can't be kept whole.
        max_line_bytes: what a line may have.
    """
    try:
        line = _encode(exchange)
        clean = b"\\u0000" not in line
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError):
        clean = False
    if not clean:
        sanitize(exchange)
        line = _encode(exchange)
    if len(line) >= max_line_bytes:
        exchange.request_body_truncated |= exchange.request_body is not None
        exchange.response_body_truncated |= exchange.response_body is not None
        exchange.request_body = exchange.response_body = None
        exchange.request_body_encoding = exchange.response_body_encoding = None
        line = _encode(exchange)
        if len(line) >= max_line_bytes:
            strip(exchange)
            exchange.tags = {}
            exchange.redacted = ["request_header:*", "response_header:*"]
            for name in ("path", "error_message", "error_traceback", "user_agent"):
                text = getattr(exchange, name)
                setattr(exchange, name, text and text[:1000])
            line = _encode(exchange)
    return line + b"\n"


def strip(exchange: Exchange) -> None:
    """Leave only what identifies and measures an exchange: no headers, bodies or query."""
    exchange.request_headers = []
    exchange.response_headers = []
    exchange.request_body = exchange.response_body = None
    exchange.request_body_encoding = exchange.response_body_encoding = None
    exchange.query = None


def line_end(server: str, process_id: int) -> bytes:
    """Give a line's end, from `cost` on, where nothing is to be told but these two."""
    line = _encode(Exchange(server=server, process_id=process_id)) + b"\n"
    return line[line.index(b',"cost":') :]
