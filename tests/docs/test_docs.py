"""The documentation says what the code does, and its snippets run."""

import importlib.util
import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import dashcam
from dashcam.redaction.rules import FIELDS, HEADERS, QUERY
from dashcam.settings import TABLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def generated():
    """Give the module that writes reference pages."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["settings.md", "columns.md", "commands.md", "http-api.md", "metrics.md"]
)
def test_reference_pages_follow_from_the_code(name):
    """A setting, column, command, endpoint or metric that isn't documented is a mistake."""
    made = generated().PAGES[name]()
    assert made.rstrip() == (DOCS / "reference" / name).read_text().rstrip(), "run make docs"


PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets_run(page, tmp_path, monkeypatch):
    """Every block of Python in README and docs runs as it stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHCAM_STORE", "memory://")
    monkeypatch.setenv("DASHCAM_JOURNAL_DIR", "memory")
    document = Sybil([PythonCodeBlockParser()], encoding="utf-8").parse(page)
    document.namespace["__name__"] = "__main__"
    for example in document.examples():
        example.evaluate()


def test_links_lead_somewhere():
    """Links between pages, and images, are there."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation():
    """A page that nobody finds is a mistake."""
    text = (ROOT / "mkdocs.yml").read_text()
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in text


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
