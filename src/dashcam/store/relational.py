"""What SQL stores have in common: history's questions, and rows made of the answers."""

from typing import Any

import msgspec

from dashcam.errors import StoreSetupError
from dashcam.exchange import JSON_COLUMNS
from dashcam.store import sql
from dashcam.store.base import Query, Scope, Stats, Status, StoredExchange, Summary, Timeline
from dashcam.store.keys import KeyRows


class RelationalStore(KeyRows):
    """Asks history's questions; an engine says how a statement is run."""

    prunes_by_day = False
    _dialect = sql.SQL

    def apply_retention(self, *, days: float, body_days: float) -> None:
        """Do nothing: this engine deletes what it is told to, when it is told to."""

    def schema_status(self) -> Status:
        """Tell how the database's schema relates to the one this version knows."""
        raise NotImplementedError

    def ping(self) -> None:
        """Check that the store answers, and that its schema is current."""
        status = self.schema_status()
        if status != "current":
            raise StoreSetupError(f"the schema is {status}; run `dashcam migrate`")

    def _ask(self, statement: str, values: list[Any]) -> list[Any]:
        """Run a statement with `?` places, and give its rows as mappings."""
        raise NotImplementedError

    def page(self, query: Query) -> list[Summary]:
        """Give at most `query.limit` summaries, newest first."""
        return [to_summary(row) for row in self._ask(*sql.page(query, dialect=self._dialect))]

    def records(self, query: Query) -> list[StoredExchange]:
        """Give at most `query.limit` whole rows, newest first."""
        return [
            to_exchange(row)
            for row in self._ask(*sql.page(query, dialect=self._dialect, whole=True))
        ]

    def since(self, query: Query, *, stored_after: str, after_id: str = "") -> list[Summary]:
        """Give summaries stored after a position, oldest stored first."""
        asked = sql.since(query, stored_after, after_id, dialect=self._dialect)
        return [to_summary(row) for row in self._ask(*asked)]

    def get(self, exchange_id: str, scope: Scope) -> StoredExchange | None:
        """Give one whole row of this scope."""
        rows = self._ask(*sql.get(exchange_id, scope, dialect=self._dialect))
        return to_exchange(rows[0]) if rows else None

    def timeline(self, query: Query) -> Timeline:
        """Count and measure the rows of a query over time."""
        return sql.timeline(query, self._ask, dialect=self._dialect)

    def stats(self, query: Query) -> Stats:
        """Count and measure the rows of a query."""
        return sql.stats(query, self._ask, dialect=self._dialect)


def to_summary(row: Any) -> Summary:
    """Make a row of a page of a mapping."""
    return msgspec.convert(_decoded(row), Summary, strict=False)


def to_exchange(row: Any) -> StoredExchange:
    """Make a whole row of a mapping."""
    return msgspec.convert(_decoded(row), StoredExchange, strict=False)


def _decoded(row: Any) -> dict[str, Any]:
    decoded = dict(row)
    for name in JSON_COLUMNS:
        text = decoded.get(name)
        if isinstance(text, str):
            decoded[name] = msgspec.json.decode(text)
    return decoded
