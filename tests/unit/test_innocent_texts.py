"""What only sounds secret is kept: a log that drops the ordinary is of no use."""

import pytest
from tests.innocent import INNOCENT

from dashcam.exchange import Exchange
from dashcam.redaction import Redactor
from dashcam.settings import Settings

PROSE = [each for each in INNOCENT if each[1].startswith("text/plain")]


@pytest.mark.parametrize(
    ("content_type", "text", "where"),
    [each[1:] for each in INNOCENT],
    ids=[each[0] for each in INNOCENT],
)
def test_innocent_bodies_stay_byte_for_byte(content_type, text, where):
    """A body in which words only remind of secrets is kept as it was sent, and nothing is named."""
    redactor = Redactor(Settings(environ={}))
    exchange = Exchange(
        **{
            f"{where}_headers": [(b"content-type", content_type.encode())],
            f"{where}_body": text.encode(),
        }
    )
    redactor.redact(exchange)
    assert getattr(exchange, f"{where}_body") == text
    assert exchange.redacted == []
    assert redactor.failures == 0


@pytest.mark.parametrize("text", [each[2] for each in PROSE], ids=[each[0] for each in PROSE])
def test_innocent_messages_stay_as_they_are(text):
    """The message of an exception that holds no secret is kept whole."""
    exchange = Exchange(error_message=text)
    Redactor(Settings(environ={})).redact(exchange)
    assert exchange.error_message == text
    assert exchange.redacted == []


def test_innocent_texts_have_names_of_their_own():
    """Each text is named once, so that a failure tells which it is, and none is there twice."""
    names = [each[0] for each in INNOCENT]
    assert len(set(names)) == len(names)
    assert len({each[1:] for each in INNOCENT}) == len(INNOCENT)
