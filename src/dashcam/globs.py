"""Globs of paths, as settings have them: `*`, `?` and `[…]`, over the whole path."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate


def any_glob(globs: Sequence[str]) -> Callable[[str], bool]:
    """Make a test of a path: whether one of the globs fits; quick where none has a wildcard."""
    if not any(sign in glob for glob in globs for sign in "*?["):
        return frozenset(globs).__contains__
    match = re.compile("|".join(translate(glob) for glob in globs)).match
    return lambda path: match(path) is not None


def path_filter(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool] | None:
    """Make a test of a path from two lists of globs; None when every path passes.

    Args:
        include: globs of which one must fit; none: all paths pass.
        exclude: globs of which none may fit.
    """
    if not include and not exclude:
        return None
    wanted = any_glob(include) if include else None
    unwanted = any_glob(exclude)

    def wants(path: str) -> bool:
        return (wanted is None or wanted(path)) and not unwanted(path)

    return wants
