"""Fixtures that many tests share."""

from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """ClickHouse's engine in this process: gives the URL of a new database each time."""
    import uuid

    import clickhouse_connect

    path = tmp_path_factory.mktemp("clickhouse")
    client = clickhouse_connect.get_client(interface="chdb", path=str(path))

    def new_database() -> str:
        name = f"t{uuid.uuid4().hex}"
        client.command(f"CREATE DATABASE {name}")
        return f"clickhousedb:///{name}?interface=chdb&path={path}"

    return new_database
