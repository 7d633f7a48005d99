"""The filter grammar that people know from search boxes, read into conditions of a query.

`status:5xx method:POST path:/v1 user:u_1 duration:>500ms from:2h "some text"`: conditions are
joined by AND; values of one key joined by a comma are alternatives where the table below says
so. Words without a key are one text, looked for in path, query and error.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from dashcam.errors import QueryError
from dashcam.exchange import OUTCOMES
from dashcam.history.filters import parse_duration_ms, parse_status, parse_time
from dashcam.store.base import Query, Scope

_TOKEN = re.compile(r'(?:([A-Za-z_]+):)?(?:"((?:[^"\\]|\\.)*)("?)|([^\s"]+))')
# (A quotation that isn't closed matches, too: to look for its end at each mark would be quadratic.)
TEXT_KEYS = {
    "path": "path_prefix",
    "user": "user_id",
    "key": "api_key_id",
    "request": "request_id",
    "trace": "trace_id",
}
KEYS = (
    "status",
    "method",
    *TEXT_KEYS,
    "outcome",
    "duration",
    "from",
    "to",
    "is",
    "body",
)
"""All keys; `is:error` is what `5xx` means, `body:word` looks in bodies too."""

VALUES = {
    "status": ("2xx", "3xx", "4xx", "5xx"),
    "method": ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
    "outcome": OUTCOMES,
    "is": ("error",),
}
"""What a shell completes behind a key."""


def parse_filter(text: str, *, scope: Scope, limit: int = 50) -> Query:
    """Read a filter.

    Args:
        text: in the grammar of this module; an empty one matches everything.
        scope: whose rows.
        limit: rows of a page.

    Raises:
        QueryError: a key or value makes no sense; the message names it.
    """
    conditions: dict[str, Any] = {}
    words: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        key, quoted, closed, bare = match.groups()
        if closed == "" or text[at : match.start()].strip():
            break
        at = match.end()
        value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if key is None:
            words.append(value)
        elif key.lower() in KEYS:
            conditions.update(_condition(key.lower(), value))
        elif quoted is None and (value.startswith("//") or not key.islower()):
            words.append(match[0])  # a URL, or something else that happens to have a colon
        else:
            raise QueryError(f"there is no filter {key!r}; there are {', '.join(KEYS)}")
    if text[at:].strip():
        raise QueryError(f"a quotation mark is missing near {text[at:].strip()[:40]!r}")
    if words:
        if conditions.get("text_in_bodies"):
            raise QueryError("body: and other words can't be looked for together")
        conditions["text"] = " ".join(words)
    return Query(scope=scope, limit=limit, **conditions)


def _condition(key: str, value: str) -> dict[str, Any]:
    if not value:
        raise QueryError(f"{key}: needs a value")
    if key in TEXT_KEYS:
        return {TEXT_KEYS[key]: value}
    if key == "status":
        if value.lower() == "5xx":
            return {"errors_only": True}
        return {"status": parse_status(value)}
    if key == "method":
        return {"methods": tuple(part.upper() for part in value.split(",") if part)}
    if key == "outcome":
        return {"outcomes": parse_outcomes(value)}
    if key == "duration":
        return _duration(value)
    if key in ("from", "to"):
        return {"from_" if key == "from" else "to": parse_time(value)}
    if key == "body":
        return {"text": value, "text_in_bodies": True}
    if value != "error":
        raise QueryError(f"is: knows error, got {value!r}")
    return {"errors_only": True}


def parse_outcomes(text: str) -> tuple[str, ...]:
    """Read outcomes separated by commas.

    Raises:
        QueryError: one is unknown.
    """
    outcomes = tuple(part for part in text.split(",") if part)
    for outcome in outcomes:
        if outcome not in OUTCOMES:
            raise QueryError(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    return outcomes


def _duration(value: str) -> dict[str, Any]:
    if value[0] in "<>":
        limit = parse_duration_ms(value[1:].removeprefix("="))
        return {"min_duration_ms" if value[0] == ">" else "max_duration_ms": limit}
    low, dash, high = value.partition("-")
    if not dash:
        raise QueryError(f"duration must be like >500ms, <2s or 100ms-1s, got {value!r}")
    return {"min_duration_ms": parse_duration_ms(low), "max_duration_ms": parse_duration_ms(high)}


def narrowed(query: Query, **conditions: Any) -> Query:
    """Give a query with more conditions; those that are None or empty change nothing."""
    given = {name: value for name, value in conditions.items() if value not in (None, "", ())}
    return msgspec.structs.replace(query, **given)


def make_query(
    words: Sequence[str] = (),
    *,
    limit: int = 1,
    status: str | None = None,
    method: str | None = None,
    path: str | None = None,
    outcome: str | None = None,
    user: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    text: str | None = None,
    errors: bool = False,
) -> Query:
    """Make the query of a command: words in the grammar, and options that narrow it.

    Raises:
        QueryError: a word or an option makes no sense.
    """
    # A shell has taken the quotation marks off: a word with a space in it was quoted.
    quoted = (re.sub(r"^([a-z]+:)?(.*\s.*)$", r'\1"\2"', word, flags=re.DOTALL) for word in words)
    query = parse_filter(" ".join(quoted), scope=Scope.all(), limit=limit)
    only_errors = errors or (status or "").lower() == "5xx"
    return narrowed(
        query,
        status=parse_status(status) if status and not only_errors else None,
        errors_only=True if only_errors else None,
        methods=(method.upper(),) if method else (),
        path_prefix=path,
        outcomes=parse_outcomes(outcome) if outcome else (),
        user_id=user,
        from_=parse_time(from_) if from_ else None,
        to=parse_time(to) if to else None,
        text=text,
    )
