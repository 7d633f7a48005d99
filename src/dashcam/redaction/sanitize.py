"""Makes an exchange encodable, so that every engine accepts its line."""

import math
from typing import Any

from dashcam.exchange import Exchange

MOST_DEPTH = 20
MOST_CHARACTERS = 10_000
_INT64 = 1 << 63


def sanitize(exchange: Exchange) -> None:
    """Replace NUL, lone surrogates and values that JSON or an engine can't hold, in place."""
    for name in exchange.__struct_fields__:
        value = getattr(exchange, name)
        if isinstance(value, bytes):
            continue
        cleaned = _clean(value, 0)
        if cleaned is not value:
            setattr(exchange, name, cleaned)


def _clean(value: Any, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace("\x00", "\ufffd")
    if isinstance(value, int):
        return int(value) if -_INT64 <= value < _INT64 else str(value)[:100]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth >= MOST_DEPTH:
        return "[too deep]"
    if isinstance(value, dict):
        return {_clean(str(key), depth): _clean(each, depth + 1) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(each, depth + 1) for each in value]
    try:
        return _clean(str(value)[:MOST_CHARACTERS], depth)
    except Exception:  # foreign code
        return f"[{type(value).__name__}]"
