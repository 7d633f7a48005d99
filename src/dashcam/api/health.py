"""Whether recording is well: of the recorder in this process, else of the journals on disk."""

from typing import Any

import msgspec

from dashcam.journal import Source, list_directories
from dashcam.recorder import Recorder


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
            source = Source(path)
        except OSError:
            continue  # it is being removed
        try:
            pending += source.pending()
        finally:
            source.close()
    statistics["pending"] = max(pending, statistics["pending"])
    return statistics
