"""The wheel installs into an empty environment, outside of the checkout, and runs."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from tests.processes import ROOT


@pytest.mark.timeout(300)
def test_the_wheel_runs_outside_of_the_checkout(tmp_path):
    """Built, installed with its extra, and `dashcam demo` accounts for every answer."""
    uv = ROOT / ".uv" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("uv is not there: run make test")
    built = subprocess.run(
        [uv, "build", "--wheel", "--out-dir", tmp_path / "dist", ROOT],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "dashcam._native is" not in built.stderr  # left out, or compiled without training
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "dashcam/py.typed" in names
    assert "dashcam/web/static/index.html" in names
    assert "dashcam/web/static/vendor/uPlot.LICENSE" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    place = tmp_path / "env"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    env = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
    env = {**env, "VIRTUAL_ENV": str(place)}
    env.pop("PYTHONPATH", None)
    install = [uv, "pip", "install", "--quiet", "--constraint", constraints(tmp_path)]
    subprocess.run([*install, f"{wheel}[standard]"], check=True, env=env, timeout=200)
    empty = tmp_path / "empty"
    empty.mkdir()
    dashcam = place / "bin" / "dashcam"
    done = subprocess.run(
        [dashcam, "demo", "--seconds", "4"],
        check=False,
        cwd=empty,
        env={**env, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers whole" in done.stdout
    assert list(empty.iterdir()) == []
    core = subprocess.run(
        [place / "bin" / "python", "-c", "import dashcam, sys; print('fastapi' in sys.modules)"],
        check=True,
        env=env,
        capture_output=True,
        text=True,
    )
    assert core.stdout.strip() == "False"
    shutil.rmtree(place)


def constraints(directory):
    """The locked versions, without hashes, which a wheel of ours doesn't have."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.removesuffix(" \\") for line in lines if line[:1].isalpha()]
    path = directory / "constraints.txt"
    path.write_text("\n".join(pins) + "\n")
    return path
