"""What must not be kept: runs on every exchange before it reaches the journal.

A failure here must never let anything through: a part whose redaction fails keeps nothing.
"""

import re
from base64 import b64encode
from typing import Any

import msgspec

from dashcam.exchange import Exchange
from dashcam.redaction.bodies import Kind, Unparsable, decode_text, decompress, redact_pairs
from dashcam.redaction.json_text import plain_json
from dashcam.redaction.rules import REDACTED, Rules
from dashcam.redaction.sanitize import sanitize
from dashcam.redaction.scrub import scrub
from dashcam.settings import Settings

__all__ = ["REDACTED", "Redactor", "sanitize", "scrub"]

MOST_NAMES = 100
NAME_CHARACTERS = 100
URL_HEADERS = frozenset({"location", "content-location", "referer", "link", "refresh"})
_QUERY_OF_URL = re.compile(r"([?#])([^#\s>\"]*)")
_BOUNDARY = re.compile(r'(?i)boundary="?([^";,\s]{1,70})"?')
_CHARSET = re.compile(r"(?i)charset=[\"']?([A-Za-z0-9_.:-]{1,40})")
REQUEST = ("body:", "request_body:*")
RESPONSE = ("response_body:", "response_body:*")
PLAIN, CONTENT_TYPE, CONTENT_ENCODING, SECRET, URL = range(5)
NOT_KEPT, JSON, TEXT = range(3)
_encode = msgspec.json.Encoder().encode


