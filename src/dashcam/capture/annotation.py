"""What the app itself says of the request that it is serving.

`annotate` finds the request through a context variable, which the middleware sets and resets
in the task that runs the app; it must never let one request's words reach another's record.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, get_args

from dashcam.exchange import OUTCOMES, Keep
from dashcam.settings import PERSONAL

KEEPS: tuple[str, ...] = get_args(Keep)


class Annotations:
    """The words said so far about one request; None is unsaid."""

    __slots__ = ("changed", "fields", "keep", "outcome", "personal", "tags")

    changed: bool
    """Whether something was said since the record was made."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.tags: dict[str, Any] = {}
        self.outcome: str | None = None
        self.keep: str | None = None
        self.personal: tuple[str, ...] = ()
        self.changed = False


class Annotated(Protocol):
    """A request that can be spoken about: made by capture, one for each request."""

    said: Annotations | None


current: ContextVar[Annotated | None] = ContextVar("dashcam_request", default=None)
"""The request that this task or thread is serving."""


def annotate(
    *,
    user_id: str | None = None,
    api_key_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    outcome: str | None = None,
    keep: Keep | None = None,
    route: str | None = None,
    model: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost: float | None = None,
    redact_personal: Iterable[str] | None = None,
) -> None:
    """Say something about the request that is being served; what is None stays as it was.

    Works in the app, in its middlewares, in sync endpoints and in background tasks (then the
    record is amended). Outside a request it does nothing, so shared code may call it anywhere.

    Args:
        user_id: whose request it is; only they (and admins) will see the record.
        api_key_id: the key that was used: its id, never the key itself.
        tags: names and JSON values; added to those said before.
        outcome: overrides what dashcam would say, such as `"quota_exceeded"`.
        keep: `"all"`; `"summary"`, without headers, bodies and query; or `"nothing"`: no record.
        route: the route's template, such as `"/users/{id}"`.
        model: of an LLM call.
        input_tokens: of an LLM call.
        output_tokens: of an LLM call.
        cost: of the call, in whatever currency the app uses throughout.
        redact_personal: kinds of personal data to remove from this record, besides those of the
            setting: some of `card`, `iban`, `email`, `phone`, `ssn`, `ip`.

    Raises:
        ValueError: `outcome`, `keep` or a kind of personal data is none of the known ones.
        TypeError: `tags` is no mapping.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    if keep is not None and keep not in KEEPS:
        raise ValueError(f"keep must be one of {', '.join(KEEPS)}, got {keep!r}")
    if tags is not None and not isinstance(tags, Mapping):
        raise TypeError(f"tags must be a mapping of names to values, got {tags!r}")
    personal = (redact_personal,) if isinstance(redact_personal, str) else redact_personal
    personal = tuple(personal or ())
    if any(kind not in PERSONAL for kind in personal):
        raise ValueError(f"redact_personal must be some of {', '.join(PERSONAL)}, got {personal!r}")
    request = current.get()
    if request is None:
        return
    said = request.said
    if said is None:
        said = request.said = Annotations()
    said.changed = True
    if outcome is not None:
        said.outcome = outcome
    if keep is not None:
        said.keep = keep
    said.personal += personal
    if tags:
        said.tags.update({str(name): value for name, value in tags.items()})
    fields = {
        "user_id": None if user_id is None else str(user_id),
        "api_key_id": None if api_key_id is None else str(api_key_id),
        "route": route,
        "model": model,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cost": cost,
    }
    said.fields.update({name: value for name, value in fields.items() if value is not None})
