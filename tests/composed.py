"""Composes exchanges that hide a secret, records them, and searches every file for the secret.

    python -m tests.composed --count 100000 --seed 1 [--pure] [--wsgi] [--innocent]

A composed exchange is a `Plan`: where the secret is, in which format, how the format is written,
what it is embedded in, under which name, as what kind of value, in which encoding, and whether
the app says it again elsewhere. A plan follows from a seed and a number alone, and `assemble`
makes of it the bytes that a client and an app would send.

Exchanges go through a real recorder in batches. The files are searched before and after
delivery and after the recorder is closed: for every piece of six characters of a secret (four in
a stream that is told in fragments), as it is, with its characters escaped, and in base64.
What leaks is run again alone and made as simple as it can be while it still leaks.

With `--innocent` names and values are such that nobody would hide: then nothing may be removed.
"""

import argparse
import asyncio
import contextlib
import csv
import dataclasses
import gzip
import html
import io
import itertools
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import zlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

BATCH = 400
WHOLE = 64 << 10
"""The `max_body_bytes` of a batch in which nothing is cut."""

PIECE, FRAGMENT = 6, 4
"""How many characters of a secret in a row are a leak; and in a stream told in fragments."""

UPPER, LOWER, DIGITS = "GHJKMNPQRSTVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789"


# ---- Secrets: every third character is a capital letter that no id, hash or date has.


def fresh(rng: Random, size: int, rest: str = LOWER + DIGITS) -> str:
    """Make a random word of letters and digits that is like nothing else in a record."""
    phase = rng.randrange(3)
    letters = [rng.choice(UPPER if (at + phase) % 3 == 0 else rest) for at in range(size)]
    others = [at for at in range(size) if (at + phase) % 3]
    letters[rng.choice(others[::2])] = rng.choice(DIGITS)
    if rest != UPPER + DIGITS:
        letters[rng.choice(others[1::2])] = rng.choice(LOWER)
    return "".join(letters)


def two(sign: str) -> Callable[[Random], str]:
    """Make values of two words around a sign; each word is long enough to be found alone."""
    return lambda rng: fresh(rng, rng.randrange(6, 12)) + sign + fresh(rng, rng.randrange(6, 12))


