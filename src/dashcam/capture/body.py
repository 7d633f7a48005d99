"""Bodies as they pass by: what is kept of one, and how much of all of them together.

A buffer copies what it keeps, never holds more than its limit, and must cost next to nothing
for the common body of one chunk. What doesn't fit is counted, never kept.
"""

from typing import TYPE_CHECKING

from dashcam.native import native


class PythonBudget:
    """Bytes of bodies held at once over all requests (`capture_bytes`).

    Taking and giving are single additions: a race between threads can be off by a chunk for a
    moment, which a bound on memory can bear and a lock on the request path could not.
    """

    __slots__ = ("limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0

    def take(self, size: int) -> int:
        """Take up to `size` bytes; give how many were granted."""
        granted = min(size, self.limit - self.taken)
        if granted <= 0:
            return 0
        self.taken += granted
        return granted

    def give(self, size: int) -> None:
        """Give bytes back."""
        self.taken -= size


Budget = PythonBudget
if not TYPE_CHECKING and native is not None:
    Budget = native.Budget


class BodyBuffer:
    """The kept part of one body.

    Args:
        limit: bytes kept at most.
        budget: the bytes that all bodies share.
        lines: for SSE and NDJSON: keep whole lines of the head and of the tail, and leave
            out lines in the middle when the body is too long.
    """

    __slots__ = ("_budget", "_cut", "_head", "_head_limit", "_tail", "_tail_limit", "total_bytes")

    def __init__(self, limit: int, budget: Budget, *, lines: bool = False) -> None:
        self.total_bytes = 0
        self._budget = budget
        self._head: bytes | bytearray = b""
        self._tail = bytearray()
        self._tail_limit = limit // 2 if lines else 0
        self._head_limit = limit - self._tail_limit
        self._cut = False
        """Whether something was left out after the head."""

    def add(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take notice of the next piece of the body; what is mutable is copied."""
        size = len(chunk)
        self.total_bytes += size
        if not self._cut:
            head = self._head
            granted = self._budget.take(min(size, self._head_limit - len(head)))
            kept = chunk if granted == size else chunk[:granted]
            if not head:
                self._head = bytes(kept)
            else:
                if type(head) is bytes:
                    self._head = head = bytearray(head)
                head += kept
            if granted == size:
                return
            self._cut = True
            chunk = chunk[granted:]
        if self._tail_limit:
            self._add_to_tail(chunk[-self._tail_limit :])

    def _add_to_tail(self, piece: bytes | bytearray | memoryview) -> None:
        tail = self._tail
        growth = min(len(piece), self._tail_limit - len(tail))
        bound = len(tail) + (self._budget.take(growth) if growth else 0)
        tail += piece
        if len(tail) > bound:
            del tail[: len(tail) - bound]  # constant time at the front of a bytearray

    @property
    def truncated(self) -> bool:
        """Whether less is kept than passed by."""
        return len(self._head) + len(self._tail) < self.total_bytes

    def body(self) -> bytes | None:
        """Give what was kept; None when nothing may be kept.

        Of a body of lines that was too long: whole lines of its head, one line that says how
        many bytes are missing (an SSE comment), and whole lines of its tail.
        """
        if self._head_limit == 0:
            return None
        head = bytes(self._head)
        if not self._tail_limit or not self._cut:
            return head
        tail = bytes(self._tail)
        if not self.truncated:
            return head + tail
        head = head[: head.rfind(b"\n") + 1]
        tail = tail[tail.find(b"\n") + 1 :] if b"\n" in tail else b""
        omitted = self.total_bytes - len(head) - len(tail)
        return b"%s\n: [dashcam: %d bytes omitted]\n\n%s" % (head, omitted, tail)

    def release(self) -> None:
        """Give the held bytes back to the budget; the body is forgotten."""
        self._budget.give(len(self._head) + len(self._tail))
        self._head = b""
        self._tail = bytearray()
