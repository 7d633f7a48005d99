"""JSON texts, whole or cut anywhere: secret values replaced, everything else left as it was.

The common text has no secret in it, and that is found out by a few C calls: is it JSON at all
(msgspec), and which keys are there. Only then the text is walked token by token. Linear in
the text, and no recursion.
"""

import json
import re
from collections.abc import Iterator

import msgspec

from dashcam.redaction.rules import REDACTED, Names

_validate = msgspec.json.Decoder(msgspec.Raw).decode
_KEYS = re.compile(r'"([^"]*+)"(?:\s|\\[nrt])*+:')
_QUOTE = "\\u0022"  # how a key inside a string may be quoted
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_MOST_EMBEDDED = 3


class NotJson(ValueError):
    """The text is not what its content type claims."""


def may_hold_secret(text: str, names: Names) -> bool:
    """Tell cheaply whether any key of this text is secret, or can't be judged as it stands.

    Every key follows a quote and ends at a quote and a colon; the search may take more than
    keys for keys, and misses only those that begin with a colon. A name with a backslash is
    written with escapes, or is a key of JSON inside a string.
    """
    found = _KEYS.findall(text)
    if _QUOTE in text:
        return True
    if names.safe.issuperset(found):
        return False
    return any("\\" in name or names.is_secret(name) for name in found)


def plain_json(data: bytes, names: Names) -> str | None:
    """Give the text of JSON in UTF-8 that holds no secret; None when it needs a closer look."""
    try:
        text = data.decode()
        _validate(data)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    if names.safe.issuperset(_KEYS.findall(text)) and _QUOTE not in text:
        return text
    return None


def redact_json(
    text: str, data: bytes, names: Names, removed: set[str], *, cut: bool, depth: int = 0
) -> str:
    """Replace the values of secret keys at any depth.

    Args:
        text: the JSON text.
        data: the same as UTF-8.
        names: which keys are secret.
        removed: the names of what was replaced are added to it.
        cut: whether the text's end is missing. A value that is cut goes from its key onward.
        depth: how many JSON texts this one is embedded in.

    Raises:
        NotJson: the text is not JSON (or, when cut, not the start of it).
    """
    if not cut:
        _check(text, data)
    if not cut and not may_hold_secret(text, names):
        return text
    return _splice(text, names, removed, cut=cut, depth=depth)


def _check(text: str, data: bytes) -> None:
    try:
        _validate(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        # Lone surrogates are JSON, and JavaScript writes them, but msgspec doesn't take them.
        if "\\ud" not in text and "\\uD" not in text:
            raise NotJson from error
        try:
            json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise NotJson from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _splice(text: str, names: Names, removed: set[str], *, cut: bool, depth: int) -> str:
    """Walk the tokens; keep what isn't secret byte for byte."""
    parts: list[str] = []
    kept = 0
    tokens = _TOKEN.finditer(text)
    open_: list[str] = []
    key: str | None = None
    key_at = 0
    last_string = ""
    last_at = 0
    before = ""
    for match in tokens:
        token = match.group()
        first = token[0]
        if first == '"':
            if not _is_whole(token):
                return _cut_off(
                    text,
                    parts,
                    kept,
                    key_at if before == ":" else match.start(),
                    names,
                    removed,
                    key if before == ":" else None,
                    depth,
                )
            if before == ":" and key is not None and names.is_secret(key):
                removed.add(key)
                parts += (text[kept : match.start()], f'"{REDACTED}"')
                kept = match.end()
            elif "\\" in token and depth < _MOST_EMBEDDED:
                inner = _redact_embedded(token, names, removed, depth)
                if inner is not None:
                    parts += (text[kept : match.start()], inner)
                    kept = match.end()
            last_string, last_at = token, match.start()
        elif first == ":":
            if before[:1] != '"':
                raise NotJson
            key, key_at = _unescape(last_string), last_at
        elif first in "{[":
            if before == ":" and key is not None and names.is_secret(key):
                end = _skip_value(tokens, match.end())
                if end < 0:  # the value is cut
                    removed.add(key)
                    return _joined(parts, text[kept:key_at])
                removed.add(key)
                parts += (text[kept : match.start()], f'"{REDACTED}"')
                kept = end
                token = "}"
            else:
                open_.append(first)
        elif first in "}]":
            if not open_ or (open_.pop() == "{") != (first == "}"):
                raise NotJson
        elif first != ",":
            if before == ":" and key is not None and names.is_secret(key):
                removed.add(key)
                parts += (text[kept : match.start()], f'"{REDACTED}"')
                kept = match.end()
            elif not _is_scalar(token, may_be_cut=cut and match.end() == len(text)):
                raise NotJson
        before = token
    if cut and before == ":" and key is not None and names.is_secret(key):
        removed.add(key)
        return _joined(parts, text[kept:key_at])
    if not parts:
        return text
    return _joined(parts, text[kept:])


def _cut_off(
    text: str,
    parts: list[str],
    kept: int,
    at: int,
    names: Names,
    removed: set[str],
    key: str | None,
    depth: int,
) -> str:
    """End a text whose last string is cut: a secret value goes with its key, a key goes."""
    if key is None:
        # A cut key, or a cut string in a list: what it would have become isn't known.
        return _joined(parts, text[kept:at])
    if names.is_secret(key):
        removed.add(key)
        return _joined(parts, text[kept:at])
    tail = text[at:]
    if "\\" in tail:  # it may be JSON in a string, cut in the middle of a secret
        return _joined(parts, text[kept:at])
    return _joined(parts, text[kept:])


def _joined(parts: list[str], rest: str) -> str:
    return "".join((*parts, rest))


def _is_whole(token: str) -> bool:
    if len(token) < 2 or token[-1] != '"':
        return False
    backslashes = len(token) - 1 - len(token[:-1].rstrip("\\"))
    return backslashes % 2 == 0


def _skip_value(tokens: Iterator[re.Match[str]], end: int) -> int:
    """Pass over an object or array that has just begun; give where it ends, -1 when it's cut."""
    depth = 1
    for match in tokens:
        first = match.group()[0]
        if first in "{[":
            depth += 1
        elif first in "}]":
            depth -= 1
            if depth == 0:
                return int(match.end())
        elif first == '"' and not _is_whole(match.group()):
            return -1
    return -1


def _unescape(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        return str(json.loads(token))
    except ValueError:
        raise NotJson from None


def _redact_embedded(token: str, names: Names, removed: set[str], depth: int) -> str | None:
    """Redact JSON that is the value of a string, as in the arguments of an LLM's tool call."""
    try:
        inner = json.loads(token)
    except ValueError:
        raise NotJson from None
    if inner.lstrip()[:1] not in ("{", "["):
        return None
    if not may_hold_secret(inner, names):
        return None
    data = inner.encode("utf-8", "surrogatepass")
    found: set[str] = set()
    try:
        redacted = redact_json(inner, data, names, found, cut=False, depth=depth + 1)
    except NotJson:
        return None  # text that only begins like JSON
    if not found:
        return None
    removed |= found
    return json.dumps(redacted, ensure_ascii=False)


_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?+(?:[eE][+-]?\d++)?+")


def _is_scalar(token: str, *, may_be_cut: bool) -> bool:
    if token in ("true", "false", "null") or _NUMBER.fullmatch(token):
        return True
    if not may_be_cut:
        return False
    if token[0] in "-0123456789":
        return not token.strip("-+.eE0123456789")
    return any(word.startswith(token) for word in ("true", "false", "null"))
