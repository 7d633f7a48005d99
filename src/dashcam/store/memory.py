"""A store in memory: SQLite's engine on a database that dies with the process.

It is public, for tests and for trying out, and passes the same contract as every store.
`memory://` makes a new one each time; `memory://NAME` is shared by that name in the process.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from dashcam.store.sqlite import SqliteStore

_shared: dict[str, SqliteStore] = {}
_lock = threading.Lock()


class MemoryStore(SqliteStore):
    """An empty store, migrated already."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self._exclusive = threading.RLock()

    @contextmanager
    def _connection(self, *, write: bool = False, begin: bool = True) -> Iterator[Connection]:
        """Connect, one thread at a time: there is one connection."""
        with self._exclusive, super()._connection(write=write, begin=begin) as connection:
            yield connection

    def close(self) -> None:
        """Do nothing: closing the one connection would lose the rows."""


def open_memory(url: str) -> SqliteStore:
    """Give the store of a `memory://` URL."""
    name = url.removeprefix("memory://").partition("?")[0].strip("/")
    with _lock:
        store = _shared.get(name) if name else None
        if store is None:
            store = MemoryStore()
            if name:
                _shared[name] = store
        return store
