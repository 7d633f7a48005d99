"""Fixtures that many tests share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from dashcam.testing import MemoryRecorder

if TYPE_CHECKING:
    from tests.postgres import Server


@pytest.fixture
def recorder() -> Iterator[MemoryRecorder]:
    recorder = MemoryRecorder()
    yield recorder
    recorder.close(timeout=0)


@pytest.fixture
def make_recorder() -> Iterator[type[MemoryRecorder]]:
    made: list[MemoryRecorder] = []

    def make(**settings: object) -> MemoryRecorder:
        recorder = MemoryRecorder(**settings)
        made.append(recorder)
        return recorder

    yield make  # type: ignore[misc]
    for recorder in made:
        recorder.close(timeout=0)


@pytest.fixture(scope="session")
def postgres() -> Iterator["Server"]:
    """One PostgreSQL for all tests of this process that don't harm it."""
    from tests.postgres import server

    with server() as running:
        yield running
