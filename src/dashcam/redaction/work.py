"""How much work one exchange may make: a bound on what a hostile body can cost."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

UNITS = 8_000
"""Of about a microsecond each, for a body, and for all other parts of an exchange. What each step
costs was measured; `benchmarks/bench_redaction.py` finds a step that is charged too little."""
GRACE = 600
"""Units with which a part that has used up all is brought to its end."""
MOST_PLACES = 6_000
"""Places that are looked at in one text."""
MOST_NESTED_BYTES = 1 << 20
MOST_DEPTH = 24


class TooMuch(Exception):
    """Looking at this part would take too long; the rest of it is not kept."""


class Work:
    """What is left of the work for one exchange."""

    __slots__ = ("depth", "ends", "nested", "units")

    def __init__(self) -> None:
        self.units = UNITS
        self.nested = MOST_NESTED_BYTES
        self.depth = 0
        self.ends = 8

    def spend(self, units: int) -> None:
        """Take units.

        Raises:
            TooMuch: there are not so many left.
        """
        self.units -= units
        if self.units < 0:
            raise TooMuch

    def end(self) -> None:
        """Allow what it takes to close the present part.

        Raises:
            TooMuch: too many parts were closed so already.
        """
        self.ends -= 1
        if self.ends < 0:
            raise TooMuch
        self.units = max(self.units, 0) + GRACE


def may_go_on(reader: "Reader", units: int) -> bool:
    """Spend units; False where there are none left: then the rest of the part isn't kept."""
    try:
        reader.work.spend(units)
    except TooMuch:
        reader.work.end()
        reader.shortened = True
        return False
    return True
