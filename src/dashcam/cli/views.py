"""Records as text for a terminal: every value escaped, so that nothing recorded acts there."""

import difflib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from dashcam.history.streams import assembled
from dashcam.store.base import Stats, StoredExchange, Summary, Timeline

if TYPE_CHECKING:
    from dashcam.cli.replaying import Replayed

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ud800-\udfff]"
)
MOST_BODY_CHARACTERS = 20_000


def safe(value: object) -> str:
    """Escape control, bidirectional and invisible characters; tabs and line feeds stay."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", str(value))


def one_line(value: object) -> str:
    """Escape as `safe` does, and line feeds and tabs too."""
    return safe(value).replace("\n", "\\n").replace("\t", "\\t")


def safe_json(text: str) -> str:
    """Escape the same in JSON, where such characters stand in strings only, as JSON does."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def size_text(size: int | None) -> str:
    """Give a number of bytes as people read it."""
    if size is None:
        return "–"
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def duration_text(milliseconds: float | None) -> str:
    """Give a duration as people read it."""
    if milliseconds is None:
        return "–"
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.2f} s"


def clock_text(timestamp: str | None) -> str:
    """Give a record's time in the local zone; with the date when it isn't today."""
    if timestamp is None:
        return "–"
    try:
        local = datetime.fromisoformat(timestamp).astimezone()
    except ValueError:
        return one_line(timestamp)
    clock = local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"
    today = datetime.now(local.tzinfo).date()
    return clock if local.date() == today else local.strftime("%Y-%m-%d ") + clock


def status_style(row: Summary | StoredExchange) -> str:
    """Choose a colour for a row by how it ended."""
    if row.outcome in ("failed", "interrupted", "dropped") or (row.status_code or 0) >= 500:
        return "bold red"
    if row.outcome in ("disconnected", "quota_exceeded", "unauthenticated"):
        return "magenta"
    if (row.status_code or 0) >= 400:
        return "yellow"
    return "cyan" if (row.status_code or 0) >= 300 else "green"


def row_line(row: Summary, *, width: int, amended: bool = False) -> Text:
    """Make one line of a list, fitting the width."""
    if row.outcome == "dropped":
        between = f"{clock_text(row.dropped_first)} – {clock_text(row.dropped_last)}"
        return Text(
            f"──── {row.dropped_count} records are missing, {between} ────", style="bold red"
        )
    wide = width >= 100
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(clock_text(row.request_timestamp), style="dim")
    line.append(f" {row.status_code or '–':>3} ", style=status_style(row))
    line.append(f"{one_line(row.method or '–'):<6} ", style="bold")
    target = one_line(row.path or "–") + (f"?{one_line(row.query)}" if row.query else "")
    tail = f" {duration_text(row.duration_ms):>8}"
    if wide:
        tail += f" {size_text(row.response_body_bytes):>9}  {one_line(row.user_id or ''):<15.15}"
    tail += f" {row.id[-8:]}"
    notes = [] if row.outcome == "completed" else [row.outcome]
    if amended:
        notes.append("amended")
    if row.model and wide:
        notes.append(f"{one_line(row.model)} {row.input_tokens or 0}→{row.output_tokens or 0}")
    note = f" {', '.join(notes)}" if notes else ""
    room = max(10, width - line.cell_len - len(tail) - 1)
    space = max(5, room - len(note))
    if len(target) > space:
        target = target[: space - 1] + "…"
    line.append(target)
    line.append(note, style=status_style(row))
    line.append(" " * max(0, room - len(target) - len(note)))
    line.append(tail, style="" if wide else "dim")
    return line


def header_line(*, width: int) -> Text:
    """Make the line above a list."""
    left = f"{'time':<12} {'st':>3}  {'method':<6} path"
    right = f"{'took':>8}"
    if width >= 100:
        right += f" {'size':>9}  {'user':<15}"
    right += f" {'id':<8}"
    return Text(left + " " * max(1, width - len(left) - len(right) - 1) + right, style="dim")


