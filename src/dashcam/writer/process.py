"""The writer as a process of its own: the app pays for capture only.

The child runs the same loop, reads the journal from outside, and sees its parent's end as the
end of its standard input; it then drains for a bounded time. It reports what it does as JSON
lines on a pipe. Parent and child never share memory or locks other than the journal's.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

import msgspec

from dashcam.errors import SettingsError
from dashcam.journal import Journal
from dashcam.journal.checkpoint import read_checkpoint
from dashcam.settings import NAMES, Settings
from dashcam.writer.retry import backoff_s
from dashcam.writer.status import WriterStatus
from dashcam.writer.thread import FLUSH_POLL_S, RESTART_INITIAL_S, RESTART_MOST_S, WriterThread

logger = logging.getLogger("dashcam")

REPORT_S = 0.25
_CALLABLES = ("identify", "before_record")


class WriterProcess:
    """Starts, watches and ends a writer process.

    Args:
        settings: of the recorder.
        journal: the process's own.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._status = WriterStatus()
        self._before = WriterStatus()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._restarts = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process and the thread that watches it."""
        self._spawn()
        threading.Thread(target=self._watch, name="dashcam-writer-watch", daemon=True).start()

    def _spawn(self) -> None:
        options = {name: getattr(self._settings, name) for name in NAMES if name not in _CALLABLES}
        self._child = child = subprocess.Popen(
            [sys.executable, "-m", "dashcam", "writer", "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: text for name, text in os.environ.items() if name != "DASHCAM_WRITER"},
        )
        assert child.stdin is not None
        try:
            child.stdin.write(msgspec.json.encode(options) + b"\n")
            child.stdin.flush()
        except BrokenPipeError:  # it has ended already: the watcher sees it
            pass

    def _watch(self) -> None:
        failures = 0
        while True:
            child = self._child
            assert child is not None
            assert child.stdout is not None
            began_s = time.monotonic()
            for line in child.stdout:
                self._take(line)
            code = child.wait()
            child.stdout.close()
            if child.stdin is not None:
                try:
                    child.stdin.close()
                except BrokenPipeError:
                    pass
            if self._stopping:
                self._status.state = "stopped"
                return
            failures = 1 if time.monotonic() - began_s > 60 else failures + 1
            self._restarts += 1
            self._status.state = "failed"
            self._status.last_error = f"the writer process ended with {code}"
            if self._restarts == 1:
                logger.error("the writer process ended with %d; it is started again", code)
            time.sleep(
                backoff_s(
                    failures, initial_s=RESTART_INITIAL_S, most_s=RESTART_MOST_S, random=lambda: 1.0
                )
            )
            with self._lock:
                if self._stopping:
                    return
                self._before = self.status
                self._spawn()

    def _take(self, line: bytes) -> None:
        try:
            self._status = msgspec.json.decode(line, type=WriterStatus)
        except msgspec.MsgspecError:  # something else was printed there
            pass

    def wake(self) -> None:
        """Do nothing: the child looks by itself."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything accepted so far is delivered; tell whether it was in time."""
        deadline_s = time.monotonic() + timeout_s
        target = self._journal.sequence
        child = self._child
        if child is not None and child.stdin is not None:
            try:
                child.stdin.write(b"flush\n")
                child.stdin.flush()
            except (BrokenPipeError, ValueError):  # it has ended: its successor drains at once
                pass
        while read_checkpoint(self._journal.path).position.sequence < target:
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(FLUSH_POLL_S)
        return True

    def stop(self, timeout_s: float) -> bool:
        """Let the child drain and end; tell whether everything was delivered in time."""
        deadline_s = time.monotonic() + timeout_s
        delivered = self.flush(timeout_s)
        with self._lock:
            self._stopping = True
        child = self._child
        if child is None:
            return delivered
        if child.stdin is not None:
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass
        try:
            child.wait(max(0.1, deadline_s - time.monotonic()) + 1.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return delivered

    @property
    def status(self) -> WriterStatus:
        """What the child last reported, with what earlier children had done."""
        now, before = self._status, self._before
        added = {
            name: getattr(now, name) + getattr(before, name)
            for name in (
                "batches",
                "retries",
                "damaged_frames",
                "adopted",
                "adopted_stored",
                "adopted_failed",
                "adopted_expired",
                "adopted_lost",
            )
        }
        restarts = now.restarts + self._restarts
        return msgspec.structs.replace(now, restarts=restarts, **added)


def child_main(argv: Sequence[str]) -> int:
    """Run a writer until its parent is gone or it is told to end; give the exit code.

    Args:
        argv: arguments after `writer`.
    """
    parser = argparse.ArgumentParser(
        prog="dashcam writer",
        description="Drain journals into the store, for apps that run "
        "writer=off; ends on SIGTERM or SIGINT when what is there is delivered.",
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--store", help="a SQLAlchemy URL (default: DASHCAM_STORE)")
    parser.add_argument("--journal-dir", help="the directory to drain (default: as the app's)")
    arguments = parser.parse_args(argv)
    ended = threading.Event()
    if arguments.child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group
    else:
        signal.signal(signal.SIGINT, lambda *_: ended.set())
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        settings = _settings(arguments, sys.stdin.buffer if arguments.child else None)
    except SettingsError as error:
        print(f"dashcam: {error}", file=sys.stderr)
        return 2
    if not arguments.child:
        print(f"dashcam: draining {settings.journal_path()}", file=sys.stderr, flush=True)
    writer = WriterThread(settings, None)
    writer.start()
    if arguments.child:
        threading.Thread(target=_listen, args=(writer, ended), daemon=True).start()
    while not ended.wait(REPORT_S):
        if arguments.child:
            _report(writer)
    delivered = writer.stop(settings.shutdown_timeout_s)
    if arguments.child:
        _report(writer)
        # A store that hangs must not keep this process; nothing is left to be closed.
        sys.stdout.flush()
        os._exit(0)
    return 0 if delivered else 1


def _settings(arguments: Any, stdin: IO[bytes] | None) -> Settings:
    if stdin is not None:
        options = msgspec.json.decode(stdin.readline())
        return Settings(environ={}, **options)
    given = {"store": arguments.store, "journal_dir": arguments.journal_dir}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _listen(writer: WriterThread, ended: threading.Event) -> None:
    """Hear what the parent says: a line asks for a flush, the end of input is its own end."""
    while sys.stdin.buffer.readline():
        writer.flush_soon()
    ended.set()


def _report(writer: WriterThread) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(writer.status) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        pass
