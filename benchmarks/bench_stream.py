"""Time to first byte of a stream, with and without dashcam."""

import socket
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.servers import serving

REQUEST = b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n"
ROUNDS = 40


def first_byte_ms(port: int) -> float:
    """Ask for a stream on a new connection; give the time to the first event."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        connection.sendall(REQUEST)
        got = b""
        while b"data: 0" not in got:
            got += connection.recv(4096)
        return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Print the table."""
    with (
        tempfile.TemporaryDirectory() as directory,
        serving("bare", Path(directory)) as (bare_port, _),
        serving("thread", Path(directory)) as (port, _),
    ):
        for each in (bare_port, port):
            first_byte_ms(each)
        time.sleep(2)  # the writer's own start-up is over then
        pairs = [(first_byte_ms(bare_port), first_byte_ms(port)) for _ in range(ROUNDS)]
    without = statistics.median(pair[0] for pair in pairs)
    with_ = statistics.median(pair[1] for pair in pairs)
    print("time to first byte of a stream, median")
    print(f"  without {without:.2f} ms, with {with_:.2f} ms, ratio {with_ / without:.2f}")


if __name__ == "__main__":
    main()
