"""Who is calling, how much they may, and what they see: a real server, two users, an admin."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.processes import environment, read_port, running, wait_until

from dashcam.access import AccessMiddleware, ApiKeys
from dashcam.errors import SettingsError
from dashcam.store import open_store

SECRET = "example-secret-of-forty-characters-000000"
FAR = 4_000_000_000


def token(user="alice", *, secret=SECRET, algorithm="HS256", **claims):
    body = {"sub": user, "exp": int(time.time()) + 600, "aud": "api", "iss": "test", **claims}
    return jwt.encode({k: v for k, v in body.items() if v is not None}, secret, algorithm)


class Api:
    """A running server, its database, and clients for it."""

    def __init__(self, port, directory, process):
        self.url = f"http://127.0.0.1:{port}"
        self.directory = directory
        self.process = process
        self.store = open_store(f"sqlite:///{directory}/request_logs.db")
        self.keys = ApiKeys(self.store)

    def client(self, credential=None, **more):
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        return httpx.Client(base_url=self.url, headers={**headers, **more}, timeout=20)

    def get(self, url, credential=None, **params):
        with self.client(credential) as client:
            return client.get(url, params=params)

    def wait_stored(self, count, credential, **params):
        """Wait until history shows so many records of `/v1` or `/hello`."""

        def enough():
            items = self.get("/api/history", credential, limit=200, **params).json()["items"]
            return items if len(items) >= count else None

        return wait_until(enough, what=f"{count} records stored")


@pytest.fixture
def serve(tmp_path):
    stack = []

    def start(**settings):
        settings = {
            "jwt_secret": SECRET,
            "jwt_audience": "api",
            "jwt_issuer": "test",
            "batch_interval_s": 0.05,
            "public_paths": "/healthz,/admin/healthz,/api/session",
            **settings,
        }
        env = environment(tmp_path, **{k: v for k, v in settings.items() if v is not None})
        context = running("-m", "tests.apps.guarded", str(tmp_path / "port"), env=env, cwd=tmp_path)
        process = context.__enter__()
        stack.append(context)
        port = read_port(tmp_path / "port", process)
        api = Api(port, tmp_path, process)

        def answers():
            try:
                return httpx.get(api.url + "/hello").status_code
            except httpx.TransportError:
                return None

        wait_until(answers, what="the server answers")
        return api

    yield start
    for context in stack:
        context.__exit__(None, None, None)


def test_the_way_of_a_key(serve):
    """Created, shown once, used, listed without its secret, revoked, refused within seconds."""
    api = serve()
    made = api.keys.create("alice", name="laptop")
    assert api.get("/hello", made.key).json() == {"hello": "world"}
    with api.client(**{"x-api-key": made.key}) as client:
        assert client.get("/hello").status_code == 200
    (row,) = [each for each in api.keys.all() if each.id == made.row.id]
    assert made.key not in repr(row)
    assert made.key not in repr(made)
    assert made.key.startswith(row.prefix)
    assert api.keys.revoke(row.id)
    assert not api.keys.revoke(row.id)
    began = time.monotonic()
    wait_until(lambda: api.get("/hello", made.key).status_code == 401, what="refused")
    assert time.monotonic() - began < 8
    for path in api.directory.rglob("*"):
        if path.is_file():
            assert made.key.encode() not in path.read_bytes(), path


PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unsigned(user="alice"):
    return jwt.encode({"sub": user, "exp": FAR, "aud": "api", "iss": "test"}, None, "none")


@pytest.mark.parametrize(
    ("name", "credential"),
    [
        ("none", None),
        ("algorithm none", unsigned()),
        ("expired", token(exp=1)),
        ("no exp", token(exp=None)),
        ("wrong signature", token(secret="another-secret-of-forty-characters-00000")),
        ("wrong audience", token(aud="other")),
        ("no audience", token(aud=None)),
        ("wrong issuer", token(iss="other")),
        ("no user", token(user="")),
        ("user is no text", token(user=None, sub=None)),
        ("not yet valid", token(nbf=FAR)),
        ("RS256 where HS256 is meant", jwt.encode({"sub": "a", "exp": FAR}, PRIVATE, "RS256")),
        ("a typo in a key", "dc_" + "A" * 42),
        ("a key that never was", "dc_zpaEAGvE2vIZPTfmmBe6YrvDrJ37LTZO7qGB23bJFl"),
        ("garbage", "x" * 9000),
        ("three dots", "a.b.c"),
    ],
)
def test_a_credential_that_doesnt_hold_is_refused_and_recorded(serve, name, credential, shared):
    """401, problem JSON, WWW-Authenticate, an `unauthenticated` record; the app isn't reached."""
    api = shared
    answer = api.get("/hello", credential)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401
    assert "world" not in answer.text


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all credentials that don't hold."""
    directory = tmp_path_factory.mktemp("shared")
    env = environment(
        directory, jwt_secret=SECRET, jwt_audience="api", jwt_issuer="test", batch_interval_s=0.05
    )
    arguments = ("-m", "tests.apps.guarded", str(directory / "port"))
    with running(*arguments, env=env, cwd=directory) as process:
        api = Api(read_port(directory / "port", process), directory, process)
        wait_until(lambda: _answers(api), what="the server answers")
        yield api


