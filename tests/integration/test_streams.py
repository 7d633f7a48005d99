"""Endless streams through a real server: memory, back-pressure and the first byte are as without dashcam."""

import os
import signal
import socket
import time
from pathlib import Path

from tests.checker import rows, settle
from tests.integration.test_server import ask
from tests.processes import environment, read_port, running, wait_until

MIB = 1 << 20
READ_BYTES = 300 * MIB


def resident_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def test_an_endless_stream_is_slowed_by_its_reader_and_takes_no_memory(tmp_path):
    """The first byte comes at once; while nobody reads, nothing is made; 300 MB pass in constant memory."""
    env = environment(tmp_path, batch_interval_s=0.05)
    with running(
        "-m", "tests.apps.tokens", str(tmp_path / "port"), "1", env=env, cwd=tmp_path
    ) as server:
        port = read_port(tmp_path / "port", server)
        assert ask(port, "/now/warm")[0] == 200
        wait_until(lambda: rows(tmp_path), what="the first row: all is loaded then")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"GET /endless/a HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200 OK" in client.recv(4096)
            before_mib = resident_mib(server.pid)
            # When the buffers of the connection are full the app waits in `send`: no work is done.
            spent = [cpu_ticks(server.pid)]

            def waits():
                time.sleep(0.3)  # the time in which nothing may happen
                spent.append(cpu_ticks(server.pid))
                return spent[-1] - spent[-2] <= 2

            wait_until(waits, what="the app to wait for its reader")
            assert resident_mib(server.pid) - before_mib < 20
            got, most_mib = 0, 0.0
            while got < READ_BYTES:
                got += len(client.recv(MIB))
                if got % 64 == 0:
                    most_mib = max(most_mib, resident_mib(server.pid) - before_mib)
            most_mib = max(most_mib, resident_mib(server.pid) - before_mib)
        assert most_mib < 20
        wait_until(lambda: len(rows(tmp_path)) == 2, what="the row of the stream that was left")
        os.kill(server.pid, signal.SIGTERM)
        server.wait(20)
    settle(tmp_path)
    (row,) = [each for each in rows(tmp_path) if each["path"] != "/now/warm"]
    assert (row["outcome"], row["status_code"], row["path"]) == ("disconnected", 200, "/endless/a")
    assert (
        row["response_body_bytes"] >= READ_BYTES * 0.99
    )  # what was read has the framing of chunks
    assert row["response_body_truncated"]
    assert row["ttfb_ms"] < row["duration_ms"]
