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
    "chart",
    "svg",
    "catalogue",
    "change",
    "moved",
    "trip",
)
WEIGHTS = (8, 10, 4, 5, 1, 2, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1)
PATHS = {
    "download": "/download",
    "fail": "/fail",
    "slow": "/slow",
    "report": "/report?format=html",
    "ndjson": "/report?format=ndjson",
    "chart": "/shop/chart",
    "svg": "/shop/chart?format=svg",
    "catalogue": "/shop/catalogue",
    "moved": "/shop/old-catalogue",
}
"""Of what is simply asked for."""
PAUSE_S = 0.12
REFUSED_PAUSE_S = 2.0


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
        elif kind == "trip":
            self._trip(connection, as_json, choose)
        elif kind == "change":
            method = choose.choice(("PUT", "PATCH", "DELETE"))
            body_bytes = b"" if method == "DELETE" else b'{"example": true, "stock": 3}'
            self._ask(connection, method, "/shop/catalogue", as_json, body_bytes)
        elif kind == "upload":
            boundary = "example-boundary"
            parts = [
                ('name="title"', "Example file"),
                ('name="password"', "example-hunter2"),
                ('name="settings"', '{"example": true, "size": 3}'),
                (
                    'name="file"; filename="example.txt"\r\nContent-Type: text/plain',
                    "example line\n" * choose.randrange(1, 150),
                ),
            ]
            data = "".join(
                f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n"
                for head, content in parts
            )
            kind_header = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            sent = f"{data}--{boundary}--\r\n".encode()
            self._ask(connection, "POST", "/shop/upload", {**headers, **kind_header}, sent)
        elif kind == "login":
            form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            self._ask(connection, "POST", "/login", form, b"user=example&password=example-hunter2")
        else:
            path = PATHS.get(kind, "/not/there")
            self._ask(connection, "GET", path, headers)

    def _trip(
        self,
        connection: http.client.HTTPConnection,
        headers: dict[str, str],
        choose: random.Random,
    ) -> None:
        """Send one trace over several requests, as a caller with tracing does."""
        trace = f"{choose.getrandbits(128) | 1:032x}"
        steps = (
            ("GET", "/shop/catalogue", None),
            ("GET", f"/shop/items/{choose.randrange(60)}", None),
            ("POST", "/v1/messages", b'{"model": "example-model-2", "messages": []}'),
            ("GET", "/slow", None),
            ("POST", "/v1/echo", b'{"example": true, "done": true}'),
        )
        for number, (method, path, body) in enumerate(steps, 1):
            traced = {**headers, "traceparent": f"00-{trace}-{number:016x}-01"}
            self._ask(connection, method, path, traced, body)

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None = None,
    ) -> None:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        with self._lock:
            self.answered[path.partition("?")[0].rstrip("0123456789")] += 1
        if answer.status == 429:
            self._stop.wait(REFUSED_PAUSE_S)  # as a client with manners does

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
