"""Errors as answers: `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"


def problem_body(status: int, detail: str, **more: Any) -> bytes:
    """Encode a problem: `type`, `title`, `status`, `detail`, and members of its own."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def problem_messages(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> list[dict[str, Any]]:
    """Give the ASGI messages of a problem's answer."""
    body = problem_body(status, detail, **more)
    fields = {
        "content-type": CONTENT_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **(headers or {}),
    }
    return [
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
        },
        {"type": "http.response.body", "body": body},
    ]
