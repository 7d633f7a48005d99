"""Whether recording is well: of the recorder in this process, else of the journals on disk."""

from contextlib import closing
from typing import Any

import msgspec

from dashcam.journal import Source, list_directories
from dashcam.recorder import Recorder
from dashcam.statistics import Statistics

STALLED_S = 60.0
"""A record that waits so long is a sign that none arrives."""


def stalled(statistics: Statistics) -> str | None:
    """Say why records don't arrive in the store, though all else may look well; else None."""
    if statistics.writer_state in ("blocked", "failed"):
        return f"the writer is {statistics.writer_state}: {statistics.last_error}"
    age_s = statistics.oldest_pending_age_s
    if age_s is not None and age_s > STALLED_S:
        return (
            f"a record has waited for {age_s:.0f} s: {statistics.last_error or 'no error is known'}"
        )
    return None


def health(recorder: Recorder) -> dict[str, Any]:
    """Give the recorder's statistics; `pending` counts all journals of its directory.

    A process that only shows records (`dashcam serve`) records nothing itself, and reads what is
    waiting from the journals of those that do.
    """
    statistics = msgspec.structs.asdict(recorder.statistics())
    root = recorder.settings.journal_path()
    if recorder.settings.in_memory or not root.is_dir():
        return statistics
    pending = 0
    for path in list_directories(root):
        try:
            with closing(Source(path)) as source:
                pending += source.pending()
        except OSError:
            continue  # it is being removed, or can't be read now
    statistics["pending"] = max(pending, statistics["pending"])
    return statistics
