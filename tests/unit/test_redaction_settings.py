"""What the settings and `annotate` change in redaction, and what is told when it fails."""

import asyncio
import logging

import pytest
from tests.drive import body_messages, drive, http_scope

from dashcam import DashcamMiddleware, Recorder, Settings, SettingsError, annotate
from dashcam.testing import MemoryRecorder

CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
PERSONAL = f"card {CARD}, {IBAN}, ann@example.org, +49 30 1234567, 078-05-1120, 203.0.113.77"


def answering(text, *, said=None):
    async def app(scope, receive, send):
        await receive()
        if said:
            annotate(**said)
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    return app


def recorded(text=PERSONAL, *, said=None, **settings):
    recorder = MemoryRecorder(**settings)
    drive(answering(text, said=said), recorder=recorder)
    (exchange,) = recorder.exchanges()
    return exchange


def test_personal_data_stays_unless_it_is_asked_for():
    """By default nothing of it is removed."""
    exchange = recorded()
    assert exchange.response_body == PERSONAL
    assert exchange.client_ip == "127.0.0.9"


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("card", CARD),
        ("iban", IBAN),
        ("email", "ann@example.org"),
        ("phone", "+49 30 1234567"),
        ("ssn", "078-05-1120"),
        ("ip", "203.0.113.77"),
    ],
)
def test_each_kind_of_personal_data_is_removed_alone(kind, gone):
    """`redact_personal` removes what it names, and nothing else; it says so in `redacted`."""
    exchange = recorded(redact_personal=[kind])
    assert gone not in exchange.response_body
    assert exchange.response_body.count(",") == PERSONAL.count(",")
    assert "response_body:personal" in exchange.redacted
    others = [part for part in PERSONAL.split(", ") if gone not in part]
    assert all(part in exchange.response_body for part in others)


def test_addresses_are_shortened_to_their_network():
    """`ip` keeps the network: of the client, and in texts."""
    exchange = recorded(redact_personal=["ip"])
    assert exchange.client_ip == "127.0.0.0"
    assert "203.0.113.0" in exchange.response_body


@pytest.mark.parametrize(
    "text", ["order 4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "1.2.3", "12:30", "3-4-5"]
)
def test_what_fails_its_checksum_stays(text):
    """Numbers that only look like cards, accounts or addresses are kept."""
    kinds = ["card", "iban", "email", "phone", "ssn", "ip"]
    assert recorded(text, redact_personal=kinds).response_body == text


def test_a_route_may_ask_for_it_through_annotate():
    """`annotate(redact_personal=…)` adds kinds for one request."""
    exchange = recorded(said={"redact_personal": ["email"]})
    assert "ann@example.org" not in exchange.response_body
    assert CARD in exchange.response_body
    assert recorded(said={"redact_personal": "card"}, redact_personal=["email"]).response_body == (
        PERSONAL.replace(CARD, "[redacted]").replace("ann@example.org", "[redacted]")
    )


def test_an_unknown_kind_is_refused():
    """Both ways name the value and what is allowed."""
    with pytest.raises(SettingsError, match="redact_personal must be some of card"):
        Settings(environ={}, redact_personal=["cards"])
    with pytest.raises(ValueError, match=r"redact_personal must be some of card.*got \('cards',\)"):
        annotate(redact_personal=["cards"])


def test_a_json_number_that_is_a_card_stays_json():
    """A number becomes a text, so that the body is JSON still."""
    recorder = MemoryRecorder(redact_personal=["card"])

    async def app(scope, receive, send):
        await receive()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"a":4111111111111111,"b":[1,2]}'})

    drive(app, recorder=recorder)
    assert recorder.exchanges()[0].response_body == '{"a":"[redacted]","b":[1,2]}'


def test_failures_of_redaction_are_counted_and_told_once(monkeypatch, caplog):
    """A bug in it: `capture_errors` counts each, one warning, `redacted` names the part."""

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("dashcam.redaction.reader.json_edits", broken)
    recorder = MemoryRecorder()
    scope = http_scope(headers=[("content-type", b"application/json")])
    with caplog.at_level(logging.WARNING, "dashcam"):
        for _ in range(3):
            incoming = body_messages(b'{"password":"hunter2"}')
            drive(answering("ok"), recorder=recorder, scope=dict(scope), incoming=incoming)
    assert recorder.statistics().capture_errors == 3
    assert len([each for each in caplog.records if "capture failed" in each.message]) == 1
    for exchange in recorder.exchanges():
        assert exchange.request_body is None
        assert "request_body:*" in exchange.redacted


HIDDEN = {
    "host": ("host", b"secret-host-1.example"),
    "user-agent": ("user_agent", b"secret-agent-1"),
    "x-request-id": ("request_id", b"secret-request-1"),
}


@pytest.mark.parametrize("header", HIDDEN)
def test_a_header_that_is_removed_is_removed_from_its_column(tmp_path, header):
    """Also in the table of requests in flight, while the request is being served."""
    column, value = HIDDEN[header]
    recorder = Recorder(
        Settings(
            environ={},
            store=f"sqlite:///{tmp_path}/r.db",
            writer="off",
            journal_bytes="2 MiB",
            segment_bytes="256 KiB",
            redact_headers=[header],
        )
    )
    seen = []

    async def app(scope, receive, send):
        await receive()
        seen.extend(path.read_bytes() for path in tmp_path.rglob("open.tbl"))
        await answering("ok")(scope, receive, send)

    async def main():
        incoming = body_messages(b"")

        async def receive():
            return incoming[0]

        async def send(message):
            pass

        scope = http_scope(headers=[(header, value), ("content-type", b"text/plain")])
        await DashcamMiddleware(app, recorder=recorder)(scope, receive, send)

    recorder.start()
    asyncio.run(main())
    assert len(seen) == 1
    everything = seen + [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(value in data for data in everything)
    assert any(f'"{column}":'.encode() in data for data in everything)
    recorder.close(0)


@pytest.mark.parametrize(
    ("path", "headers", "gone"),
    [
        ("/reset/tok-abc12345xyz", [("x-reset-token", b"tok-abc12345xyz")], b"abc12345xyz"),
        ("/x/ghp_0123456789abcdefghijkl", [], b"0123456789abcdefghijkl"),
    ],
)
def test_a_secret_in_the_path_of_a_request_in_flight(tmp_path, path, headers, gone):
    """What is known at the beginning is not noted: a shape, or the value of a secret header."""
    recorder = Recorder(
        Settings(
            environ={},
            store=f"sqlite:///{tmp_path}/r.db",
            writer="off",
            journal_bytes="2 MiB",
            segment_bytes="256 KiB",
        )
    )
    recorder.start()

    async def app(scope, receive, send):
        for each in tmp_path.rglob("*"):
            assert not each.is_file() or gone not in each.read_bytes()
        await answering("ok")(scope, receive, send)

    drive_file(app, recorder, http_scope(path=path, headers=headers))
    drive_file(app, recorder, http_scope(path=path, headers=headers))
    assert recorder.statistics().accepted == 2
    for each in tmp_path.rglob("*"):
        assert not each.is_file() or gone not in each.read_bytes()
    recorder.close(0)


def drive_file(app, recorder, scope):
    async def main():
        async def receive():
            return body_messages(b"")[0]

        async def send(message):
            pass

        await DashcamMiddleware(app, recorder=recorder)(scope, receive, send)

    asyncio.run(main())
