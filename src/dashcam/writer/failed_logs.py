"""`failed_logs.jsonl`: the records that the store refuses, so that none is lost.

A line is `{"record", "error", "failed_at", "attempts"}`. It is on the disk before the
checkpoint moves on; a record that is sent again after a crash isn't added a second time.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from dashcam import failpoint
from dashcam.exchange import timestamp
from dashcam.journal.directory import write_private

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
        fd = self._open_locked()
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

    def _open_locked(self) -> int:
        """Open the file that has the name now, with its lock: nobody replaces it meanwhile."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            fd = os.open(self.path, flags, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)  # held elsewhere only while a file is replaced
                if _has_name(fd, self.path):
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # it was replaced while we waited


def rewrite_failed(path: Path, keep: Callable[[FailedLine | None], bool]) -> None:
    """Go through a file of refused records, and leave in it what shall be kept.

    What is added to the file meanwhile stays behind it, unread: the lock that `add` takes, too,
    is held from the last look at the file until it is replaced.

    Args:
        path: the file; one that isn't there holds nothing.
        keep: tells of each line, in order, whether it stays (None: a line that is not ours).

    Raises:
        OSError: the file can't be read or replaced, or somebody else has replaced it meanwhile;
            it stays as it is. So it does when `keep` raises.
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
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _has_name(file.fileno(), path):
            raise OSError(errno.ESTALE, "it was replaced by another process: do it again", path)
        rest.append(file.read())
        _replace(path, b"".join(rest))


def _replace(path: Path, data: bytes) -> None:
    """Replace the file; whoever is killed in the middle leaves the old one as it was."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)  # of one that was killed: the lock is ours
    write_private(partial, data)
    with partial.open("rb") as file:
        os.fsync(file)
    if failpoint.ACTIVE:
        failpoint.failpoint("replace_failed_logs")
    os.replace(partial, path)


def _has_name(fd: int, path: Path) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


_PARAMETERS = re.compile(r"\[(?:parameters|SQL):.*", re.DOTALL)


def error_text(error: BaseException) -> str:
    """Describe an error without the content of records, which engines put in messages."""
    return _PARAMETERS.sub("", f"{type(error).__name__}: {error}")[:500]
