"""Writes the reference pages that follow from the code: `python docs/generate.py`.

A test compares them with what is committed, so that nothing is undocumented.
"""

import ast
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec
import typer

from dashcam.api.app import history_app
from dashcam.api.metrics import ACCESS, COUNTERS, GAUGES
from dashcam.cli import app
from dashcam.redaction import decoding, json_text, known, reader, redactor, rules, streams, work
from dashcam.redaction.shapes import SHAPES
from dashcam.settings import TABLE
from dashcam.statistics import Statistics
from dashcam.store.table import request_logs
from dashcam.testing import MemoryRecorder

REFERENCE = Path(__file__).parent / "reference"

COLUMN_TEXTS = {
    "id": "UUIDv7, made when the request begins",
    "revision": "0 interrupted, 1 finished, 2 amended; the highest is kept",
    "stored_at": "when the store took the row; the live tail follows it",
    "request_timestamp": "when the request began",
    "outcome": "`completed`, `failed` (the app raised), `disconnected` (the client left), `interrupted` "
    "(the process died), `quota_exceeded`, `unauthenticated`, `dropped` (a gap)",
    "duration_ms": "to the last byte",
    "ttfb_ms": "to the first byte of the body",
    "method": "of HTTP",
    "scheme": "`http` or `https`",
    "host": "the header Host",
    "path": "decoded, without the query",
    "route": "the route's template, such as `/users/{id}`",
    "query": "redacted",
    "http_version": "such as `1.1`",
    "status_code": "null when the client was sent none",
    "client_ip": "as the server tells it",
    "user_agent": "the header User-Agent",
    "user_id": "whose request it is; they see it in history",
    "api_key_id": "the id of the key that was used, never the key",
    "request_id": "from X-Request-ID or traceparent, else made",
    "trace_id": "of W3C Trace Context",
    "span_id": "of W3C Trace Context",
    "request_headers": "list of `[name, value]` in order; secret ones are left out",
    "response_headers": "list of `[name, value]` in order; secret ones are left out",
    "redacted": 'what was removed, such as `["header:authorization", "body:password"]` (see redaction)',
    "request_body": "text, or base64 as the encoding says; null when none was kept",
    "response_body": "text, or base64 as the encoding says; null when none was kept",
    "request_body_encoding": "`utf-8`, `base64` or null",
    "response_body_encoding": "`utf-8`, `base64` or null",
    "request_body_bytes": "true size on the wire",
    "response_body_bytes": "true size on the wire",
    "request_body_truncated": "whether there was more than is kept",
    "response_body_truncated": "whether there was more than is kept",
    "response_chunks": "body messages that the app sent; more than 1: it streamed",
    "response_timeline": "`[[offset_ms, bytes], …]` of a stream, at most 256 entries",
    "model": "of an LLM call",
    "input_tokens": "of an LLM call",
    "output_tokens": "of an LLM call",
    "cost": "of the call, as the app says it",
    "dropped_count": "of a gap: how many records are missing",
    "dropped_first": "of a gap: when the first was dropped",
    "dropped_last": "of a gap: when the last was dropped",
    "error_type": "of the exception that left the app",
    "error_message": "of the exception, redacted",
    "error_traceback": "of the exception, redacted",
    "server": "host name of the machine",
    "process_id": "of the process",
    "tags": "JSON object from `annotate`",
}