def jwt(rng: Random) -> str:
    claims = urlsafe_b64encode(json.dumps({"sub": fresh(rng, 24)}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{claims}.{fresh(rng, 43)}"


def pem(rng: Random) -> str:
    kind = rng.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    lines = "\n".join(fresh(rng, 64) for _ in range(rng.randrange(1, 4)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def digits(rng: Random, size: int) -> str:
    return "".join(rng.choices(DIGITS, k=size))


VALUES: dict[str, Callable[[Random], str]] = {
    "plain": lambda rng: fresh(rng, rng.randrange(10, 25)),
    "blank": two(" "),
    "quote": two('"'),
    "apostrophe": two("'"),
    "at": two("@"),
    "slash": two("/"),
    "plus": two("+"),
    "ampersand": two("&"),
    "less than": two("<"),
    "backslash": two("\\"),
    "letter": two("é"),
}
SHAPES: dict[str, Callable[[Random], str]] = {
    "sk-": lambda rng: rng.choice(["sk-", "sk-proj-", "sk-ant-api03-"]) + fresh(rng, 40),
    "ghp_": lambda rng: rng.choice(["ghp_", "gho_", "ghs_"]) + fresh(rng, 36),
    "github_pat_": lambda rng: f"github_pat_{fresh(rng, 22)}_{fresh(rng, 59)}",
    "AKIA": lambda rng: "AKIA" + fresh(rng, 16, UPPER + DIGITS),
    "eyJ": jwt,
    "xoxb-": lambda rng: f"xoxb-{digits(rng, 12)}-{digits(rng, 12)}-{fresh(rng, 24)}",
    "glpat-": lambda rng: "glpat-" + fresh(rng, 20),
    "hf_": lambda rng: "hf_" + fresh(rng, 34),
    "SG.": lambda rng: f"SG.{fresh(rng, 22)}.{fresh(rng, 43)}",
    "whsec_": lambda rng: "whsec_" + fresh(rng, 32),
    "AIza": lambda rng: "AIza" + fresh(rng, 35),
    "npm_": lambda rng: "npm_" + fresh(rng, 36),
    "PEM": pem,
}
FIXED = ("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiAi", "PRIVATE", "OPENSSH", "ENCRYPTED")
"""What a shape has that is no secret."""
PREFIX = re.compile(r"sk-(?:proj-|ant-api03-)?|gh[pos]_|github_pat_|xoxb|glpat-|whsec_|SG\.")


def needles_of(value: str) -> list[str]:
    """Give the words of a value that may not be found anywhere."""
    rest = PREFIX.sub(" ", value)
    for known in FIXED:
        rest = rest.replace(known, " ")
    words = [word for word in re.findall(r"[A-Za-z0-9]+", rest) if len(word) >= 6]
    return [word for word in words if not word.isdigit()]


# ---- Names

STRONG = (
    "password",
    "passWord",
    "Password",
    "newPassword",
    "user-password",
    "access_token",
    "accessToken",
    "refresh-token",
    "apiKey",
    "api_key",
    "x-api-key",
    "client_secret",
    "clientSecret",
    "privateKey",
    "secretAccessKey",
    "passphrase",
    "db_pass",
    "passwords",
    "password1",
    "auth_token",
    "csrfToken",
    "webhook_secret",
    "passwd",
)
"""Names that are secret in free text as well."""
NAMES = (
    *STRONG,
    "pin",
    "otp",
    "cvv2",
    "ssn",
    "iban",
    "card_number",
    "creditCardNumber",
    "securityCode",
    "accountNumber",
    "connectionString",
    "database_url",
    "session_id",
    "credentials",
    "jwt",
    "authorization",
    "cookie",
    "tokens",
    "pw",
)
INNOCENT = {
    "user": "ada{}",
    "email": "ada{}@example.com",
    "title": "The house of {}",
    "city": "river{}",
    "comment": "we met {} of them, all well",
    "description": "A table; {} pieces, and more.",
    "items": "lamp{}",
    "author": "Grace {}",
    "key_name": "main{}",
    "page": "{}",
    "limit": "{}",
    "total": "{}",
    "token_count": "{}",
    "max_tokens": "{}",
    "prompt_tokens": "{}",
    "created_at": "2026-01-31T12:00:00.{}Z",
    "status": "open{}",
    "url": "https://example.com/items/{}?page=2",
    "input_cost_per_token": "0.0000{}",
    "progressToken": "{}",
    "token_type": "bearer",
}
"""Names that hardly anybody would call secret, and what their values look like."""
NUMBERS = (
    "page",
    "limit",
    "total",
    "token_count",
    "max_tokens",
    "prompt_tokens",
    "input_cost_per_token",
    "progressToken",
)
JSON_ONLY = ("input_cost_per_token", "progressToken", "token_type")
"""Innocent by their value, which only JSON tells."""
BESIDE: tuple[tuple[str, Any], ...] = (
    ("user", "ada"),
    ("city", "Zürich"),
    ("page", 2),
    ("ok", True),
    ("comment", 'he said "hello": and went'),
    ("size", 1.5),
    ("next", None),
    ("items", [1, 2, {"title": "lamp"}]),
    ("max_tokens", 256),
)


# ---- Plans

PLACES = {
    "request body": 36,
    "response body": 26,
    "query": 9,
    "request header": 9,
    "response header": 6,
    "path": 3,
    "error": 6,
    "tags": 5,
}
FORMS = {
    "request body": {
        "json": 36,
        "ndjson": 7,
        "json sequence": 3,
        "sse": 4,
        "form": 13,
        "multipart": 10,
        "xml": 10,
        "csv": 3,
        "html": 1,
        "text": 9,
    },
    "response body": {
        "json": 34,
        "ndjson": 7,
        "json sequence": 3,
        "sse": 10,
        "form": 2,
        "xml": 8,
        "html": 6,
        "csv": 3,
        "text": 9,
        "stream": 9,
    },
    "query": {"form": 1},
    "request header": {"exact": 3, "words": 3, "url": 4, "unknown": 3},
    "response header": {"exact": 2, "words": 3, "url": 4, "unknown": 3},
    "path": {"path": 1},
    "error": {"text": 1},
    "tags": {"tags": 1},
}
JSON_FORMS = ("json", "ndjson", "json sequence", "sse")
JSON_CORES = {
    "pair": 14,
    "pair in a list": 3,
    "pair of an object": 3,
    "name and value": 3,
    "key and value": 3,
    "value and name": 2,
    "list pair": 3,
    "loc and input": 2,
    "environment": 3,
    "graphql variables": 2,
    "graphql inline": 2,
    "form in a string": 3,
    "url in a string": 3,
    "text in a string": 5,
    "shape": 8,
}
TEXT_CORES = {
    "colon": 4,
    "equals": 4,
    "quoted pair": 4,
    "double quoted pair": 3,
    "json": 4,
    "list": 3,
    "bytes": 3,
    "variable": 3,
    "url password": 4,
    "bearer": 4,
    "sig": 3,
    "account key": 3,
    "odbc": 3,
    "shape": 8,
}
URL_KINDS = {"query": 4, "fragment": 2, "user": 3, "nested": 2, "relative": 3}
HEADERS = {
    ("request header", "exact"): (
        "authorization: Bearer {}",
        "authorization: {}",
        "authorization: Token {}",
        "authorization: Basic {}",
        "proxy-authorization: Bearer {}",
        "cookie: sid={}; theme=dark",
        "x-api-key: {}",
        "x-auth-token: {}",
        "x-csrf-token: {}",
        "x-amz-security-token: {}",
        "x-goog-api-key: {}",
        "private-token: {}",
        "x-hub-signature-256: sha256={}",
        "x-session-id: {}",
        "dpop: {}",
    ),
    ("response header", "exact"): (
        "set-cookie: sid={}; Path=/; HttpOnly",
        "x-access-token: {}",
        "x-refresh-token: {}",
        "x-csrf-token: {}",
        "authorization: Bearer {}",
        'authentication-info: nextnonce="{}"',
    ),
    "words": (
        "x-acme-token: {}",
        "acme-token: {}",
        "acme-signature: t=1,v1={}",
        "x-foo-api-key: {}",
        "x-initech-secret: {}",
        "acme-auth-token: {}",
        "x-acme-session-id: {}",
        "x-acme-jwt: {}",
        "x-acme-password: {}",
        "acme-client-secret: {}",
        "x-acme-access-key: {}",
        "x-user-access-token: {}",
        "x-acme-webhook-signature: v1,{}",
        "x-acme-credentials: {}",
    ),
    ("request header", "url"): (
        "referer: {}",
        "x-original-uri: {}",
        "x-original-url: {}",
        "x-forwarded-uri: {}",
        "x-rewrite-url: {}",
        "hx-current-url: {}",
        "destination: {}",
    ),
    ("response header", "url"): (
        "location: {}",
        "content-location: {}",
        'link: <{}>; rel="next"',
        "refresh: 0; url={}",
        "hx-redirect: {}",
    ),
    ("request header", "unknown"): (
        "x-acme-note: see {} please",
        "x-acme-callback: {}",
        "user-agent: robot (+{})",
        "x-request-id: job-{}",
    ),
    ("response header", "unknown"): ("x-acme-note: see {} please", "x-acme-next: {}"),
}
INNOCENT_HEADERS = {
    "words": ("x-acme-{name}: {}", "x-acme-status: {}", "acme-city: {}"),
    "unknown": ("x-acme-note: see {} please",),
}
CORES: dict[str, dict[str, int]] = {
    **dict.fromkeys(JSON_FORMS, JSON_CORES),
    "form": {
        "pair": 5,
        "encoded key": 3,
        "a[b]": 3,
        "a[b][]": 3,
        "a[0]": 2,
        "a.b": 2,
        "url in a value": 3,
        "json in a value": 3,
        "semicolons": 2,
        "shape": 5,
    },
    "multipart": {
        "quoted": 4,
        "unquoted": 3,
        "a[b]": 2,
        "json field": 3,
        "beside a file": 3,
        "line feeds": 3,
        "shape": 3,
    },
    "xml": {
        "element": 4,
        "attribute": 4,
        "cdata": 3,
        "nested equals": 3,
        "child with prefix": 3,
        "apostrophes": 3,
        "blanks": 3,
        "namespace": 3,
        "add key": 3,
        "xml-rpc": 3,
        "shape": 3,
    },
    "csv": {"column": 3, "quoted column": 3, "semicolons": 2, "shape": 2},
    "html": {
        "input": 3,
        "input, value first": 2,
        "input, apostrophes": 2,
        "meta": 3,
        "password input": 2,
        "shape": 2,
    },
    "text": TEXT_CORES,
    "stream": {
        "openai arguments": 3,
        "openai text": 3,
        "anthropic arguments": 3,
        "anthropic text": 3,
        "responses arguments": 3,
    },
    "path": {"shape": 3, "value of a header": 1},
    "tags": {
        "pair": 4,
        "nested": 3,
        "text": 3,
        "name and value": 2,
        "json in a string": 2,
        "bytes": 2,
        "object": 2,
        "shape": 4,
    },
}
FRAMINGS: dict[str, dict[str, int]] = {
    "ndjson": {"plain": 2, "crlf": 1},
    "sse": {
        "plain": 3,
        "crlf": 2,
        "cr": 1,
        "several data": 2,
        "event and id": 1,
        "comment": 1,
        "no blank": 1,
    },
    "error": {"plain": 4, "cause": 3, "context": 2, "note": 2, "group": 2},
}
"""How lines end in a body; which exception of a chain holds the text."""
STYLES = {
    "plain": 12,
    "compact": 3,
    "escaped key": 3,
    "escaped value": 2,
    "duplicate key": 2,
    "blanks": 3,
    "indent": 1,
    "not a number": 2,
    "lone surrogate": 1,
    "deep": 2,
    "array": 2,
}
UNCLEAR_STYLES = ("not a number", "lone surrogate", "duplicate key")
LAYERS = {"json": 4, "dumps": 2, "text and json": 2, "ndjson": 1}
"""What a JSON text may be a string of."""
LIES = {
    "json": ("text/plain", "application/x-www-form-urlencoded"),
    "ndjson": ("application/json", "text/plain"),
    "json sequence": ("text/plain",),
    "sse": ("application/json", "text/plain"),
    "form": ("text/plain",),
    "xml": ("text/plain",),
}
ENCODINGS = {
    "identity": 24,
    "gzip": 3,
    "gzip of two members": 2,
    "deflate": 1,
    "raw deflate": 1,
    "br": 2,
    "zstd": 2,
    "gzip twice": 1,
    "gzip, claimed": 1,
}
CHARSETS = {
    "utf-8": 24,
    "utf-8 with mark": 2,
    "utf-16": 2,
    "utf-16, declared": 1,
    "utf-16, undeclared": 1,
    "latin-1": 2,
    "latin-1, undeclared": 1,
}
ECHOES = {
    "request": ("input", "text", "html", "header", "location", "error"),
    "response header": ("input", "text", "request text"),
    "response body": ("header", "location", "request text"),
}
ECHOED_CORES = {
    "exact": HEADERS["request header", "exact"],
    "form": ("pair", "encoded key", "a[b]", "a[0]"),
    "json": ("pair", "name and value", "key and value", "graphql variables"),
    "xml": ("element", "attribute", "cdata"),
    "multipart": ("quoted", "unquoted", "json field"),
    "tags": ("pair", "nested"),
}
"""Where a value is said so plainly that it must be known everywhere else in the exchange."""
BARE = ("plain", "at", "slash", "plus")
ANY = tuple(VALUES)
URL_NAMES = ("code", "sig", "signature")


@dataclass(frozen=True)
class Plan:
    """The large choices of one exchange; the small ones follow from `seed`."""

    seed: str
    place: str = "request body"
    form: str = "json"
    core: str = "pair"
    framing: str = "plain"
    style: str = "plain"
    layers: tuple[str, ...] = ()
    name: str = "password"
    value: str = "plain"
    content_type: str = "right"
    encoding: str = "identity"
    charset: str = "utf-8"
    limit: int = WHOLE
    chunks: bool = False
    echo: str = ""
    twice: bool = False
    innocent: bool = False

    @property
    def cut(self) -> bool:
        """Whether the body is longer than what is kept of it."""
        return self.limit < WHOLE

    @property
    def in_lines(self) -> bool:
        """Whether the middle is left out of a body that is too long, and not its end."""
        return (
            self.place == "response body"
            and self.chunks
            and self.form in ("ndjson", "sse")
            and self.content_type == "right"
            and self.encoding == "identity"
        )

    def __str__(self) -> str:
        simple = Plan(self.seed)
        shown = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("seed", "innocent")
            and (
                field.name in ("place", "form", "core")
                or getattr(self, field.name) != getattr(simple, field.name)
            )
        }
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


def pick(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def draw(seed: int | str, number: int, *, innocent: bool = False) -> Plan:
    """Draw the plan of an exchange; it depends on nothing but the arguments."""
    rng = Random(f"{seed}/{number}")
    limit = WHOLE
    batch = number // BATCH
    if batch % 3 == 1 and not innocent:
        limit = Random(f"{seed}/limit/{batch}").randrange(120, 2500)
    while True:
        plan = _draw(rng, f"{seed}/{number}", limit, innocent)
        if is_possible(plan):
            return plan


def _draw(rng: Random, seed: str, limit: int, innocent: bool) -> Plan:
    places = {"request body": 3, "response body": 2} if limit < WHOLE else PLACES
    place = pick(rng, places)
    form = pick(rng, FORMS[place])
    if form in CORES:
        core = pick(rng, CORES[form])
    else:
        known = INNOCENT_HEADERS if innocent else HEADERS
        core = rng.choice(known.get(form) or HEADERS[place, form])
    plan = Plan(seed, place, form, core, limit=limit, innocent=innocent)
    if innocent:
        name, value = rng.choice(list(INNOCENT)), "plain"
    elif core == "shape" or form == "unknown":
        name, value = rng.choice(["comment", "note", "title", "text"]), rng.choice(list(SHAPES))
        if form == "unknown" and "x-request-id" not in core and rng.random() < 0.4:
            name, value = rng.choice(STRONG), rng.choice(ANY)
    else:
        name = rng.choice(STRONG if is_text(plan) else NAMES)
        if (form == "url" or place == "query") and rng.random() < 0.15:
            name = rng.choice(URL_NAMES)
        value = rng.choice(kinds(plan)) if rng.random() < 0.6 else "plain"
    body = place.endswith("body")
    framing = pick(rng, FRAMINGS.get(form if body else place, {"plain": 1}))
    if form in ("url", "unknown"):
        framing = pick(rng, URL_KINDS)
    layers: tuple[str, ...] = ()
    style = "plain"
    if form in JSON_FORMS:
        style = pick(rng, STYLES)
        if rng.random() < 0.35:
            depth = rng.choices([1, 2, 3, 4], [6, 3, 2, 1])[0]
            layers = tuple(pick(rng, LAYERS) for _ in range(depth))
    content_type = "right"
    if body and rng.random() < 0.2:
        content_type = rng.choice([*LIES.get(form, ()), "none"])
    plan = dataclasses.replace(
        plan,
        framing=framing,
        style=style,
        layers=layers,
        name=name,
        value=value,
        content_type=content_type,
        encoding=pick(rng, ENCODINGS) if body else "identity",
        charset=pick(rng, CHARSETS) if body else "utf-8",
        chunks=body and rng.random() < 0.4,
        twice=rng.random() < 0.25,
    )
    if form not in ECHOED_CORES or innocent or plan.cut or rng.random() < 0.7:
        return plan
    return dataclasses.replace(
        plan,
        core=rng.choice(ECHOED_CORES[form]) if form != "exact" else core,
        echo=rng.choice(ECHOES.get(place, ECHOES["request"])),
        style="plain" if style in UNCLEAR_STYLES else style,
        layers=layers[:2],
        content_type="right",
        encoding=rng.choice(["identity", "identity", plan.encoding]),
        charset=rng.choice(["utf-8", "utf-8", plan.charset]),
    )


def is_text(plan: Plan) -> bool:
    """Tell whether a name stands in free text, where only the clear ones can be known."""
    lying = plan.form == "form" and plan.content_type == "text/plain"
    return (
        lying
        or plan.form == "text"
        or plan.core in ("text in a string", "form in a string", "environment", "graphql inline")
        or (plan.form == "tags" and plan.core in ("text", "bytes", "object"))
    )


def kinds(plan: Plan) -> Sequence[str]:
    """Give the kinds of value that can stand where the plan wants one."""
    form, core = plan.form, plan.core
    if core == "shape" or (form == "unknown" and plan.value in SHAPES):
        lines = form in (*JSON_FORMS, "form", "multipart", "xml", "text", "tags", "html")
        return [shape for shape in SHAPES if lines or shape != "PEM"]
    if form == "unknown":
        return () if "x-request-id" in core else ANY
    if form in ("exact", "words", "path"):
        return ("plain", "slash", "plus")
    if core in ("list pair", "environment", "text in a string"):
        return BARE
    if form == "tags" and core in ("text", "bytes", "object"):
        return BARE
    if form == "text":
        if core in ("colon", "equals", "variable", "odbc"):
            return BARE
        if core == "url password":
            return ("plain", "at", "slash")
        if core in ("bearer", "account key"):
            return ("plain", "slash", "plus")
        if core == "sig":
            return ANY
    if core == "json" or form == "stream":
        return [kind for kind in ANY if kind != "backslash"]
    return ANY


def is_possible(plan: Plan) -> bool:
    """Tell whether the choices go together, and what they ask for can be asked for."""
    body = plan.place.endswith("body")
    form, core = plan.form, plan.core
    if plan.innocent:
        if plan.name not in INNOCENT:
            return False
    elif plan.value not in kinds(plan) or (
        plan.value not in SHAPES and plan.name not in (*NAMES, *URL_NAMES)
    ):
        return False
    in_url = form == "url" or (plan.place == "query" and core in ("pair", "encoded key"))
    if plan.name in URL_NAMES and not in_url:
        return False
    if is_text(plan) and not plan.innocent and core != "shape" and plan.name not in STRONG:
        return False
    if not body and (plan.encoding, plan.charset, plan.content_type) != (
        "identity",
        "utf-8",
        "right",
    ):
        return False
    if form == "multipart" and plan.charset not in ("utf-8", "latin-1"):
        return False
    if form == "form" and plan.content_type == "text/plain" and core not in ("pair", "shape"):
        return False
    lies = plan.content_type not in ("right", "none")
    if lies and (plan.framing == "several data" or plan.charset.startswith("utf-16")):
        return False
    if plan.framing == "several data" and plan.layers:
        return False
    if core == "loc and input" and plan.place != "response body":
        return False
    # What is told before its name, and cut in between, nobody could know.
    if plan.cut and core in ("value and name", "input, value first"):
        return False
    # A password with such a sign that is cut behind it looks like a host.
    if plan.cut and core == "url password" and plan.value != "plain":
        return False
    if form == "stream" and (plan.content_type != "right" or (plan.cut and plan.chunks)):
        return False
    if plan.echo and not is_echoed(plan):
        return False
    return not plan.innocent or is_innocent(plan)


def is_echoed(plan: Plan) -> bool:
    """Tell whether the value is said so plainly that it must be removed where it is said again."""
    request = plan.place in ("request body", "request header", "query", "tags")
    if plan.echo not in ECHOES.get("request" if request else plan.place, ()):
        return False
    if plan.echo == "header" and plan.value == "letter":
        return False
    return (
        plan.core in ECHOED_CORES.get(plan.form, ())
        and "Basic" not in plan.core
        and "sha256" not in plan.core
        and plan.content_type == "right"
        and plan.charset in ("utf-8", "utf-8 with mark", "utf-16", "latin-1")
        and plan.encoding not in ("gzip, claimed", "gzip of two members")
        and not plan.cut
        and len(plan.layers) < 3
        and plan.style not in UNCLEAR_STYLES
    )


def is_innocent(plan: Plan) -> bool:
    """Tell whether nothing of such an exchange gives a reason to remove anything."""
    if plan.name in JSON_ONLY and (plan.form not in JSON_FORMS or plan.core != "pair"):
        return False
    close = "token" in plan.name or "key" in plan.name
    if close and (
        plan.form == "words"
        or plan.core in ("a.b", "environment", "child with prefix", "list pair")
    ):
        return False  # with more to it, the name would be another one
    return (
        plan.core
        not in (
            *("shape", "password input", "variable", "url password", "bearer", "sig"),
            *("account key", "odbc", "bytes", "input", "input, value first"),
            *("input, apostrophes", "meta", "beside a file", "object"),
            *("json field", "line feeds"),
        )
        and plan.form not in ("exact", "path")
        and (plan.form not in ("unknown", "url") or plan.framing != "user")
        and plan.content_type == "right"
        and plan.encoding not in ("gzip, claimed", "gzip of two members")
        and plan.charset in ("utf-8", "utf-8 with mark", "utf-16", "latin-1")
        and plan.style not in ("not a number", "lone surrogate")
    )


# ---- Writing the formats


class Raw(str):
    """JSON that stands as it is."""


class Members(list[tuple[str, Any]]):
    """The members of a JSON object, in order; a name may be there twice."""


@dataclass
class Style:
    """How JSON is written."""

    rng: Random
    colon: str = ": "
    comma: str = ", "
    blank: str = ""
    ascii: bool = False
    escapes: tuple[str, ...] = ()
    """Strings that are written with escapes."""

    def write(self, node: Any) -> str:
        if isinstance(node, Raw):
            return str(node)
        if isinstance(node, str):
            return self.string(node)
        if isinstance(node, dict):
            node = Members(node.items())
        if isinstance(node, Members):
            pairs = [f"{self.string(name)}{self.colon}{self.write(each)}" for name, each in node]
            return f"{{{self.blank}{self.comma.join(pairs)}{self.blank}}}"
        if isinstance(node, list):
            return f"[{self.blank}{self.comma.join(self.write(each) for each in node)}{self.blank}]"
        return json.dumps(node)

    def string(self, text: str) -> str:
        if text not in self.escapes:
            return json.dumps(text, ensure_ascii=self.ascii)
        at = self.rng.randrange(len(text))
        return (
            '"'
            + "".join(
                f"\\u{ord(sign):04{self.rng.choice('xX')}}"
                if number == at or self.rng.random() < 0.5 or sign in '"\\'
                else sign
                for number, sign in enumerate(text)
            )
            + '"'
        )


@dataclass
class Draft:
    """One exchange while it is being written."""

    plan: Plan
    salt: str = ""
    pad: str = ""
    """Filler in front of the secret, so that a cut falls where it shall."""
    tail: str = ""
    """Filler behind it."""
    rng: Random = field(init=False)
    value: str = field(init=False)
    needles: list[str] = field(init=False)
    plain: bytes = b""
    """The body before it was compressed."""

    def __post_init__(self) -> None:
        plan = self.plan
        if plan.innocent:
            number = digits(Random(f"{plan.seed}/value/{self.salt}"), 7)
            self.value = INNOCENT[plan.name].format(number)
            self.needles = [number if number in self.value else self.value]
        else:
            make = VALUES.get(plan.value) or SHAPES[plan.value]
            self.value = make(Random(f"{plan.seed}/value"))
            self.needles = needles_of(self.value)
            lengths = [len(needle) for needle in self.needles]
            for number in itertools.count() if self.salt else ():  # a cut falls there, too
                self.value = make(Random(f"{plan.seed}/value/{self.salt}/{number}"))
                self.needles = needles_of(self.value)
                if [len(needle) for needle in self.needles] == lengths:
                    break
        self.reset()

    def reset(self, pad: str = "", tail: str = "") -> None:
        """Begin the small choices anew, with other filler."""
        self.rng = Random(f"{self.plan.seed}/small")
        self.pad, self.tail = pad, tail

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def node(self) -> Any:
        """The value in JSON."""
        return Raw(self.value) if self.plan.innocent and self.name in NUMBERS else self.value

    # -- JSON

    def style(self, *, one_line: bool = False, indent: bool = False) -> Style:
        rng = self.rng
        style = Style(rng, ascii=rng.random() < 0.5)
        match self.plan.style:
            case "compact":
                style.colon, style.comma = ":", ","
            case "escaped key":
                style.escapes = (self.name,)
            case "escaped value":
                style.escapes = (self.value,)
            case "blanks" if one_line:
                style.colon, style.comma = rng.choice([" : ", "\t:\t", "  :"]), " , "
            case "blanks":
                style.colon = rng.choice([" : ", "\n:\n", "\t:\r\n  "])
                style.blank = rng.choice([" ", "\n", ""])
            case "indent" if not one_line:
                style.comma, style.blank = ",\n  ", "\n  "
        if indent:
            style.colon, style.comma, style.blank = ":\n", ",\n", "\n"
        return style

    def core_node(self) -> Any:
        """Give the JSON that holds the secret."""
        name, node, value, rng = self.name, self.node, self.value, self.rng
        match self.plan.core:
            case "pair":
                return Members([(name, node)])
            case "pair in a list":
                return Members([(name, rng.choice([[node], [node, "x"], ["x", [node]]]))])
            case "pair of an object":
                return Members([(name, {"kind": "x", rng.choice(["value", "raw"]): node})])
            case "name and value":
                return {"name": name, "value": node}
            case "key and value":
                return {"key": name, "value": node}
            case "value and name":
                return {"value": node, "name": name}
            case "list pair":
                bearer, cookie = f"Bearer {value}", f"sid={value}; a=b"
                known = [["authorization", bearer], ["x-api-key", value], ["Cookie", cookie]]
                pair = [name, value] if self.plan.innocent else rng.choice(known)
                return {"headers": [["host", "example.test"], pair]}
            case "loc and input":
                found = {"type": "too_short", "loc": ["body", name], "msg": "no", "input": node}
                return {"detail": [found]}
            case "environment":
                variable = re.sub(r"(?<=[a-z])(?=[A-Z])|-", "_", name).upper()
                prefix = "" if self.plan.innocent else rng.choice(["", "DB_"])
                return {"env": ["PATH=/bin", f"{prefix}{variable}={value}", "A=b"]}
            case "graphql variables":
                query = "mutation($a: String!) { login(a: $a) { id } }"
                return Members([("query", query), ("variables", {"user": "ada", name: node})])
            case "graphql inline":
                argument = re.sub(r"-", "_", name)
                query = (
                    f'mutation {{ login(user: "ada", {argument}: {json.dumps(value)}) {{ id }} }}'
                )
                return {"query": query}
            case "form in a string":
                return {"body": f"page=2&{quote(name)}={quote_plus(value)}&b=2"}
            case "url in a string":
                kind = "query" if self.plan.innocent else pick(rng, URL_KINDS)
                return {rng.choice(["link", "next"]): self.url(kind)}
            case "text in a string":
                return {"message": self.sentence(rng.choice(["colon", "equals"]))}
            case "shape":
                text = value if rng.random() < 0.4 else f"please use {value} for now"
                return {name: rng.choice([text, [text]])}
            case core:
                raise LookupError(core)

    def beside_it(self) -> Members:
        """Give a small object with the secret."""
        return Members([("user", "ada"), (self.name, self.node), ("page", 2)])

    def beside(self, most: int) -> list[tuple[str, Any]]:
        return self.rng.sample(BESIDE, self.rng.randrange(most + 1))

    def document(self, *, one_line: bool = False, indent: bool = False) -> str:
        """Write a JSON text with the secret in it, embedded as the plan says."""
        rng, plan = self.rng, self.plan
        style = self.style(one_line=one_line or "ndjson" in plan.layers, indent=indent)
        node = self.core_node()
        if isinstance(node, Members) and rng.random() < 0.6:
            members = Members(node)
        else:
            members = Members([(rng.choice(["data", "a", "params", "config"]), node)])
        if plan.style == "duplicate key":
            members.insert(0, (members[-1][0], "x"))
        members[:] = [*self.beside(3), *members, *self.beside(2)]
        if plan.style == "not a number":
            odd = Raw(rng.choice(["NaN", "Infinity", "-Infinity"]))
            members.insert(rng.randrange(len(members) + 1), ("score", odd))
        if plan.style == "lone surrogate":
            members.insert(rng.randrange(len(members) + 1), ("half", Raw('"\\ud83d"')))
        top: Any = members
        for _ in range(30 if plan.style == "deep" else rng.choice([0, 0, 0, 1, 2])):
            top = [1, top] if rng.random() < 0.3 else {rng.choice("abc"): top, "d": 1}
        if plan.style == "array" or rng.random() < 0.1:
            top = [{"a": 1}, top]
        if self.pad:
            top = Members([("pad", self.pad), ("rest", top)])
        text = style.write(top)
        for layer in plan.layers:
            text = self.wrap(layer, text)
        return text

    def wrap(self, layer: str, text: str) -> str:
        """Make a JSON text of one that has the text in a string."""
        ascii = self.rng.random() < 0.5
        match layer:
            case "dumps":
                return json.dumps(text, ensure_ascii=ascii)
            case "json":
                outer: Any = {"id": 7, self.rng.choice(["payload", "arguments"]): text, "ok": True}
            case "text and json":
                outer = {"message": f"got {text} from upstream"}
            case "ndjson":
                outer = {"log": f'{{"a": 1}}\n{text}\n'}
            case _:
                raise LookupError(layer)
        return json.dumps(outer, ensure_ascii=ascii)

    # -- URLs, forms and text

    def url(self, kind: str) -> str:
        """Write a URL that holds the secret."""
        rng, name = self.rng, quote(self.name)
        value = (quote if rng.random() < 0.5 else quote_plus)(self.value, safe="")
        host = rng.choice(["https://app.example", "http://10.0.0.7:8080"])
        match kind:
            case "query":
                return f"{host}/back?page=2&{name}={value}" + rng.choice(["", "&x=1", "#top"])
            case "relative":
                return f"/back?{name}={value}"
            case "fragment":
                return f"{host}/back#{name}={value}&x=1"
            case "user":
                secret = quote(self.value, safe="")
                return host.replace("://", f"://ada:{secret}@") + "/back"
            case "nested":
                inner = quote(f"https://other.example/in?{name}={value}", safe="")
                return f"{host}/login?next={inner}&x=1"
        raise LookupError(kind)

    def pairs(self) -> str:
        """Write `key=value&…`, as forms and queries have it."""
        rng, name = self.rng, self.name
        value = quote_plus(self.value) if rng.random() < 0.7 else quote(self.value, safe="")
        key = quote(name)
        before, after, end = ["page=2"], ["sort=asc"], "&"
        match self.plan.core:
            case "encoded key":
                at = rng.randrange(len(name))
                key = "".join(
                    f"%{ord(sign):02{rng.choice('xX')}}"
                    if number == at or rng.random() < 0.4
                    else sign
                    for number, sign in enumerate(name)
                )
            case "a[b]":
                key = rng.choice([f"user[{name}]", f"a%5B{name}%5D", f"a[0][{name}]"])
            case "a[b][]":
                key = rng.choice([f"user[{name}][]", f"user%5B{name}%5D%5B%5D", f"{name}[]"])
            case "a[0]":
                key = rng.choice([f"{name}[0]", f"{name}%5B1%5D", f"{name}[x]"])
            case "a.b":
                key = f"user.{name}"
            case "url in a value":
                inner = self.url("query" if self.plan.innocent else pick(rng, URL_KINDS))
                key, value = rng.choice(["next", "redirect_uri"]), quote(inner, safe="")
            case "json in a value":
                inner = self.style(one_line=True).write(self.beside_it())
                key, value = rng.choice(["payload", "filter"]), quote_plus(inner)
            case "semicolons":
                end = ";"
        if self.pad:
            before.append(f"pad={quote_plus(self.pad)}")
        rng.shuffle(after)
        return end.join([*before, f"{key}={value}", *after])

    def sentence(self, core: str) -> str:
        """Write plain text that holds the secret."""
        name, value, rng = self.name, self.value, self.rng
        match core:
            case "colon":
                return f"login of ada failed with {name}: {value} at noon"
            case "equals":
                return f"retry 3, {name}={value} was refused"
            case "quoted pair":
                return f"{{'user': 'ada', {name!r}: {'two words ' + value!r}, 'page': 2}}"
            case "double quoted pair":
                return f'"{name}": {json.dumps(value, ensure_ascii=False)} was refused'
            case "json":
                doc = self.style(one_line=True).write(self.beside_it())
                return f"got {doc} from upstream"
            case "list":
                return f"<QueryDict: { ({'user': ['ada'], name: [value]})!r}>"
            case "bytes":
                return f"headers { ({name: value.encode()})!r}"
            case "variable":
                variable = rng.choice(["PGPASSWORD", "DB_PASSWORD", "API_KEY", "AWS_SECRET_KEY"])
                return f"{rng.choice(['', 'export '])}{variable}={value} ./run"
            case "url password":
                scheme = rng.choice(["postgresql", "redis", "https", "amqp"])
                user = "" if scheme == "redis" else "app"
                return f"could not connect to {scheme}://{user}:{value}@db.example:5432/main"
            case "bearer":
                return rng.choice(["Authorization: Bearer {}", "sent Bearer {} to x"]).format(value)
            case "sig":
                signature = quote(value, safe="")
                return f"403 for https://x.blob.example/y?sv=1&sig={signature}&se=2026"
            case "account key":
                return f"AccountName=a;AccountKey={value}==;EndpointSuffix=core.example"
            case "odbc":
                return f"DRIVER=x;SERVER=db;UID=sa;PWD={value};Encrypt=yes"
            case "shape":
                return f"please use {value} for now"
        raise LookupError(core)

    # -- Bodies: text (or bytes) and the right content type

    def json(self) -> tuple[str, str]:
        text = self.document()
        rare = ["application/problem+json", "application/vnd.api+json"]
        return text, self.rng.choice(["application/json"] * 4 + rare)

    def ndjson(self) -> tuple[str, str]:
        end = "\r\n" if self.plan.framing == "crlf" else "\n"
        lines = ['{"page": 1}', self.document(one_line=True)]
        if self.tail:
            lines.append(json.dumps({"tail": self.tail}))
        text = end.join(lines) + self.rng.choice([end, ""])
        return text, self.rng.choice(["application/x-ndjson", "application/jsonl"])

    def json_sequence(self) -> tuple[str, str]:
        texts = ['{"page": 1}', self.document(one_line=self.plan.innocent)]
        return "".join(f"\x1e{text}\n" for text in texts), "application/json-seq"

    def sse(self) -> tuple[str, str]:
        framing = self.plan.framing
        end = {"crlf": "\r\n", "cr": "\r"}.get(framing, "\n")
        before = "data:" if framing == "no blank" else "data: "
        if framing == "several data":
            data = re.split(r"\r\n|\n|\r", self.document(indent=True))
        else:
            data = [self.document(one_line=True)]
        lines = [f"{before}{line}" for line in data]
        if framing == "event and id":
            lines = ["event: message", "id: 7", *lines] if self.rng.random() < 0.5 else lines
            lines = lines if lines[0].startswith("event") else [*lines, "id: 7", "retry: 9"]
        if framing == "comment":
            lines = [": hello", *lines]
        events = [[f'{before}{{"page": 1}}'], lines]
        if self.tail:
            events.append([f"{before}{json.dumps({'tail': self.tail})}"])
        text = "".join(end.join(event) + end + end for event in events)
        return text, "text/event-stream"

    def form(self) -> tuple[str, str]:
        return self.pairs(), "application/x-www-form-urlencoded"

    def text(self) -> tuple[str, str]:
        lines = ["It is done.", self.sentence(self.plan.core), "The rest went well."]
        if self.pad:
            lines.insert(0, self.pad)
        return "\n".join(lines), self.rng.choice(["text/plain", "text/plain", "text/markdown"])

    def multipart(self) -> tuple[bytes, str]:
        rng, name, value = self.rng, self.name, self.value
        end = "\n" if self.plan.core == "line feeds" else "\r\n"
        boundary = rng.choice(["B", "----WebKitFormBoundary7a", "x.y-z"])
        charset = self.plan.charset
        parts: list[bytes] = []

        def part(head: str, content: str | bytes) -> None:
            lines = f"--{boundary}{end}Content-Disposition: form-data; {head}{end}{end}"
            data = content if isinstance(content, bytes) else content.encode(charset)
            parts.append(lines.encode(charset) + data + end.encode())

        part('name="user"', "ada")
        if self.pad:
            part('name="pad"', self.pad)
        file = 'name="photo"; filename="a.png"' + end + "Content-Type: image/png"
        binary = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\xff\xfe\x80"
        match self.plan.core:
            case "quoted" | "line feeds":
                part(f'name="{name}"', value)
            case "unquoted":
                part(f"name={name}", value)
            case "a[b]":
                part(f'name="user[{name}]"', value)
            case "json field":
                doc = self.style().write(self.beside_it())
                part(f'name="meta"{end}Content-Type: application/json', doc)
            case "beside a file":
                if rng.random() < 0.5:
                    part(file, binary)
                    part(f'name="{name}"', value)
                else:
                    part(f'name="{name}"', value)
                    part(file, binary)
            case "shape":
                part('name="comment"', f"please use {value} for now")
        data = b"".join(parts) + f"--{boundary}--{end}".encode()
        mark = f'"{boundary}"' if rng.random() < 0.3 else boundary
        return data, f"multipart/form-data; boundary={mark}"

    def xml(self) -> tuple[str, str]:
        rng, name, value = self.rng, self.name, self.value
        inside = escape(value, {'"': "&quot;"} if rng.random() < 0.5 else {})
        attribute = quoteattr(value)
        match self.plan.core:
            case "element":
                core = f"<{name}>{inside}</{name}>"
            case "attribute":
                core = f'<login user="ada" {name}={attribute} page="2"/>'
            case "cdata":
                core = f"<{name}><![CDATA[{value}]]></{name}>"
            case "nested equals":
                core = f"<{name}>a<{name}>b</{name}>{inside}</{name}>"
            case "child with prefix":
                core = f"<{name}><{name}Hint>a</{name}Hint>{inside}</{name}>"
            case "apostrophes":
                inner = escape(value, {"'": "&apos;"})
                core = f"<login {name}='{inner}' user='ada'/>"
            case "blanks":
                sign = rng.choice([" = ", "  =\n  ", "\t=\t"])
                core = f"<login {name}{sign}{attribute} >a</login>"
            case "namespace":
                core = f'<w:{name} xmlns:w="urn:w" w:Type="t">{inside}</w:{name}>'
            case "add key":
                tag, key = rng.choice([("add", "key"), ("property", "name"), ("param", "name")])
                core = f'<{tag} {key}="{name}" value={attribute} />'
            case "xml-rpc":
                core = (
                    f"<member><name>{name}</name><value><string>{inside}</string></value></member>"
                )
            case "shape":
                core = f"<comment>please use {inside} for now</comment>"
            case _:
                raise LookupError(self.plan.core)
        pad = f"<pad>{self.pad}</pad>" if self.pad else ""
        start = rng.choice(["", '<?xml version="1.0"?>\n'])
        text = f"{start}<r>{pad}<user>ada</user>{core}<page>2</page></r>"
        return text, rng.choice(["application/xml", "text/xml", "application/soap+xml"])

    def csv(self) -> tuple[str, str]:
        core = self.plan.core
        quoting = csv.QUOTE_ALL if core == "quoted column" else csv.QUOTE_MINIMAL
        out = io.StringIO()
        end = self.rng.choice(["\n", "\r\n"])
        rows = csv.writer(
            out, delimiter=";" if core == "semicolons" else ",", quoting=quoting, lineterminator=end
        )
        name = "comment" if core == "shape" else self.name
        rows.writerow(["user", name, "city"])
        rows.writerow(["ada", "", self.pad or "Bern"])
        rows.writerow(["grace", self.value, "Bern"])
        rows.writerow(["alan", "", "Basel"])
        return out.getvalue(), "text/csv"

    def html(self) -> tuple[str, str]:
        rng, value = self.rng, html.escape(self.value)
        names = ["csrf_token", "csrfmiddlewaretoken", "authenticity_token", "_csrf", "api_key"]
        name = rng.choice(names)
        match self.plan.core:
            case "input":
                core = f'<input type="hidden" name="{name}" value="{value}">'
            case "input, value first":
                core = f'<input value="{value}" type="hidden" name="{name}" />'
            case "input, apostrophes":
                core = f"<input type='hidden' name='{name}' value='{value}'>"
            case "meta":
                core = f'<meta name="csrf-token" content="{value}">'
            case "password input":
                core = f'<input type="password" name="password" value="{value}">'
            case "shape":
                core = f"<p>please use {value} for now</p>"
            case _:
                raise LookupError(self.plan.core)
        pad = f"<p>{self.pad}</p>" if self.pad else ""
        return f"<!doctype html><title>Form</title>{pad}<form>{core}</form>", "text/html"

    def stream(self) -> tuple[str, str]:
        """Write what LLM services stream: JSON with the secret, told in fragments."""
        rng, kind = self.rng, self.plan.core
        told = self.style(one_line=True).write(self.beside_it())
        events: list[tuple[str, Any]] = []
        for fragment in pieces(rng, told, most=12):
            match kind:
                case "openai arguments":
                    call = {"index": 0, "function": {"arguments": fragment}}
                    delta: Any = {"tool_calls": [call]}
                    events.append(("", {"choices": [{"index": 0, "delta": delta}]}))
                case "openai text":
                    delta = {"content": fragment}
                    events.append(("", {"choices": [{"index": 0, "delta": delta}]}))
                case "anthropic arguments":
                    delta = {"type": "input_json_delta", "partial_json": fragment}
                    event = {"type": "content_block_delta", "index": 1, "delta": delta}
                    events.append(("content_block_delta", event))
                case "anthropic text":
                    delta = {"type": "text_delta", "text": fragment}
                    event = {"type": "content_block_delta", "index": 0, "delta": delta}
                    events.append(("content_block_delta", event))
                case "responses arguments":
                    event = {"type": "response.function_call_arguments.delta", "delta": fragment}
                    events.append((event["type"], {**event, "item_id": "f1", "output_index": 0}))
        if kind == "responses arguments":
            done = "response.function_call_arguments.done"
            events.append((done, {"type": done, "item_id": "f1", "arguments": told}))
        lines = [f": {self.pad}\n\n"] if self.pad else []
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            lines.append(f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n")
        if kind.startswith("openai"):
            lines.append("data: [DONE]\n\n")
        return "".join(lines), "text/event-stream"

    def render(self, pad: str = "", tail: str = "") -> tuple[bytes, str]:
        """Write the body as bytes in its character set, not yet compressed."""
        self.reset(pad, tail)
        text, right = getattr(self, self.plan.form.replace(" ", "_"))()
        charset, parameter = self.plan.charset, ""
        declared = self.rng.random() < 0.5
        if isinstance(text, bytes):
            return text, right
        match charset:
            case "utf-8":
                data, parameter = text.encode(), "utf-8" if declared else ""
            case "utf-8 with mark":
                data = b"\xef\xbb\xbf" + text.encode()
            case "utf-16":
                data, parameter = text.encode("utf-16"), "utf-16" if declared else ""
            case "utf-16, declared":
                end = self.rng.choice(["le", "be"])
                data, parameter = text.encode(f"utf-16{end}"), f"utf-16{end}"
            case "utf-16, undeclared":
                data = text.encode(self.rng.choice(["utf-16le", "utf-16be"]))
            case _:
                data = text.encode("latin-1", "replace")
                parameter = "" if charset == "latin-1, undeclared" else "iso-8859-1"
        if self.plan.content_type not in ("right", "none"):
            right = self.plan.content_type
        return data, f"{right}; charset={parameter}" if parameter else right

    def body(self) -> tuple[bytes, list[tuple[str, str]]]:
        """Give the body as it is on the wire, and the headers that tell of it."""
        plan = self.plan
        data, content_type = self.render()
        if plan.cut:
            data, content_type = self.render(*self.fillers(data))
        self.plain = data
        encoded, encoding = ENCODERS[plan.encoding](data)
        headers = [("content-type", content_type)] if plan.content_type != "none" else []
        if encoding:
            headers.append(("content-encoding", encoding))
        return encoded, headers

    def fillers(self, data: bytes) -> tuple[str, str]:
        """Give filler for before and behind the secret, so that the cut falls at random in it."""
        plan, rng = self.plan, Random(f"{self.plan.seed}/cut")
        unit = 2 if plan.charset.startswith("utf-16") else 1
        code = "utf-16le" if unit == 2 else "latin-1"
        data = self.render("x")[0]
        needle = rng.choice(self.needles)
        at = data.find(needle.encode(code))
        if at < 0 or rng.random() < 0.2:
            at = rng.randrange(len(data))
        else:
            at += rng.randrange(-8 * unit, (len(needle) + 4) * unit)
        limit = plan.limit
        if not plan.in_lines:
            return filler(rng, 1 + (limit - at) // unit), ""
        if rng.random() < 0.5:  # the head ends there
            return filler(rng, 1 + (limit - limit // 2 - at) // unit), filler(rng, limit)
        pad = filler(rng, limit)  # the tail begins there
        at += (len(pad) - 1) * unit
        missing = at + limit // 2 - len(self.render(pad, "x")[0])
        return pad, filler(rng, 1 + missing // unit)


def filler(rng: Random, size: int) -> str:
    """Make text without a meaning."""
    return "".join(rng.choices("aeioulmnrst ", k=max(size, 1)))


def pieces(rng: Random, whole: Any, *, most: int) -> list[Any]:
    """Cut text or bytes into pieces of random size."""
    found, at = [], 0
    while at < len(whole):
        size = rng.randrange(1, most + 1)
        found.append(whole[at : at + size])
        at += size
    return found


def _two_members(data: bytes) -> tuple[bytes, str]:
    half = len(data) // 3
    return gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0), "gzip"


def _raw_deflate(data: bytes) -> tuple[bytes, str]:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush(), "deflate"


def _brotli(data: bytes) -> tuple[bytes, str]:
    import brotli

    return brotli.compress(data, quality=1), "br"


def _zstd(data: bytes) -> tuple[bytes, str]:
    import zstandard

    return zstandard.ZstdCompressor().compress(data), "zstd"


ENCODERS: dict[str, Callable[[bytes], tuple[bytes, str]]] = {
    "identity": lambda data: (data, ""),
    "gzip": lambda data: (gzip.compress(data, mtime=0), "gzip"),
    "gzip of two members": _two_members,
    "deflate": lambda data: (zlib.compress(data), "deflate"),
    "raw deflate": _raw_deflate,
    "br": _brotli,
    "zstd": _zstd,
    "gzip twice": lambda data: (
        gzip.compress(gzip.compress(data, mtime=0), mtime=0),
        "gzip, gzip",
    ),
    "gzip, claimed": lambda data: (data, "gzip"),
}


# ---- Exchanges


class AppError(Exception):
    """What the app raises."""


class Words:
    """An object of the app's own that can say what it is."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __str__(self) -> str:
        return self.words


@dataclass
class Exchange:
    """What client and app do."""

    plan: Plan
    number: int
    draft: Draft
    path: str = "/orders/7"
    query: str = "page=2"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    status: int = 200
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: list[bytes] = field(default_factory=list)
    error: str | None = None
    error_in: str = "plain"
    error_at: str = "before"
    tags: dict[str, Any] | None = None
    tags_at: str = "before"

    @property
    def needles(self) -> list[str]:
        """What may not be found anywhere."""
        return self.draft.needles

    @property
    def request_id(self) -> str:
        return f"case-{self.number}"

    @property
    def least(self) -> int:
        """How many characters of a secret in a row are a leak."""
        return FRAGMENT if self.plan.form == "stream" else PIECE

    def fail(self) -> None:
        """Raise the app's error, where it has one."""
        if self.error is None:
            return
        match self.error_in:
            case "cause":
                try:
                    raise ValueError(self.error)
                except ValueError as cause:
                    raise AppError("it failed") from cause
            case "context":
                try:
                    raise ValueError(self.error)
                except ValueError:
                    raise AppError("it failed")  # noqa: B904
            case "note":
                error = AppError("it failed")
                error.add_note(self.error)
                raise error
            case "group":
                raise ExceptionGroup("it failed", [ValueError(self.error)])
        raise AppError(self.error)


def assemble(plan: Plan, number: int = 0, salt: str = "") -> Exchange:
    """Make the exchange of a plan.

    Args:
        plan: the large choices.
        number: which exchange of a run this is; it goes into the request id.
        salt: another one makes another secret of the same kind.
    """
    draft = Draft(plan, salt)
    rng = Random(f"{plan.seed}/exchange")
    made = Exchange(plan, number, draft)
    headers = {
        "host": "app.example",
        "accept": "*/*",
        "user-agent": "robot/1",
        "x-request-id": made.request_id,
    }
    response_headers: dict[str, str] = {}
    body, response_body = b"", b""
    chunked = chunked_response = False
    if plan.form == "stream" and rng.random() < 0.5:
        made.path = rng.choice(["/v1/chat/completions", "/v1/messages", "/v1/responses"])
    match plan.place:
        case "request header":
            name, value = header(draft)
            headers[name] = value
        case "response header":
            name, value = header(draft)
            response_headers[name] = value
            made.status = 302 if name == "location" else 200
        case "query":
            made.query = draft.pairs()
        case "path":
            made.path = f"/hooks/{quote(draft.value)}" + rng.choice(["", "/events", "/"])
            if plan.core == "value of a header":
                headers["authorization"] = f"Bearer {draft.value}"
        case "error":
            made.error, made.error_in = draft.sentence(plan.core), plan.framing
            made.error_at = rng.choice(["before", "before", "middle", "after"])
        case "tags":
            made.tags = tags(draft)
            if not plan.echo:  # what is echoed must be known by then
                made.tags_at = rng.choice(["before", "after"])
        case "request body":
            body, told = draft.body()
            headers.update(told)
            chunked = plan.chunks
        case "response body":
            response_body, told = draft.body()
            response_headers.update(told)
            chunked_response = plan.chunks
    if not response_body:
        answers = [("application/json", b'{"ok": true}'), ("text/plain", b"ok"), ("", b"")]
        content_type, response_body = rng.choice(answers)
        if content_type:
            response_headers.setdefault("content-type", content_type)
    value = draft.value
    match plan.echo:
        case "input":
            found = {"type": "bad", "msg": "no", "input": rng.choice([value, {"a": value}])}
            response_headers["content-type"] = "application/json"
            response_body = json.dumps(
                {"detail": [found]}, ensure_ascii=rng.random() < 0.5
            ).encode()
            made.status = 422
        case "text":
            response_headers["content-type"] = "text/plain; charset=utf-8"
            response_body = f"We can't take {value} for now.".encode()
        case "html":
            response_headers["content-type"] = "text/html; charset=utf-8"
            response_body = f"<p>We can't take {html.escape(value)} for now.</p>".encode()
        case "header":
            response_headers["x-acme-hint"] = value.encode().decode("latin-1")
        case "location":
            response_headers["location"] = f"/again?hint={quote(value, safe='')}"
            made.status = 303
        case "error":
            made.error = f"bad value {value!r} for a field"
        case "request text":
            headers["content-type"] = "text/plain; charset=utf-8"
            body = f"Take {value} for now.".encode()
    if rng.random() < 0.3 and response_body:
        response_headers["content-length"] = str(len(response_body))
    if body:
        headers["content-length"] = str(len(body))
    made.headers = list(headers.items())
    made.response_headers = list(response_headers.items())
    size = max(2, len(body) // 3), max(2, len(response_body) // 3)
    made.body = pieces(rng, body, most=size[0]) if chunked else [body]
    made.response_body = (
        pieces(rng, response_body, most=size[1]) if chunked_response else [response_body]
    )
    return made


def header(draft: Draft) -> tuple[str, str]:
    """Write the header that holds the secret."""
    plan = draft.plan
    name, _, template = plan.core.replace("{name}", plan.name).partition(": ")
    value = draft.value
    if plan.form in ("url", "unknown") and (plan.innocent or plan.value not in SHAPES):
        value = draft.url("query" if plan.innocent and plan.framing == "user" else plan.framing)
    if template.startswith("Basic"):
        value = b64encode(f"ada:{value}".encode()).decode()
    return name, template.replace("{}", value)


def tags(draft: Draft) -> dict[str, Any]:
    """Make tags that hold the secret."""
    name, value, node = draft.name, draft.value, draft.value
    match draft.plan.core:
        case "pair":
            return {"page": 2, name: node}
        case "nested":
            return {"a": [{"user": "ada", name: {"raw": node}}]}
        case "text":
            return {"note": draft.sentence(draft.rng.choice(["colon", "equals"]))}
        case "name and value":
            return {"params": [{"name": name, "value": node}]}
        case "json in a string":
            return {"payload": draft.style(one_line=True).write(draft.beside_it())}
        case "bytes":
            return {"raw": draft.sentence("equals").encode()}
        case "object":
            return {"words": Words(draft.sentence("equals"))}
        case "shape":
            return {"note": draft.rng.choice([value, f"use {value} for now", [value]])}
    raise LookupError(draft.plan.core)


# ---- Driving


class Lab:
    """A recorder on a directory of its own, an app, and a search of all that was left behind.

    Args:
        wsgi: whether the app is a WSGI app.
        limit: the recorder's `max_body_bytes`.
    """

    def __init__(self, *, wsgi: bool, limit: int) -> None:
        from dashcam import DashcamMiddleware, Recorder, Settings
        from dashcam.wsgi import DashcamWSGIMiddleware

        self.wsgi = wsgi
        self.directory = Path(tempfile.mkdtemp(prefix="composed-"))
        self.driven = 0
        self.said = io.StringIO()
        self.in_flight: list[bytes] = []
        self.current: Exchange
        self.rows: list[dict[str, Any]] = []
        self.recorder = Recorder(
            Settings(
                environ={},
                store=f"sqlite:///{self.directory}/r.db",
                journal_bytes=8 << 20,
                segment_bytes=1 << 20,
                batch_interval_s=0.05,
                max_body_bytes=limit,
            )
        )
        self.asgi = DashcamMiddleware(self.asgi_app, recorder=self.recorder)
        self.wsgi_middleware = DashcamWSGIMiddleware(self.wsgi_app, recorder=self.recorder)

    def run(self, exchanges: list[Exchange]) -> dict[int, set[str]]:
        """Drive exchanges, and give those that leaked: by place in the list, and in which files."""
        search = Search(exchanges)
        try:
            with contextlib.redirect_stderr(self.said):
                statistics = self.record(exchanges, search)
                self.search(search)
        finally:
            shutil.rmtree(self.directory)
        search.add("stderr", self.said.getvalue().encode())
        search.add("open.tbl in flight", b"\n".join(self.in_flight))
        said = f"{self.said.getvalue()}{statistics}"
        assert len(self.rows) == self.driven, f"{len(self.rows)} rows of {self.driven}; {said}"
        assert statistics.capture_errors == statistics.dropped == statistics.failed == 0, said
        return search.found

    def record(self, exchanges: list[Exchange], search: "Search") -> Any:
        """Let the recorder see the exchanges; give its statistics."""
        try:
            self.recorder.start()
            (table,) = self.directory.rglob("open.tbl")
            with table.open("rb", buffering=0) as self.table:
                if self.wsgi:
                    for each in exchanges:
                        self.drive_wsgi(each)
                else:
                    asyncio.run(self.drive_asgi(exchanges))
            self.search(search)
            assert self.recorder.flush(60), self.recorder.statistics()
            self.search(search)
            self.read_rows(search)
            return self.recorder.statistics()
        finally:
            self.recorder.close(10)

    def search(self, search: "Search") -> None:
        for path in sorted(self.directory.rglob("*")):
            if path.is_file():
                with contextlib.suppress(FileNotFoundError):  # a segment that isn't needed any more
                    search.add(path.name, path.read_bytes())

    def read_rows(self, search: "Search") -> None:
        with contextlib.closing(sqlite3.connect(self.directory / "r.db")) as connection:
            connection.row_factory = sqlite3.Row
            query = "SELECT * FROM request_logs ORDER BY id"
            self.rows = [dict(row) for row in connection.execute(query)]
        search.add_rows(self.rows)
        for row in self.rows:
            for side in ("request_body", "response_body"):
                if row[f"{side}_encoding"] == "base64" and row[side]:
                    search.add(f"{side} in base64", opened(b64decode(row[side])))

    # -- ASGI

    async def drive_asgi(self, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            for _ in range(2 if exchange.plan.twice else 1):
                await self.drive_asgi_once(exchange)

    async def drive_asgi_once(self, exchange: Exchange) -> None:
        self.current = exchange
        self.driven += 1
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.9", 1234),
            "scheme": "http",
            "root_path": "",
            "method": "POST",
            "path": exchange.path,
            "raw_path": exchange.path.encode(),
            "query_string": exchange.query.encode("latin-1"),
            "headers": [
                (name.encode(), value.encode("latin-1")) for name, value in exchange.headers
            ],
            "state": {},
        }
        incoming = [
            {"type": "http.request", "body": piece, "more_body": number < len(exchange.body)}
            for number, piece in enumerate(exchange.body, 1)
        ]

        async def receive() -> dict[str, Any]:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            pass

        with contextlib.suppress(AppError, ExceptionGroup):
            await self.asgi(scope, receive, send)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = self.current
        while (await receive()).get("more_body"):
            pass
        self.before(exchange)
        headers = [
            (name.encode(), value.encode("latin-1")) for name, value in exchange.response_headers
        ]
        await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        *first, last = exchange.response_body
        for piece in first:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self.middle(exchange)
        await send({"type": "http.response.body", "body": last})
        self.after(exchange)

    # -- WSGI

    def drive_wsgi(self, exchange: Exchange) -> None:
        for _ in range(2 if exchange.plan.twice else 1):
            self.drive_wsgi_once(exchange)

    def drive_wsgi_once(self, exchange: Exchange) -> None:
        self.current = exchange
        self.driven += 1
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": exchange.path.encode().decode("latin-1"),
            "SCRIPT_NAME": "",
            "QUERY_STRING": exchange.query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.input": io.BytesIO(b"".join(exchange.body)),
            "wsgi.url_scheme": "http",
            "REMOTE_ADDR": "127.0.0.9",
        }
        for name, value in exchange.headers:
            key = name.upper().replace("-", "_")
            environ[
                key if name.startswith("content-") and name != "content-encoding" else f"HTTP_{key}"
            ] = value
        with contextlib.suppress(AppError, ExceptionGroup):
            given = self.wsgi_middleware(environ, lambda status, headers, exc_info=None: None)
            try:
                for _ in given:
                    pass
            finally:
                if hasattr(given, "close"):
                    given.close()

    def wsgi_app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        exchange = self.current
        for piece in exchange.body:
            environ["wsgi.input"].read(len(piece))
        self.before(exchange)
        start_response(f"{exchange.status} X", exchange.response_headers)
        later = exchange.error_at != "before" or exchange.tags_at != "before"
        if len(exchange.response_body) == 1 and not later:
            return exchange.response_body
        return _Told(self, exchange)

    # -- What the app does besides

    def before(self, exchange: Exchange) -> None:
        # What is known of a request while it is served is on the disk, too.
        self.in_flight.append(os.pread(self.table.fileno(), 1024, 4096))
        if exchange.tags_at == "before":
            self.annotate(exchange)
        if exchange.error_at == "before":
            exchange.fail()

    def middle(self, exchange: Exchange) -> None:
        if exchange.error_at == "middle":
            exchange.fail()

    def after(self, exchange: Exchange) -> None:
        if exchange.tags_at == "after":
            self.annotate(exchange)
        if exchange.error_at == "after":
            exchange.fail()

    def annotate(self, exchange: Exchange) -> None:
        from dashcam import annotate

        if exchange.tags is not None:
            annotate(tags=exchange.tags)


class _Told:
    """A WSGI app's body, told piece by piece."""

    def __init__(self, lab: Lab, exchange: Exchange) -> None:
        self.lab, self.exchange = lab, exchange

    def __iter__(self) -> Iterator[bytes]:
        *first, last = self.exchange.response_body
        yield from first
        self.lab.middle(self.exchange)
        yield last

    def close(self) -> None:
        self.lab.after(self.exchange)


# ---- Searching

_RUNS = re.compile(rb"[A-Za-z0-9]{6,}")
_ESCAPED = re.compile(
    rb"%(?:25)*([2-7][0-9A-Fa-f])|\\+u00([2-7][0-9A-Fa-f])|\\+x([2-7][0-9a-f])|&#x([2-7][0-9A-Fa-f]);"
)
_NOTHING = re.compile(rb"\\+u0000|\\+ufffd|\xef\xbf\xbd")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


def unescaped(data: bytes) -> bytes:
    """Undo the escapes of characters, whatever format they belong to."""
    text = _ESCAPED.sub(lambda match: bytes.fromhex(match[match.lastindex or 0].decode()), data)
    return _NOTHING.sub(b"", text)


def opened(data: bytes) -> bytes:
    """Give what can be read in a body that was kept as bytes: also as UTF-16, and decompressed."""
    found = [data, data.replace(b"\0", b"")]
    for bits in (31, 15):
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj(bits).decompress(data))
    with contextlib.suppress(Exception):
        import zstandard

        found.append(zstandard.ZstdDecompressor().stream_reader(data).read(WHOLE))
    return b"\n".join(found)


def pieces_of(needles: list[str], size: int) -> Iterator[str]:
    """Give every piece of this size."""
    for needle in needles:
        for at in range(len(needle) - size + 1):
            yield needle[at : at + size]


class Search:
    """Finds out which exchanges' secrets are in some bytes.

    Args:
        exchanges: each with words that may not be found.
    """

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.exchanges = exchanges
        self.pieces: dict[bytes, set[int]] = {}
        self.found: dict[int, set[str]] = {}
        self._known: set[bytes] = set()
        self._last: dict[str, bytes] = {}
        for place, exchange in enumerate(exchanges):
            for piece in pieces_of(exchange.needles, PIECE):
                self.pieces.setdefault(piece.encode(), set()).add(place)

    def add_rows(self, rows: list[dict[str, Any]]) -> None:
        """Search the rows of streams for shorter pieces, which elsewhere are there by chance."""
        streams = {
            each.request_id: place
            for place, each in enumerate(self.exchanges)
            if each.least < PIECE
        }
        for row in rows:
            place = streams.get(row["request_id"])
            if place is None:
                continue
            exchange = self.exchanges[place]
            text = " ".join(str(value) for value in row.values())
            text += unescaped(text.encode()).decode(errors="replace")
            if any(piece in text for piece in pieces_of(exchange.needles, exchange.least)):
                self.found.setdefault(place, set()).add("the row")

    def add(self, where: str, data: bytes) -> None:
        """Search bytes, and what they are without escapes and base64."""
        data = data.translate(None, b"\0")  # most of a file that is mapped
        if self._last.get(where) == data:
            return
        self._last[where] = data
        self._search(where, set(_RUNS.findall(data)))
        self._search(f"{where}, escaped", set(_RUNS.findall(unescaped(data))))
        inside: set[bytes] = set()
        for run in set(_BASE64.findall(data)) - self._known:
            self._known.add(run)
            if run.islower() or run.isupper():
                continue
            text = run.rstrip(b"=").translate(_FROM_URL_SAFE)
            for at in range(4):
                part = text[at : at + (len(text) - at) // 4 * 4]
                with contextlib.suppress(Base64Error):
                    inside.update(_RUNS.findall(b64decode(part).replace(b"\0", b"")))
        self._search(f"{where}, base64", inside)

    def _search(self, where: str, runs: set[bytes]) -> None:
        for run in runs - self._known:
            self._known.add(run)
            if run.islower() or run.isdigit():
                continue
            for at in range(len(run) - PIECE + 1):
                for place in self.pieces.get(run[at : at + PIECE], ()):
                    self.found.setdefault(place, set()).add(where)


_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")


# ---- Innocent exchanges

KEPT_IN = {
    "request body": ("request_body",),
    "response body": ("response_body",),
    "request header": ("request_headers",),
    "response header": ("response_headers",),
    "query": ("query",),
    "error": ("error_message", "error_traceback"),
    "tags": ("tags",),
}


def complaints(exchange: Exchange, row: dict[str, Any]) -> list[str]:
    """Tell what was removed from an innocent exchange."""
    found = []
    if json.loads(row["redacted"] or "[]"):
        found.append(f"redacted is {row['redacted']}")
    columns = KEPT_IN[exchange.plan.place]
    kept = " ".join(str(row[column] or "") for column in columns)
    if exchange.plan.style == "escaped value":
        kept = unescaped(kept.encode()).decode()
    if exchange.plan.form == "stream":
        plain = (exchange.plan.encoding, exchange.plan.charset) == ("identity", "utf-8")
        if plain and kept != b"".join(exchange.response_body).decode():
            found.append("the stream is not kept as it was")
    elif not all(needle in kept for needle in exchange.needles):
        found.append(f"{' '.join(columns)} lacks the value")
    return found


# ---- Runs


@dataclass
class Failure:
    """An exchange that leaked, or lost what is innocent."""

    plan: Plan
    number: int
    where: list[str]


@dataclass
class Run:
    """What came out of a run."""

    seed: int
    wsgi: bool
    total: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def batch(plans: list[tuple[int, Plan]], *, wsgi: bool, salt: str = "") -> list[list[str]]:
    """Run plans of one limit with one recorder; give for each what is wrong with it."""
    exchanges = [
        assemble(plan, number, f"{salt}{number}" if salt else "") for number, plan in plans
    ]
    lab = Lab(wsgi=wsgi, limit=plans[0][1].limit)
    found = lab.run(exchanges)
    if not plans[0][1].innocent:
        return [sorted(found.get(place, ())) for place in range(len(plans))]
    rows = {row["request_id"]: row for row in lab.rows}
    return [complaints(each, rows[each.request_id]) for each in exchanges]


def run(
    seed: int,
    count: int,
    *,
    wsgi: bool = False,
    innocent: bool = False,
    progress: Callable[[Run], None] | None = None,
) -> Run:
    """Run many exchanges.

    Args:
        seed: of all of them.
        count: how many.
        wsgi: through the WSGI middleware.
        innocent: see the module.
        progress: called after each batch.
    """
    out = Run(seed, wsgi)
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        plans = [(number, draw(seed, number, innocent=innocent)) for number in numbers]
        for (number, plan), wrong in zip(plans, batch(plans, wsgi=wsgi), strict=True):
            out.total[plan.place, plan.form] += 1
            if wrong:
                out.failed[plan.place, plan.form] += 1
                out.failures.append(Failure(plan, number, wrong))
        if progress is not None:
            progress(out)
    return out


SIMPLER: dict[str, tuple[Any, ...]] = {
    "twice": (False,),
    "chunks": (False,),
    "echo": ("",),
    "limit": (WHOLE,),
    "content_type": ("right",),
    "encoding": ("identity",),
    "charset": ("utf-8",),
    "layers": ((),),
    "style": ("plain",),
    "framing": ("plain", "query"),
    "value": ("plain",),
    "name": ("password", "city"),
    "core": ("pair",),
    "form": ("json",),
    "place": ("request body",),
}
"""What is simplest for each choice, the simplest first."""


def simpler(plan: Plan) -> Iterator[Plan]:
    """Give the plans that are simpler than this one by one choice."""
    for name, simple in SIMPLER.items():
        for value in simple:
            if value == getattr(plan, name):
                break
            yield dataclasses.replace(plan, **{name: value})
    for at in range(len(plan.layers)):
        yield dataclasses.replace(plan, layers=plan.layers[:at] + plan.layers[at + 1 :])


def simplify(plan: Plan, *, wsgi: bool) -> Plan | None:
    """Make a failing plan as simple as it can be while it fails alone; None: it doesn't fail alone."""
    if not any(batch([(0, plan)], wsgi=wsgi, salt="alone")):
        return None
    while True:
        candidates = [each for each in simpler(plan) if is_known(each) and is_possible(each)]
        for limit in sorted({each.limit for each in candidates}, reverse=True):
            same = [(at, each) for at, each in enumerate(candidates) if each.limit == limit]
            results = batch(same, wsgi=wsgi, salt="again")
            failing = [each for (_, each), wrong in zip(same, results, strict=True) if wrong]
            alone = (each for each in failing if any(batch([(0, each)], wsgi=wsgi, salt="alone")))
            found = next(alone, None)
            if found is not None:
                plan = found
                break
        else:
            return plan


def company(failure: Failure, *, seed: int, wsgi: bool) -> list[tuple[int, Plan]]:
    """Find the few exchanges that must go before one that doesn't fail alone."""
    number, plan = failure.number, failure.plan
    first = number // BATCH * BATCH
    before = [(each, draw(seed, each, innocent=plan.innocent)) for each in range(first, number)]

    def fails(some: list[tuple[int, Plan]]) -> bool:
        return bool(batch([*some, (number, plan)], wsgi=wsgi)[-1])

    if fails([]):
        return []
    while len(before) > 1:
        half = len(before) // 2
        for part in (before[half:], before[:half]):
            if fails(part):
                before = part
                break
        else:
            break
    return before


def is_known(plan: Plan) -> bool:
    """Tell whether the plan's place, form, core and framing are of the tables."""
    if plan.form not in FORMS[plan.place]:
        return False
    if plan.form in CORES:
        if plan.core not in CORES[plan.form]:
            return False
    elif ":" not in plan.core:
        return False
    if plan.form in ("url", "unknown"):
        return plan.framing in URL_KINDS
    where = plan.form if plan.place.endswith("body") else plan.place
    return plan.framing in FRAMINGS.get(where, {"plain": 1})


def describe(plan: Plan, *, wsgi: bool, before: Sequence[tuple[int, Plan]] | None = None) -> str:
    """Tell of a failing exchange: the plan, what is sent, and where it shows in the record.

    Args:
        plan: of the exchange.
        wsgi: through the WSGI middleware.
        before: exchanges that go first; with them every secret is the one of the run.
    """
    others = [assemble(each, number) for number, each in before or ()]
    exchange = assemble(plan, 0, "alone0" if before is None else "")
    lab = Lab(wsgi=wsgi, limit=plan.limit)
    where = lab.run([*others, exchange]).get(len(others), set())
    row = lab.rows[-1]
    lines = [f"    {plan}"]
    query = f"?{exchange.query}" if exchange.query else ""
    lines.append(f"      POST {exchange.path}{query}"[:400])
    usual = ("host", "accept", "x-request-id", "content-length")
    lines += [
        f"      {name}: {value[:300]}" for name, value in exchange.headers if name not in usual
    ]
    for sign, body in (("", exchange.body), ("answer ", exchange.response_body)):
        if sign:
            lines += [
                f"      answer {name}: {value[:300]}" for name, value in exchange.response_headers
            ]
        shown = b"".join(body)
        if plan.encoding != "identity" and plan.place.startswith("response") == bool(sign):
            shown = exchange.draft.plain
        if shown:
            lines.append(f"      {sign}body: {shown[-700:]!r}")
    if exchange.error is not None:
        lines.append(f"      error {exchange.error_at} ({exchange.error_in}): {exchange.error!r}")
    if exchange.tags is not None:
        lines.append(f"      tags {exchange.tags_at}: {exchange.tags!r}")
    if plan.innocent:
        lines += [f"      {complaint}" for complaint in complaints(exchange, row)]
        return "\n".join(lines)
    for column, kept in row.items():
        excerpt = excerpt_of(str(kept), exchange)
        if not excerpt:
            excerpt = excerpt_of(unescaped(str(kept).encode()).decode(errors="replace"), exchange)
        if excerpt:
            lines.append(f"      stays in {column}: {excerpt}")
    lines.append(f"      stays in files: {', '.join(sorted(where)) or 'none'}")
    return "\n".join(lines)


def excerpt_of(kept: str, exchange: Exchange) -> str:
    """Give what is around the first piece of a secret in a column."""
    for piece in pieces_of(exchange.needles, exchange.least):
        found = kept.find(piece)
        if found >= 0:
            return repr(kept[max(found - 60, 0) : found + 40])
    return ""


def report(result: Run, *, most: int = 5) -> str:
    """Tell of a run's failures: each kind once, as simple as it can be."""
    if not result.failures:
        return ""
    out = [
        f"seed {result.seed}: {len(result.failures)} of {sum(result.total.values())} exchanges fail"
    ]
    told: set[str] = set()
    kinds_told: set[tuple[str, ...]] = set()
    for failure in result.failures:
        plan = failure.plan
        kind = (plan.place, plan.form, plan.core, plan.framing, plan.echo, str(plan.cut))
        if kind in kinds_told or len(told) >= most:
            continue
        kinds_told.add(kind)
        simple = simplify(plan, wsgi=result.wsgi)
        if simple is None:
            before = company(failure, seed=result.seed, wsgi=result.wsgi)
            out.append(
                f"  exchange {failure.number}, which doesn't fail with another secret alone:"
            )
            out += [f"    after {number}: {each}" for number, each in before[-3:]]
            out.append(describe(plan, wsgi=result.wsgi, before=before))
            told.add(str(plan))
        elif str(simple) not in told:
            told.add(str(simple))
            out.append(f"  exchange {failure.number}:")
            out.append(describe(simple, wsgi=result.wsgi))
    return "\n".join(out)


def table(result: Run) -> str:
    """Give the share of failures of each place and format."""
    return "\n".join(
        f"{place:16} {form:14} {result.failed[place, form]:6} of {total:6}"
        f" {100 * result.failed[place, form] / total:6.1f} %"
        for (place, form), total in sorted(result.total.items())
    )


def main() -> int:
    """Run from the command line; the exit code is 1 when an exchange fails."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.composed", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=10_000, help="exchanges")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wsgi", action="store_true", help="through the WSGI middleware")
    parser.add_argument("--pure", action="store_true", help="without the compiled module")
    parser.add_argument("--innocent", action="store_true", help="nothing may be removed")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this exchange alone, as it is")
    parser.add_argument("--most", type=int, default=10, help="descriptions of failures")
    parser.add_argument("--table", action="store_true", help="failures by place and format")
    parser.add_argument("--stop", action="store_true", help="end after the first batch that fails")
    given = parser.parse_args()
    if given.pure:
        os.environ["DASHCAM_PURE_PYTHON"] = "1"  # read when dashcam is imported, in `Lab`
    if given.only is not None:
        plan = draw(given.seed, given.only, innocent=given.innocent)
        wrong = any(batch([(0, plan)], wsgi=given.wsgi, salt="alone"))
        print(describe(plan, wsgi=given.wsgi))
        return int(wrong)
    result = Run(given.seed, given.wsgi)

    def progress(now: Run) -> None:
        nonlocal result
        result = now
        if given.stop and now.failures:
            raise StopIteration
        if sys.stderr.isatty():
            done = sum(now.total.values())
            print(f"\r{done} of {given.count}, {len(now.failures)} fail", end="", file=sys.stderr)

    with contextlib.suppress(StopIteration):
        run(given.seed, given.count, wsgi=given.wsgi, innocent=given.innocent, progress=progress)
    if given.table:
        print(table(result))
    if result.failures:
        print(report(result, most=given.most))
        return 1
    print(f"seed {given.seed}: none of {sum(result.total.values())} exchanges fails")
    return 0


if __name__ == "__main__":
    sys.exit(main())
