"""Time to first byte of a stream, with and without dashcam; a second server without tells the noise."""

import contextlib
import random
import socket
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.servers import serving

REQUEST = b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n"
VARIANTS = {"without": "bare", "without, again": "bare", "with": "thread"}
ROUNDS = 300
PAUSE_S = 0.01
"""Until the end of the stream before, which the client has left, disturbs no more."""


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
    took_ms: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, variant in VARIANTS.items():
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ports[name], _ = stack.enter_context(serving(variant, place))
            first_byte_ms(ports[name])
        time.sleep(2)  # the writer's own start-up is over then
        for _ in range(ROUNDS):
            for name in random.sample(list(ports), len(ports)):
                time.sleep(PAUSE_S)
                took_ms[name].append(first_byte_ms(ports[name]))
    print("time to first byte of a stream, median")
    median_ms = {name: statistics.median(each) for name, each in took_ms.items()}
    for name, each_ms in median_ms.items():
        print(f"  {name:16}{each_ms:.2f} ms{each_ms / median_ms['without']:7.2f}")


if __name__ == "__main__":
    main()
