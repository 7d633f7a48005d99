"""What a writer is doing, as it tells it to its recorder (also through a pipe)."""

import msgspec


class WriterStatus(msgspec.Struct, kw_only=True):
    """A writer's own numbers; see `Statistics` for what they mean."""

    state: str = "starting"
    batches: int = 0
    retries: int = 0
    restarts: int = 0
    damaged_frames: int = 0
    adopted: int = 0
    adopted_stored: int = 0
    adopted_failed: int = 0
    adopted_expired: int = 0
    adopted_lost: int = 0
    last_error: str | None = None
    oldest_waiting_since_s: float | None = None
    """By the monotonic clock of the machine."""
    flushed: int = 0
    """The number of the last flush that is done."""
