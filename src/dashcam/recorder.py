"""The recorder: takes exchanges, and sees to it that each one arrives.

It wires the parts together: redaction, the journal, and the writer that brings the journal's
records to the store. Recording never raises and never waits for I/O; starting and closing do
both.
"""

import atexit
import logging
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import uuid_utils

from dashcam.capture.annotation import annotate
from dashcam.capture.body import Budget
from dashcam.exchange import Exchange
from dashcam.globs import any_glob, path_filter
from dashcam.interrupted import gap_line
from dashcam.journal import Gap, Journal, MemoryJournal, discard_if_exhausted
from dashcam.journal.checkpoint import read_checkpoint
from dashcam.line import encode_line, line_end, strip
from dashcam.native import native
from dashcam.redaction import Redactor
from dashcam.settings import NAMES, Settings, without_credentials
from dashcam.statistics import Statistics
from dashcam.store import fingerprint
from dashcam.store.retention import Retention
from dashcam.usage import read_usage
from dashcam.writer import Writer, make_writer

logger = logging.getLogger("dashcam")

START_AGAIN_S = 5.0
"""After a failed start, the first request that comes so much later tries again."""


class PythonRecorderBase:
    """What a request needs of a recorder; the compiled way reads it without a look-up by name."""

    __slots__ = ("constants", "identify", "journal")


RecorderBase = PythonRecorderBase
if not TYPE_CHECKING and native is not None:
    RecorderBase = native.RecorderBase


