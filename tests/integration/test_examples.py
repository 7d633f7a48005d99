"""Each example runs under its own kind of server, and its request is stored."""

import http.client
import json
import os
import re
import signal
import socket

import pytest
from tests.checker import rows
from tests.processes import ROOT, environment, running, wait_until


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("server", "target", "route"),
    [
        ("uvicorn", "fastapi_app:app", "/users/{user_id}"),
        ("uvicorn", "starlette_app:app", "/users/{user_id}"),
        ("uvicorn", "litestar_app:app", "/users/{user_id}"),
        ("uvicorn", "django_app:asgi", "/users/<int:user_id>"),
        ("gunicorn", "django_app:wsgi", "/users/<int:user_id>"),
        ("gunicorn", "flask_app:app", "/users/<int:user_id>"),
    ],
)
def test_an_example(tmp_path, server, target, route):
    """The request is answered, and its record has the route's template."""
    port = free_port()
    env = environment(tmp_path, batch_interval_s=0.05)
    env["PYTHONPATH"] += f":{ROOT / 'examples'}"
    arguments = {
        "uvicorn": ("-m", "uvicorn", target, "--port", str(port), "--log-level", "warning"),
        "gunicorn": ("-m", "gunicorn", target, "-b", f"127.0.0.1:{port}", "-t", "60"),
    }[server]

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/users/7?token=example-hidden")
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None
        finally:
            connection.close()

    with running(*arguments, env=env, cwd=tmp_path) as process:
        status, body = wait_until(ask, what="the example answers")
        os.kill(process.pid, signal.SIGTERM)
        process.wait(20)
    assert status == 200
    assert b"7" in body
    (row,) = [row for row in rows(tmp_path) if row["path"] == "/users/7"]
    assert row["outcome"] == "completed"
    assert row["status_code"] == 200
    assert row["route"] == route
    assert row["query"] == "token=[redacted]"
    assert row["response_body"].encode() == body


def test_the_dashboard_asks_for_metrics_that_there_are():
    """Every metric that the Grafana dashboard names is one that /metrics gives."""
    from dashcam.api.metrics import render
    from dashcam.testing import MemoryRecorder

    recorder = MemoryRecorder()
    given = set(re.findall(r"^(dashcam_\w+)", render(recorder).decode(), re.MULTILINE))
    text = (ROOT / "examples" / "grafana-dashboard.json").read_text()
    json.loads(text)
    named = set(re.findall(r"dashcam_\w+", text))
    assert len(named) > 10
    assert named <= given
