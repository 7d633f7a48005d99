"""Stores: rows in, pages out. Engines are imported when one is opened, not before."""

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from dashcam.errors import MissingExtraError, StoreSetupError
from dashcam.settings import sqlite_path, without_credentials

if TYPE_CHECKING:
    from dashcam.store.base import Store


def open_store(url: str, *, pool_size: int = 2) -> "Store":
    """Give the store of a SQLAlchemy URL; it connects when it is first used.

    Args:
        url: such as `sqlite:///request_logs.db` or `memory://`.
        pool_size: connections kept.

    Raises:
        StoreSetupError: there is no store for this URL.
    """
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme == "memory" or (scheme == "sqlite" and sqlite_path(url) is None):
        from dashcam.store.memory import open_memory

        return open_memory(url)
    if scheme == "sqlite":
        from dashcam.store.sqlite import SqliteStore

        return SqliteStore(url, pool_size=pool_size)
    if scheme == "postgresql":
        _need("psycopg", extra="postgresql")
        from dashcam.store.postgresql import PostgresqlStore

        return PostgresqlStore(url, pool_size=pool_size)
    if scheme in ("clickhousedb", "clickhouse"):
        _need("clickhouse_connect", extra="clickhouse")
        from dashcam.store.clickhouse import ClickhouseStore

        return ClickhouseStore(url)
    raise StoreSetupError(f"there is no store for {without_credentials(url)}")


def _need(module: str, *, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise MissingExtraError(f'this store needs: pip install "dashcam[{extra}]"')


def fingerprint(url: str) -> str:
    """Give 16 hex digits that tell a store from others: of its URL without credentials.

    A SQLite file counts by its absolute path.
    """
    path = sqlite_path(url)
    name = f"sqlite:{Path(path).absolute()}" if path is not None else without_credentials(url)
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def prepare_embedded(store: "Store") -> bool:
    """Migrate a SQLite database, also one in memory; other engines are migrated by their owner.

    Returns:
        Whether the store is one that is prepared so.

    Raises:
        StoreError: it can't be migrated.
    """
    if not getattr(store, "url", "").startswith("sqlite"):
        return False
    if store.schema_status() != "current":
        store.migrate()
    return True