class Redactor:
    """Redacts exchanges by the rules of one recorder.

    Args:
        settings: which names are secret, and which content types are kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._rules = Rules(settings)
        self._limit = settings.max_body_bytes
        kind = Kind(self._rules)
        self._json = kind.json
        self._kind = kind
        self._media: dict[str, Any] = {}
        self._plain_media: dict[bytes, int] = {}
        self._headers: dict[bytes | str, tuple[int, str, bytes, str, str]] = {}
        self.judged = (self._headers, self._plain_media, self._rules.fields.safe)
        """What was judged so far, for `encode_line`: headers by their raw name, as (kind, name,
        start of its JSON, what its removal is called in a request, and in a response); content
        types whose bodies are not kept, JSON, or text; keys that are safe."""
        self.failures = 0

    def redact(
        self, exchange: Exchange, *, content_types: tuple[str, str] = ("", "")
    ) -> tuple[str, str]:
        """Redact one exchange in place; never raises.

        Headers may be pairs of bytes or str and bodies bytes or str; afterwards all are str.
        What was removed is named in `exchange.redacted`.

        Args:
            exchange: what was seen.
            content_types: of request and response, where the headers tell none.

        Returns:
            The content types by which the two bodies were judged.
        """
        removed: set[str] = set(exchange.redacted)
        try:
            exchange.request_headers, content_type, encoding = self._pairs(
                exchange.request_headers, "header:", removed
            )
        except Exception:  # the border: what can't be redacted isn't kept
            exchange.request_headers, content_type, encoding = [], "", ""
            self._failed(removed, "request_headers:*")
        request_type = content_type = content_type or content_types[0]
        if exchange.request_body is not None:
            kept = self._body(
                exchange.request_body,
                exchange.request_body_encoding,
                exchange.request_body_truncated,
                content_type,
                encoding,
                removed,
                REQUEST,
            )
            exchange.request_body, exchange.request_body_encoding = kept[0], kept[1]
            exchange.request_body_truncated = kept[2]
        try:
            exchange.response_headers, content_type, encoding = self._pairs(
                exchange.response_headers, "response_header:", removed
            )
        except Exception:  # the border
            exchange.response_headers, content_type, encoding = [], "", ""
            self._failed(removed, "response_headers:*")
        content_type = content_type or content_types[1]
        if exchange.response_body is not None:
            kept = self._body(
                exchange.response_body,
                exchange.response_body_encoding,
                exchange.response_body_truncated,
                content_type,
                encoding,
                removed,
                RESPONSE,
            )
            exchange.response_body, exchange.response_body_encoding = kept[0], kept[1]
            exchange.response_body_truncated = kept[2]
        if exchange.query or exchange.error_message or exchange.tags or exchange.error_traceback:
            self._rest(exchange, removed)
        if removed:
            names = sorted(name[:NAME_CHARACTERS] for name in removed)
            exchange.redacted = names[:MOST_NAMES]
        return request_type, content_type

    def _failed(self, removed: set[str], part: str) -> None:
        self.failures += 1
        removed.add(part)

    def _pairs(
        self, pairs: Any, prefix: str, removed: set[str]
    ) -> tuple[list[tuple[str, str]], str, str]:
        """Decode headers, leave out the secret ones, and find those that describe the body."""
        known = self._headers
        kept = []
        content_type = encoding = ""
        for raw_name, raw_value in pairs:
            judged = known.get(raw_name)
            if judged is None:
                judged = self._judge(raw_name)
            kind, name = judged[:2]
            if kind == SECRET:
                removed.add(prefix + name)
                continue
            value = raw_value if type(raw_value) is str else bytes(raw_value).decode("latin-1")
            if kind:
                if kind == CONTENT_TYPE:
                    content_type = value
                elif kind == CONTENT_ENCODING:
                    encoding = f"{encoding},{value}" if encoding else value
                else:
                    value = self._url(value, prefix + name, removed)
            kept.append((name, value))
        return kept, content_type, encoding

    def _judge(self, raw_name: bytes | str) -> tuple[int, str, bytes, str, str]:
        text = raw_name if isinstance(raw_name, str) else bytes(raw_name).decode("latin-1")
        name = text.lower()
        if self._rules.headers.is_secret(name):
            kind = SECRET
        elif name == "content-type":
            kind = CONTENT_TYPE
        elif name == "content-encoding":
            kind = CONTENT_ENCODING
        else:
            kind = URL if name in URL_HEADERS else PLAIN
        start = _encode([name])[:-1] + b","
        judged = (kind, name, start, "header:" + name, "response_header:" + name)
        if len(self._headers) < 4096 and len(name) <= 200 and "\x00" not in name:
            self._headers[raw_name] = judged
        return judged

    def _url(self, value: str, where: str, removed: set[str]) -> str:
        found: set[str] = set()

        def query(match: re.Match[str]) -> str:
            return match[1] + redact_pairs(match[2], self._rules.query, found)

        redacted = scrub(_QUERY_OF_URL.sub(query, value))
        if redacted != value:
            removed.add(where)
        return redacted

    def _body(
        self,
        body: str | bytes,
        body_encoding: str | None,
        cut: bool,
        content_type: str,
        encoding: str,
        removed: set[str],
        side: tuple[str, str],
    ) -> tuple[str | None, str | None, bool]:
        """Give what may be kept of a body, its encoding, and whether it is cut; never raises."""
        media = self._media.get(content_type)
        if media is None:
            media = self._read_media(content_type)
        try:
            if (
                media[2] == self._json
                and not cut
                and not encoding
                and type(body) is bytes
                and media[0]
            ):
                # The common case, without the general one's price.
                text = plain_json(body, self._rules.fields)
                if text is not None:
                    return text, "utf-8", False
            if isinstance(body, str):
                if body_encoding == "base64":
                    return body, body_encoding, cut
                text = body
            else:
                if not media[0] or not body:
                    return None, None, cut
                if encoding:
                    body, more = decompress(body, encoding, limit=self._limit)
                    cut = cut or more
                try:
                    if media[2] is None:
                        raise Unparsable("binary")
                    text = decode_text(body, media[3], cut=cut)
                    if "\x00" in text:
                        raise Unparsable("NUL")
                except Unparsable:
                    if media[1]:
                        raise
                    return b64encode(body).decode(), "base64", cut
            redact = media[2]
            if redact is None and isinstance(body, str):
                redact = self._kind.text  # put there by `before_record`, and no type with it
            if redact is not None:
                names: set[str] = set()
                text = redact(text, names, cut)
                if names:
                    removed.update(side[0] + name for name in names)
        except Unparsable:
            removed.add(side[1])
            return None, None, cut
        except Exception:  # the border: what can't be redacted isn't kept
            self._failed(removed, side[1])
            return None, None, cut
        return text, "utf-8", cut

    def _read_media(self, content_type: str) -> tuple[bool, bool, Any, str]:
        """Tell of a content type: is it kept, is it structured, how it is redacted, its charset."""
        media_type = content_type.partition(";")[0].strip().lower()
        charset = _CHARSET.search(content_type)
        kind = self._kind
        redact: Any = None
        structured = True
        if media_type == "application/json" or media_type.endswith("+json"):
            redact = kind.json
        elif media_type in ("application/x-ndjson", "application/jsonl", "application/json-seq"):
            redact = kind.lines
        elif media_type == "text/event-stream":
            redact = kind.events
        elif media_type == "application/x-www-form-urlencoded":
            redact = kind.form
        elif media_type == "multipart/form-data":
            boundary = _BOUNDARY.search(content_type)
            mark = boundary[1] if boundary else ""

            def redact(text: str, removed: set[str], cut: bool) -> str:
                return kind.multipart(text, removed, cut, mark)
        elif media_type.endswith(("/xml", "+xml")):
            redact = kind.xml
        else:
            structured = False
            if media_type.startswith("text/"):
                redact = kind.text
        default = "latin-1" if media_type == "multipart/form-data" else "utf-8"
        media = (
            bool(media_type) and self._rules.keeps_content_type(media_type),
            structured,
            redact,
            charset[1] if charset else default,
        )
        if len(self._media) < 1024 and len(content_type) <= 200:
            self._media[content_type] = media
            raw = content_type.encode("latin-1", "replace")
            if not media[0]:
                self._plain_media[raw] = NOT_KEPT
            elif redact == kind.json:
                self._plain_media[raw] = JSON
            elif redact == kind.text and media[3].lower() in ("utf-8", "utf8"):
                self._plain_media[raw] = TEXT
        return media

    def is_json(self, headers: Any) -> bool:
        """Tell whether raw headers announce JSON that is kept, by what was judged so far."""
        content_type = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
        return self._plain_media.get(content_type) == JSON

    def redact_query(self, query: str) -> tuple[str, list[str]]:
        """Redact a query alone; give also the names of what was removed, in order."""
        found: set[str] = set()
        redacted = redact_pairs(query, self._rules.query, found)
        return redacted, sorted(f"query:{name}"[:NAME_CHARACTERS] for name in found)

    def _rest(self, exchange: Exchange, removed: set[str]) -> None:
        try:
            if exchange.query:
                found: set[str] = set()
                exchange.query = redact_pairs(exchange.query, self._rules.query, found)
                removed.update(f"query:{name}" for name in found)
        except Exception:  # the border
            exchange.query = None
            self._failed(removed, "query:*")
        try:
            if exchange.error_message:
                exchange.error_message = scrub(exchange.error_message)
            if exchange.error_traceback:
                exchange.error_traceback = scrub(exchange.error_traceback)
        except Exception:  # the border
            exchange.error_message = exchange.error_traceback = None
            self._failed(removed, "error:*")
        try:
            if exchange.tags:
                exchange.tags = self._tags(exchange.tags, removed, 0)
        except Exception:  # the border
            exchange.tags = {}
            self._failed(removed, "tags:*")

    def _tags(self, value: Any, removed: set[str], depth: int) -> Any:
        if isinstance(value, str):
            return scrub(value)
        if isinstance(value, dict) and depth < 20:
            return {
                key: self._secret_tag(key, removed)
                if self._rules.fields.is_secret(str(key))
                else self._tags(each, removed, depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, (list, tuple)) and depth < 20:
            return [self._tags(each, removed, depth + 1) for each in value]
        return value

    @staticmethod
    def _secret_tag(key: object, removed: set[str]) -> str:
        removed.add(f"tag:{key}")
        return REDACTED
