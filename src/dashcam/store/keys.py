"""Rows of `api_keys`: what is stored of an API key, and the few questions asked about them.

Only a key's hash is ever here. The statements are the same for every SQL engine.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dashcam.store.base import ApiKey
from dashcam.store.table import api_keys


class KeyRows:
    """What a SQL store does with keys; mixed into it."""

    _connection: Callable[..., AbstractContextManager[Connection]]

    def add_key(self, key: ApiKey) -> None:
        """Store a new key's row."""
        with self._connection(write=True) as connection:
            connection.execute(sa.insert(api_keys).values(**msgspec.structs.asdict(key)))

    def find_key(self, *, key_hash: str | None = None, key_id: str | None = None) -> ApiKey | None:
        """Give the row with this hash or id, revoked or not."""
        column, value = (
            (api_keys.c.id, key_id) if key_hash is None else (api_keys.c.key_hash, key_hash)
        )
        with self._connection() as connection:
            row = connection.execute(sa.select(api_keys).where(column == value)).mappings().first()
        return None if row is None else to_key(row)

    def keys(self, *, user_id: str | None = None) -> list[ApiKey]:
        """Give all keys, or those of one user, oldest first."""
        statement = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        if user_id is not None:
            statement = statement.where(api_keys.c.user_id == user_id)
        with self._connection() as connection:
            return [to_key(row) for row in connection.execute(statement).mappings()]

    def revoke_key(self, key_id: str, *, revoked_at: str) -> bool:
        """Mark a key as revoked; False when there is none, or it was revoked before."""
        statement = (
            sa.update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=revoked_at)
        )
        with self._connection(write=True) as connection:
            return connection.execute(statement).rowcount == 1


def to_key(row: Any) -> ApiKey:
    """Make a key's row of a mapping."""
    fields = {name: row[name] for name in ApiKey.__struct_fields__}
    return msgspec.convert(fields, ApiKey, strict=False)
