"""Which names are secret: one matcher for headers, queries, forms, JSON, XML and text.

A name is taken apart into its segments (`a[b]`, `a.b`, `a:b`) and each segment into words
(`apiKey`, `api-key`, `API_KEY`); letters that only look like Latin ones count as those. What was
found out about a name is remembered, within bounds.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from itertools import pairwise
from urllib.parse import unquote_plus

from dashcam.redaction import rules
from dashcam.settings import Settings

SAFE, OPAQUE, TEXT, ALL = range(4)
"""What may be kept under a name: everything; what doesn't look like a credential; numbers and
booleans; nothing but booleans."""

REDACTED = "[redacted]"
KNOWN_NAMES = 4096
NAME_CHARACTERS = 200

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]++|[^\W\d_A-Za-z]++")
_SEGMENTS = re.compile(r"[\[\].:\s?&;#=]++")
_SEPARATORS = re.compile(r"[_\-. ]")
_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһӏкмтвнАВЕКМНОРСТУХІЈЅοαρνικτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıſ",
    "aeopcyxijsdhlkmtbhABEKMHOPCTYXIJSoapvikтuxABEZHIKMNOPTYXis".replace("т", "t"),
)
VALUE_NAMES = frozenset((
    "value", "val", "values", "v", "input", "stringvalue", "defaultvalue", "initialvalue",
    "rejectedvalue", "invalidvalue",
))  # fmt: skip
"""In a pair, the keys of what belongs to a name: `{"name": "password", "value": …}`."""
PAIR_NAMES = frozenset((
    "name", "key", "field", "header", "headername", "param", "parameter", "parametername",
    "attribute", "property", "variable", "var", "label", "id", "k", "loc", "path", "type",
))  # fmt: skip
"""In a pair, the keys under which the name stands."""


def squeeze(name: str) -> str:
    """Give a name as globs compare it: lower case, without separators."""
    return _SEPARATORS.sub("", name).lower()


def plain_letters(name: str) -> str:
    """Write a name with Latin letters where its letters look like them, and without accents."""
    if name.isascii():
        return name
    text = unicodedata.normalize("NFKD", name.translate(_LOOK_ALIKE))
    return "".join(sign for sign in text if not unicodedata.combining(sign))


def words_of(name: str) -> list[str]:
    """Take a name apart into its words, in lower case and without digits."""
    return [word.lower() for word in _WORDS.findall(name)]


def any_of(words: Iterable[str]) -> str:
    """Make a pattern that finds the longest of some words, letter by letter."""
    by_letter: dict[str, set[str]] = {}
    ends = False
    for word in words:
        if word:
            by_letter.setdefault(word[0], set()).add(word[1:])
        else:
            ends = True
    choices = [re.escape(letter) + any_of(rests) for letter, rests in sorted(by_letter.items())]
    if not choices:
        return ""
    return f"(?:{'|'.join(choices)})" + ("?" if ends else "")


def _phrases(phrases: Iterable[str]) -> str:
    joined = ("_?".join(phrase.split()) for phrase in sorted(phrases, key=len, reverse=True))
    return "|".join(joined)


_ANYWHERE = re.compile(
    "|".join(plain_letters(phrase.replace(" ", "")) for phrase in rules.ANYWHERE)
)
_EXCEPT = re.compile(r"secretar|passwordless|credentialing")
_NUMBERS = re.compile(rf"_(?:{_phrases(rules.NUMBERS)})s?(?=_)")
_TEXTS = re.compile(rf"_(?:[a-z]*?)(?:{_phrases(rules.TEXTS)})s?(?=_)")
_WHOLE_TEXTS = re.compile(rf"_(?:{_phrases(rules.TEXTS)})s?(?=_)")
_LAST = re.compile(rf"_(?:{_phrases(rules.LAST)})s?_\Z")
_SUFFIXED = re.compile(r"_[a-z]+(?:token|apikey|cookie|jwt)s?(?=_)")
_MAYBE = re.compile(
    any_of(
        max(phrase.split(), key=len)
        for phrases in (
            rules.ANYWHERE, rules.NUMBERS, rules.TEXTS, rules.LAST, rules.OPAQUE, rules.QUERY,
            rules.QUERY_LAST,
        )
        for phrase in phrases
    )
).search  # fmt: skip
"""Finds a word of some phrase in lower case without separators; most names have none."""
_OPAQUE = frozenset(rules.OPAQUE)
_QUERY = frozenset(rules.QUERY)
_QUERY_LAST = frozenset(rules.QUERY_LAST)
_ABOUT = frozenset(rules.ABOUT)
_ABOUT_FIRST = frozenset(rules.ABOUT_FIRST)
_PIECES_FIRST = frozenset(rules.PIECES_FIRST)
_COUNTED_FIRST = frozenset(rules.COUNTED_FIRST)
_HEADER_WORDS = frozenset(rules.HEADER_WORDS)


def judge_field(segment: str) -> int:
    """Judge one segment of a field's name by the default rules."""
    words = words_of(plain_letters(segment))
    if not words or len(words) > 8 or words == ["pins"]:
        return SAFE
    joined = "_".join(words)
    canonical = f"_{joined}_"
    verdict, end = _secret_phrase(canonical, joined.replace("_", ""))
    if verdict == SAFE:
        return OPAQUE if joined in _OPAQUE else SAFE
    last = words[-1]
    if end < len(canonical) - 1 or verdict == TEXT:
        if end < len(canonical) - 1 and (last in _ABOUT or (last == "hint" and verdict == TEXT)):
            return SAFE
        if last in ("id", "ids") and words[-2] in ("token", "key") and len(words) <= 3:
            return verdict if {"access", "secret", "password"}.intersection(words) else SAFE
    if len(words) > 1:
        if words[0] in _ABOUT_FIRST:
            return SAFE
        if last in ("token", "tokens") and (
            words[-2] in _PIECES_FIRST
            or (last == "tokens" and (words[-2] in _COUNTED_FIRST or words[-2] in _ABOUT_FIRST))
        ):
            return SAFE
        if last == "cookies" and words[0] == "accept":
            return SAFE
    return verdict


