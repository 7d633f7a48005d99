"""The redactor: an exchange goes in as it was on the wire and comes out without secrets.

It fails closed: a part whose redaction fails, takes too long, or can't be read as what it claims
to be keeps nothing but its sizes, and `redacted` says so.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dashcam.exchange import Exchange
from dashcam.redaction import media as kinds
from dashcam.redaction.decoding import Unreadable, declared_in_xml, decode_text, decompress, text_of
from dashcam.redaction.forms import FormNames, redact_pairs
from dashcam.redaction.fragments import redact_fragments
from dashcam.redaction.json_text import NotJson
from dashcam.redaction.known import Known
from dashcam.redaction.markup import redact_xml
from dashcam.redaction.media import Media, content_types, read_media
from dashcam.redaction.multipart import redact_multipart, sniff_boundary
from dashcam.redaction.names import Rules
from dashcam.redaction.personal import PERSONAL, network_of, remove_personal
from dashcam.redaction.reader import NAME_CHARACTERS, Reader
from dashcam.redaction.sanitize import MOST_CHARACTERS
from dashcam.redaction.streams import redact_events, redact_lines
from dashcam.redaction.tables import redact_csv
from dashcam.redaction.work import TooMuch, Work
from dashcam.settings import Settings

MOST_NAMES = 100
PLAIN, CONTENT_TYPE, CONTENT_ENCODING, SECRET = range(4)
"""What a header is; `native` knows them as well."""
KEEP_NOTHING, KEEP_JSON, KEEP_TEXT = range(3)
"""What the fast path does with a body of a content type; `native` knows them as well."""
REPEATED = "repeated"
"""In `redacted`, a value that was removed elsewhere in the exchange."""
_COLUMNS = (
    ("host", "host"),
    ("user-agent", "user_agent"),
    ("x-request-id", "request_id"),
    ("traceparent", "trace_id"),
)
"""Headers whose value is a column, too."""
_encode = msgspec.json.Encoder().encode


class Redactor:
    """Redacts exchanges by the rules of one recorder.

    Args:
        settings: which names are secret, and which content types are kept.
        on_failure: is told of each exception that redaction has raised.
    """

    def __init__(
        self, settings: Settings, on_failure: Callable[[Exception], None] | None = None
    ) -> None:
        self._rules = Rules(settings)
        self._limit = settings.max_body_bytes
        self._personal = frozenset(settings.redact_personal)
        self._keeps = content_types(settings.body_content_types)
        self._on_failure = on_failure
        self._media: dict[str, Media] = {}
        self._plain_media: dict[bytes, int] = {}
        self._headers: dict[bytes | str, tuple[int, str, bytes, str, str]] = {}
        self.judged = (
            self._headers, self._plain_media, self._rules.fields.safe, self._rules.query.safe
        )  # fmt: skip
        """What was judged so far, for the fast path: headers by their raw name, as (kind, name,
        start of its JSON, what its removal is called in a request, and in a response); content
        types whose bodies are not kept, JSON, or text; names that are safe in fields and in
        queries."""
        self.hidden_columns = tuple(
            column for header, column in _COLUMNS if self._rules.headers.is_secret(header)
        )
        """Columns whose header the settings remove."""
        self.is_personal = bool(self._personal)
        self.failures = 0

    def redact(
        self,
        exchange: Exchange,
        *,
        content_types: tuple[str, str] = ("", ""),
        personal: Iterable[str] = (),
    ) -> tuple[str, str]:
        """Redact one exchange in place; never raises.

        Headers may be pairs of bytes or str and bodies bytes or str; afterwards all are str.
        What was removed is named in `exchange.redacted`.

        Args:
            exchange: what was seen.
            content_types: of request and response, where the headers tell none.
            personal: kinds of personal data that are removed besides those of the settings.

        Returns:
            The content types by which the two bodies were judged.
        """
        return _Redaction(self, exchange, self._personal.union(personal)).run(content_types)

    def failed(self, error: Exception) -> None:
        """Count a failure, and tell of it."""
        self.failures += 1
        if self._on_failure is not None:
            self._on_failure(error)

    def judge_header(self, raw_name: bytes | str) -> tuple[int, str, bytes, str, str]:
        """Judge a header by its name; see `judged`."""
        judged = self._headers.get(raw_name)
        if judged is not None:
            return judged
        text = raw_name if isinstance(raw_name, str) else bytes(raw_name).decode("latin-1")
        name = text.lower()
        if self._rules.headers.is_secret(name):
            kind = SECRET
        elif name == "content-type":
            kind = CONTENT_TYPE
        elif name == "content-encoding":
            kind = CONTENT_ENCODING
        else:
            kind = PLAIN
        start = _encode([name])[:-1] + b","
        judged = (kind, name, start, "header:" + name, "response_header:" + name)
        if len(self._headers) < 4096 and len(name) <= 200 and "\x00" not in name:
            self._headers[raw_name] = judged
        return judged

    def media(self, content_type: str) -> Media:
        """Read a content type; what was read is remembered, within bounds."""
        media = self._media.get(content_type)
        if media is not None:
            return media
        media = read_media(content_type, self._keeps)
        if len(self._media) < 1024 and len(content_type) <= 200:
            self._media[content_type] = media
            raw = content_type.encode("latin-1", "replace")
            is_utf_8 = media.charset is None or media.charset.lower() in ("utf-8", "utf8")
            if not media.is_kept:
                self._plain_media[raw] = KEEP_NOTHING
            elif is_utf_8 and media.claims == kinds.JSON:
                self._plain_media[raw] = KEEP_JSON
            elif is_utf_8 and media.claims in (kinds.TEXT, kinds.FORM):
                self._plain_media[raw] = KEEP_TEXT
        return media

    def is_json(self, headers: Any) -> bool:
        """Tell whether raw headers announce JSON that is kept, by what was judged so far."""
        content_type = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
        return self._plain_media.get(content_type) == KEEP_JSON

    def reader(self) -> Reader:
        """Make a reader for one exchange."""
        return Reader(self._rules, Work(), Known())

    def redact_query(self, query: str) -> str | None:
        """Redact a query alone; None where something was removed from it, or it failed."""
        reader = self.reader()
        try:
            redacted = redact_pairs(query, reader, self._rules.query)
        except Exception:  # the long way meets it again, and counts it
            return None
        return None if reader.found or redacted != query else redacted

    def redact_in_flight(
        self,
        path: str,
        host: str | None,
        request_id: str | None,
        client_ip: str | None,
        query: str,
        headers: Any,
    ) -> tuple[str | None, str | None, str | None, str | None]:
        """Redact what is noted of a request in flight, before its body and answer are known.

        Args:
            path: of the request, as are the rest.
            host: …
            request_id: …
            client_ip: …
            query: …
            headers: pairs of bytes.

        Returns:
            Path, host, request id and client address; None what can't be kept.
        """
        if "host" in self.hidden_columns:
            host = None
        if "request_id" in self.hidden_columns:
            request_id = None
        try:
            reader = self.reader()
            for raw_name, raw_value in headers:
                kind, name = self.judge_header(raw_name)[:2]
                if kind == SECRET:
                    reader.known.add_header(name, _text(raw_value))
            if query:
                redact_pairs(query, reader, self._rules.query)
            texts = [text and reader.value(text, flat=True) for text in (path, host, request_id)]
            if reader.known:
                texts = [text and reader.known.remove_from(text) for text in texts]
            kinds_ = self._personal
            if kinds_:
                texts = [text and remove_personal(text, kinds_) for text in texts]
                if "ip" in kinds_ and client_ip:
                    client_ip = network_of(client_ip)
        except (TooMuch, Unreadable):
            return None, None, None, None
        except Exception as error:  # what can't be redacted isn't noted
            self.failed(error)
            return None, None, None, None
        return texts[0], texts[1], texts[2], client_ip


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else text_of(bytes(raw))


class _Redaction:
    """The redaction of one exchange."""

    def __init__(self, redactor: Redactor, exchange: Exchange, personal: frozenset[str]) -> None:
        self._redactor = redactor
        self._exchange = exchange
        self._reader = redactor.reader()
        self._personal = personal
        self._removed: set[str] = set(exchange.redacted)

    def run(self, content_types: tuple[str, str]) -> tuple[str, str]:
        exchange = self._exchange
        # First what says its name, so that what is removed there is known in all the rest.
        request = self._headers("request_headers", "header:")
        response = self._headers("response_headers", "response_header:")
        if exchange.query:
            self._query()
        types = (request[0] or content_types[0], response[0] or content_types[1])
        if exchange.request_body is not None:
            self._body("request_body", "body:", types[0], request[1])
        if exchange.response_body is not None:
            self._body("response_body", "response_body:", types[1], response[1])
        self._reader.work = Work()
        self._columns()
        if exchange.error_message or exchange.error_traceback:
            self._error()
        if exchange.tags:
            self._tags()
        if self._reader.known:
            self._repeated()
        if self._personal:
            self._personal_data()
        if self._removed:
            names = sorted(name[:NAME_CHARACTERS] for name in self._removed)
            exchange.redacted = names[:MOST_NAMES]
        return types

    def _failed(self, part: str, error: Exception) -> None:
        """Note that a part is not kept, because looking at it has failed or would take too long."""
        self._removed.add(part)
        if not isinstance(error, (TooMuch, Unreadable)):
            self._redactor.failed(error)

    def _value(self, text: str, where: str, *, flat: bool = True) -> str:
        """Redact a short text; what is found in it is not named but by where it stood."""
        reader = self._reader
        redacted = reader.value(text, flat=flat)
        if redacted != text:
            self._removed.add(where)
        reader.found.clear()
        return redacted

    def _headers(self, attribute: str, prefix: str) -> tuple[str, str]:
        """Decode headers, leave out the secret ones; give content type and encoding."""
        exchange = self._exchange
        content_type = encoding = ""
        kept = []
        try:
            for raw_name, raw_value in getattr(exchange, attribute):
                kind, name = self._redactor.judge_header(raw_name)[:2]
                value = _text(raw_value)
                if kind == SECRET:
                    self._removed.add(prefix + name)
                    self._reader.known.add_header(name, value)
                    continue
                if kind == CONTENT_TYPE:
                    content_type = value
                elif kind == CONTENT_ENCODING:
                    encoding = f"{encoding},{value}" if encoding else value
                kept.append((name, self._value(value, prefix + name, flat=False)))
        except Exception as error:  # what can't be redacted isn't kept
            kept, content_type, encoding = [], "", ""
            self._failed(f"{attribute}:*", error)
        setattr(exchange, attribute, kept)
        return content_type, encoding

    def _query(self) -> None:
        exchange, reader = self._exchange, self._reader
        assert exchange.query is not None
        try:
            exchange.query = redact_pairs(exchange.query, reader, reader.query)
        except Exception as error:
            exchange.query = None
            self._failed("query:*", error)
        self._take_found("query:")

    def _take_found(self, prefix: str) -> None:
        self._removed.update(prefix + name for name in self._reader.found)
        self._reader.found.clear()

    def _body(self, attribute: str, prefix: str, content_type: str, encoding: str) -> None:
        """Redact a body; one that can't be read keeps its sizes only."""
        exchange, reader = self._exchange, self._reader
        reader.work, reader.lessons = Work(), 4  # each body has its own
        body = getattr(exchange, attribute)
        cut = getattr(exchange, f"{attribute}_truncated")
        kept: str | None
        try:
            if isinstance(body, str) and getattr(exchange, f"{attribute}_encoding") == "base64":
                return
            kept, kind, cut = self._redacted_body(body, content_type, encoding, cut)
            if reader.shortened:
                cut = True
                self._removed.add(prefix + "rest")
        except Exception as error:
            kept, kind = None, None
            reader.found.clear()
            self._failed(f"{attribute}:*", error)
        if "*" in reader.found:
            reader.found.discard("*")
            self._removed.add(f"{attribute}:*")
        self._take_found(prefix)
        reader.shortened = False
        setattr(exchange, attribute, kept)
        setattr(exchange, f"{attribute}_encoding", kind if kept is not None else None)
        setattr(exchange, f"{attribute}_truncated", cut)

    def _redacted_body(
        self, body: str | bytes, content_type: str, encoding: str, cut: bool
    ) -> tuple[str | None, str | None, bool]:
        """Give what may be kept of a body, its encoding, and whether it is cut."""
        redactor = self._redactor
        media = redactor.media(content_type)
        if isinstance(body, str):  # put there by `before_record`
            claims = kinds.TEXT if media.claims in (kinds.BINARY, kinds.MULTIPART) else media.claims
            return self._bounded(body, claims, cut)
        if not media.is_kept or not body:
            return None, None, cut
        if encoding:
            body, more = decompress(body, encoding, limit=redactor._limit)
            cut = cut or more
        claims, boundary = media.claims, media.boundary
        if claims in (kinds.ANY, kinds.TEXT, kinds.FORM, kinds.MULTIPART):
            sniffed = sniff_boundary(body)
            if sniffed is not None and (claims != kinds.MULTIPART or not boundary):
                claims, boundary = kinds.MULTIPART, sniffed
        if claims == kinds.MULTIPART:
            if boundary:
                return redact_multipart(body, self._reader, boundary, cut=cut), "utf-8", cut
            raise Unreadable("multipart without a boundary")
        charset = media.charset
        if claims == kinds.XML and charset is None:
            charset = declared_in_xml(body)
            if charset is not None and charset.lower().startswith(("utf-16", "utf-32", "ucs")):
                charset = None  # it shows itself; read as bytes it couldn't have been read here
        if claims == kinds.BINARY and not _is_utf_8(body):
            return b64encode(body).decode(), "base64", cut
        text = decode_text(body, charset, cut=cut)
        if claims == kinds.ANY and not self._reader.has_structure(text, cut=cut):
            return None, None, cut  # nobody says what it is, and it doesn't show it
        return self._bounded(text, claims, cut)

    def _bounded(self, text: str, claims: int, cut: bool) -> tuple[str, str, bool]:
        """Redact text; of what would take too long only a beginning is kept."""
        reader = self._reader
        if "\x00" in text:
            text = text.replace("\x00", "\ufffd")
        try:
            return self._structured(text, claims, cut), "utf-8", cut
        except TooMuch:
            beginning = text[: len(text) // 16]
            if len(beginning) < 256:
                raise
            reader.work = Work()
            reader.work.units //= 4
            redacted = self._structured(beginning, claims, True)
            reader.shortened = True
            return redacted, "utf-8", True

    def _structured(self, text: str, claims: int, cut: bool) -> str:
        """Redact text by its structure: the one it claims, or the one it has."""
        reader = self._reader
        if claims == kinds.JSON:
            return self._json(text, cut)
        if claims == kinds.LINES:
            try:
                return redact_lines(redact_fragments(text, reader, cut=cut), reader, cut=cut)
            except Unreadable:
                return self._json(text, cut)
        if claims == kinds.EVENTS:
            if text.lstrip("\ufeff \r\n")[:1] in ("{", "["):
                return reader.value(text, cut=cut, claims=True)
            return redact_events(redact_fragments(text, reader, cut=cut), reader, cut=cut)
        if claims == kinds.FORM:
            if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", "<", '"') or text.startswith("data:"):
                return reader.value(text, cut=cut)
            return redact_pairs(text, reader, FormNames(reader), cut=cut)
        if claims == kinds.XML:
            if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
                return self._json(text, cut)
            return redact_xml(text, reader, cut=cut, strict=True)
        if claims == kinds.CSV:
            table = redact_csv(text, reader, cut=cut, claims=True)
            if table is not None:
                return table
        if text.startswith(("data:", "event:", "id:", ":", "\ufeffdata:")):
            text = redact_fragments(text, reader, cut=cut)
        return reader.value(text, cut=cut)

    def _json(self, text: str, cut: bool) -> str:
        """Redact what claims to be JSON: it may also be lines of it, events, or several values.

        Raises:
            Unreadable: it is none of them.
        """
        reader = self._reader
        bare = text.strip("\ufeff \t\r\n")
        try:
            return reader.json(bare if bare != text and cut else text, cut=cut)
        except NotJson:
            pass
        if bare != text:
            try:
                return reader.json(bare, cut=cut)
            except NotJson:
                pass
        if bare[:1] in ("{", "[", "\x1e"):
            try:
                return redact_lines(redact_fragments(text, reader, cut=cut), reader, cut=cut)
            except Unreadable:
                redacted = reader.several(bare, cut=cut)
                if redacted is not None:
                    return redacted
        elif bare.startswith(("data:", "event:", "id:", "retry:", ":")):
            return redact_events(redact_fragments(text, reader, cut=cut), reader, cut=cut)
        raise Unreadable("not JSON")

    def _columns(self) -> None:
        """Redact the path, and the columns that are a header's value."""
        exchange, hidden = self._exchange, self._redactor.hidden_columns
        for column in ("path", "host", "user_agent", "request_id"):
            text = getattr(exchange, column)
            if not text:
                continue
            try:
                text = None if column in hidden else self._value(text, _NAMED_AFTER[column])
            except Exception as error:
                text = None
                self._failed(f"{column}:*", error)
            setattr(exchange, column, text)
        if "trace_id" in hidden:
            exchange.trace_id = exchange.span_id = None
        if exchange.request_id is None and "request_id" in hidden:
            exchange.request_id = exchange.trace_id or exchange.id

    def _error(self) -> None:
        exchange = self._exchange
        try:
            for column in ("error_message", "error_traceback"):
                text = getattr(exchange, column)
                if text:
                    setattr(exchange, column, self._value(text, "error", flat=False))
        except Exception as error:
            exchange.error_message = exchange.error_traceback = None
            self._failed("error:*", error)

    def _tags(self) -> None:
        """Redact tags as the JSON that they become."""
        exchange = self._exchange
        try:
            text = json.dumps(exchange.tags, ensure_ascii=False, default=_jsonable, skipkeys=False)
            redacted = self._reader.json(text, cut=False)
            if redacted != text:
                exchange.tags = json.loads(redacted)
        except Exception as error:
            exchange.tags = {}
            self._failed("tags:*", error)
        self._take_found("tag:")

    def _repeated(self) -> None:
        """Remove from every part the values that were removed from another one."""
        known = self._reader.known
        self._removed = {known.remove_from(name) for name in self._removed}
        self._change(known.remove_from, REPEATED)

    def _personal_data(self) -> None:
        kinds_ = self._personal & frozenset(PERSONAL)
        self._change(lambda text: remove_personal(text, kinds_), "personal")
        if "ip" in kinds_ and self._exchange.client_ip:
            network = network_of(self._exchange.client_ip)
            if network != self._exchange.client_ip:
                self._exchange.client_ip = network
                self._removed.add("client_ip:personal")

    def _change(self, change: Callable[[str], str], name: str) -> None:
        """Change every text of the exchange; note where something was changed."""
        exchange = self._exchange
        for column, where in _TEXT_COLUMNS:
            text = getattr(exchange, column)
            if not isinstance(text, str):
                continue
            if exchange.__class__ is not Exchange and column not in exchange.__struct_fields__:
                continue
            if column.endswith("_body") and getattr(exchange, column + "_encoding") == "base64":
                continue
            try:
                changed = change(text)
            except Exception as error:
                changed = None
                self._failed(f"{column}:*", error)
            if changed != text:
                setattr(exchange, column, changed)
                self._removed.add(f"{where}:{name}")
        for column, where in (
            ("request_headers", "header"),
            ("response_headers", "response_header"),
        ):
            try:
                kept = []
                for header, value in getattr(exchange, column):
                    changed = change(value)
                    if changed != value:
                        self._removed.add(f"{where}:{header}")
                    kept.append((header, changed))
                setattr(exchange, column, kept)
            except Exception as error:
                setattr(exchange, column, [])
                self._failed(f"{column}:*", error)
        if exchange.tags:
            try:
                tags = _change_in(exchange.tags, change)
                if tags != exchange.tags:
                    exchange.tags = tags
                    self._removed.add(f"tag:{name}")
            except Exception as error:
                exchange.tags = {}
                self._failed("tags:*", error)


_NAMED_AFTER = {
    "path": "path", "host": "header:host", "user_agent": "header:user-agent",
    "request_id": "header:x-request-id",
}  # fmt: skip
"""What `redacted` calls a column in which something was found."""
_TEXT_COLUMNS = (
    ("path", "path"), ("query", "query"), ("host", "host"), ("user_agent", "user_agent"),
    ("request_id", "request_id"), ("request_body", "body"), ("response_body", "response_body"),
    ("error_message", "error"), ("error_traceback", "error"), ("route", "route"),
    ("model", "model"),
)  # fmt: skip


def _jsonable(value: Any) -> Any:
    """Give what `sanitize` makes of a value that JSON doesn't have."""
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)[:MOST_CHARACTERS]


def _change_in(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _change_in(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_change_in(each, change) for each in value]
    return value


def _is_utf_8(data: bytes) -> bool:
    """Tell whether a body of a binary type is text all the same."""
    try:
        return _is_text(data.decode())
    except UnicodeDecodeError:
        return False


def _is_text(text: str) -> bool:
    """Tell whether there is nothing in a text that no text has."""
    return all(sign.isprintable() or sign in "\t\r\n\x0c\x1e\ufeff" for sign in text[:4096])
