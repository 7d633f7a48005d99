"""`failed_logs.jsonl`: the records that the store refuses, so that none is lost.

A line is `{"record", "error", "failed_at", "attempts"}`. It is on the disk before the
checkpoint moves on; a record that is sent again after a crash isn't added a second time.
"""

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dashcam.exchange import timestamp

TAIL_BYTES = 4 << 20
"""How far back a record is looked for before it is added."""


class FailedLine(msgspec.Struct, kw_only=True):
    """One line of the file; `record` is the encoded exchange as it is."""

    record: msgspec.Raw
    error: str
    failed_at: str
    attempts: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FailedLine).decode


class FailedLogs:
    """The file of refused records.

    Args:
        path: it is made when it is first needed, for its owner only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, line: bytes, *, error: str, attempts: int) -> None:
        """Append one record and bring it to the disk.

        Args:
            line: the encoded exchange.
            error: why it was refused; without any content of the record.
            attempts: how often it was tried.

        Raises:
            OSError: it could not be written; it must stay in the journal.
        """
        record = line.rstrip(b"\n")
        try:
            raw = msgspec.Raw(record)
            msgspec.json.decode(record)
        except msgspec.MsgspecError:  # not even JSON: kept as text
            raw = msgspec.Raw(_encode(record.decode("utf-8", "replace")))
        entry = FailedLine(
            record=raw, error=error, failed_at=timestamp(time.time_ns()), attempts=attempts
        )
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(fd).st_size
            tail = os.pread(fd, min(size, TAIL_BYTES), max(0, size - TAIL_BYTES))
            if record in tail:
                return  # it was added before a crash
            torn = b"\n" if tail and not tail.endswith(b"\n") else b""
            data = torn + _encode(entry) + b"\n"
            while data:
                data = data[os.write(fd, data) :]
            os.fsync(fd)
        finally:
            os.close(fd)


def rewrite_failed(path: Path, keep: Callable[[FailedLine | None], bool]) -> None:
    """Go through a file of refused records, and leave in it what shall be kept.

    What is added to the file meanwhile stays behind it, unread.

    Args:
        path: the file; one that isn't there holds nothing.
        keep: tells of each line, in order, whether it stays (None: a line that is not ours).

    Raises:
        OSError: the file can't be read or replaced; it stays as it is. So it does when `keep`
            raises.
    """
    if not path.exists():
        return
    size = path.stat().st_size
    rest: list[bytes] = []
    kept_all = True
    with path.open("rb") as file:
        while file.tell() < size:
            line = file.readline()
            if not line.strip():
                continue
            try:
                failed: FailedLine | None = _decode(line)
            except msgspec.MsgspecError:
                failed = None
            if keep(failed):
                rest.append(line)
            else:
                kept_all = False
        if kept_all:
            return
        rest.append(file.read())
    fd, partial = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(fd, "wb") as file:
        file.write(b"".join(rest))
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


_PARAMETERS = re.compile(r"\[(?:parameters|SQL):.*", re.DOTALL)


def error_text(error: BaseException) -> str:
    """Describe an error without the content of records, which engines put in messages."""
    return _PARAMETERS.sub("", f"{type(error).__name__}: {error}")[:500]
