"""The records that nobody could append: of requests that died with their process, and of gaps."""

import time

import msgspec

from dashcam.exchange import FINISHED, INTERRUPTED, Exchange, timestamp
from dashcam.journal import Gap

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str | None]).decode


def interrupted_line(entry: bytes, *, server: str, process_id: int) -> bytes | None:
    """Make the line of a request that was being served when its process died.

    Args:
        entry: a JSON array `[id, request_timestamp, method, scheme, host, path, client_ip,
            request_id]`, as capture noted it.
        server: name of the host.
        process_id: of the process that died.

    Returns:
        None when the entry can't be read.
    """
    try:
        identifier, began, method, scheme, host, path, client_ip, request_id = _decode(entry)
    except (msgspec.MsgspecError, ValueError):
        return None
    if identifier is None or began is None:
        return None
    exchange = Exchange(
        id=identifier,
        revision=INTERRUPTED,
        request_timestamp=began,
        outcome="interrupted",
        method=method,
        scheme=scheme,
        host=host,
        path=path,
        client_ip=client_ip,
        request_id=request_id,
        server=server,
        process_id=process_id,
    )
    return _encode(exchange) + b"\n"


def gap_line(gap: Gap, *, server: str, process_id: int) -> bytes:
    """Make the line of a gap: so many records were dropped, between two times."""
    exchange = Exchange(
        id=gap.id,
        revision=FINISHED,
        request_timestamp=timestamp(gap.last_ns or time.time_ns()),
        outcome="dropped",
        dropped_count=gap.count,
        dropped_first=timestamp(gap.first_ns),
        dropped_last=timestamp(gap.last_ns),
        server=server,
        process_id=process_id,
    )
    return _encode(exchange) + b"\n"