def body_of(exchange: StoredExchange, side: str) -> Any:
    """Make a body fit to be read: JSON indented and coloured, base64 as hex, text as text."""
    body: str | None = getattr(exchange, f"{side}_body")
    size: int | None = getattr(exchange, f"{side}_body_bytes")
    encoding: str | None = getattr(exchange, f"{side}_body_encoding")
    truncated: bool = getattr(exchange, f"{side}_body_truncated")
    if body is None:
        return Text("no body" if not size else f"{size_text(size)}, not kept", style="dim")
    wire = f"{size_text(size)} on the wire" + (", cut" if truncated else "")
    note: Text | Group = Text(wire, style="dim")
    if encoding == "base64":
        import base64

        data = base64.b64decode(body)[:512]
        lines = [
            f"{at:06x}  {data[at : at + 16].hex(' '):<47}  "
            + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data[at : at + 16])
            for at in range(0, len(data), 16)
        ]
        return Group(note, Text("\n".join(lines)))
    text = body
    told = assembled(body) if "data:" in body[:200] else None
    if told is not None:
        note = Group(note, Text("as its reader saw it:", style="dim"), Text(safe(told)), Text(""))
    lexer = "text"
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        lexer = "json"
    except (ValueError, RecursionError):
        pass
    if len(text) > MOST_BODY_CHARACTERS:
        text = text[:MOST_BODY_CHARACTERS] + "\n…"
    shown = Syntax(safe(text), lexer, word_wrap=True, background_color="default")
    return Group(note, shown)


def whole(exchange: StoredExchange) -> Group:
    """Make everything that is known of a record."""
    overview = Table.grid(padding=(0, 2))
    overview.add_column(style="dim")
    overview.add_column(overflow="fold")

    def add(name: str, value: object) -> None:
        if value not in (None, "", [], {}):
            overview.add_row(name, Text(one_line(value)))

    add("id", exchange.id)
    add("began", exchange.request_timestamp)
    add("outcome", exchange.outcome)
    add("took", duration_text(exchange.duration_ms))
    add("first byte", duration_text(exchange.ttfb_ms) if exchange.ttfb_ms is not None else None)
    for name in (
        "route",
        "host",
        "client_ip",
        "user_agent",
        "user_id",
        "api_key_id",
        "request_id",
        "trace_id",
        "model",
        "input_tokens",
        "output_tokens",
        "cost",
        "server",
        "process_id",
    ):
        add(name.replace("_", " "), getattr(exchange, name))
    if (exchange.response_chunks or 0) > 1:
        add("streamed", f"{exchange.response_chunks} chunks")
    add("tags", json.dumps(exchange.tags, ensure_ascii=False) if exchange.tags else None)
    add("redacted", ", ".join(exchange.redacted))
    if exchange.outcome == "dropped":
        add(
            "missing",
            f"{exchange.dropped_count} records, {exchange.dropped_first} to {exchange.dropped_last}",
        )
    query = f"?{exchange.query}" if exchange.query else ""
    title = Text(
        f"{one_line(exchange.method or '')} {one_line(exchange.path or '')}{one_line(query)}",
        style="bold",
    )
    title.append(f"  {exchange.status_code or '–'}", style=status_style(exchange))
    parts: list[Any] = [title, overview]
    for side in ("request", "response"):
        parts.append(Text(f"\n{side}", style="bold underline"))
        for name, value in getattr(exchange, f"{side}_headers"):
            parts.append(Text.assemble((f"{one_line(name)}: ", "cyan"), one_line(value)))
        parts.append(body_of(exchange, side))
    if exchange.error_message or exchange.error_type:
        parts.append(
            Text(
                f"\n{one_line(exchange.error_type or 'error')}: {one_line(exchange.error_message or '')}",
                style="bold red",
            )
        )
        if exchange.error_traceback:
            parts.append(Text(safe(exchange.error_traceback), style="dim"))
    return Group(*parts)