def _answers(api):
    try:
        return api.get("/hello").status_code
    except httpx.TransportError:
        return None


def test_refused_requests_leave_small_records(shared):
    """A refusal's record says who, what and when; no headers, bodies, or the credential."""
    secret = token(secret="another-secret-of-forty-characters-00000")
    shared.get("/hello", secret, api_key="example-hidden")
    admin = token("root", admin=True)
    items = shared.wait_stored(1, admin, outcome="unauthenticated")
    whole = shared.get(f"/api/history/{items[0]['id']}", admin).json()
    assert whole["outcome"] == "unauthenticated"
    assert whole["status_code"] == 401
    assert whole["path"] == "/hello"
    assert whole["request_id"]
    assert whole["request_headers"] == whole["response_headers"] == []
    assert whole["request_body"] is None
    assert whole["response_body"] is None
    assert secret not in json.dumps(whole)


@pytest.mark.parametrize("kind", ["HS256 with the public key as secret", "a JWKS file", "PEM"])
def test_public_keys(serve, tmp_path, kind):
    """RS256 by PEM or key set; the public key is no shared secret (CVE-2022-29217)."""
    settings = {"jwt_secret": None}
    header = {"kid": "one"}
    if kind == "a JWKS file":
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key()))
        octets = {"kty": "oct", "kid": "two", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXh4"}
        document = {"keys": [{**key, "kid": "one", "alg": "RS256"}, octets]}
        (tmp_path / "jwks.json").write_text(json.dumps(document))
        settings["jwt_jwks"] = str(tmp_path / "jwks.json")
    else:
        settings["jwt_public_key"] = PUBLIC.decode()
    api = serve(**settings)
    claims = {"sub": "alice", "exp": FAR, "aud": "api", "iss": "test"}
    good = jwt.encode(claims, PRIVATE, "RS256", headers=header)
    assert api.get("/hello", good).status_code == 200
    if kind == "HS256 with the public key as secret":
        import hashlib
        import hmac
        from base64 import urlsafe_b64encode as b64

        head = b64(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
        body = b64(json.dumps(claims).encode()).rstrip(b"=")
        mark = b64(hmac.new(PUBLIC, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
        assert api.get("/hello", (head + b"." + body + b"." + mark).decode()).status_code == 401
    for hostile in ("two", "../../etc/passwd", "x" * 2000, "' OR 1=1 --", ""):
        forged = jwt.encode(
            claims, "secret-secret-secret-secret-secret-x", "HS256", headers={"kid": hostile}
        )
        assert api.get("/hello", forged).status_code == 401


def test_list_order_filters_and_pages_while_rows_arrive(serve):
    """Newest first; every filter; all pages joined: each row once, none missed, though more come."""
    api = serve()
    alice, bob = token("alice"), token("bob")
    with api.client(alice) as client:
        for number in range(60):
            client.get(f"/v1/items/{number}", params={"page": number})
        client.get("/nothing/here")
        client.post("/echo", json={"text": "needle in a body"})
        client.delete("/hello")
        client.get("/v1/items/500")  # uvicorn closes the connection after it
    api.get("/v1/items/7", bob)
    everything = api.wait_stored(64, alice)
    wait_until(
        lambda: api.get("/api/history", bob, path="/v1").json()["items"], what="bob's is stored"
    )
    assert [row["request_timestamp"] for row in everything] == sorted(
        (row["request_timestamp"] for row in everything), reverse=True
    )
    assert {row["user_id"] for row in everything} == {"alice"}
    assert all("headers" not in name and "_body" not in name[-5:] for name in everything[0])
    assert everything[-1]["target"] == "/v1/items/0?page=0"

    def count(**params):
        return len(api.get("/api/history", alice, limit=200, path="/", **params).json()["items"])

    def found(**params):
        return api.get("/api/history", alice, limit=200, **params).json()["items"]

    assert len(found(path="/v1/")) == 61
    assert len(found(status="404")) == 1
    assert len(found(status="4xx")) == 2
    assert len(found(status="400-404")) == 1
    assert len(found(status="5xx")) == len(found(outcome="failed")) == 1
    assert len(found(method="POST")) == 1
    assert len(found(method="post,delete")) == 2
    assert len(found(q="needle")) == 1
    assert len(found(q="the item broke")) == 1
    assert len(found(q="nothing/here")) == 1
    assert len(found(filter='status:5xx "item broke"')) == 1
    assert len(found(filter="body:needle method:POST")) == 1
    assert found(min_duration="100s") == []
    third = everything[-3]["request_timestamp"]
    assert {row["target"] for row in found(path="/v1", to=third)} == {
        "/v1/items/0?page=0",
        "/v1/items/1?page=1",
    }
    assert everything[-3]["id"] in {row["id"] for row in found(**{"from": third})}

    stop = threading.Event()

    def more():
        with api.client(alice) as client:
            while not stop.is_set():
                client.get("/v1/items/1000")

    thread = threading.Thread(target=more)
    thread.start()
    try:
        seen = []
        with api.client(alice) as client:
            url = "/api/history?limit=7&path=/v1/items"
            before = {row["id"] for row in everything if row["path"].startswith("/v1/items")}
            while url:
                answer = client.get(url)
                page = answer.json()
                seen += [row["id"] for row in page["items"]]
                link = answer.headers.get("link")
                assert (link is None) == (page["next_cursor"] is None)
                url = link and link[1 : link.index(">")]
    finally:
        stop.set()
        thread.join(20)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_who_sees_what(serve):
    """A user sees their own on every endpoint; an admin all; another's record is 404, not 403."""
    api = serve()
    alice, bob, admin = token("alice"), token("bob"), token("root", admin=True)
    with api.client(alice) as client:
        client.post("/echo", json="what alice said")
    mine = api.wait_stored(1, alice, path="/echo")[0]
    url = f"/api/history/{mine['id']}"
    assert api.get(url, alice).json()["request_body"] == '"what alice said"'
    assert api.get(url, admin).status_code == 200
    absent = api.get("/api/history/019a0000-0000-7000-8000-000000000001", bob)
    other = api.get(url, bob)
    assert other.status_code == absent.status_code == 404
    assert other.content == absent.content
    for odd in ("x", "%00", "a" * 5000, "..%2f..", "' OR 1=1 --"):
        assert api.get(f"/api/history/{odd}", bob).status_code in (400, 404)
    for params in (
        {"q": "what alice said"},
        {"filter": "user:bob", "path": "/echo"},
        {"trace_id": mine["trace_id"] or "x"},
        {"request_id": mine["request_id"]},
        {"path": "/echo"},
    ):
        assert api.get("/api/history", bob, **params).json()["items"] == []
    assert api.get("/api/history", bob, user_id="alice").status_code == 403
    assert api.get("/api/history", bob, filter="user:alice").status_code == 403
    assert api.get("/api/stats", bob, path="/echo").json()["count"] == 0
    assert api.get("/api/stats", alice, path="/echo").json()["count"] == 1
    assert api.get("/api/status", bob).status_code == 403
    assert api.get("/api/status", admin).json()["writer_state"] == "running"
    assert len(api.wait_stored(1, admin, path="/echo", user_id="alice")) == 1
    cursor = api.get("/api/history", alice, limit=1).json()["next_cursor"]
    if cursor:
        assert api.get("/api/history", bob, limit=1, cursor=cursor).status_code == 400
    assert api.get("/admin/api/history", alice, path="/echo").json()["items"][0]["id"] == mine["id"]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"limit": 201}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-01-01"}, "to"),
        ({"status": "abc"}, "status"),
        ({"status": "499-400"}, "status"),
        ({"outcome": "sad"}, "outcome"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "\u00e9"}, "cursor"),
        ({"min_duration": "fast"}, "duration"),
        ({"filter": "stauts:5xx"}, "stauts"),
        ({"filter": '"open'}, "quotation"),
        ({"q": "a\x00b"}, "NUL"),
        ({"limt": 5}, "limt"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_400(shared, params, names):
    """A wrong parameter: 400, problem JSON, and its name; never a 500 or everything."""
    answer = shared.get("/api/history", token(), **params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert names in answer.json()["detail"]
    assert answer.headers["cache-control"] == "no-store"


def test_quota(serve):
    """The request beyond it: 429, when to come back, a small record; other users go on."""
    api = serve(quota="5/hour;1000/day")
    alice = token("alice")
    assert [api.get("/hello", alice).status_code for _ in range(5)] == [200] * 5
    with api.client(alice) as client:
        answer = client.post("/echo", content="never reaches the app")
    assert answer.status_code == 429
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert answer.headers["ratelimit-policy"] == (
        '"5 per 1 hour";q=5;w=3600, "1000 per 1 day";q=1000;w=86400'
    )
    assert answer.headers["ratelimit"].startswith('"5 per 1 hour";r=0;t=')
    assert "5 per 1 hour" in answer.json()["detail"]
    assert api.get("/hello", token("bob")).status_code == 200
    admin = api.keys.create("root", admin=True, quota="1000/minute").key
    items = api.wait_stored(1, admin, outcome="quota_exceeded")
    whole = api.get(f"/api/history/{items[0]['id']}", admin).json()
    assert whole["user_id"] == "alice"
    assert whole["path"] == "/echo"
    assert whole["tags"] == {"quota": "5 per 1 hour"}
    assert whole["request_id"]
    assert whole["request_headers"] == []
    assert whole["request_body"] is whole["response_body"] is None
    assert alice not in json.dumps(whole)


def test_quota_of_a_key_and_charges_after_the_fact(serve):
    """A key's own quota wins; `charge` counts when it is known, also in the middle of a stream."""
    api = serve(quota="1/hour")
    key = api.keys.create("alice", quota="100/hour;tokens:50/hour").key
    assert api.get("/spend/30", key).status_code == 200
    assert api.get("/stream/30", key).text == "ab"
    answer = api.get("/hello", key)
    assert answer.status_code == 429
    assert "50 tokens per 1 hour" in answer.json()["detail"]


@pytest.mark.parametrize("policy", ["allow", "refuse"])
def test_quota_storage_down(serve, policy):
    """The storage is down: requests go through (or not, as configured), and it is counted."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    pytest.importorskip("redis")
    api = serve(
        quota="5/hour",
        quota_storage=f"redis://127.0.0.1:{port}",
        quota_on_error=policy,
        public_paths="/admin/metrics,/healthz",
    )
    answer = api.get("/hello", token())
    assert answer.status_code == (200 if policy == "allow" else 429)
    metrics = api.get("/admin/metrics").text
    assert "dashcam_access_quota_errors_total 0.0" not in metrics


def test_sessions(serve):
    """A key or token makes a cookie with every flag; it ends with DELETE, and with the key."""
    api = serve(public_paths="/api/*")
    made = api.keys.create("alice")
    with httpx.Client(base_url=api.url, headers={"origin": api.url}) as client:
        planted = "planted-by-somebody"
        client.cookies.set("dashcam_session", planted)
        assert client.get("/api/history").status_code == 401
        answer = client.post("/api/session", json={"credential": made.key})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie
        assert planted not in cookie
        client.cookies.clear()
        value = cookie.partition("=")[2].partition(";")[0]
        client.cookies.set("dashcam_session", value)
        assert client.get("/api/session").json()["user_id"] == "alice"
        assert client.get("/api/history").status_code == 200
        for origin in ("http://evil.example", "null", ""):
            headers = {"origin": origin}
            assert client.delete("/api/session", headers=headers).status_code == 403
            refused = client.post("/api/session", json={"credential": "x"}, headers=headers)
            assert refused.status_code == 403
        assert client.delete("/api/session").status_code == 204
        client.cookies.clear()
        client.cookies.set("dashcam_session", value)
        assert client.get("/api/history").status_code == 401
        again = client.post("/api/session", json={"credential": made.key})
        client.cookies.clear()
        client.cookies.set(
            "dashcam_session", again.headers["set-cookie"].split("=")[1].split(";")[0]
        )
        assert client.get("/api/history").status_code == 200
        api.keys.revoke(made.row.id)
        wait_until(lambda: client.get("/api/history").status_code == 401, what="ended with its key")
        failures = [
            client.post("/api/session", json={"credential": "wrong"}).status_code for _ in range(12)
        ]
    assert failures[0] == 401
    assert failures[-1] == 429


def test_live_tail(serve):
    """Rows arrive as events, each once; it resumes from Last-Event-ID; others aren't shown."""
    api = serve()
    alice, bob = token("alice"), token("bob")

    def read(count, last=None, send=True):
        headers = {"authorization": f"Bearer {alice}"}
        if last:
            headers["last-event-id"] = last
        events = []
        with httpx.stream(
            "GET", api.url + "/api/history/stream?path=/v1", headers=headers, timeout=20
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            event = {}
            for line in answer.iter_lines():
                if line.startswith("retry") and send:
                    time.sleep(0.3)  # the first look at what is there already
                    for number in range(count):
                        api.get(f"/v1/items/{number}", alice)
                        api.get(f"/v1/items/{number}", bob)
                if ": " in line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif not line and "data" in event:
                    events.append((event["id"], json.loads(event["data"])))
                    event = {}
                    if len(events) == count:
                        return events
        return events

    first = read(5)
    assert [row["user_id"] for _, row in first] == ["alice"] * 5
    assert len({row["id"] for _, row in first}) == 5
    for number in range(3):
        api.get(f"/v1/items/{100 + number}", alice)
    resumed = read(5, last=first[2][0], send=False)
    assert [row["id"] for _, row in resumed[:2]] == [row["id"] for _, row in first[3:]]
    assert [row["target"] for _, row in resumed[2:]] == [f"/v1/items/{100 + n}" for n in range(3)]
    assert api.get("/api/history/stream", alice, **{"from": "x"}).status_code == 400


def test_nothing_secret_in_any_answer(serve):
    """Search the raw bytes of every endpoint for every secret that was sent."""
    api = serve()
    admin = token("root", admin=True)
    made = api.keys.create("alice")
    secrets = ["example-hunter2", "example-query-secret", "example-cookie", made.key]
    with api.client(made.key, cookie="a=example-cookie") as client:
        body = {"password": "example-hunter2", "deep": [{"api_key": "example-hunter2"}]}
        client.post("/echo?token=example-query-secret", json=body)
        client.get("/v1/items/500?signature=example-query-secret")
    rows = api.wait_stored(2, admin, user_id="alice")
    raw = b"".join(
        api.get(path, admin).content
        for path in (
            "/api/history",
            "/api/stats",
            "/api/status",
            "/admin/metrics",
            *(f"/api/history/{row['id']}" for row in rows),
        )
    )
    for secret in secrets:
        assert secret.encode() not in raw


def test_serve_command(serve, tmp_path):
    """`dashcam serve`: one link, once; other hosts are refused; a foreign bind needs names."""
    api = serve()
    api.get("/v1/items/1", token("alice"))
    api.wait_stored(1, token("alice"))
    env = environment(tmp_path)
    command = [sys.executable, "-m", "dashcam", "serve"]
    for arguments, words in (
        (["--host", "0.0.0.0"], b"--allowed-host"),
        (["--host", "0.0.0.0", "--no-auth"], b"loopback"),
    ):
        refused = subprocess.run(
            [*command, *arguments], check=False, env=env, capture_output=True, timeout=30
        )
        assert refused.returncode == 2
        assert words in refused.stderr
        assert b"Traceback" not in refused.stderr
    with (tmp_path / "out.txt").open("wb") as out:
        process = subprocess.Popen([*command, "--port", "0"], env=env, stdout=out)
    try:
        url = wait_until(
            lambda: [w for w in (tmp_path / "out.txt").read_text().split() if "token=" in w],
            what="the link",
        )[0]
        base = url.partition("/login")[0]
        with httpx.Client(base_url=base) as client:
            assert client.get("/api/history").status_code == 401
            assert client.get("/api/history", headers={"host": "evil.example"}).status_code == 403
            entered = client.get(url)
            assert entered.status_code == 303
            assert client.get("/api/history?path=/v1").json()["items"][0]["user_id"] == "alice"
            assert "access-control-allow-origin" not in client.get("/api/history").headers
            assert client.get("/healthz").text == "ok\n"
        assert httpx.get(url).status_code == 401
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(15)


def test_keys_command(tmp_path):
    """`dashcam keys`: create shows the key once, list never, revoke takes id or prefix."""
    env = environment(tmp_path)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "dashcam", "keys", *arguments],
            check=False,
            env=env,
            capture_output=True,
            text=True,
            timeout=30,
        )

    made = run("create", "--user", "alice", "--quota", "100/minute;10000/day")
    key = made.stdout.strip()
    assert key.startswith("dc_")
    assert key not in run("list").stdout
    assert "100/minute" in run("list", "--json").stdout
    assert "key_hash" not in run("list", "--json").stdout
    assert run("create", "--user", "a", "--quota", "lots").returncode == 2
    assert "lots" in run("create", "--user", "a", "--quota", "lots").stderr
    assert run("revoke", "k_none").returncode == 2
    assert run("revoke", key[:11]).returncode == 0
    assert "revoked" in run("list").stdout
    with sqlite3.connect(tmp_path / "request_logs.db") as connection:
        assert key not in repr(connection.execute("SELECT * FROM api_keys").fetchall())
    connection.close()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("//evil.example/hello", "//evil.example/hello"),
        ("/hello%2F..%2Fx", "/hello/../x"),
        ("/a%0d%0aset-cookie:x", "/a\r\nset-cookie:x"),
        ("/%3Cscript%3E", "/<script>"),
        ("http://other.example/absolute", "/absolute"),
    ],
)
def test_odd_targets_and_hosts_are_shown_as_data(shared, target, path):
    """Absolute-form, double slashes, encoded slashes and line breaks, a Host with a path in it."""
    mark = f"m{time.time_ns()}"
    with socket.create_connection(("127.0.0.1", int(shared.url.rpartition(":")[2]))) as raw:
        raw.sendall(
            f"GET {target}?{mark} HTTP/1.1\r\nHost: evil.example/hello?x\r\n"
            f"Authorization: Bearer {token()}\r\nConnection: close\r\n\r\n".encode()
        )
        while raw.recv(65536):
            pass
    admin = token("root", admin=True)
    (row,) = shared.wait_stored(1, admin, q=mark)
    assert row["path"].removeprefix("http://other.example") in (path, target)
    assert row["host"] == "evil.example/hello?x"
    answer = shared.get(f"/api/history/{row['id']}", admin)
    assert answer.headers["content-type"] == "application/json"
    assert b"\r\nset-cookie" not in answer.content


def test_hosts_share_a_count_in_redis(serve, tmp_path):
    """Two servers with one quota storage: what one has counted, the other knows."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    redis = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), what="redis")
        storage = {"quota": "4/hour", "quota_storage": f"redis://127.0.0.1:{port}"}
        one = serve(**storage)
        (tmp_path / "port").unlink()
        two = serve(**storage)
        alice = token("alice")
        assert [api.get("/hello", alice).status_code for api in (one, two, one, two)] == [200] * 4
        assert one.get("/hello", alice).status_code == 429
        assert two.get("/hello", alice).status_code == 429
        assert two.get("/hello", token("bob")).status_code == 200
        redis.terminate()
        redis.wait(10)
        assert one.get("/hello", alice).status_code == 200  # it can't be counted: let through
    finally:
        redis.kill()
        redis.wait(10)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwt_secret": "short"}, "32 bytes"),
        ({"jwt_jwks": "http://login.example/keys"}, "https"),
        ({"jwt_secret": SECRET, "jwt_public_key": "x"}, "exactly one"),
        ({"jwt_secret": SECRET, "jwt_algorithms": "RS256"}, "RS256"),
        ({"jwt_secret": SECRET, "jwt_algorithms": "none"}, "none"),
        ({"jwt_public_key": "/nowhere.pem"}, "PEM"),
        ({"quota": "lots"}, "100/minute"),
        ({"quota_storage": "carrier-pigeon://x"}, "quota_storage"),
        ({"quota_on_error": "maybe"}, "allow"),
    ],
)
def test_a_wrong_setting_is_named(settings, words):
    """SettingsError when the middleware is made, with the value and what is allowed; no secret."""
    with pytest.raises(SettingsError, match=words) as caught:
        AccessMiddleware(lambda *_: None, store="memory://", **settings)
    assert SECRET not in str(caught.value)


def test_a_key_set_from_an_https_address(serve, tmp_path):
    """A JWKS URL is fetched over https only, its certificate is checked, and a new key is found."""
    import datetime
    import http.server
    import ssl
    import threading as threads

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(PRIVATE.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(PRIVATE, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    keys = {"keys": []}

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threads.Thread(target=server.serve_forever, daemon=True).start()
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key()))
    keys["keys"] = [{**key, "kid": "one", "alg": "RS256", "use": "sig"}]
    url = f"https://localhost:{server.server_port}/keys"
    os.environ["SSL_CERT_FILE"] = str(tmp_path / "cert.pem")
    try:
        api = serve(jwt_secret=None, jwt_jwks=url)
    finally:
        del os.environ["SSL_CERT_FILE"]
    claims = {"sub": "alice", "exp": FAR, "aud": "api", "iss": "test"}
    good = jwt.encode(claims, PRIVATE, "RS256", headers={"kid": "one"})
    assert api.get("/hello", good).status_code == 200
    other = jwt.encode(claims, PRIVATE, "RS256", headers={"kid": "unknown"})
    assert api.get("/hello", other).status_code == 401
    server.shutdown()
    server.server_close()
    assert api.get("/hello", good).status_code == 200  # the set that is known still counts


def test_a_slow_viewer_slows_nobody_and_a_quiet_stream_has_heartbeats(serve):
    """One that never reads; another gets its rows at once, and a sign of life when there are none."""
    api = serve()
    alice = token("alice")
    host = ("127.0.0.1", int(api.url.rpartition(":")[2]))
    slow = socket.create_connection(host)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(
        f"GET /api/history/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice}\r\n\r\n".encode()
    )
    slow.recv(10)
    with api.client(alice) as client:
        for number in range(300):
            client.get(f"/v1/items/{number}", params={"pad": "x" * 500})
    began = time.monotonic()
    with api.client(alice) as client, client.stream("GET", "/api/history/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        time.sleep(0.7)
        api.get("/v1/items/999", alice)
        assert any("/v1/items/999" in line for line in lines)
        assert time.monotonic() - began < 8
        assert any(line == ": still here" for line in lines)
        assert time.monotonic() - began < 30
    slow.close()


def test_a_bomb_stays_small_when_it_is_shown():
    """A detail decodes a compressed body with a bound; the cookie is Secure on https."""
    import gzip
    from base64 import b64encode

    from starlette.requests import Request

    from dashcam.api.viewer import cookie_header
    from dashcam.history.display import DISPLAY_BYTES, display_body

    bomb = b64encode(gzip.compress(bytes(100_000_000))).decode()
    shown = display_body(bomb, "base64", [["content-type", "application/gzip"]], truncated=False)
    assert shown.truncated
    assert len(shown.base64) <= DISPLAY_BYTES // 3 * 4 + 4
    text = b64encode(gzip.compress(b"hello " * 10)).decode()
    assert display_body(text, "base64", [], truncated=False).text == "hello " * 10
    assert display_body("x" * 3_000_000, "utf-8", [], truncated=False).truncated
    for scheme in ("http", "https"):
        scope = {"type": "http", "scheme": scheme, "headers": [], "path": "/", "server": ("x", 1)}
        cookie = cookie_header(Request(scope), "v", lifetime_s=5)
        assert ("; Secure" in cookie) == (scheme == "https")


def test_what_a_request_costs():
    """`cost` says how much of a quota a request takes; what doesn't fit takes nothing."""
    import asyncio

    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def answer(request):
        return PlainTextResponse("served")

    app = AccessMiddleware(
        Starlette(routes=[Route("/{cost:int}", answer)]),
        store="memory://",
        jwt_secret=SECRET,
        quota="10/hour",
        cost=lambda scope: int(scope["path"].strip("/")),
    )
    headers = {"authorization": f"Bearer {token(aud=None, iss=None)}"}

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return [
                (await client.get(f"/{cost}", headers=headers)).status_code
                for cost in (0, 7, 5, 3, 1, 0)
            ]

    assert asyncio.run(ask()) == [200, 200, 429, 200, 429, 429]
    assert app.statistics().quota_exceeded == 3
