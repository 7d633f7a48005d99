"""The documentation says what the code does, and its snippets run."""

import importlib.util
import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from tests.docs.shell import Shell, commands

import dashcam
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
    "name",
    ["settings.md", "columns.md", "commands.md", "http-api.md", "metrics.md", "redaction.md"],
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


SHELL = ("console", "sh")
LANGUAGES = ("python", *SHELL, "")
"""The last one is a drawing."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if re.search(r"^```(console|sh)$", page.read_text(), re.M)],
    ids=lambda page: page.stem,
)
def test_shell_snippets_run(page, tmp_path, request):
    """Every line of shell in README and docs runs, in order; what it shows is what comes."""
    shell = Shell(
        tmp_path,
        page.read_text(),
        database=lambda: request.getfixturevalue("postgres").new_database(),
    )

    text, section = page.read_text(), 0

    def evaluate(example):
        nonlocal section
        found = text.count("\n## ", 0, example.region.start)
        if found != section:
            shell.close()  # what serves is stopped at the end of its section
            section = found
        for command, output in commands(example.parsed):
            shell.run(command, output)

    parsers = [CodeBlockParser(language=language, evaluator=evaluate) for language in SHELL]
    try:
        for example in Sybil(parsers, encoding="utf-8").parse(page).examples():
            example.evaluate()
    finally:
        shell.close()


def test_every_snippet_is_of_a_kind_that_runs():
    """A block in another language would be one that no test runs."""
    for page in PAGES:
        for language in re.findall(r"^```(\S*)\n.*?^```$", page.read_text(), re.M | re.S):
            assert language in LANGUAGES, f"{page.name}: {language}"


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


def test_every_public_name_has_a_docstring():
    """What `dashcam` exports says what it is."""
    for name in dashcam.__all__:
        assert getattr(dashcam, name).__doc__, name
