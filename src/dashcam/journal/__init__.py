"""The journal: the queue between requests and the store, and the memory that survives."""

from dashcam.journal.appender import Journal
from dashcam.journal.directory import filesystem_of, list_directories, sweep_unfinished
from dashcam.journal.lines import Lines
from dashcam.journal.lock import Lock
from dashcam.journal.memory import MemoryJournal
from dashcam.journal.open_table import Gap
from dashcam.journal.reader import Chunk, Source, discard_if_exhausted

__all__ = [
    "Chunk",
    "Gap",
    "Journal",
    "Lines",
    "Lock",
    "MemoryJournal",
    "Source",
    "discard_if_exhausted",
    "filesystem_of",
    "list_directories",
    "sweep_unfinished",
]
