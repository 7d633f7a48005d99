"""How much work one exchange may make: a bound on what a hostile body can cost."""

UNITS = 16_000
"""Of about a microsecond each, for all parts of one exchange."""
MOST_PLACES = 12_000
"""Places that are looked at in one text."""
MOST_NESTED_BYTES = 2 << 20
MOST_DEPTH = 24


class TooMuch(Exception):
    """Looking at this part would take too long; the rest of it is not kept."""


class Work:
    """What is left of the work for one exchange."""

    __slots__ = ("depth", "nested", "units")

    def __init__(self) -> None:
        self.units = UNITS
        self.nested = MOST_NESTED_BYTES
        self.depth = 0

    def spend(self, units: int) -> None:
        """Take units.

        Raises:
            TooMuch: there are not so many left.
        """
        self.units -= units
        if self.units < 0:
            raise TooMuch
