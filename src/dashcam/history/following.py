"""Following a store as records arrive: each once, and again only when it was amended."""

from datetime import datetime, timedelta

import msgspec

from dashcam.store.base import Query, Store, Summary

OVERLAP_S = 2.0
"""`stored_at` is set before the commit: a row may appear so much behind one that was seen."""
STEP_ROWS = 1000
MOST_STEPS = 20


class Follower:
    """Asks a store for what is new.

    Args:
        store: where to look.
        query: which rows.
        last: how many of the newest rows to begin with.
        after: begin behind this position `(stored_at, id)` instead, as a stream that was cut.
        seen: ids and revisions that are known already.
    """

    def __init__(
        self,
        store: Store,
        query: Query,
        *,
        last: int = 0,
        after: tuple[str, str] | None = None,
        seen: dict[str, tuple[int, str]] | None = None,
    ) -> None:
        self._store = store
        self._query = query
        self._last = last
        self._newest = after[0] if after else ""
        self._begun = after is not None
        self._from_nothing = False
        self._exactly_after = None if seen else after
        self.seen = dict(seen or {})
        """Revision and `stored_at` by id, in the order in which they were given."""

    def poll(self) -> list[tuple[Summary, bool]]:
        """Give what is new, oldest first, and whether it is a later word on a known record."""
        if not self._begun:
            status = self._store.schema_status()
            if status != "current":
                self._from_nothing = status == "empty"  # whatever comes then is new
                return []
            self._begun = True
            if not self._from_nothing or self._last:
                return self._begin()
        new = []
        position = self._exactly_after or (_earlier(self._newest), "")
        self._exactly_after = None
        for _ in range(MOST_STEPS):
            query = msgspec.structs.replace(self._query, limit=STEP_ROWS)
            rows = self._store.since(query, stored_after=position[0], after_id=position[1])
            new += self._take(rows)
            if len(rows) < STEP_ROWS:
                break
            position = (rows[-1].stored_at or "", rows[-1].id)
        self._forget()
        return new

    def _begin(self) -> list[tuple[Summary, bool]]:
        if self._last:
            query = msgspec.structs.replace(self._query, limit=self._last)
            return self._take(self._store.page(query)[::-1])
        # What is there now is old; what is stored from here on is new.
        # Asked without the filter: a page of rare matches would be long in finding.
        query = msgspec.structs.replace(self._query, limit=STEP_ROWS)
        known = self._store.page(Query(scope=self._query.scope, limit=STEP_ROWS))
        self._newest = max((row.stored_at or "" for row in known), default="")
        if self._newest:
            for row in self._store.since(query, stored_after=_earlier(self._newest)):
                self.seen[row.id] = (row.revision, row.stored_at or "")
        return []

    def _take(self, rows: list[Summary]) -> list[tuple[Summary, bool]]:
        new = []
        for row in rows:
            known = self.seen.get(row.id)
            if known is not None and known[0] >= row.revision:
                continue
            new.append((row, known is not None))
            self.seen.pop(row.id, None)
            self.seen[row.id] = (row.revision, row.stored_at or "")
            self._newest = max(self._newest, row.stored_at or "")
        return new

    def _forget(self) -> None:
        if len(self.seen) < 4 * STEP_ROWS:
            return
        limit = _earlier(_earlier(self._newest))
        self.seen = {each: known for each, known in self.seen.items() if known[1] >= limit}


def _earlier(stored_at: str) -> str:
    if not stored_at:
        return ""
    moment = datetime.fromisoformat(stored_at) - timedelta(seconds=OVERLAP_S)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
