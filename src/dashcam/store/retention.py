"""Retention: deletes what is old enough, in small steps, and says beforehand that it will."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dashcam.errors import StoreUnavailableError
from dashcam.settings import Settings
from dashcam.store.base import Store

STEP_ROWS = 500
EVERY_S = 60.0
PATIENCE_S = 30.0
"""How long one step that is asked for by hand waits for a store that is busy with other things."""
LOOK_AGAIN_S = 0.25


class Retention:
    """What is kept how long, by the settings.

    Args:
        settings: `retention_days` and `body_retention_days`.
    """

    def __init__(self, settings: Settings) -> None:
        self.days = settings.retention_days
        bodies = settings.body_retention_days
        if bodies is None or (self.days and (bodies == 0 or bodies >= self.days)):
            bodies = self.days
        self.body_days = bodies
        self._due_at_s = 0.0
        self._told = False

    def __str__(self) -> str:
        rows = f"rows are kept {self.days:g} days" if self.days else "rows are kept for ever"
        if self.body_days == self.days:
            return rows
        return f"{rows}, bodies {self.body_days:g} days"

    def row_limit(self, now_ns: int) -> str | None:
        """Give the time before which rows are too old; None for never."""
        return _days_before(now_ns, self.days) if self.days else None

    def step(self, store: Store, *, now_ns: int, monotonic_s: float) -> bool:
        """Do one small step if it is due; tell whether more is to do at once."""
        if monotonic_s < self._due_at_s:
            return False
        if not self._told:
            self._told = True
            store.apply_retention(days=self.days, body_days=self.body_days)
        deleted = emptied = 0
        if self.days:
            before = _days_before(now_ns, self.days)
            if store.prunes_by_day:
                before = f"{before[:10]}T00:00:00.000000Z"  # whole partitions, no single rows
            deleted = store.prune(before=before, limit=STEP_ROWS)
        if self.body_days and self.body_days != self.days and deleted < STEP_ROWS:
            before = _days_before(now_ns, self.body_days)
            emptied = store.prune_bodies(before=before, limit=STEP_ROWS)
        more = max(deleted, emptied) >= STEP_ROWS
        if not more:
            self._due_at_s = monotonic_s + EVERY_S
        return more


def _days_before(now_ns: int, days: float) -> str:
    try:
        then = datetime.fromtimestamp(now_ns / 1e9, UTC) - timedelta(days=days)
    except OverflowError:
        return "0001-01-01T00:00:00.000000Z"
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def prune_all(
    store: Store, *, before: str, on_step: Callable[[int], None] = lambda deleted: None
) -> int:
    """Delete everything that began before a time, in small steps; tell how many rows.

    Raises:
        StoreError: the store did not answer, or was busy for `PATIENCE_S`.
    """
    return delete_in_steps(lambda: store.prune(before=before, limit=STEP_ROWS), on_step)


def delete_in_steps(step: Callable[[], int], on_step: Callable[[int], None]) -> int:
    """Take a small step until it deletes nothing more; tell how many rows all of them did.

    Raises:
        StoreError: the store did not answer, or was busy for `PATIENCE_S`.
    """
    total = 0
    while True:
        deleted = _patiently(step)
        total += deleted
        on_step(deleted)
        if not deleted:  # fewer than asked for may be a whole partition: there may be more
            return total


def _patiently(step: Callable[[], int]) -> int:
    """Do a small step; again, for `PATIENCE_S`, while the store can't do it."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return step()
        except StoreUnavailableError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(random.random() * LOOK_AGAIN_S)