def _secret_phrase(canonical: str, squeezed: str) -> tuple[int, int]:
    """Find a secret phrase; give its verdict and where in `canonical` it ends."""
    if _ANYWHERE.search(squeezed) is not None and _EXCEPT.search(squeezed) is None:
        # Where it ends among the words: the last word that any of the phrases touches.
        end = len(canonical) - 1
        while end > 0:
            shorter = canonical.rfind("_", 0, end)
            if shorter <= 0 or _ANYWHERE.search(canonical[:shorter].replace("_", "")) is None:
                break
            end = shorter
        return ALL, end
    found = _NUMBERS.search(canonical)
    if found is not None:
        return ALL, found.end()
    found = _WHOLE_TEXTS.search(canonical) or _SUFFIXED.search(canonical)
    if found is not None:
        # The last one counts: `token_count` says something of a token, `count_token` is one.
        return TEXT, max(found.end(), *(each.end() for each in _WHOLE_TEXTS.finditer(canonical)), 0)
    found = _LAST.search(canonical)
    if found is not None:
        return TEXT, len(canonical) - 1
    return SAFE, 0


class Names:
    """A test of names; those that were judged are remembered.

    Args:
        globs: names with `*` and `?` that are secret besides.
        judge: the default rules for one segment of a name; None: the globs alone count.
    """

    def __init__(self, globs: Sequence[str], judge: Callable[[str], int] | None) -> None:
        exact = {squeeze(glob) for glob in globs if not _is_glob(glob)}
        patterns = [translate(squeeze(glob)) for glob in globs if _is_glob(glob)]
        self._exact = frozenset(exact)
        self._pattern = re.compile("|".join(patterns)).match if patterns else None
        self._judge = judge
        self.safe: set[str] = set()
        """Names, as they are written, under which everything may stay."""
        self._known: dict[str, int] = {}
        self._segments: dict[str, int] = {}

    def verdict(self, name: str) -> int:
        """Tell what may be kept under a name, as it is written."""
        if name in self.safe:
            return SAFE
        known = self._known.get(name)
        if known is not None:
            return known
        verdict = self._look(name[:NAME_CHARACTERS])
        if len(name) <= NAME_CHARACTERS:
            if verdict == SAFE and squeeze(name) not in VALUE_NAMES and "\\" not in name:
                if len(self.safe) >= KNOWN_NAMES:
                    self.safe.clear()
                self.safe.add(name)
            else:
                if len(self._known) >= KNOWN_NAMES:
                    self._known.clear()
                self._known[name] = verdict
        return verdict

    def _look(self, name: str) -> int:
        if self.is_listed(name):
            return ALL
        if "/" in name and "[" not in name:
            return SAFE  # a path or an address
        segments = [segment for segment in _SEGMENTS.split(name) if segment]
        if len(segments) > 1 and "[" in name:
            # `card[number]`: two segments may be one name, as in `card_number`.
            segments += [
                f"{one}_{two}" for one, two in pairwise(segments) if two in ("number", "num")
            ]
        if len(segments) > 1 and any(self.is_listed(segment) for segment in segments):
            return ALL
        if self._judge is None:
            return SAFE
        if name.isascii() and "%" not in name and _MAYBE(squeeze(name)) is None:
            return SAFE
        if "%" in name:
            name = unquote_plus(name)
            segments = [segment for segment in _SEGMENTS.split(name) if segment]
        if "[" not in name and ("." in name or ":" in name):
            return self._judge(name)  # `password.required` is one name
        if " " in name.strip():
            # "card number": words of one name; a sentence is none.
            return self._judge(name) if name.count(" ") <= 3 and len(name) <= 60 else SAFE
        return max(map(self._segment, segments), default=SAFE)

    def _segment(self, segment: str) -> int:
        """Judge one of several segments: `users[7][name]` has the same ones for each user."""
        verdict = self._segments.get(segment)
        if verdict is None:
            assert self._judge is not None
            verdict = self._judge(segment)
            if len(self._segments) >= KNOWN_NAMES:
                self._segments.clear()
            self._segments[segment] = verdict
        return verdict

    def is_listed(self, name: str) -> bool:
        """Tell whether the settings name it."""
        squeezed = squeeze(name)
        return squeezed in self._exact or (
            self._pattern is not None and self._pattern(squeezed) is not None
        )

    def is_secret(self, name: str) -> bool:
        """Tell whether texts under a name are removed whatever they look like."""
        return self.verdict(name) >= TEXT


