"""The writer: brings records from the journal to the store, off the request path."""

from typing import TYPE_CHECKING, Protocol

from dashcam.settings import Settings
from dashcam.writer.status import WriterStatus

if TYPE_CHECKING:
    from dashcam.journal import Journal, MemoryJournal


class Writer(Protocol):
    """What a recorder needs of its writer."""

    def start(self) -> None:
        """Begin to drain."""

    def wake(self) -> None:
        """Look now; must be cheap and safe in a signal handler."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything accepted so far is delivered."""

    def stop(self, timeout_s: float) -> bool:
        """Drain and end."""

    @property
    def status(self) -> WriterStatus:
        """What it is doing."""


class NoWriter:
    """For `writer="off"`: another process drains, and this one waits for nothing."""

    def __init__(self) -> None:
        self.status = WriterStatus(state="off")

    def start(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Do nothing."""

    def flush(self, timeout_s: float) -> bool:
        """Say that nothing was delivered by this process."""
        return False

    def stop(self, timeout_s: float) -> bool:
        """Leave everything to the process that drains."""
        return False


def make_writer(settings: Settings, journal: "Journal | MemoryJournal") -> Writer:
    """Make the writer that the settings ask for (a journal in memory has it in a thread)."""
    if settings.writer == "off":
        return NoWriter()
    from dashcam.journal import MemoryJournal
    from dashcam.writer.thread import WriterThread

    if settings.writer == "thread" or isinstance(journal, MemoryJournal):
        return WriterThread(settings, journal)
    from dashcam.writer.process import WriterProcess

    return WriterProcess(settings, journal)
