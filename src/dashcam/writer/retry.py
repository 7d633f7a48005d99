"""How long to wait before trying again: exponential, capped, with full jitter.

See "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: waiting a random time up to
the bound spreads many writers best.
"""

from collections.abc import Callable


def backoff_s(
    attempt: int, *, initial_s: float, most_s: float, random: Callable[[], float]
) -> float:
    """Give the seconds to wait after a failed attempt.

    Args:
        attempt: how many attempts have failed, from 1.
        initial_s: bound of the first wait.
        most_s: bound of any wait.
        random: gives a number from 0 up to 1.
    """
    bound = min(most_s, initial_s * 2.0 ** min(attempt - 1, 60))
    return bound * random()
