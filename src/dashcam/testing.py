"""For tests of apps that use dashcam: a recorder that keeps its records in memory.

Everything up to the journal is the real thing (capture, redaction, encoding); nothing is
written to disk and no writer runs.
"""

from typing import Any

import msgspec

from dashcam.exchange import Exchange
from dashcam.recorder import Recorder
from dashcam.settings import Settings

_decode = msgspec.json.Decoder(Exchange).decode


class MemoryRecorder(Recorder):
    """A recorder whose records can be looked at by the test that made them.

    Args:
        settings: settings by keyword; the environment is not read.

    Raises:
        SettingsError: a setting is wrong.
    """

    def __init__(self, **settings: Any) -> None:
        memory = {"store": "memory://", "journal_dir": "memory", "writer": "off"}
        super().__init__(Settings(environ={}, **{**memory, **settings}))
        self._exchanges: list[Exchange] = []

    def lines(self) -> list[Exchange]:
        """Give every accepted record in order; an amended one is there a second time."""
        if self.journal is None:
            return self._exchanges
        source = self.journal.source()
        while True:
            chunk = source.read(max_records=1000, max_bytes=1 << 24)
            if not chunk.lines:
                return self._exchanges
            self._exchanges += [_decode(line) for line in chunk.lines.split()]

    def exchanges(self) -> list[Exchange]:
        """Give every record once, in its highest revision, in the order of acceptance."""
        newest: dict[str, Exchange] = {}
        for exchange in self.lines():
            known = newest.get(exchange.id)
            if known is None or exchange.revision >= known.revision:
                newest[exchange.id] = exchange
        return list(newest.values())
