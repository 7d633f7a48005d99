"""What a content type says of a body: whether it is kept, which format it claims, its charset."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NamedTuple

ANY, JSON, LINES, EVENTS, FORM, MULTIPART, XML, CSV, TEXT, BINARY = range(10)
"""The format that a content type claims; `ANY` where there is no content type."""

_CHARSET = re.compile(r"(?i)charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})")
_BOUNDARY = re.compile(r'(?i)boundary\s*=\s*(?:"([^"]{1,70})"|([^";,\s]{1,70}))')
_TYPES = {
    "application/json": JSON,
    "text/json": JSON,
    "application/x-ndjson": LINES,
    "application/ndjson": LINES,
    "application/jsonl": LINES,
    "application/json-seq": LINES,
    "text/event-stream": EVENTS,
    "application/x-www-form-urlencoded": FORM,
    "multipart/form-data": MULTIPART,
    "application/xml": XML,
    "text/xml": XML,
    "text/csv": CSV,
    "text/tab-separated-values": CSV,
}


class Media(NamedTuple):
    """What a content type says."""

    is_kept: bool
    claims: int
    charset: str | None
    boundary: str


def read_media(content_type: str, keeps: Callable[[str], bool]) -> Media:
    """Read a content type.

    Args:
        content_type: the header's value; empty where there is none.
        keeps: tells whether bodies of a media type (lower case, no parameters) are kept.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    charset = _CHARSET.search(content_type)
    boundary = _BOUNDARY.search(content_type)
    claims = _TYPES.get(media_type)
    if claims is None:
        if not media_type:
            claims = ANY
        elif media_type.endswith("+json"):
            claims = JSON
        elif media_type.endswith("+xml"):
            claims = XML
        elif media_type.startswith("multipart/"):
            claims = MULTIPART
        else:
            claims = TEXT if media_type.startswith("text/") else BINARY
    return Media(
        not media_type or keeps(media_type),
        claims,
        charset[1] if charset is not None else None,
        "" if boundary is None else boundary[1] or boundary[2],
    )


def content_types(globs: Sequence[str]) -> Callable[[str], bool]:
    """Make a test of a media type (without parameters, lower case) against globs."""
    pattern = re.compile("|".join(translate(glob.lower()) for glob in globs) or r"(?!)").match
    known: dict[str, bool] = {}

    def keeps(media_type: str) -> bool:
        kept = known.get(media_type)
        if kept is None:
            kept = pattern(media_type) is not None
            if len(known) < 256:
                known[media_type] = kept
        return kept

    return keeps
