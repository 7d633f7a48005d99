"""Tables as CSV has them (RFC 4180): columns by name, and what the cells hold."""

import csv
import io
import re
from typing import TYPE_CHECKING

from dashcam.redaction.decoding import Unreadable
from dashcam.redaction.names import OPAQUE, REDACTED, SAFE, TEXT
from dashcam.redaction.prose import looks_secret
from dashcam.redaction.work import may_go_on

if TYPE_CHECKING:
    from dashcam.redaction.reader import Reader

_COLUMN = re.compile(r"[\w][\w .#-]{0,60}|")
_SURE_COLUMN = re.compile(r"[\w.-]{1,60}")
"""In a text that doesn't claim to be a table: code and prose have blanks."""


def redact_csv(text: str, reader: "Reader", *, cut: bool, claims: bool = False) -> str | None:
    """Tables whose first line names its columns (RFC 4180): cells of secret ones, and what the
    others hold; None where it is no table.
    """
    first = text[: text.find("\n") if "\n" in text else len(text)].strip("\r\ufeff")
    delimiter = max(",;\t", key=first.count)
    if delimiter not in first or len(first) > 4096:
        return None
    rows = text.split("\n", 4)
    rows = rows[1:-1] if cut and len(rows) < 5 else rows[1:4]
    if not claims and any(
        row.count(delimiter) != first.count(delimiter)
        for row in rows
        if row.strip() and '"' not in row
    ):
        return None
    head = [cell.strip().strip('"') for cell in first.split(delimiter)]
    is_column = (_COLUMN if claims else _SURE_COLUMN).fullmatch
    if len(head) < 2 or not all(map(is_column, head)) or len(text) == len(first):
        return None
    verdicts = [reader.fields.verdict(cell) for cell in head]
    reader.work.spend(len(text) // 40)
    line_end = "\r\n" if "\r\n" in text else "\n"
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise Unreadable("not CSV") from None
    changed = False
    if max(verdicts) == SAFE and not cut and not reader.places(text):
        return text
    for number, row in enumerate(table[1:], 1):
        if number % 4 == 0 and not may_go_on(reader, 4 + 3 * len(row)):
            del table[number:]
            changed = True
            break
        last = cut and number == len(table) - 1
        for column, cell in enumerate(row):
            verdict = verdicts[column] if column < len(verdicts) else SAFE
            if not cell.strip():
                continue
            if verdict == TEXT and cell.strip().isdigit():
                continue
            if verdict >= TEXT or (verdict == OPAQUE and looks_secret(cell)):
                reader.removed(head[column], cell, certain=False)
                row[column] = REDACTED
            else:
                row[column] = reader.value(cell, cut=last and column == len(row) - 1)
            changed = changed or row[column] != cell
    if not changed:
        return text
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=line_end).writerows(table)
    written = out.getvalue()
    return written if text.endswith("\n") else written.removesuffix(line_end)
