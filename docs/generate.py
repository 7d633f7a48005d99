"""Writes the reference pages that follow from the code: `python docs/generate.py`.

A test compares them with what is committed, so that nothing is undocumented.
"""

from pathlib import Path
from typing import Any

import click
import msgspec
import typer

from dashcam.api.app import history_app
from dashcam.api.metrics import ACCESS, COUNTERS, GAUGES
from dashcam.cli import app
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
    "redacted": 'what was removed, such as `["header:authorization", "body:password"]`',
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
    "error_message": "of the exception, without known shapes of secrets",
    "error_traceback": "of the exception, without known shapes of secrets",
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


PAGES = {
    "settings.md": settings_page,
    "columns.md": columns_page,
    "commands.md": cli_page,
    "http-api.md": api_page,
    "metrics.md": numbers_page,
}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make().rstrip() + "\n")
        click.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
