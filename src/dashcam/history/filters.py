"""Filters as people type them, made into a query; a bad one is named.

The same readers serve the command line's options, the parameters of the HTTP API, and the
grammar of the filter box (`status:5xx method:POST duration:>500ms "text"`).
"""

import re
from datetime import UTC, datetime, timedelta

from dashcam.errors import QueryError

_RELATIVE = re.compile(r"(\d{1,6})\s*([smhdw])")
_RFC3339 = re.compile(r"(?i)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_ago(text: str) -> timedelta:
    """Read a span such as `15m`, `2h` or `30d`.

    Raises:
        QueryError: it is none.
    """
    match = _RELATIVE.fullmatch(text.strip())
    if match is None:
        raise QueryError(f"a span must be like 45s, 15m, 2h or 30d, got {text!r}")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_time(text: str, *, now: datetime | None = None) -> str:
    """Read a time, RFC 3339 or a span back from now, as the table writes it.

    Raises:
        QueryError: it is neither.
    """
    moment = now or datetime.now(UTC)
    if _RELATIVE.fullmatch(text.strip()):
        moment -= parse_ago(text)
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise QueryError(
                f"a time must be like 2026-01-31T12:00:00Z, or a span back like 15m, got {text!r}"
            ) from None
        moment = (moment if moment.tzinfo else moment.astimezone()).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str, *, name: str) -> str:
    """Read a time of RFC 3339, with its offset, as the table writes it.

    Raises:
        QueryError: it is none.
    """
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text)  # a plus sign that wasn't encoded in a URL
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).upper())
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except (ValueError, OverflowError):
        raise QueryError(
            f"{name} must be a time of RFC 3339 like 2026-01-31T12:00:00Z, got {text!r}"
        ) from None


def parse_duration_ms(text: str) -> float:
    """Read a duration such as `500ms`, `1.5s` or `250` (milliseconds).

    Raises:
        QueryError: it is none.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|min)?", text.strip().lower())
    if match is None:
        raise QueryError(f"a duration must be like 500ms, 1.5s or 2m, got {text!r}")
    return float(match[1]) * {"s": 1000.0, "m": 60_000.0, "min": 60_000.0}.get(match[2], 1.0)


def parse_status(text: str) -> tuple[int, int]:
    """Read `404`, `4xx` or `400-499`.

    Raises:
        QueryError: it is none of these.
    """
    if re.fullmatch(r"[1-5]xx", text.lower()):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    match = re.fullmatch(r"(\d{3})(?:-(\d{3}))?", text)
    if match is None or (match[2] and match[2] < match[1]):
        raise QueryError(f"status must be like 404, 4xx or 400-499, got {text!r}")
    return int(match[1]), int(match[2] or match[1])
