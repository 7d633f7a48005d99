"""Filters as people type them, made into a query; a bad one is named."""

import re
from datetime import UTC, datetime, timedelta

from dashcam.errors import QueryError
from dashcam.exchange import OUTCOMES
from dashcam.store.base import Query, Scope

_RELATIVE = re.compile(r"(\d{1,6})\s*([smhdw])")
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


def make_query(
    *,
    limit: int,
    status: str | None,
    method: str | None,
    path: str | None,
    outcome: str | None,
    user: str | None,
    from_: str | None,
    to: str | None,
    text: str | None,
    errors: bool,
) -> Query:
    """Make the query of a command's options.

    Raises:
        QueryError: an option makes no sense.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise QueryError(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    only_errors = errors or (status or "").lower() == "5xx"
    return Query(
        scope=Scope.all(),
        limit=limit,
        status=parse_status(status) if status and not only_errors else None,
        errors_only=only_errors,
        methods=(method.upper(),) if method else (),
        path_prefix=path,
        outcomes=(outcome,) if outcome else (),
        user_id=user,
        from_=parse_time(from_) if from_ else None,
        to=parse_time(to) if to else None,
        text=text,
    )
