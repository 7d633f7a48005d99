"""Following a store as records arrive: each once, and again only when it was amended."""

from dashcam.store.base import Query, Store, Summary

REMEMBERED = 5000


class Follower:
    """Asks a store for what is new.

    `stored_at` is set before the commit, so a row may appear behind one that was seen: each
    poll overlaps the last, and leaves out what it has shown.

    Args:
        store: where to look.
        query: which rows.
        last: how many of the newest rows to begin with.
    """

    def __init__(self, store: Store, query: Query, *, last: int) -> None:
        self._store = store
        self._query = query
        self._seen: dict[str, int] = {}
        self._recent: list[str] = []
        self._last = last
        self._begun = False

    def poll(self) -> list[tuple[Summary, bool]]:
        """Give what is new, oldest first, and whether it is a later word on a known record."""
        rows: list[Summary]
        if not self._begun:
            if self._store.schema_status() != "current":
                return []  # nothing has been stored yet
            self._begun = True
            if self._last:
                rows = self._store.page(_limited(self._query, self._last))[::-1]
            else:
                rows = self._store.page(_limited(self._query, 100))[::-1]
            new = self._take(rows)
            return new if self._last or len(rows) < 100 else []
        after = self._recent[-200] if len(self._recent) >= 200 else (self._recent or [""])[0]
        return self._take(self._store.since(self._query, stored_after=after))

    def _take(self, rows: list[Summary]) -> list[tuple[Summary, bool]]:
        new = []
        for row in rows:
            known = self._seen.get(row.id)
            if known is not None and known >= row.revision:
                continue
            new.append((row, known is not None))
            self._seen[row.id] = row.revision
            if row.stored_at is not None:
                self._recent.append(row.stored_at)
        self._recent = sorted(self._recent)[-REMEMBERED:]
        while len(self._seen) > 4 * REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return new


def _limited(query: Query, limit: int) -> Query:
    import msgspec

    return msgspec.structs.replace(query, limit=limit)