def _default(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value}`"


def settings_page() -> str:
    """Every setting, with its default."""
    lines = [
        "# Settings",
        "",
        "Each is a keyword of `Settings`, `DashcamMiddleware` and `AccessMiddleware`, or the variable "
        "`DASHCAM_` + its name in upper",
        "case. Lists are comma-separated there, callables are `module:name`; sizes may be written "
        "`4 MiB`.",
        "",
        "| setting | default | what it is |",
        "|---|---|---|",
        *(f"| `{each.name}` | {_default(each.default)} | {each.doc} |" for each in TABLE),
        "",
        "With a ClickHouse store `batch_size` is 10000, `batch_bytes` 16 MiB and `batch_interval_s` 2 "
        "by default.",
    ]
    return "\n".join(lines) + "\n"


def columns_page() -> str:
    """Every column of the table."""
    lines = [
        "# The table `request_logs`",
        "",
        "Times are UTC, RFC 3339 with six decimals, so they sort as text. One line of the journal, and of "
        "`dashcam export`,",
        "has exactly these keys, `stored_at` aside.",
        "",
        "| column | type | what it is |",
        "|---|---|---|",
        *(
            f"| `{column.name}` | {column.type} | {COLUMN_TEXTS[column.name]} |"
            for column in request_logs.columns
        ),
        "",
        "Indexes: "
        + ", ".join(f"`{index.name}`" for index in sorted(request_logs.indexes, key=str)),
    ]
    return "\n".join(lines) + "\n"


def _command_lines(command: Any, name: str, context: Any) -> list[str]:
    if hasattr(command, "commands"):
        lines = []
        for each in command.commands.values():
            lines += _command_lines(each, f"{name} {each.name}", context)
        return lines
    text, _, examples = (command.help or "").partition("\b\nExamples:\n")
    lines = [f"## `{name}`", "", text.strip(), ""]
    lines += ["```console", *(line.strip() for line in examples.splitlines()), "```", ""]
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            shown = f"`{parameter.metavar or parameter.name.upper()}`"
        else:
            shown = ", ".join(f"`{each}`" for each in parameter.opts)
        default = parameter.default if not callable(parameter.default) else None
        text = getattr(parameter, "help", "") or ""
        if default not in (None, False, [], ()):
            text += f" (default: `{default}`)"
        rows.append(f"| {shown} | {text.strip()} |")
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    return lines


def cli_page() -> str:
    """Every command and option."""
    root = typer.main.get_command(app)
    context: Any = None
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong usage. What records hold is escaped: no control bytes reach "
        "the terminal.",
        "`dashcam --install-completion` completes commands and options in your shell.",
        "",
    ]
    for command in root.commands.values():  # type: ignore[attr-defined]
        lines += _command_lines(command, f"dashcam {command.name}", context)
    return "\n".join(lines)


def api_page() -> str:
    """Every endpoint and parameter."""
    document = history_app(MemoryRecorder()).openapi()
    lines = [
        "# HTTP API",
        "",
        "The same is in `/openapi.json`, with schemas and examples. Errors are "
        "`application/problem+json` (RFC 9457).",
        "",
    ]
    for path, methods in document["paths"].items():
        for method, endpoint in methods.items():
            lines += [f"## `{method.upper()} {path}`", "", endpoint.get("summary", "") + ".", ""]
            rows = [
                f"| `{each['name']}` | {each['in']} | {each.get('description', '')} |"
                for each in endpoint.get("parameters", [])
            ]
            if rows:
                lines += ["| parameter | in | |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def numbers_page() -> str:
    """Every metric and every field of the statistics."""
    lines = [
        "# Metrics and statistics",
        "",
        "## `GET /metrics`",
        "",
        "| metric | what it is |",
        "|---|---|",
    ]
    lines += [f"| `dashcam_{name}_total` | {text} |" for name, text in COUNTERS.items()]
    lines += [f"| `dashcam_{name}` | {text} |" for name, text in GAUGES.items()]
    lines += [f"| `dashcam_access_{name}_total` | {text} |" for name, text in ACCESS.items()]
    lines += [
        "| `dashcam_oldest_pending_age_seconds` | How long the oldest record waits to be stored |",
        "| `dashcam_writer_state` | 1 for the state that the writer is in (label `state`) |",
        "",
        "## `Recorder.statistics()`",
        "",
        (Statistics.__doc__ or "").strip(),
        "",
        "Fields: "
        + ", ".join(f"`{each.name}`" for each in msgspec.structs.fields(Statistics))
        + ".",
    ]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Write a text as inline code of a table; `tests/docs/test_redaction_page.py` reads it."""
    written = text.replace("\\", "\\\\")
    for sign, escape in zip("\n\r\t|`", ("\\n", "\\r", "\\t", "\\x7c", "\\x60"), strict=True):
        written = written.replace(sign, escape)
    return f"`{written}`"


