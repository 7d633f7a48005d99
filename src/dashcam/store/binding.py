"""What is bound in a statement that stores a batch, for an engine that takes rows.

A value that is the same in all rows is bound once, and a column that is null in all of them is
left out: for a driver like `sqlite3` the binding costs most, above all that of None.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec

from dashcam.exchange import COLUMNS, JSON_COLUMNS, OUTCOMES, Exchange
from dashcam.native import native
from dashcam.store.row import decode_rows

_NULL = msgspec.Raw(b"null")
_KEYS = tuple(f'{"," if at else "{"}"{name}":'.encode() for at, name in enumerate(COLUMNS))
_OUTCOMES = tuple(outcome.encode() for outcome in OUTCOMES)
_KIND_OF_TYPE = {int: "I", int | None: "i", float | None: "f", bool: "b"}
_KIND_OF_NAME = {
    "id": "6",
    "request_timestamp": "7",
    "outcome": "o",
    **dict.fromkeys(JSON_COLUMNS, "j"),
}
_KINDS = "".join(
    _KIND_OF_NAME.get(field.name) or _KIND_OF_TYPE.get(field.type, "t")
    for field in msgspec.structs.fields(Exchange)
).encode()
"""Of each column: text, a text of 36 or 27 characters, an outcome, an integer (`I`: never null),
a float, a bool, JSON."""


class Bound(msgspec.Struct, frozen=True):
    """What is bound to store some rows."""

    rows: int
    shared: list[str]
    """Names of the columns that all rows share, `stored_at` first."""
    varying: list[str]
    """Names of the other columns that aren't null in all rows."""
    values: tuple[Any, ...]
    """Those shared, then the varying ones row by row: text, numbers, None."""


def bind(lines: bytes, stored_at: str, *, most_rows: int) -> list[Bound]:
    """Check a batch, and give what is bound for it, in parts of at most `most_rows` rows.

    Args:
        lines: encoded exchanges, each with its newline.
        stored_at: the time, for all rows.
        most_rows: that a statement may have.

    Raises:
        RowRefusedError: see `decode_rows`.
    """
    if native is not None:
        found = native.bind_rows(lines, most_rows, stored_at, _KEYS, _KINDS, _OUTCOMES)
        if found is not None:
            count, shared, varying, values = found
            return [Bound(count, ["stored_at", *_names(shared)], _names(varying), values)]
    rows = decode_rows(lines)
    return [
        _bind_in_python(rows[at : at + most_rows], stored_at)
        for at in range(0, len(rows), most_rows)
    ]


def _names(numbers: Iterable[int]) -> list[str]:
    return [COLUMNS[number] for number in numbers]


def _bind_in_python(rows: list[Any], stored_at: str) -> Bound:
    shared, shared_values = ["stored_at"], [stored_at]
    varying, varying_columns = [], []
    columns = zip(*map(msgspec.structs.astuple, rows), strict=True)
    for name, column in zip(COLUMNS, columns, strict=True):
        first = column[0]
        value_of = _text_of_json if name in JSON_COLUMNS else _number_of_bool
        if column.count(first) == len(column):
            value = value_of(first)
            if value is not None:
                shared.append(name)
                shared_values.append(value)
        else:
            varying.append(name)
            varying_columns.append(map(value_of, column))
    values = chain.from_iterable(zip(*varying_columns, strict=True))
    return Bound(len(rows), shared, varying, (*shared_values, *values))


def _text_of_json(value: Any) -> str | None:
    return None if value == _NULL else str(value, "utf-8")


def _number_of_bool(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
