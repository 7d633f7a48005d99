"""The disk fails under a real server: the app goes on as it was, drops are counted, and it recovers (I0)."""

import contextlib
import http.client
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from tests.checker import rows, settle, tokens
from tests.processes import environment, read_port, running, wait_until

SEGMENT_BYTES = 1 << 16
BODY = "x" * 4000
TEXT = {"content-type": "text/plain"}
SERVER = "from tests.processes import obey_permissions; obey_permissions(); from tests.apps.tokens import main; main()"


class Client:
    """One kept-alive connection, since a server without file descriptors can't accept another."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.answered = []

    def ask(self, count):
        for _ in range(count):
            token = f"t{len(self.answered)}"
            self.connection.request("POST", f"/echo/{token}", f"{token}:{BODY}", TEXT)
            answer = self.connection.getresponse()
            assert (answer.status, answer.read().decode()) == (200, f"{token}:{BODY}")
            self.answered.append(token)


@pytest.fixture
def small(tmp_path):
    """A file system of 4 MiB for the journal."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def full(directory, pid):
    with contextlib.suppress(OSError), (directory.parents[1] / "ballast").open("wb") as file:
        while True:
            file.write(bytes(4096))
    yield
    (directory.parents[1] / "ballast").unlink()


@contextlib.contextmanager
def limited(directory, pid, kind, limit):
    before = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (limit, before[1]))
    yield
    resource.prlimit(pid, kind, before)


@contextlib.contextmanager
def read_only(directory, pid):
    # A second mount over the directory: the files that are open stay open, as on a real remount.
    subprocess.run(["mount", "--bind", str(directory), str(directory)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(directory)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@contextlib.contextmanager
def forbidden(directory, pid):
    directory.chmod(0o500)
    yield
    directory.chmod(0o700)


FAULTS = {
    "disk full": full,
    "RLIMIT_FSIZE": lambda directory, pid: limited(directory, pid, resource.RLIMIT_FSIZE, 10_000),
    "EMFILE": lambda directory, pid: limited(directory, pid, resource.RLIMIT_NOFILE, 3),
    "EROFS": read_only,
    "EACCES": forbidden,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_app_serves_while_the_disk_fails(small, tmp_path, fault):
    """Every answer is the app's, each record is stored once or counted in a gap, and later ones are stored."""
    sizes = {
        "journal_dir": str(small / "journal"),
        "segment_bytes": SEGMENT_BYTES,
        "journal_bytes": SEGMENT_BYTES * 16,
    }
    times = {"batch_interval_s": 0.05, "retry_initial_s": 0.05, "retry_max_s": 0.2}
    env = environment(tmp_path, **sizes, **times)
    arguments = ("-c", SERVER, str(tmp_path / "port"), "1")
    with running(*arguments, env=env, cwd=tmp_path) as server:
        client = Client(read_port(tmp_path / "port", server))
        client.ask(20)
        wait_until(lambda: len(rows(tmp_path)) == 20, what="the first records")
        (directory,) = (small / "journal").glob("*-*-*/")
        with FAULTS[fault](directory, server.pid):
            client.ask(400)
        before = len(client.answered)
        # Until the writer and the keeper have recovered there may be more drops.
        wait_until(lambda: client.ask(1) or stored_after(tmp_path, before), what="recovery")
        client.ask(20)
        client.connection.close()
        assert server.poll() is None
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)
    settle(tmp_path, **sizes)
    found = rows(tmp_path)
    stored = tokens(found, "completed")
    assert len(stored) == len(set(stored))
    assert set(stored) <= set(client.answered)
    dropped = sum(row["dropped_count"] for row in found if row["outcome"] == "dropped")
    assert dropped > 0, "the fault did nothing"
    assert len(stored) + dropped == len(client.answered)
    for row in found:
        if row["outcome"] == "completed":
            token = row["path"].rpartition("/")[2]
            assert row["response_body"] == row["request_body"] == f"{token}:{BODY}"


def stored_after(directory, number):
    with contextlib.suppress(Exception):
        return any(int(token[1:]) >= number for token in tokens(rows(directory), "completed"))
    return False


def test_the_app_serves_while_its_journal_is_removed(tmp_path):
    """The journal's directory is removed under the server: it answers on, and goes on in a new one."""
    env = environment(tmp_path, batch_interval_s=0.05, sync_interval_s=0.05)
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "1", env=env, cwd=tmp_path
    ) as server:
        client = Client(read_port(tmp_path / "port", server))
        client.ask(20)
        wait_until(lambda: len(rows(tmp_path)) == 20, what="the first records")
        (gone,) = (tmp_path / ".dashcam" / "journal").glob("*-*-*/")
        shutil.rmtree(gone)
        deadline = time.monotonic() + 20
        while not list((tmp_path / ".dashcam" / "journal").glob("*-*-*/")):
            client.ask(1)
            assert time.monotonic() < deadline
        before = len(client.answered)
        client.ask(50)
        client.connection.close()
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(20) in (0, -signal.SIGTERM)
    settle(tmp_path)
    stored = tokens(rows(tmp_path), "completed")
    assert len(stored) == len(set(stored))
    assert set(stored) >= set(client.answered[:20]) | set(client.answered[before:])
