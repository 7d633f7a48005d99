"""Quotas: how much a key or user may within windows of time.

Counting is the library `limits`; what is decided here is what counts, for whom, and what
happens when the storage can't count. Fixed windows, since only they can also take a charge
after the fact that goes beyond the limit.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import limits
import limits.storage
import msgspec

from dashcam.errors import QueryError, SettingsError

logger = logging.getLogger("dashcam")

WARN_EVERY_S = 60.0


class Window(msgspec.Struct, frozen=True):
    """One window of a quota: `unit` is None where requests are counted."""

    unit: str | None
    limit: int
    period_s: int
    name: str
    """As it is told to people, such as `100 per 1 minute`."""


@lru_cache(maxsize=4096)
def parse_quota(text: str) -> tuple[Window, ...]:
    """Read a quota: windows separated by `;`, such as `100/minute;tokens:50000/day`.

    A window is `N/PERIOD` or `N per M PERIOD` (grammar of the library `limits`), with a unit in
    front where it counts something that `charge` reports.

    Raises:
        QueryError: it can't be read.
    """
    windows = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        unit, colon, amount = part.rpartition(":")
        try:
            item = limits.parse(amount)
        except ValueError:
            item = None
        if item is None or item.amount < 1 or (colon and not unit.strip().isidentifier()):
            raise QueryError(
                "a quota must be like 100/minute;10000/day or tokens:50000/day, got "
                f"{part!r} in {text!r}"
            )
        period = item.GRANULARITY.name
        windows.append(
            Window(
                unit=unit.strip() or None,
                limit=item.amount,
                period_s=item.get_expiry(),
                name=f"{item.amount}{f' {unit.strip()}' if unit else ''} per "
                f"{item.multiples} {period}",
            )
        )
    if not windows:
        raise QueryError(f"a quota must have a window, such as 100/minute, got {text!r}")
    return tuple(sorted(windows, key=lambda window: window.period_s))


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is refused, and for how long (whole seconds)."""

    window: Window
    retry_after_s: int
    windows: tuple[Window, ...]
    """All windows of the quota."""


class Quotas:
    """Counts requests and charges.

    Args:
        storage: a URL of the library `limits`, such as `memory://` or `redis://localhost:6379`.
        on_error: `allow` or `refuse`, while the storage can't be asked.

    Raises:
        SettingsError: there is no such storage, or its driver isn't installed.
    """

    def __init__(self, storage: str = "memory://", *, on_error: str = "allow") -> None:
        options: dict[str, Any] = {}
        if storage.partition("://")[0].startswith("redis"):
            options = {"socket_timeout": 1, "socket_connect_timeout": 1}
        try:
            self._storage: Any = limits.storage.storage_from_string(
                storage, wrap_exceptions=True, **options
            )
        except (limits.errors.ConfigurationError, ValueError, ImportError) as error:
            scheme = storage.partition("://")[0]
            raise SettingsError(
                f"quota_storage must be a storage that `limits` knows, such as memory:// or "
                f"redis://localhost:6379, got {scheme!r} ({error})"
            ) from None
        self.does_io = not storage.startswith("memory")
        """Whether counting waits for something else, and belongs in a thread."""
        self.allows_on_error = on_error == "allow"
        self.errors = 0
        self.refused = 0
        self._warned_at_s = float("-inf")
        self._lock = threading.Lock()

    def take(self, who: str, windows: tuple[Window, ...], cost: int) -> Refusal | None:
        """Count one request; when a window has no room, nothing is counted.

        Args:
            who: whose quota: a key or a user.
            windows: of the quota.
            cost: of the request; windows with a unit take none, but must have some left.
        """
        taken: list[tuple[str, Window]] = []
        try:
            for window in windows:
                key = _key(who, window)
                if window.unit is not None:
                    full = int(self._storage.get(key)) >= window.limit
                elif cost > 0:
                    full = int(self._storage.incr(key, window.period_s, cost)) > window.limit
                    taken.append((key, window))
                else:
                    full = int(self._storage.get(key)) >= window.limit
                if full:
                    self.refused += 1
                    return Refusal(window, self._wait_s(key), windows)
        except Exception as error:  # drivers raise whatever they like; all mean: can't count
            self._failed(error)
            if self.allows_on_error:
                return None
            return Refusal(windows[0], 5, windows)
        else:
            taken.clear()
            return None
        finally:
            for key, window in taken:
                self._give_back(key, window, cost)

    def charge(self, who: str, windows: tuple[Window, ...], amount: int, unit: str | None) -> None:
        """Count something after the fact: it may go beyond the limit."""
        try:
            for window in windows:
                if window.unit == unit:
                    self._storage.incr(_key(who, window), window.period_s, amount)
        except Exception as error:  # as above; the request was served already
            self._failed(error)

    def _give_back(self, key: str, window: Window, cost: int) -> None:
        try:
            self._storage.incr(key, window.period_s, -cost)
        except Exception:  # memcached can't; a refused request then counts in this window
            pass

    def _wait_s(self, key: str) -> int:
        return max(1, int(self._storage.get_expiry(key) - time.time() + 0.999))

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self.errors += 1
            if time.monotonic() - self._warned_at_s < WARN_EVERY_S:
                return
            self._warned_at_s = time.monotonic()
        cause = getattr(error, "storage_error", error)
        logger.warning(
            "quotas can't be counted (%s): requests are %s meanwhile",
            type(cause).__name__,
            "let through" if self.allows_on_error else "refused",
        )


def _key(who: str, window: Window) -> str:
    return f"dashcam/{who}/{window.unit or 'requests'}/{window.limit}/{window.period_s}"


class Account:
    """What one request is charged with, until it is counted."""

    __slots__ = ("charges",)

    def __init__(self) -> None:
        self.charges: list[tuple[int, str | None]] = []


account: ContextVar[Account | None] = ContextVar("dashcam_account", default=None)
"""Of the request that this task or thread is serving."""


def charge(amount: int, *, unit: str | None = None) -> None:
    """Count something against the caller's quota after the fact, such as tokens of a model.

    It is counted before the next message of the response leaves, at the latest when the app
    has returned. Outside a request that AccessMiddleware let in it does nothing.

    Args:
        amount: how much; at least 0.
        unit: of the windows that count it, such as `tokens` for `tokens:50000/day`; without
            one it counts in the windows of requests.

    Raises:
        ValueError: the amount is negative or no whole number.
    """
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise ValueError(f"amount must be a whole number of at least 0, got {amount!r}")
    present = account.get()
    if present is not None and amount:
        present.charges.append((amount, unit))


CostOf = Callable[[Any], int]
"""From an ASGI scope to the cost of its request."""
