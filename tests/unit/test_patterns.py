"""Every regular expression that dashcam ships, and every glob that a setting makes one of, takes linear time."""

import importlib
import itertools
import pkgutil
import re
import time

import pytest
from tests.unit.test_redaction import HOSTILE

import dashcam
from dashcam import Settings
from dashcam.globs import path_filter
from dashcam.redaction import scrub
from dashcam.redaction.names import Rules

SMALL, LARGE = 1 << 13, 1 << 16  # 8 KB, 64 KB


def shipped():
    """Find every compiled pattern that a module of dashcam's holds, also in its tuples and dicts."""
    found = {}
    for info in pkgutil.walk_packages(dashcam.__path__, "dashcam."):
        if ".migrations" in info.name or info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            for each in patterns_in(value):
                found[each] = f"{info.name}.{name}"
    rules = Rules(Settings(environ={}))
    for name in dir(rules):
        for each in patterns_in(getattr(rules, name)):
            found[each] = f"rules.{name}"
    return [pytest.param(each, id=name) for each, name in found.items()]


def patterns_in(value):
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, (tuple, list)):
        return [each for part in value for each in patterns_in(part)]
    if isinstance(value, dict):
        return [each for part in value.values() for each in patterns_in(part)]
    if getattr(value, "__self__", None) is not None:  # such as `pattern.search`
        return patterns_in(value.__self__)
    return []


def pieces(pattern):
    """Give what such a pattern may choke on: nasty pieces, and the literal parts of itself."""
    source = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )
    own = set(re.findall(r"[A-Za-z]{2,}|[-_=:./@\"'<>\\ ]", source))
    return [
        *HOSTILE.values(),
        *own,
        *(each + " " for each in own),
        "a",
        "0",
        "-",
        "_",
        ".",
        "\n",
        "é",
    ]


def spent(search, text):
    best = 9.0
    for _ in range(2):
        began = time.process_time()
        search(text)
        best = min(best, time.process_time() - began)
        if best < 0.02:
            break
    return best


def linear(search, text_of):
    """Tell how long 64 KB take, unless it is about eight times as long as 8 KB, or short."""
    large = spent(search, text_of(LARGE))
    if large < 0.05:
        return None
    small = spent(search, text_of(SMALL))
    return None if large < 16 * small else (small, large)


@pytest.mark.parametrize("pattern", shipped())
def test_every_shipped_pattern_is_linear(pattern):
    """64 KB of each nasty piece, and of pairs of them, cost about eight times what 8 KB cost."""
    as_bytes = isinstance(pattern.pattern, bytes)

    def search(text):
        given = text.encode() if as_bytes else text
        for _ in pattern.finditer(given):
            pass
        pattern.match(given)
        pattern.fullmatch(given)

    slow = {}
    for piece, end in itertools.product(dict.fromkeys(pieces(pattern)), ("", "!", "\x00")):
        found = linear(search, lambda size, p=piece, e=end: (p * (size // len(p) + 1))[:size] + e)
        if found:
            slow[piece + end] = found
    assert slow == {}


def test_the_patterns_are_found():
    """The search above does find those that matter most."""
    names = " ".join(each.id for each in shipped())
    for part in (
        "redaction.scrub",
        "redaction.markup",
        "redaction.named",
        "redaction.shapes",
        "redaction.json_text",
        "failed_logs",
        "history",
    ):
        assert part in names, names


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_scrubbing_is_linear(text):
    """What is looked for in errors, tags and tracebacks."""
    assert linear(scrub, lambda size: (text * size)[:size]) is None


@pytest.mark.parametrize("glob", ["*a*a*a*a*b", "/*/*/*/*/x", "*" * 20 + "y", "[a-z]*[a-z]*[0-9]"])
def test_globs_of_settings_are_linear(glob):
    """include_paths, exclude_paths and llm_paths: a hostile path against a glob with many wildcards."""
    wants = path_filter([glob], [])
    assert linear(wants, lambda size: "/" + "a" * size) is None
    assert linear(wants, lambda size: "/a" * (size // 2)) is None
