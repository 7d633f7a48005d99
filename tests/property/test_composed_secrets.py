"""Secrets at composed positions never reach a disk, and what is innocent stays.

`tests/composed.py` composes the exchanges; a failing seed is run again, with many more
exchanges, by `python -m tests.composed --seed SEED --count COUNT`.
"""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests import composed
from tests.processes import ROOT

BASE_SEED = 20_260_101
COUNT, INNOCENT_COUNT = 800, 300
KINDS = pytest.mark.parametrize("wsgi", [False, True], ids=["asgi", "wsgi"])


def seeds() -> list[int]:
    """Give the seed of every day, and one of this run."""
    return [BASE_SEED, random.SystemRandom().randrange(1 << 32)]


def failures(result: composed.Run) -> str:
    return composed.report(result, most=3)


@KINDS
def test_no_file_holds_a_composed_secret(wsgi: bool) -> None:
    """What a rule names is in no file, in whatever format, string and encoding it comes."""
    for seed in seeds():
        result = composed.run(seed, COUNT, wsgi=wsgi)
        assert not result.failures, failures(result)


@KINDS
def test_a_composed_innocent_exchange_is_kept(wsgi: bool) -> None:
    """What no rule names is kept, in whatever format, string and encoding it comes."""
    for seed in seeds():
        result = composed.run(seed, INNOCENT_COUNT, wsgi=wsgi, innocent=True)
        assert not result.failures, failures(result)


def test_without_the_compiled_module() -> None:
    """Python alone keeps the same promises."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("DASHCAM_")}
    runs = [
        [f"--seed={seed}", f"--count={count}", *mode]
        for seed in seeds()
        for count, *mode in (
            (COUNT,),
            (COUNT, "--wsgi"),
            (INNOCENT_COUNT, "--innocent"),
            (INNOCENT_COUNT, "--innocent", "--wsgi"),
        )
    ]

    def run(arguments: list[str]) -> tuple[list[str], subprocess.CompletedProcess[str]]:
        command = [sys.executable, "-m", "tests.composed", "--pure", "--most=3", *arguments]
        return arguments, subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=100
        )

    with ThreadPoolExecutor(2) as pool:
        for arguments, done in pool.map(run, runs):
            assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