class Recorder(RecorderBase):
    """Takes records of one process and brings them to the store.

    It starts by itself on the first request; `start` before that turns an unusable journal
    directory into an error at start-up. It may be started again after `close`.

    Args:
        settings: what, where and how; default: the environment's settings.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = Settings() if settings is None else settings
        if settings.store in ("memory://", "sqlite://"):
            # A name lets history look at what the writer stores.
            settings = settings.replace(store=f"memory://{uuid_utils.uuid4()}")
        self.settings = settings
        self.max_body_bytes = settings.max_body_bytes
        self.sample_rate = settings.sample_rate
        self.identify = settings.identify
        self.budget = Budget(settings.capture_bytes)
        self.server = socket.gethostname()
        self.process_id = os.getpid()
        self.wants = path_filter(settings.include_paths, settings.exclude_paths)
        self.journal: Journal | MemoryJournal | None = None
        self.lifespans = 0
        """Lifespans of apps that use this recorder now; the last one to end closes it."""
        self.redactor = Redactor(settings, on_failure=self.capture_failed)
        self.is_llm_path = any_glob(settings.llm_paths)
        self._before_record = settings.before_record
        self.quick = (
            settings.before_record is None
            and not self.redactor.is_personal
            and not self.redactor.hidden_columns
        )
        """Whether the common exchange may go the short way: see `capture.quick`."""
        self.constants = self._constants()
        self._writer: Writer | None = None
        self._lock = threading.RLock()
        self._tried_at = float("-inf")
        self._capture_errors = 0
        self._never_accepted = 0
        self._last_error: str | None = None
        self._last = Statistics()
        """The numbers of the journal that was closed last."""
        self._warned: set[str] = set()
        self._closer: weakref.finalize[..., Any] | None = None
        _recorders.add(self)

    def _constants(self) -> Any:
        """Give what the compiled short way needs to know, the same for all requests."""
        if native is None:
            return None
        headers, media, safe, query_safe = self.redactor.judged
        llm_paths = getattr(self.is_llm_path, "__self__", None)  # of a frozenset's __contains__
        return native.Constants(
            headers,
            media,
            safe,
            query_safe,
            line_end(self.server, self.process_id),
            llm_paths if isinstance(llm_paths, frozenset) else None,
            self.budget,
            self.max_body_bytes,
            self.quick and self.sample_rate >= 1.0 and self.identify is None,
            not self.redactor.hidden_columns and not self.redactor.is_personal,
        )

    @classmethod
    def shared(cls, settings: Settings) -> "Recorder":
        """Give this process's recorder for these settings; the same for equal settings."""
        key = tuple(getattr(settings, name) for name in NAMES)
        recorder = _shared.get(key)
        if recorder is None:
            recorder = _shared[key] = cls(settings)
        return recorder

    def start(self) -> None:
        """Open the journal and start the writer; does nothing when started already.

        Raises:
            JournalError: the journal directory can't be used.
        """
        with self._lock:
            if self.journal is not None:
                return
            journal, writer = self._open()
            self._writer = writer
            self.journal = journal
            self._closer = weakref.finalize(
                self, _close_soon, journal, writer, self.settings.shutdown_timeout_s, os.getpid()
            )
            self._closer.atexit = False  # see _close_at_exit
            _say_at_start(self.settings)

    def _open(self) -> tuple[Journal | MemoryJournal, Writer]:
        settings = self.settings
        # The journal outlives this recorder in the finalizer: it must not hold the recorder.
        server, process_id = self.server, self.process_id
        waker = _Waker()

        def encode_gap(gap: Gap) -> bytes:
            return gap_line(gap, server=server, process_id=process_id)

        journal: Journal | MemoryJournal
        if settings.in_memory:
            journal = MemoryJournal(
                journal_bytes=settings.journal_bytes,
                encode_gap=encode_gap,
                wake_after=settings.batch_size,
                wake=waker,
            )
        else:
            journal = Journal(
                settings.journal_path(),
                fingerprint=fingerprint(settings.store),
                server=server,
                journal_bytes=settings.journal_bytes,
                segment_bytes=settings.segment_bytes,
                sync_interval_s=settings.sync_interval_s if settings.sync == "interval" else None,
                encode_gap=encode_gap,
                wake_after=settings.batch_size,
                wake=waker,
            )
        try:
            writer = make_writer(settings, journal)
            writer.start()
        except BaseException:
            journal.close()
            raise
        waker.writer = writer
        return journal, writer

    def start_on_request(self) -> None:
        """Start because a request came; a failure is logged once and tried again later."""
        with self._lock:
            now = time.monotonic()
            if self.journal is not None or now - self._tried_at < START_AGAIN_S:
                return
            self._tried_at = now
            try:
                self.start()
            except Exception as error:  # the border: no failure of ours may reach a request
                self._trouble("start", f"nothing is recorded: {error}")
            else:
                self._tried_at = float("-inf")
                self._warned.discard("start")

    def _started(self) -> Journal | MemoryJournal | None:
        """Give the journal, started again where it was closed; None, counted, where it can't be."""
        if self.journal is None:
            self.start_on_request()
            if self.journal is None:
                self._never_accepted += 1
        return self.journal

    def record(
        self, exchange: Exchange, *, amended: bool = False, personal: Iterable[str] = ()
    ) -> bool:
        """Redact, encode and append one exchange; never raises, never waits for I/O.

        Args:
            exchange: what was seen. It is changed in place: see `Redactor.redact`.
            amended: whether a record with this id was accepted before.
            personal: kinds of personal data to remove, besides those of `redact_personal`.

        Returns:
            Whether the record is in the journal (False: dropped and counted, or refused by
            `before_record`).
        """
        journal = self._started()
        if journal is None:
            return False
        try:
            content_types = self.redactor.redact(exchange, personal=personal)
            if exchange.path is not None and self.is_llm_path(exchange.path):
                read_usage(exchange)
            if self._before_record is not None:
                kept = self._ask_before_record(exchange, content_types, personal)
                if kept is None:
                    return False
                exchange = kept
            line = encode_line(exchange, max_line_bytes=journal.max_line_bytes)
        except Exception as error:  # the border: no failure of ours may reach a request
            self.capture_failed(error)
            return False
        return self.append(line, amended=amended)

    def append(self, line: bytes, *, amended: bool = False) -> bool:
        """Append an encoded record to the journal; tell whether it is there."""
        journal = self._started()
        if journal is None:
            return False
        if journal.append(line, amended=amended):
            return True
        self.refused_by(journal)
        return False

    def refused_by(self, journal: Journal | MemoryJournal) -> None:
        """See to a journal that has dropped a record: one whose directory is gone is given up."""
        if isinstance(journal, Journal) and journal.vanished:
            self._leave(journal)

    def _leave(self, journal: Journal) -> None:
        """Give up a journal whose directory is gone; the next request opens another one."""
        with self._lock:
            if self.journal is not journal:
                return
            writer, closer = self._writer, self._closer
            self.journal = self._writer = self._closer = None
            if closer is not None:
                closer.detach()
            self._never_accepted += journal.dropped
        if writer is not None:
            _close_soon(journal, writer, 0.0, os.getpid())

    def _ask_before_record(
        self, exchange: Exchange, content_types: tuple[str, str], personal: Iterable[str]
    ) -> Exchange | None:
        assert self._before_record is not None
        exchange_id, revision = exchange.id, exchange.revision
        try:
            kept: Exchange | None = self._before_record(exchange)
            if kept is None:
                return None
            if not isinstance(kept, Exchange):
                raise TypeError(
                    f"before_record must return an Exchange or None, got {type(kept).__name__}"
                )
        except Exception as error:  # the user's code; it may have been meant to remove secrets
            self.capture_failed(error)
            kept = exchange
            strip(kept)
        kept.id, kept.revision = exchange_id, revision
        self.redactor.redact(kept, content_types=content_types, personal=personal)
        return kept

    def capture_failed(self, error: BaseException) -> None:
        """Count a failure of dashcam's own (or a callable's) code; warn once per kind."""
        self._capture_errors += 1
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = ""
        if place is not None:
            where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
        # The message of the exception may hold recorded content: only its type is told.
        kind = f"{type(error).__name__}{where}"
        self._trouble(kind, f"capture failed: {kind}; the request was not affected")

    def _trouble(self, kind: str, message: str) -> None:
        self._last_error = message
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning("%s", message)

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until everything accepted so far is stored or in `failed_logs.jsonl`.

        Args:
            timeout: seconds to wait at most.

        Returns:
            Whether everything was delivered in time.
        """
        writer = self._writer
        return True if writer is None else writer.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Drain and stop; what is left after the timeout stays in the journal.

        Args:
            timeout: seconds that draining may take; default: `shutdown_timeout_s`.

        Returns:
            Whether everything was delivered in time.
        """
        with self._lock:
            journal, writer, closer = self.journal, self._writer, self._closer
            self.journal = self._writer = self._closer = None
            if closer is not None:
                closer.detach()
            if journal is None or writer is None:
                return True
            timeout_s = self.settings.shutdown_timeout_s if timeout is None else timeout
            try:
                delivered = writer.stop(timeout_s)
                self._last = msgspec.structs.replace(
                    self._snapshot(journal, writer), writer_state="stopped"
                )
            finally:
                journal.close()
            if delivered and isinstance(journal, Journal):
                discard_if_exhausted(journal.path)
            return delivered

    def statistics(self) -> Statistics:
        """Take a snapshot of this recorder's numbers; reads small files, so not per request."""
        journal, writer = self.journal, self._writer
        if journal is None or writer is None:
            return msgspec.structs.replace(
                self._last,
                dropped=self._last.dropped + self._never_accepted,
                capture_errors=self._capture_errors,
                last_error=self._last.last_error or self._last_error,
            )
        now = self._snapshot(journal, writer)
        return msgspec.structs.replace(now, dropped=now.dropped + self._never_accepted)

    def _snapshot(self, journal: Journal | MemoryJournal, writer: Writer) -> Statistics:
        status = writer.status
        done = (
            journal.checkpoint
            if isinstance(journal, MemoryJournal)
            else read_checkpoint(journal.path)
        )
        accepted = journal.accepted + status.adopted
        stored = done.stored + status.adopted_stored
        failed = done.failed + status.adopted_failed
        expired = done.expired + status.adopted_expired
        lost = done.lost + status.adopted_lost
        since_s = status.oldest_waiting_since_s
        return Statistics(
            accepted=accepted,
            adopted=status.adopted,
            stored=stored,
            failed=failed,
            expired=expired,
            pending=max(0, accepted - stored - failed - expired - lost),
            dropped=journal.dropped,
            amended=journal.amended,
            in_flight=journal.in_flight,
            open_table_overflows=journal.open_table_overflows,
            damaged_frames=status.damaged_frames,
            capture_errors=self._capture_errors,
            batches=status.batches,
            retries=status.retries,
            writer_restarts=status.restarts,
            writer_state=status.state,
            last_error=status.last_error or journal.last_error or self._last_error,
            oldest_pending_age_s=None if since_s is None else max(0.0, time.monotonic() - since_s),
        )

    def after_fork_in_child(self) -> None:
        """Forget the parent's journal and writer: this process opens its own when needed."""
        journal, self.journal, self._writer = self.journal, None, None
        self._lock = threading.RLock()
        self.process_id = os.getpid()
        self.constants = self._constants()
        self._tried_at = float("-inf")
        self.lifespans = 0
        if self._closer is not None:
            self._closer.detach()
            self._closer = None
        if journal is not None:
            journal.abandon_in_child()


