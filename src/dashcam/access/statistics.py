"""Numbers of the access layer, and where the metrics find them."""

import weakref
from typing import Protocol

import msgspec


class AccessStatistics(msgspec.Struct, frozen=True):
    """A snapshot: requests by how they were judged, and failures of the quota storage."""

    authenticated: int = 0
    unauthenticated: int = 0
    quota_exceeded: int = 0
    quota_errors: int = 0


class _Counted(Protocol):
    def statistics(self) -> AccessStatistics: ...


_all: "weakref.WeakSet[_Counted]" = weakref.WeakSet()


def register(counted: _Counted) -> None:
    """Let the metrics of this process include these numbers."""
    _all.add(counted)


def total() -> AccessStatistics:
    """Add up the numbers of every AccessMiddleware of this process."""
    snapshots = [each.statistics() for each in list(_all)]
    return AccessStatistics(
        *(
            sum(getattr(snapshot, name) for snapshot in snapshots)
            for name in AccessStatistics.__struct_fields__
        )
    )
