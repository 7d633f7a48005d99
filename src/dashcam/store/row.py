"""From lines to rows: a batch decoded in one call, checked, ready to be bound.

Nothing is made up here: a line that isn't an exchange is refused, with the whole batch, so
that the writer can find it by bisection.
"""

from typing import Any

import msgspec

from dashcam.errors import RowRefusedError
from dashcam.exchange import COLUMNS, JSON_COLUMNS, OUTCOMES, Exchange

Row = msgspec.defstruct(
    "Row",
    [
        (field.name, msgspec.Raw if field.name in JSON_COLUMNS else _type)
        for field in msgspec.structs.fields(Exchange)
        for _type in [str | None if field.name in ("request_body", "response_body") else field.type]
    ],
    forbid_unknown_fields=True,
)
"""An exchange whose JSON columns are left as they are in the line."""

_decode_rows = msgspec.json.Decoder(Row).decode_lines
_decode_exchanges = msgspec.json.Decoder(Exchange).decode_lines
_as_tuple = msgspec.structs.astuple
_JSON_AT = tuple(COLUMNS.index(name) for name in JSON_COLUMNS)
_INT64 = 1 << 63
_INTEGERS_AT = tuple(
    COLUMNS.index(field.name)
    for field in msgspec.structs.fields(Exchange)
    if field.type in (int | None, int)
)


def decode_rows(lines: bytes) -> list[Any]:
    """Decode a batch; JSON columns stay encoded (`msgspec.Raw`).

    Raises:
        RowRefusedError: a line isn't an exchange.
    """
    try:
        return _decode_rows(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RowRefusedError(f"a line is no exchange: {type(error).__name__}") from None


def decode_exchanges(lines: bytes) -> list[Exchange]:
    """Decode a batch wholly.

    Raises:
        RowRefusedError: a line isn't an exchange.
    """
    decode_rows(lines)  # refuses the same lines as every other store
    return _decode_exchanges(lines)


def parameters(rows: list[Any], stored_at: str) -> list[tuple[Any, ...]]:
    """Give one tuple a row, in the order of `COLUMNS`, with `stored_at` at its end."""
    out = []
    null = b"null"
    for row in rows:
        values = list(_as_tuple(row))
        for at in _JSON_AT:
            raw = bytes(values[at])
            values[at] = None if raw == null else raw.decode()
        values.append(stored_at)
        out.append(tuple(values))
    return out


def check_rows(rows: list[Any]) -> None:
    """Check what every engine must refuse alike.

    Raises:
        RowRefusedError: an outcome that doesn't exist, an integer that no engine holds, or NUL.
    """
    for row in rows:
        if row.outcome not in OUTCOMES:
            raise RowRefusedError("a line has an unknown outcome")
        if len(row.id) != 36 or len(row.request_timestamp) != 27:
            raise RowRefusedError("a line has an id or a time of the wrong form")
        for value in _as_tuple(row):
            if type(value) is int and not -_INT64 <= value < _INT64:
                raise RowRefusedError("a line has an integer beyond 64 bits")
            if type(value) is str and "\x00" in value:
                raise RowRefusedError("a line has a NUL character")