class _Waker:
    """Lets the journal wake a writer that is made after it."""

    writer: Writer | None = None

    def __call__(self) -> None:
        if self.writer is not None:
            self.writer.wake()


_recorders: "weakref.WeakSet[Recorder]" = weakref.WeakSet()
_shared: "weakref.WeakValueDictionary[tuple[Any, ...], Recorder]" = weakref.WeakValueDictionary()
_said: set[str] = set()


def _after_fork_in_child() -> None:
    uuid_utils.reseed_rng()
    # A request that forks is its parent's: the child has a copy of it, and must not record it, too.
    annotate(keep="nothing")
    for recorder in list(_recorders):
        recorder.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _close_at_exit() -> None:
    for recorder in list(_recorders):
        recorder.close()


atexit.register(_close_at_exit)


def _close_soon(
    journal: Journal | MemoryJournal, writer: Writer, timeout_s: float, process_id: int
) -> None:
    """Drain and close in a thread: garbage is collected anywhere, also in an event loop."""
    threading.Thread(
        target=_close,
        args=(journal, writer, timeout_s, process_id),
        name="dashcam-close",
        daemon=True,
    ).start()


def _close(
    journal: Journal | MemoryJournal, writer: Writer, timeout_s: float, process_id: int
) -> bool:
    if os.getpid() != process_id:
        return True  # a finalizer that a fork has copied
    try:
        delivered = writer.stop(timeout_s)
    finally:
        journal.close()
    if delivered and isinstance(journal, Journal):
        discard_if_exhausted(journal.path)
    return delivered


def _say_at_start(settings: Settings) -> None:
    """Say where records go and when they are deleted: once, to the log or else to stderr."""
    sentence = f"records go to {without_credentials(settings.store)}; {Retention(settings)}"
    if settings.in_memory:
        sentence += "; the journal is in memory: what is not stored yet dies with the process"
    if sentence in _said:
        return
    _said.add(sentence)
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s", sentence)
    else:
        print(f"dashcam: {sentence}", file=sys.stderr, flush=True)
