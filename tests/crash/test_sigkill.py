"""SIGKILL at random moments under load: what a client has received completely is recorded."""

import http.client
import os
import random
import signal
import socket
import threading
import time

import pytest
from tests.checker import dropped, rows, settle, tokens
from tests.processes import environment, kill_group, read_port, running

ROUNDS = {1: 36, 4: 14}
TEXT = {"content-type": "text/plain"}
SETTINGS = {"segment_bytes": 1 << 20, "journal_bytes": 1 << 28, "batch_interval_s": 0.05}


class Client(threading.Thread):
    """Sends requests over kept-alive connections until the server is gone."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.token = name
        self.received: dict[str, str] = {}
        self.sent: list[str] = []

    def run(self) -> None:
        number = 0
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                while True:
                    number += 1
                    token = f"{self.token}-{number}"
                    self.sent.append(token)
                    expected = token
                    if number % 5 == 0:
                        expected = token + "x" * random.randrange(20_000)
                        connection.request("POST", f"/echo/{token}", expected, TEXT)
                    else:
                        connection.request("GET", f"/now/{token}")
                    answer = connection.getresponse()
                    assert (answer.status, answer.read().decode()) == (200, expected)
                    self.received[token] = expected
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException):
                continue  # this worker is gone, another may answer
            finally:
                connection.close()


def hold(port: int, token: str) -> socket.socket:
    """Begin a request that never ends, and wait for its first chunk."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(f"GET /held/{token} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    got = b""
    while token.encode() not in got:
        chunk = connection.recv(4096)
        assert chunk, got
        got += chunk
    return connection


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", [1, 4])
def test_sigkill_at_random_moments_loses_nothing(tmp_path, workers):
    """After each kill the next start stores every answered request once; held ones are `interrupted`."""
    seed = int(os.environ.get("DASHCAM_TEST_SEED", time.time_ns() % 1_000_000))
    random.seed(seed)
    print(f"seed {seed}")
    env = environment(tmp_path, **SETTINGS)
    received: dict[str, str] = {}
    sent: set[str] = set()
    held: set[str] = set()
    for number in range(ROUNDS[workers]):
        port_file = tmp_path / f"port-{number}"
        arguments = ("-m", "tests.apps.tokens", str(port_file), str(workers))
        with running(*arguments, env=env, cwd=tmp_path) as server:
            port = read_port(port_file, server)
            open_requests = [hold(port, f"h{number}-{each}") for each in range(2)]
            held.update(f"h{number}-{each}" for each in range(2))
            clients = [Client(port, f"r{number}c{each}") for each in range(3)]
            for client in clients:
                client.start()
            time.sleep(random.uniform(0.0, 0.5))  # the moment of death is what is random here
            kill_group(server)
            for client in clients:
                client.join(20)
                assert not client.is_alive()
                received.update(client.received)
                sent.update(client.sent)
            for connection in open_requests:
                connection.close()

    settle(tmp_path)
    found = rows(tmp_path)
    completed = tokens(found, "completed")
    every = tokens(found, "completed", "interrupted")
    assert len(received) > ROUNDS[workers] * 5, "the load was too small to prove anything"
    # On a machine too busy to make a segment ready records are dropped, and a gap tells of them;
    # what no gap tells of is lost.
    assert len(received.keys() - set(completed)) <= dropped(found), f"lost, seed {seed}"
    for row in found:
        token = row["path"].rpartition("/")[2]
        if row["outcome"] == "completed" and token in received:
            assert row["response_body"] == received[token], f"changed, seed {seed}"
            assert row["request_body"] in (None, received[token]), f"changed, seed {seed}"
    assert len(every) == len(set(every)), f"stored twice, seed {seed}"
    assert held <= set(tokens(found, "interrupted")), f"not interrupted, seed {seed}"
    assert set(every) <= sent | held, f"never sent, seed {seed}"
    # (One that was being made when the kill came has no record, and is swept later.)
    journal = tmp_path / ".dashcam" / "journal"
    assert [
        each for each in journal.glob("*/*.seg") if not each.parent.name.startswith(".new-")
    ] == []


@pytest.mark.parametrize("how", ["exit", "segfault"])
def test_a_request_that_kills_its_server_is_named(tmp_path, how):
    """os._exit and a segmentation fault inside a request: that request is an `interrupted` row."""
    env = environment(tmp_path)
    port_file = tmp_path / "port"
    with running("-m", "tests.apps.tokens", str(port_file), "1", env=env, cwd=tmp_path) as server:
        port = read_port(port_file, server)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/now/before")
        connection.getresponse().read()
        connection.request("GET", f"/{how}/culprit")
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse().read()
        connection.close()
        assert server.wait(10) in (3, -signal.SIGSEGV)
    settle(tmp_path)
    found = rows(tmp_path)
    assert tokens(found, "completed") == ["before"]
    assert tokens(found, "interrupted") == ["culprit"]
    (culprit,) = [row for row in found if row["outcome"] == "interrupted"]
    assert (culprit["method"], culprit["revision"], culprit["status_code"]) == ("GET", 0, None)
