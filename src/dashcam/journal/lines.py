"""Lines that follow each other, in one piece.

A batch has hundreds: an object for each would be made and thrown away while the GIL is held,
and the app's event loop waits for it.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

SIZE: Final = "I"
"""How the size of a line is kept: four bytes, as this machine orders them."""


class Lines(msgspec.Struct, frozen=True):
    """Any number of lines.

    Args:
        text: one after the other.
        sizes: bytes of each, four bytes a size.
        counts: how many accepted records each stands for (0: an amendment, or a gap).
    """

    text: bytes = b""
    sizes: bytes = b""
    counts: Sequence[int] = b""

    @classmethod
    def of(cls, lines: Iterable[bytes], counts: Sequence[int]) -> "Lines":
        """Put lines together."""
        kept = list(lines)
        return cls(b"".join(kept), array(SIZE, map(len, kept)).tobytes(), counts)

    @classmethod
    def joined(cls, parts: "list[Lines]") -> "Lines":
        """Put together what was read in parts, whose counts are bytes."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            b"".join(part.text for part in parts),
            b"".join(part.sizes for part in parts),
            b"".join(bytes(part.counts) for part in parts),
        )

    def __len__(self) -> int:
        return len(self.counts)

    def split(self) -> list[bytes]:
        """Give each line."""
        lines = []
        at = 0
        for size in memoryview(self.sizes).cast(SIZE):
            lines.append(self.text[at : at + size])
            at += size
        return lines

    def halves(self) -> "tuple[Lines, Lines]":
        """Give two parts of about as many lines each."""
        lines, middle = self.split(), len(self) // 2
        return (
            Lines.of(lines[:middle], self.counts[:middle]),
            Lines.of(lines[middle:], self.counts[middle:]),
        )
