"""Every setting: its name, default, meaning and what it may be.

A setting comes from a keyword or from the environment variable `DASHCAM_` + its name in upper
case. A bad value is an error that names the setting, the value, where it came from and what
is allowed; it never surfaces later, while a request is served.
"""

import importlib
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dashcam.errors import SettingsError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
ENV_PREFIX = "DASHCAM_"
# Variables that are read elsewhere: not settings, but no typing errors either.
LARGE_BATCHES = {"batch_size": 10_000, "batch_bytes": 16 * MIB, "batch_interval_s": 2.0}
OTHER_VARIABLES = frozenset({"DASHCAM_FAILPOINT", "DASHCAM_PURE_PYTHON"})

PERSONAL = ("card", "iban", "email", "phone", "ssn", "ip")
"""Kinds of personal data that `redact_personal` knows."""

DEFAULT_BODY_CONTENT_TYPES = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-seq",
    "application/xml",
    "application/*+xml",
)
DEFAULT_LLM_PATHS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/embeddings",
)


class Problem(Exception):
    """What is wrong with one value, before it is known which setting it is for."""


class Setting(NamedTuple):
    """One row of the table of settings."""

    name: str
    default: Any
    parse: Callable[[Any], Any]
    doc: str


def _integer(minimum: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, str):
            try:
                value = int(value.strip().replace("_", ""))
            except ValueError:
                raise Problem("must be a whole number") from None
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem("must be a whole number")
        if value < minimum:
            raise Problem(f"must be at least {minimum}")
        return value

    return parse


_UNITS = {"": 1, "b": 1, "k": KIB, "kib": KIB, "kb": 1000, "m": MIB, "mib": MIB, "mb": 1000**2}
_UNITS |= {"g": GIB, "gib": GIB, "gb": 1000**3}


def _bytes(minimum: int) -> Callable[[Any], int]:
    whole = _integer(minimum)

    def parse(value: Any) -> int:
        if isinstance(value, str):
            text = value.strip().lower()
            digits = text.rstrip("bgikm ")
            unit = text[len(digits) :].strip()
            if digits.replace("_", "").isdecimal() and unit in _UNITS:
                value = int(digits) * _UNITS[unit]
            else:
                raise Problem('must be a number of bytes, such as 4194304 or "4 MiB"')
        return whole(value)

    return parse


def _number(minimum: float, maximum: float = math.inf) -> Callable[[Any], float]:
    if maximum == math.inf:
        allowed = f"must be a number of at least {minimum:g}"
    else:
        allowed = f"must be a number from {minimum:g} to {maximum:g}"

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Problem(allowed)
        try:
            number = float(value)
        except ValueError:
            raise Problem(allowed) from None
        if not minimum <= number <= maximum or number == math.inf:  # also refuses NaN
            raise Problem(allowed)
        return number

    return parse


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise Problem("must be a text that isn't empty")
    return value