def judge_query(segment: str) -> int:
    """Judge one segment of a name in a query, a form or a URL."""
    verdict = judge_field(segment)
    if verdict >= TEXT:
        return ALL
    words = words_of(plain_letters(segment))
    joined = "_".join(words)
    if joined in _QUERY or (words and words[-1] in _QUERY_LAST):
        return ALL
    return verdict


def _listed(globs: Iterable[str]) -> Callable[[str], bool]:
    """Make a test of a name against globs that have a star at their ends only."""
    exact = {glob for glob in globs if "*" not in glob}
    begins = tuple(glob[:-1] for glob in globs if glob.endswith("*") and glob[0] != "*")
    ends = tuple(glob[1:] for glob in globs if glob[0] == "*" and not glob.endswith("*"))
    parts = [glob[1:-1] for glob in globs if glob[0] == "*" and glob.endswith("*")]

    def is_listed(name: str) -> bool:
        return (
            name in exact
            or name.startswith(begins)
            or name.endswith(ends)
            or any(part in name for part in parts)
        )

    return is_listed


_is_harmless_header = _listed(rules.HARMLESS_HEADERS)
_is_listed_header = _listed(rules.HEADERS)


def judge_header(name: str) -> int:
    """Judge a header's name, in lower case."""
    if _is_listed_header(name):
        return ALL
    if _is_harmless_header(name):
        return SAFE
    words = words_of(name)
    if words and (words[-1] == "tokens" or words[-1] in _ABOUT) and judge_field(name) == SAFE:
        return SAFE
    for word in words:
        if word in _HEADER_WORDS or (word.endswith("s") and word[:-1] in _HEADER_WORDS):
            return ALL
        if word.startswith("auth") and not word.startswith(("author", "authentic")):
            return ALL
        if word.startswith(("authoriz", "authentic")) or word.endswith(("token", "apikey")):
            return ALL
    return ALL if judge_field(name) == ALL else SAFE


class HeaderNames(Names):
    """A test of headers' names, which have no segments."""

    def _look(self, name: str) -> int:
        if self.is_listed(name):
            return ALL
        return SAFE if self._judge is None else self._judge(name)


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


class Rules:
    """The names of one recorder: the defaults with what the settings add, or in their place."""

    def __init__(self, settings: Settings) -> None:
        self.headers = HeaderNames(
            *_chosen(judge_header, settings.redact_headers, settings.replace_redact_headers)
        )
        self.fields = Names(
            *_chosen(judge_field, settings.redact_fields, settings.replace_redact_fields)
        )
        self.query = Names(
            *_chosen(judge_query, settings.redact_query, settings.replace_redact_query)
        )


def _chosen(
    judge: Callable[[str], int], added: tuple[str, ...], replaced: tuple[str, ...] | None
) -> tuple[tuple[str, ...], Callable[[str], int] | None]:
    return (added, judge) if replaced is None else (replaced + added, None)