def rule_lists() -> dict[str, tuple[tuple[str, ...], str]]:
    """Give each list of `rules.py` with its words and its docstring."""
    body = ast.parse(Path(rules.__file__).read_text()).body
    lists = {}
    for statement, doc in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if not (isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant)):
                raise ValueError(f"{statement.target.id} of rules.py has no docstring")
            name = statement.target.id
            lists[name] = (getattr(rules, name), " ".join(str(doc.value.value).split()))
    return lists


def _rules(wanted: Callable[[str], bool]) -> Iterable[str]:
    for name, (words, doc) in rule_lists().items():
        if wanted(name):
            yield f"**{name.replace('_', ' ').capitalize()}**: {doc}"
            yield ""
            yield ", ".join(f"`{word}`" for word in words)
            yield ""


def _shapes() -> Iterable[str]:
    yield "| kind | begins with | what | example | stays |"
    yield "|---|---|---|---|---|"
    for shape in SHAPES:
        begins = " ".join(map(code, shape.prefixes))
        yield f"| `{shape.kind}` | {begins} | {shape.doc} | {code(shape.example)} | {code(shape.innocent)} |"


def _bounds() -> Iterable[str]:
    mib = work.MOST_NESTED_BYTES >> 20
    yield "| bound | of | beyond it |"
    yield "|---|---|---|"
    for bound, of, beyond in (
        (f"{work.UNITS:,} units of work", "each body, and all other parts of an exchange together", "the rest of the part is not kept"),
        (f"{work.MOST_PLACES:,} places where a secret may be", "a text", "the rest of the part is not kept"),
        (f"{work.MOST_DEPTH} structures, one inside a string of the other", "a text", "the inner text becomes `[redacted]`"),
        (f"{mib} MiB of such inner texts", "an exchange", "the inner text becomes `[redacted]`"),
        (f"{json_text.MOST_LEVELS} open brackets", "a JSON text", "the body is not kept"),
        (f"{decoding.MOST_ENCODINGS} content encodings", "a body", "the body is not kept"),
        (f"{streams.LAST_EVENTS} events at the end", "a stream beyond its units", "they are kept, if another 600 units suffice, since they say how it ended"),
        (f"at least {known.LEAST_CHARACTERS} characters", "a removed value", "a shorter one is not searched for elsewhere"),
        (f"{known.MOST_VALUES} removed values", "an exchange", "further ones are not searched for elsewhere"),
        (f"{known.MOST_CHARACTERS:,} characters", "a removed value", "its beginning is searched for elsewhere"),
        (f"{redactor.MOST_NAMES} names", "`redacted`", "further ones are left out"),
        (f"{reader.NAME_CHARACTERS} characters", "a name in `redacted`", "its end is left out"),
    ):  # fmt: skip
        yield f"| {bound} | {of} | {beyond} |"


REGIONS: dict[str, Callable[[], Iterable[str]]] = {
    "bounds": _bounds,
    "names": lambda: _rules(lambda name: "HEADER" not in name),
    "headers": lambda: _rules(lambda name: "HEADER" in name),
    "shapes": _shapes,
}
"""Parts of `redaction.md` that follow from the code, between `<!-- generated: … -->` and `<!-- end -->`."""


def redaction_page() -> str:
    """Write what is redacted: the rules and shapes anew, the promises as they are in the page.

    `tests/docs/test_redaction_page.py` proves the promises.
    """
    text = (REFERENCE / "redaction.md").read_text()
    for name, lines in REGIONS.items():
        region = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        made = "\n".join(lines()).strip()
        text, count = region.subn(
            lambda match, made=made: f"{match[1]}\n{made}\n\n{match[2]}", text
        )
        if count != 1:
            raise ValueError(f"redaction.md has {count} regions {name}")
    return text


PAGES = {
    "settings.md": settings_page,
    "columns.md": columns_page,
    "commands.md": cli_page,
    "http-api.md": api_page,
    "metrics.md": numbers_page,
    "redaction.md": redaction_page,
}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make().rstrip() + "\n")
        click.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
