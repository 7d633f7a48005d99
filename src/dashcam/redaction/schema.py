"""Values that may stay under a secret name: descriptions of it, messages, pieces of text."""

import re
from typing import Any

from dashcam.redaction.names import squeeze
from dashcam.redaction.prose import is_message
from dashcam.redaction.shapes import is_mixed

_PIECE = re.compile(
    r"(?:[\s\u2581\u0120\u010a]|##)*+(?:[^\W\d_]{1,20}|\d{1,4}|[^\w\s]{1,8}|)[^\w\s]{0,3}\s*+"
)


def is_message_value(value: Any) -> bool:
    """Tell whether an element of a list is a validation's message."""
    if isinstance(value, dict):
        return "message" in value and all(
            key in ("message", "code", "type", "error", "params")
            and not (isinstance(each, str) and is_mixed(each))
            for key, each in value.items()
        )
    return isinstance(value, str) and is_message(value)


def is_token_object(value: Any) -> bool:
    """Tell whether an object is a token of a text, or of a block chain."""
    if not isinstance(value, dict):
        return False
    if "text" in value and ("id" in value or "logprob" in value or "special" in value):
        return True
    return not _TOKEN_KEYS.isdisjoint(value) and all(
        not isinstance(each, str) or len(each) <= 100 for each in value.values()
    )


_TOKEN_KEYS = frozenset(("piece", "start_offset", "logprob", "offset", "symbol", "decimals"))


def is_piece(text: str) -> bool:
    """Tell whether a token is a piece of text, as language models make them."""
    return len(text) <= 28 and _PIECE.fullmatch(text) is not None


def texts_of(value: Any) -> list[str]:
    """Give the texts in a value of JSON, in order; blank ones aside."""
    found: list[str] = []
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, dict):
            pending += reversed(each.values())
        elif isinstance(each, list):
            pending += reversed(each)
    return [text for text in found if text.strip()]


def has_numbers(value: Any) -> bool:
    """Tell whether a value of JSON holds a number."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            pending += each.values()
        elif isinstance(each, list):
            pending += each
        elif each is not None and not isinstance(each, (bool, str)):
            return True
    return False


def is_schema(value: dict[str, Any]) -> bool:
    """Tell whether an object describes a field and holds no value of it."""
    kind = value.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "scopes" in value and not value.keys() - {
        "scopes",
        "tokenUrl",
        "refreshUrl",
        "authorizationUrl",
    }:
        return True
    described = all(isinstance(each, str) and _WORD.fullmatch(each) for each in kinds) or any(
        key in value for key in ("$ref", "anyOf", "oneOf", "allOf")
    )
    if described:
        return all(_describes(key, each, 0) for key, each in value.items())
    # A form's or a translation's words: a label, a placeholder, a message.
    return all(
        (squeeze(key) in _LABELS and isinstance(each, str) and not any(map(is_mixed, each.split())))
        or (
            key == "reasons"
            and isinstance(each, list)
            and all(str(word).isalpha() for word in each)
        )
        for key, each in value.items()
    )


_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,30}")
_LABELS = frozenset((
    "hint", "empty", "label", "placeholder", "title", "help", "helptext", "description", "error",
    "errors", "required", "invalid", "tooltip", "heading", "subtitle", "button", "legend",
    "caption", "message", "short", "weak", "strong", "mismatch", "confirm", "show", "hide",
    "forgot",
))  # fmt: skip
_DESCRIPTIVE = frozenset((
    "type", "title", "description", "format", "pattern", "$ref", "in", "name", "scheme",
    "bearerFormat", "openIdConnectUrl", "contentEncoding", "contentMediaType", "widget", "label",
    "placeholder", "help_text", "helpText", "style", "flow", "tokenUrl", "authorizationUrl",
    "refreshUrl", "analyzer", "search_analyzer", "normalizer", "$comment", "$id", "$schema",
    "externalDocs", "summary", "propertyName", "errorMessage", "env", "env_names", "index",
    "similarity", "component", "control",
))  # fmt: skip
_STRUCTURAL = frozenset((
    "scopes", "enum", "choices", "required", "items", "properties", "anyOf", "oneOf", "allOf",
    "not", "flows", "fields", "additionalProperties", "parameters", "availableScopes", "children",
    "patternProperties", "discriminator", "mapping", "if", "then", "else",
))  # fmt: skip


def _describes(key: str, value: Any, depth: int) -> bool:
    """Tell whether a key and its value say something about a field."""
    if value is None or isinstance(value, (bool, int, float)) or value in ("", [], {}):
        return (
            key not in ("default", "const", "example", "value")
            or not isinstance(value, (int, float))
            or isinstance(value, bool)
        )
    if key in _DESCRIPTIVE or key.startswith("x-"):
        return isinstance(value, (str, list, dict))
    if isinstance(value, str):
        return key in ("default", "example", "const") and not is_mixed(value)
    if depth > 8:
        return False
    if isinstance(value, list) and key == "examples":
        return all(isinstance(each, str) and not is_mixed(each) for each in value)
    if isinstance(value, list):
        return (key in _STRUCTURAL or key == "security") and all(
            isinstance(each, str)
            or (
                isinstance(each, dict) and all(_describes(k, v, depth + 1) for k, v in each.items())
            )
            for each in value
        )
    return key in _STRUCTURAL and all(
        isinstance(each, str)
        or _describes(k if k in _STRUCTURAL or k in _DESCRIPTIVE else "properties", each, depth + 1)
        for k, each in value.items()
    )
