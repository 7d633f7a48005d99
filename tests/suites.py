"""Runs the test suites of Starlette and FastAPI with dashcam around every app of theirs.

`make suites` runs each suite bare, then with the middleware around what a test client is given,
then around each app's own middleware stack; with a journal on disk and one in memory. It ends
with 1 when a test fails that passes without dashcam. This file is also the pytest plugin that
does the wrapping, told by WRAP (`client` or `stack`).

The sources of the installed versions are downloaded with pip, and what their tests need is
installed into `build/suites`.
"""

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "build" / "suites"
PYTHON = PLACE / "venv" / "bin" / "python"
SUITES = {"starlette": "dev", "fastapi": "tests"}
"""Each framework, and the dependency group of its tests."""
WAYS = [("client", ""), ("client", "memory"), ("stack", ""), ("stack", "memory")]
SUITE_TIMEOUT_S = 1200


def pytest_configure() -> None:
    """Wrap, as WRAP says."""
    settings: dict[str, Any] = {"store": "memory://"}
    if os.environ.get("WRAP_JOURNAL"):
        settings["journal_dir"] = os.environ["WRAP_JOURNAL"]
    if os.environ.get("WRAP") == "client":
        wrap_clients(settings)
    elif os.environ.get("WRAP") == "stack":
        wrap_stacks(settings)


def wrap_clients(settings: dict[str, Any]) -> None:
    """Put the middleware around every ASGI app that a test client is given."""
    import starlette.testclient as module

    from dashcam import DashcamMiddleware

    client = module.TestClient
    make = client.__init__

    def wrapped(self: Any, app: Any, *arguments: Any, **keywords: Any) -> None:
        if module._is_asgi3(app):
            app = DashcamMiddleware(app, **settings)
        make(self, app, *arguments, **keywords)

    client.__init__ = wrapped  # type: ignore[method-assign]


def wrap_stacks(settings: dict[str, Any]) -> None:
    """Put the middleware around every app's own stack of middlewares."""
    from fastapi import FastAPI
    from starlette.applications import Starlette

    from dashcam import DashcamMiddleware

    for kind in (Starlette, FastAPI):
        build = kind.__dict__.get("build_middleware_stack")
        if build is not None:

            def wrapped(self: Any, build: Any = build) -> Any:
                return DashcamMiddleware(build(self), **settings)

            kind.build_middleware_stack = wrapped  # type: ignore[method-assign]


def fetch(name: str) -> Path:
    """Give the sources of the installed version of a framework."""
    stem = f"{name}-{version(name)}"
    if not (PLACE / stem).exists():
        command = [ROOT / ".uv/bin/pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
        subprocess.run([*command, "--dest", PLACE, stem.replace("-", "==", 1)], check=True)
        with tarfile.open(PLACE / f"{stem}.tar.gz") as archive:
            archive.extractall(PLACE, filter="data")
    return PLACE / stem


def install(sources: list[Path]) -> None:
    """Make an environment with dashcam, the frameworks, and what their tests need."""
    uv = ROOT / ".uv/bin/uv"
    env = {**os.environ, "VIRTUAL_ENV": str(PLACE / "venv")}
    if not PYTHON.exists():
        subprocess.run([uv, "venv", "--quiet", PLACE / "venv"], check=True, cwd=ROOT)
    for path in sources:
        name = path.name.partition("-")[0]
        groups = ["--group", f"{path / 'pyproject.toml'}:{SUITES[name]}"]
        everything = f"{name}[{'full' if name == 'starlette' else 'all'}]=={version(name)}"
        command = [uv, "pip", "install", "--quiet", everything, *groups]
        subprocess.run(command, check=True, env=env, cwd=path)
    command = [uv, "pip", "install", "--quiet", "--editable", ROOT, "pytest-xdist"]
    subprocess.run(command, check=True, env=env, cwd=ROOT)


def run(path: Path, wrap: str, journal: str) -> tuple[set[str], str]:
    """Run one suite; give the names of the tests that failed, and pytest's last line."""
    env = {**os.environ, "WRAP": wrap, "WRAP_JOURNAL": journal}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), str(path)])
    command = [PYTHON, "-m", "pytest", "-q", "-p", "suites", "-p", "no:codspeed", "-n", "2"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--tb=no", "-rfE", "tests"],
        cwd=path,
        env=env,
        capture_output=True,
        text=True,
        timeout=SUITE_TIMEOUT_S,
        check=False,
    )
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
    if not re.search(r"\d+ passed", last):
        sys.exit(f"{path.name} can't be tested: {last}")
    return set(re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)), last


def main() -> int:
    """Run all; give the exit code."""
    PLACE.mkdir(parents=True, exist_ok=True)
    sources = [fetch(name) for name in SUITES]
    install(sources)
    worse = 0
    for path in sources:
        bare, last = run(path, "", "")
        print(f"{path.name}, bare: {last}", flush=True)
        for wrap, journal in WAYS:
            failed, last = run(path, wrap, journal)
            print(f"{path.name}, {wrap}, journal {journal or 'on disk'}: {last}", flush=True)
            for name in sorted(failed - bare):
                worse = 1
                print(f"  fails with dashcam only: {name}", flush=True)
    return worse


if __name__ == "__main__":
    sys.exit(main())
