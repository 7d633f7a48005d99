"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

import dashcam
from dashcam.redaction.rules import FIELDS, HEADERS, QUERY
from dashcam.settings import TABLE

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting):
    """A setting that isn't in docs/reference/settings.md, with its meaning, is a mistake."""
    text = (DOCS / "reference" / "settings.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{setting.name}` |")]
    assert setting.doc in row
    defaults = setting.default if isinstance(setting.default, tuple) else (setting.default,)
    assert all(default is None or f"`{default}`" in row for default in defaults)


def test_every_redacted_name_is_documented():
    """docs/reference/redaction.md lists exactly the default names."""
    text = (DOCS / "reference" / "redaction.md").read_text().partition("## Default names")[2]
    listed = set(re.findall(r"`([^`]+)`", text))
    assert listed == {*HEADERS, *FIELDS, *QUERY}


def test_every_public_name_has_a_docstring():
    """What `dashcam` exports says what it is."""
    for name in dashcam.__all__:
        assert getattr(dashcam, name).__doc__, name