def stats_view(stats: Stats, *, width: int) -> Group:
    """Make the numbers of many rows, with a bar for each of the busiest routes."""
    head = Table.grid(padding=(0, 3))
    for _ in range(2):
        head.add_column(style="dim")
        head.add_column()
    head.add_row("records", f"{stats.count}", "errors", f"{stats.errors}")
    head.add_row(
        "p50", duration_text(stats.duration_ms_p50), "p95", duration_text(stats.duration_ms_p95)
    )
    head.add_row("p99", duration_text(stats.duration_ms_p99), "dropped", f"{stats.dropped}")
    head.add_row(
        "received", size_text(stats.request_bytes), "sent", size_text(stats.response_bytes)
    )
    if stats.input_tokens or stats.output_tokens:
        head.add_row("tokens in", f"{stats.input_tokens}", "tokens out", f"{stats.output_tokens}")
    outcomes = "  ".join(f"{escape(name)} {count}" for name, count in stats.outcomes.items())
    statuses = "  ".join(f"{name} {count}" for name, count in stats.statuses.items())
    routes = Table(box=None, padding=(0, 1), header_style="dim")
    bar = max(5, min(30, width - 60))
    routes.add_column(
        "route", overflow="ellipsis", no_wrap=True, max_width=max(15, width - bar - 42)
    )
    for name in ("count", "errors", "p50", "p95"):
        routes.add_column(name, justify="right", no_wrap=True)
    routes.add_column("")
    most = max((path.count for path in stats.paths), default=1)
    for path in stats.paths:
        routes.add_row(
            Text(one_line(path.route) or "–"),
            f"{path.count}",
            Text(f"{path.errors}", style="red" if path.errors else "dim"),
            duration_text(path.duration_ms_p50),
            duration_text(path.duration_ms_p95),
            Text("█" * max(1, round(bar * path.count / most)), style="blue"),
        )
    return Group(head, Text(outcomes), Text(statuses), Text(""), routes)


SPARKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Draw numbers as one line of blocks; zero is a space."""
    most = max(values, default=0) or 1
    return "".join(SPARKS[min(7, int(value / most * 7.999))] if value else " " for value in values)


def timeline_view(timeline: Timeline, *, width: int) -> Group:
    """Draw requests, errors and the 95th percentile over time, a line each."""
    points = timeline.points
    if not points:
        return Group()
    room = max(10, min(width - 30, len(points)))
    step = max(1, -(-len(points) // room))
    groups = [points[at : at + step] for at in range(0, len(points), step)]
    lines = []
    for name, style, values in (
        ("requests", "blue", [sum(each.count for each in group) for group in groups]),
        ("errors", "red", [sum(each.errors for each in group) for group in groups]),
        ("p95", "cyan", [max(each.p95 or 0 for each in group) for group in groups]),
    ):
        if any(values):
            most = duration_text(max(values)) if name == "p95" else f"{max(values):.0f}"
            lines.append(
                Text.assemble((f"{name:<9}", "dim"), (sparkline(values), style), f"  most {most}")
            )
    begin, end = clock_text(points[0].at), clock_text(points[-1].at)
    lines.append(Text(f"{'':9}{begin} to {end}, {timeline.bucket_s * step} s a block", style="dim"))
    lines.append(Text(""))
    return Group(*lines)


def replay_view(before: StoredExchange, after: "Replayed") -> Group:
    """Show how a new answer differs from the recorded one."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("", "recorded", "now"):
        table.add_column(name, overflow="fold")
    old_headers = {str(n).lower(): str(v) for n, v in before.response_headers}
    new_headers = {name.lower(): value for name, value in after.headers}
    pairs = [
        ("status", str(before.status_code or "–"), str(after.status_code)),
        ("took", duration_text(before.duration_ms), duration_text(after.duration_ms)),
        ("size", size_text(before.response_body_bytes), size_text(after.body_bytes)),
    ]
    for name in sorted(old_headers.keys() | new_headers.keys()):
        old, new = old_headers.get(name, ""), new_headers.get(name, "")
        if old != new and name not in ("date", "server", "set-cookie"):
            pairs.append((name, old, new))
    for name, old, new in pairs:
        style = "yellow" if old != new and name != "took" else ""
        table.add_row(
            Text(one_line(name), style="dim"),
            Text(one_line(old), style=style),
            Text(one_line(new), style=style),
        )
    if before.response_body is None or not after.is_text:
        return Group(
            table, Text("bodies can't be compared: one isn't kept, or no text", style="dim")
        )
    old_lines, new_lines = _pretty(before.response_body), _pretty(after.body)
    lines = list(difflib.unified_diff(old_lines, new_lines, "recorded", "now", lineterm="", n=2))
    if not lines:
        return Group(table, Text("the bodies are the same", style="green"))
    styles = {"+": "green", "-": "red", "@": "cyan"}
    return Group(table, *(Text(safe(line), style=styles.get(line[:1], "")) for line in lines[:400]))


def _pretty(body: str) -> list[str]:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        return body.splitlines()


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that interprets nothing in what it prints."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
