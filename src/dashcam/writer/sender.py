"""Brings one batch to the store: retries what may pass, bisects what won't.

An outage never sends anything to the failed file: only a row that is refused alone, by a
store that answers, goes there.
"""

import random
from collections.abc import Callable

from dashcam import failpoint
from dashcam.errors import (
    RowRefusedError,
    StoreError,
    StoreSetupError,
    StoreUnavailableError,
)
from dashcam.journal import Lines
from dashcam.settings import Settings
from dashcam.store.base import Store
from dashcam.writer.failed_logs import FailedLogs, error_text
from dashcam.writer.retry import backoff_s
from dashcam.writer.status import WriterStatus

UNKNOWN_ATTEMPTS = 5
"""An error that no store should raise is taken for an outage so often, then for a bad row."""


class Stopped(Exception):
    """The writer must end now; what isn't committed stays in the journal."""


class Sender:
    """Sends batches to one store.

    Args:
        settings: retry times.
        store: where they go.
        failed_logs: where refused rows go.
        prepare: sees to the store's schema; raises what the store raises.
        pause: waits so many seconds; raises `Stopped` when the writer must end.
        trouble: told of trouble, by kind and message, and of its end (message None).
        status: is kept up to date.
        jitter: gives a number from 0 up to 1.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        failed_logs: FailedLogs,
        *,
        prepare: Callable[[], None],
        pause: Callable[[float], None],
        trouble: Callable[[str, str | None], None],
        status: WriterStatus,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._store = store
        self._failed_logs = failed_logs
        self._prepare = prepare
        self._pause = pause
        self._trouble = trouble
        self._status = status
        self._jitter = jitter

    def send(self, lines: Lines) -> int:
        """Store lines, or put them in the failed file; give how many records went there.

        Raises:
            Stopped: the writer must end; some lines may be stored already.
        """
        failed = 0
        parts = [lines]
        while parts:
            part = parts.pop()
            refusal = self._insert(part)
            if refusal is None:
                self._status.batches += 1
                continue
            if len(part) > 1:
                if failpoint.ACTIVE:
                    failpoint.failpoint("mid_bisect")
                parts += reversed(part.halves())
                continue
            self._give_up(part.text, refusal)
            failed += sum(part.counts)
        return failed

    def _insert(self, part: Lines) -> BaseException | None:
        """Insert, however long it takes; give the error when the rows are refused."""
        unknown = attempt = 0
        was_mended = False
        while True:
            try:
                self._store.insert(part.text)
            except RowRefusedError as error:
                self._status.state = "running"
                return error
            except StoreSetupError as error:
                self._status.state = "blocked"
                self._told("blocked", error)
                if was_mended or not self._mend():
                    self._pause(self._settings.retry_max_s)
                    self._mend()
                was_mended = True
            except Exception as error:  # a border: whatever a store raises, rows must not be lost
                if not isinstance(error, StoreUnavailableError):
                    unknown += 1
                    if unknown >= UNKNOWN_ATTEMPTS and self._answers():
                        return error
                attempt += 1
                self._status.state = "retrying"
                self._told("store", error)
                self._pause(
                    backoff_s(
                        attempt,
                        initial_s=self._settings.retry_initial_s,
                        most_s=self._settings.retry_max_s,
                        random=self._jitter,
                    )
                )
            else:
                self._status.state = "running"
                self._trouble("blocked", None)
                self._trouble("store", None)
                return None

    def _mend(self) -> bool:
        """See to the schema again: the database may have been deleted, or migrated since."""
        try:
            self._prepare()
        except StoreError as error:
            self._status.last_error = error_text(error)
            return False
        return True

    def _answers(self) -> bool:
        try:
            self._store.ping()
        except Exception:  # a border: any failure means that it doesn't
            return False
        return True

    def _told(self, kind: str, error: BaseException) -> None:
        self._status.retries += 1
        self._status.last_error = error_text(error)
        hint = "records wait in the journal"
        self._trouble(kind, f"the store doesn't take records: {error_text(error)}; {hint}")

    def _give_up(self, line: bytes, refusal: BaseException) -> None:
        attempt = 0
        while True:
            try:
                self._failed_logs.add(line, error=error_text(refusal), attempts=attempt + 1)
            except OSError as error:
                attempt += 1
                self._status.state = "retrying"
                self._status.last_error = f"{self._failed_logs.path}: {error.strerror}"
                self._trouble(
                    "failed_logs",
                    f"{self._failed_logs.path} can't be written: {error.strerror or error}",
                )
                self._pause(min(self._settings.retry_max_s, 0.1 * 2 ** min(attempt, 20)))
            else:
                self._trouble("failed_logs", None)
                self._trouble(
                    "refused",
                    f"the store refuses a record ({error_text(refusal)}); it is in "
                    f"{self._failed_logs.path}",
                )
                return
