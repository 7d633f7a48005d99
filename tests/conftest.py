"""Fixtures that many tests share."""

from collections.abc import Iterator

import pytest

from dashcam.testing import MemoryRecorder


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
