"""Varied, real HTTP traffic for the example gateway, and a count of what was answered.

It talks to one address on this machine, at a modest pace, until it is told to stop.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence

KINDS = (
    "echo",
    "item",
    "chat",
    "stream",
    "leave",
    "upload",
    "login",
    "download",
    "fail",
    "slow",
    "none",
    "stranger",
    "messages",
    "report",
    "ndjson",
)
WEIGHTS = (8, 10, 4, 5, 1, 2, 2, 1, 1, 1, 1, 1, 2, 1, 1)
PAUSE_S = 0.12


class Traffic:
    """Clients that send requests to a local port, each in a thread.

    Args:
        port: of the gateway on 127.0.0.1.
        keys: the API keys of the clients.
        seed: of the choice of requests.
    """

    def __init__(self, port: int, *, keys: Sequence[str], seed: int = 7) -> None:
        self._port = port
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answered: Counter[str] = Counter()
        """How many answers were received whole, by path without numbers."""
        self.left = 0
        """How many streams were left in the middle."""
        self._threads = [
            threading.Thread(
                target=self._run, args=(key, random.Random(seed + number)), daemon=True
            )
            for number, key in enumerate(keys)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more, and wait for the answers that are due."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, key: str, choose: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "dashcam-demo"}
        tour = choose.sample(KINDS, len(KINDS))  # everything is seen once within seconds
        while not self._stop.wait(PAUSE_S * choose.uniform(0.5, 2.0)):
            try:
                self._one(connection, headers, choose, tour)
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.1)
        connection.close()

    def _one(
        self,
        connection: http.client.HTTPConnection,
        headers: dict[str, str],
        choose: random.Random,
        tour: list[str],
    ) -> None:
        kind = tour.pop() if tour else choose.choices(KINDS, WEIGHTS)[0]
        if kind == "stranger":
            headers = {**headers, "Authorization": "Bearer example-of-a-wrong-key"}
        as_json = {**headers, "Content-Type": "application/json"}
        if kind == "echo":
            body = {
                "example": True,
                "number": choose.randrange(1000),
                "password": "example-hunter2",
            }
            self._ask(connection, "POST", "/v1/echo", as_json, json.dumps(body).encode())
        elif kind == "item":
            path = f"/shop/items/{choose.randrange(100)}?api_key=example-secret&page=2"
            self._ask(connection, "GET", path, headers)
        elif kind in ("chat", "stream", "leave"):
            question = [{"role": "user", "content": "What is example data?"}]
            asked = {"model": "example-model", "stream": kind != "chat", "messages": question}
            path, body_bytes = "/v1/chat/completions", json.dumps(asked).encode()
            if kind == "leave":
                self._leave(path, as_json, body_bytes)
            else:
                self._ask(connection, "POST", path, as_json, body_bytes)
        elif kind == "messages":
            asked = {"model": "example-model-2", "max_tokens": 50, "messages": []}
            self._ask(connection, "POST", "/v1/messages", as_json, json.dumps(asked).encode())
        elif kind in ("report", "ndjson"):
            # One trace over two requests, as a caller with tracing sends it.
            trace = f"{choose.getrandbits(128) | 1:032x}"
            for span in ("1" * 16, "2" * 16):
                traced = {**headers, "traceparent": f"00-{trace}-{span}-01"}
                self._ask(connection, "GET", f"/report?format={kind}", traced)
        elif kind == "upload":
            boundary = "example-boundary"
            part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="example.bin"\r\n'
            data = (part + "Content-Type: application/octet-stream\r\n\r\n").encode()
            data += bytes(choose.randrange(2000)) + f"\r\n--{boundary}--\r\n".encode()
            kind_header = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            self._ask(connection, "POST", "/shop/upload", {**headers, **kind_header}, data)
        elif kind == "login":
            form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            self._ask(connection, "POST", "/login", form, b"user=example&password=example-hunter2")
        else:
            path = {"download": "/download", "fail": "/fail", "slow": "/slow"}.get(
                kind, "/not/there"
            )
            self._ask(connection, "GET", path, headers)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None = None,
    ) -> None:
        connection.request(method, path, body=body, headers=headers)
        connection.getresponse().read()
        with self._lock:
            self.answered[path.partition("?")[0].rstrip("0123456789")] += 1

    def _leave(self, path: str, headers: dict[str, str], body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        if answer.status == 200:
            answer.read(100)
        else:  # refused, so there is nothing to leave
            answer.read()
        connection.close()
        with self._lock:
            if answer.status == 200:
                self.left += 1
            else:
                self.answered[path] += 1
