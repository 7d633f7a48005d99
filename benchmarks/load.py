"""A client that is quicker than the server it measures: raw sockets, kept alive, one process.

`python -m benchmarks.load PORT SECONDS CONNECTIONS [RATE]` prints how many answers came. With a
rate (requests per second) the pace is the same whatever the server: only then CPU per request
can be compared, since a saturated server and an idle one pay differently for waking up.

Without a rate it looks twice a millisecond and finds several answers at once, as they come over
a network. One that waits for each has the server pay for waking it: 9 µs a request in a virtual
machine, and 16 where the server is slower and finds it asleep more often.
"""

import itertools
import json
import selectors
import socket
import sys
import time

LOOK_S = 0.0005


def _request(number: int) -> bytes:
    """Make one of many requests that differ, as those of real clients do, but for their size."""
    words = " ".join(f"{(number * 31 + place) * 7919 % 100_000:08}" for place in range(100))
    body = json.dumps(
        {"model": "example", "messages": [{"role": "user", "content": words}], "n": 1}
    )
    headers = (
        "host: 127.0.0.1\r\nuser-agent: bench/1\r\naccept: */*\r\naccept-encoding: gzip\r\n"
        "authorization: Bearer example-token-1234567890\r\ncontent-type: application/json\r\n"
        f"x-request-id: 7e57{number:04}\r\nconnection: keep-alive\r\n"
        f"content-length: {len(body)}\r\n"
    )
    return f"POST /echo HTTP/1.1\r\n{headers}\r\n{body}".encode()


REQUESTS = [_request(number) for number in range(256)]


def load(port: int, *, seconds: float, connections: int, rate: float = 0.0) -> int:
    """Send requests for some seconds; give the number of whole answers."""
    selector = selectors.DefaultSelector()
    requests = itertools.cycle(REQUESTS)
    answer_bytes = 0
    got: dict[socket.socket, int] = {}
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(next(requests))
        got[connection] = 0
        if not answer_bytes:
            first = b""
            while b"\r\n\r\n" not in first:
                first += connection.recv(65536)
            head = first.partition(b"\r\n\r\n")[0]
            assert head.startswith(b"HTTP/1.1 200"), head
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
            answer_bytes = len(head) + 4 + size
            while len(first) < answer_bytes:
                first += connection.recv(65536)
            connection.sendall(next(requests))
        selector.register(connection, selectors.EVENT_READ)
    answers = 0
    began = time.monotonic()
    end = began + seconds
    idle: list[socket.socket] = []
    sent = 0
    while (now := time.monotonic()) < end:
        while idle and sent < (now - began) * rate:
            idle.pop().sendall(next(requests))
            sent += 1
        if not rate:
            time.sleep(LOOK_S)
        for key, _ in selector.select(LOOK_S if rate else 1.0):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            got[connection] += len(connection.recv(65536))
            if got[connection] >= answer_bytes:
                got[connection] -= answer_bytes
                answers += 1
                if rate:
                    idle.append(connection)
                else:
                    connection.sendall(next(requests))
    for connection in got:
        connection.close()
    return answers


if __name__ == "__main__":
    port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    rate = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    print(load(port, seconds=seconds, connections=connections, rate=rate))
