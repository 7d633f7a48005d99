"""What a recorder has done so far, as one frozen snapshot."""

import msgspec


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of one recorder's numbers.

    `accepted`, `stored`, `failed` and `expired` count record ids, over this process's own
    journal directory and the dead processes' directories that it has adopted (of those, what
    was still to be delivered). Once the journal is quiet,
    `accepted == stored + failed + expired + pending`.
    """

    accepted: int = 0
    """Records in the journal since it was opened, and adopted ones."""
    adopted: int = 0
    """Of `accepted`: records taken over from processes that died."""
    stored: int = 0
    """Records whose commit the store has confirmed."""
    failed: int = 0
    """Records written to `failed_logs.jsonl`, because the store refuses them."""
    expired: int = 0
    """Records that were already older than the retention when they could be sent."""
    pending: int = 0
    """Records in the journal that are not delivered yet."""
    dropped: int = 0
    """Records that were never accepted: journal full, no segment ready, or unencodable."""
    amended: int = 0
    """Second lines of records that were already accepted."""
    in_flight: int = 0
    """Requests that are being served now."""
    open_table_overflows: int = 0
    """Requests that found no free slot in the table of requests in flight."""
    damaged_frames: int = 0
    """Stretches of damaged bytes that the reader had to step over."""
    capture_errors: int = 0
    """Failures inside dashcam's own code on the request path."""
    batches: int = 0
    """Batches that the store has committed."""
    retries: int = 0
    """Attempts to send a batch that ended in passing trouble."""
    writer_restarts: int = 0
    """Times the writer had to be started again after an unexpected end."""
    writer_state: str = "stopped"
    """`stopped`, `starting`, `standby` (another process drains), `running`, `retrying`,
    `blocked` (schema or credential), `draining` or `failed`."""
    last_error: str | None = None
    """The newest trouble, without any recorded content."""
    oldest_pending_age_s: float | None = None
    """Seconds since the oldest undelivered record was accepted; None when nothing waits."""