def _choice(*allowed: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in allowed:
            raise Problem("must be one of " + ", ".join(allowed))
        return str(value)

    return parse


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    problem = "must be a list of strings (comma-separated in the environment)"
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise Problem(problem)
    names = tuple(value)
    if not all(isinstance(name, str) and name for name in names):
        raise Problem(problem)
    return names


def _kinds(value: Any) -> tuple[str, ...]:
    names = _names(value)
    if any(name not in PERSONAL for name in names):
        raise Problem("must be some of " + ", ".join(PERSONAL))
    return names


def _optional_names(value: Any) -> tuple[str, ...] | None:
    return None if value is None else _names(value)


def _callable(value: Any) -> Callable[..., Any] | None:
    if value is None:
        return None
    if callable(value):
        given: Callable[..., Any] = value
        return given
    problem = "must be a callable, or its address as module:name"
    if not isinstance(value, str):
        raise Problem(problem)
    module_name, separator, attribute = value.partition(":")
    if not (separator and module_name and attribute):
        raise Problem(problem)
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise Problem(f"{problem} ({error})") from error
    if not callable(found):
        raise Problem(problem)
    checked: Callable[..., Any] = found
    return checked


def _store_url(value: Any) -> str:
    problem = (
        "must be a SQLAlchemy URL, such as sqlite:///request_logs.db, "
        "postgresql+psycopg://user@host/database or memory://"
    )
    if not isinstance(value, str):
        raise Problem(problem)
    scheme, separator, _ = value.partition("://")
    if not separator or not scheme or "\x00" in value:
        raise Problem(problem)
    known = ("sqlite", "memory", "postgresql", "clickhouse")
    if not scheme.startswith(known):
        raise Problem(f"{problem}; {scheme!r} is no store that dashcam knows")
    return value


def _path(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or not value or "\x00" in value:
        raise Problem("must be a path")
    return value


def _journal_dir(value: Any) -> str | None:
    try:
        return _path(value)
    except Problem:
        raise Problem('must be a directory, or "memory" for none') from None


TABLE: tuple[Setting, ...] = (
    Setting("store", "sqlite:///request_logs.db", _store_url, "a SQLAlchemy URL"),
    Setting(
        "journal_dir",
        None,
        _journal_dir,
        "where accepted records wait; default: `.dashcam/journal` beside the SQLite file, else "
        "in the working directory; `memory` for none",
    ),
    Setting("journal_bytes", GIB, _bytes(64 * KIB), "the journal's limit, per process"),
    Setting("segment_bytes", 16 * MIB, _bytes(16 * KIB), "size of one file of the journal"),
    Setting("sync", "interval", _choice("interval", "off"), "whether the journal is synced"),
    Setting("sync_interval_s", 1.0, _number(0.01), "seconds between two syncs"),
    Setting(
        "writer",
        "thread",
        _choice("thread", "process", "off"),
        "where the writer runs; `off`: another process drains the journal",
    ),
    Setting("batch_size", 500, _integer(1), "records in a batch, at most"),
    Setting("batch_bytes", 4 * MIB, _bytes(1), "bytes in a batch before it is sent"),
    Setting("batch_interval_s", 1.0, _number(0.0), "seconds that a record waits for company"),
    Setting("pool_size", 2, _integer(1), "connections of the writer"),
    Setting("retry_initial_s", 0.1, _number(0.001), "seconds before the first retry, at most"),
    Setting("retry_max_s", 30.0, _number(0.001), "seconds before any retry, at most"),
    Setting(
        "failed_logs",
        None,
        _path,
        "file of the records that the store refuses; default: `failed_logs.jsonl` beside the "
        "journal",
    ),
    Setting("shutdown_timeout_s", 10.0, _number(0.0), "seconds that draining may take at exit"),
    Setting(
        "max_body_bytes",
        256 * KIB,
        _bytes(0),
        "bytes kept of a body, per direction; 0 keeps no bodies",
    ),
    Setting("capture_bytes", 64 * MIB, _bytes(0), "bytes of bodies held over all requests"),
    Setting(
        "body_content_types",
        DEFAULT_BODY_CONTENT_TYPES,
        _names,
        "content types whose bodies are kept; globs",
    ),
    Setting("redact_headers", (), _names, "additional headers to remove; globs"),
    Setting(
        "redact_fields",
        (),
        _names,
        "additional field names to redact (JSON, forms, XML, text); globs",
    ),
    Setting("redact_query", (), _names, "additional query keys to redact; globs"),
    Setting(
        "replace_redact_headers", None, _optional_names, "headers to remove, replacing the defaults"
    ),
    Setting(
        "replace_redact_fields",
        None,
        _optional_names,
        "field names to redact, replacing the defaults",
    ),
    Setting(
        "replace_redact_query",
        None,
        _optional_names,
        "query keys to redact, replacing the defaults",
    ),
    Setting(
        "redact_personal",
        (),
        _kinds,
        "personal data to remove as well: some of `card`, `iban`, `email`, `phone`, `ssn`, `ip`",
    ),
    Setting("include_paths", (), _names, "paths to record; globs; none given: all"),
    Setting("exclude_paths", (), _names, "paths not to record; globs"),
    Setting(
        "sample_rate",
        1.0,
        _number(0.0, 1.0),
        "share of requests that are recorded; errors and refusals always are",
    ),
    Setting("identify", None, _callable, "scope or WSGI environ → Identity or None"),
    Setting("before_record", None, _callable, "Exchange → Exchange or None, after redaction"),
    Setting(
        "llm_paths",
        DEFAULT_LLM_PATHS,
        _names,
        "paths where model and token use are read from the answer; globs",
    ),
    Setting("retention_days", 30.0, _number(0.0), "days that rows are kept; 0: for ever"),
    Setting(
        "body_retention_days",
        None,
        lambda value: None if value is None else _number(0.0)(value),
        "days that bodies are kept; default: as the row; 0: for ever",
    ),
    Setting("public_paths", (), _names, "paths that need no credential; globs"),
    Setting("jwt_secret", None, _text, "shared secret of tokens (HS256), at least 32 bytes"),
    Setting("jwt_public_key", None, _text, "public key of tokens, PEM or the path of a PEM file"),
    Setting("jwt_jwks", None, _text, "key set of tokens: an https URL or the path of a file"),
    Setting(
        "jwt_algorithms",
        (),
        _names,
        "allowed algorithms; default: HS256 with a secret, else RS256, ES256 and EdDSA",
    ),
    Setting("jwt_audience", None, _text, "the `aud` that a token must have"),
    Setting("jwt_issuer", None, _text, "the `iss` that a token must have"),
    Setting("jwt_leeway_s", 10.0, _number(0.0, 600.0), "seconds that clocks may differ"),
    Setting("jwt_user_claim", "sub", _text, "the claim that holds the user id"),
    Setting("jwt_admin_claim", "admin", _text, "the claim that is true for an admin"),
    Setting(
        "quota",
        None,
        _text,
        "of each key or user that has none of its own, such as `100/minute;10000/day` or "
        "`60/minute;tokens:50000/day`",
    ),
    Setting("quota_storage", "memory://", _text, "where quotas are counted; a URL of `limits`"),
    Setting(
        "quota_on_error",
        "allow",
        _choice("allow", "refuse"),
        "what happens to requests while quotas can't be counted",
    ),
    Setting(
        "secret_key",
        None,
        _text,
        "signs session cookies and cursors; default: made once and kept in the file `secret` "
        "beside the journal",
    ),
    Setting("allowed_hosts", (), _names, "values of Host that `dashcam serve` answers to, besides"),
)
NAMES: tuple[str, ...] = tuple(setting.name for setting in TABLE)
SECRETS = frozenset({"jwt_secret", "secret_key", "quota_storage"})
"""Settings whose value is never shown."""


class Settings:
    """All settings of one recorder, checked and frozen.

    Each keyword is a setting; one that is not given is read from the environment
    (`DASHCAM_BATCH_SIZE` for `batch_size`), and has its default otherwise. In the environment
    lists are comma-separated and callables are `module:name`. Sizes may be numbers of bytes
    or text such as `"4 MiB"`.

    Raises:
        SettingsError: a value is not allowed, or a keyword is no setting.
    """

    store: str
    journal_dir: str | None
    journal_bytes: int
    segment_bytes: int
    sync: str
    sync_interval_s: float
    writer: str
    batch_size: int
    batch_bytes: int
    batch_interval_s: float
    pool_size: int
    retry_initial_s: float
    retry_max_s: float
    failed_logs: str | None
    shutdown_timeout_s: float
    max_body_bytes: int
    capture_bytes: int
    body_content_types: tuple[str, ...]
    redact_headers: tuple[str, ...]
    redact_fields: tuple[str, ...]
    redact_query: tuple[str, ...]
    replace_redact_headers: tuple[str, ...] | None
    replace_redact_fields: tuple[str, ...] | None
    replace_redact_query: tuple[str, ...] | None
    redact_personal: tuple[str, ...]
    include_paths: tuple[str, ...]
    exclude_paths: tuple[str, ...]
    sample_rate: float
    identify: Callable[..., Any] | None
    before_record: Callable[..., Any] | None
    llm_paths: tuple[str, ...]
    retention_days: float
    body_retention_days: float | None
    public_paths: tuple[str, ...]
    jwt_secret: str | None
    jwt_public_key: str | None
    jwt_jwks: str | None
    jwt_algorithms: tuple[str, ...]
    jwt_audience: str | None
    jwt_issuer: str | None
    jwt_leeway_s: float
    jwt_user_claim: str
    jwt_admin_claim: str
    quota: str | None
    quota_storage: str
    quota_on_error: str
    secret_key: str | None
    allowed_hosts: tuple[str, ...]

    __slots__ = NAMES

    def __init__(self, *, environ: Mapping[str, str] | None = None, **given: Any) -> None:
        environ = os.environ if environ is None else environ
        for name in given:
            if name not in NAMES:
                raise SettingsError(f"{name} is no setting of dashcam{_did_you_mean(name)}")
        for setting in TABLE:
            variable = ENV_PREFIX + setting.name.upper()
            if setting.name in given:
                value, origin = given[setting.name], ""
            elif variable in environ:
                value, origin = environ[variable], f" (from {variable})"
            else:
                object.__setattr__(self, setting.name, setting.default)
                continue
            try:
                parsed = setting.parse(value)
            except Problem as problem:
                raise SettingsError(
                    f"{setting.name} {problem}, got {_shown(setting.name, value)}{origin}"
                ) from None
            object.__setattr__(self, setting.name, parsed)
        if "segment_bytes" not in given and "DASHCAM_SEGMENT_BYTES" not in environ:
            # A small journal gets small segments without being told to.
            smaller = max(self.journal_bytes // 4 // 4096 * 4096, 16 * KIB)
            object.__setattr__(self, "segment_bytes", min(self.segment_bytes, smaller))
        if self.store.startswith("clickhouse"):
            # ClickHouse wants few, large inserts: each makes a part that must be merged.
            for name, value in LARGE_BATCHES.items():
                if name not in given and ENV_PREFIX + name.upper() not in environ:
                    object.__setattr__(self, name, value)
        self._check_together()
        _warn_about_unknown(environ)

    def _check_together(self) -> None:
        if self.segment_bytes * 2 > self.journal_bytes:
            raise SettingsError(
                "journal_bytes must be at least twice segment_bytes "
                f"({self.segment_bytes * 2}), got {self.journal_bytes}"
            )
        if self.retry_max_s < self.retry_initial_s:
            raise SettingsError(
                f"retry_max_s must be at least retry_initial_s ({self.retry_initial_s:g}), "
                f"got {self.retry_max_s:g}"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Settings are frozen; make new ones to change {name}")

    def __repr__(self) -> str:
        pairs = (f"{name}={_shown(name, getattr(self, name))}" for name in NAMES)
        return f"Settings({', '.join(pairs)})"

    def replace(self, **changes: Any) -> "Settings":
        """Make a copy with some settings changed.

        Raises:
            SettingsError: as for a new `Settings`.
        """
        present = {name: getattr(self, name) for name in NAMES}
        return Settings(environ={}, **{**present, **changes})

    @property
    def in_memory(self) -> bool:
        """Whether the journal is kept in memory only, and survives nothing."""
        return self.journal_dir == "memory"

    def journal_path(self) -> Path:
        """Tell the journal's directory: the setting, or `.dashcam/journal` beside the store."""
        if self.journal_dir is not None:
            return Path(self.journal_dir)
        return (sqlite_path(self.store) or Path("x")).parent / ".dashcam" / "journal"

    def failed_logs_path(self) -> Path:
        """Tell the file of refused records: as set, or `failed_logs.jsonl` beside the journal."""
        if self.failed_logs is not None:
            return Path(self.failed_logs)
        if self.in_memory:
            return Path("failed_logs.jsonl")
        return self.journal_path().parent / "failed_logs.jsonl"


def sqlite_path(store: str) -> Path | None:
    """Tell the database file of a SQLite URL; None for another engine or `:memory:`."""
    scheme, _, rest = store.partition("://")
    path = rest.partition("?")[0].removeprefix("/")
    if scheme.partition("+")[0] != "sqlite" or path in ("", ":memory:") or path.startswith("file:"):
        return None
    return Path(path)


def without_credentials(store: str) -> str:
    """Give a store's URL without user, password and options: fit for logs and fingerprints."""
    scheme, separator, rest = store.partition("://")
    authority, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _shown(name: str, value: Any) -> str:
    if name in SECRETS and value is not None:
        return "[redacted]"
    return repr(without_credentials(value) if name == "store" and type(value) is str else value)


def _did_you_mean(name: str) -> str:
    import difflib  # only on the way to an error

    close = difflib.get_close_matches(name, NAMES, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(NAMES)}"


def _warn_about_unknown(environ: Mapping[str, str]) -> None:
    for variable in environ:
        if not variable.startswith(ENV_PREFIX) or variable in OTHER_VARIABLES:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name not in NAMES:
            warnings.warn(f"{variable} is no setting of dashcam{_did_you_mean(name)}", stacklevel=4)
