"""From lines to rows: a batch decoded and checked in one call, ready to be bound.

Nothing is made up here: a line that isn't an exchange is refused, with the whole batch, so
that the writer can find it by bisection. What is checked here every engine refuses alike.
"""

from typing import Annotated, Any, Literal

import msgspec

from dashcam.errors import RowRefusedError
from dashcam.exchange import JSON_COLUMNS, OUTCOMES, Exchange
from dashcam.native import native

_Integer = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_TYPES: dict[Any, Any] = {int: _Integer, int | None: _Integer | None}
_BY_NAME: dict[str, Any] = {
    "id": Annotated[str, msgspec.Meta(min_length=36, max_length=36)],
    "request_timestamp": Annotated[str, msgspec.Meta(min_length=27, max_length=27)],
    "outcome": Literal[OUTCOMES],
    "request_body": str | None,
    "response_body": str | None,
    **dict.fromkeys(JSON_COLUMNS, msgspec.Raw),
}

Row = msgspec.defstruct(
    "Row",
    [
        (field.name, _BY_NAME.get(field.name, _TYPES.get(field.type, field.type)))
        for field in msgspec.structs.fields(Exchange)
    ],
    forbid_unknown_fields=True,
    gc=False,
)
"""An exchange whose JSON columns are left as they are in the line."""

# The compiled search is several times quicker than `in`, over megabytes.
_contains = bytes.__contains__ if native is None else native.contains
_decode_rows = msgspec.json.Decoder(Row).decode_lines


def decode_rows(lines: bytes) -> list[Any]:
    """Decode and check a batch; JSON columns stay encoded (`msgspec.Raw`).

    Raises:
        RowRefusedError: a line isn't an exchange, or has what some engine can't hold: NUL, an
            integer beyond 64 bits, an unknown outcome.
    """
    try:
        lines.decode()  # what is left as it is in the line isn't looked at otherwise
        rows = _decode_rows(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RowRefusedError(f"a line is no exchange: {type(error).__name__}") from None
    # The escape is also seen where a text quotes it, so it is looked at more closely then.
    if _contains(lines, b"\\u0000") and any(map(_has_nul, rows)):
        raise RowRefusedError("a line has a NUL character")
    return rows


def _has_nul(row: Any) -> bool:
    return any(
        "\x00" in value if type(value) is str else _has_nul_in_json(value)
        for value in msgspec.structs.astuple(row)
    )


def _has_nul_in_json(value: Any) -> bool:
    if not isinstance(value, msgspec.Raw):
        return False
    return "\x00" in repr(msgspec.json.decode(value)).replace("\\x00", "\x00")
