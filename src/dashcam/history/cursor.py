"""Cursors: where a page ended, opaque to the client and of no use if changed.

A cursor is the base64url of 16 bytes of BLAKE2b under the installation's secret, and the
position as JSON. It is bound to the question it was made for: another user, or other filters,
can't use it.
"""

import base64
import binascii
import hashlib
import hmac

import msgspec

from dashcam.errors import QueryError
from dashcam.store.base import Query

TAG_BYTES = 16

_decode = msgspec.json.Decoder(tuple[str, str]).decode


def encode_cursor(position: tuple[str, str], query: Query, secret: bytes) -> str:
    """Make the cursor of a position `(request_timestamp, id)` in a query's rows."""
    payload = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_tag(payload, query, secret) + payload).decode().rstrip("=")


def decode_cursor(cursor: str, query: Query, secret: bytes) -> tuple[str, str]:
    """Give the position of a cursor.

    Raises:
        QueryError: it was changed, or made for another question.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        payload = raw[TAG_BYTES:]
        if hmac.compare_digest(canonical.encode(), cursor.encode()) and hmac.compare_digest(
            raw[:TAG_BYTES], _tag(payload, query, secret)
        ):
            return _decode(payload)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        pass
    raise QueryError("cursor must be a next_cursor that was given for the same question")


def _tag(payload: bytes, query: Query, secret: bytes) -> bytes:
    # Times may be spans back from now, which differ on each page; the position is absolute.
    question = msgspec.json.encode(
        msgspec.structs.replace(query, before=None, limit=1, from_=None, to=None)
    )
    key = hashlib.blake2b(secret, person=b"dashcam-cursor").digest()
    return hashlib.blake2b(question + b"\0" + payload, key=key, digest_size=TAG_BYTES).digest()
