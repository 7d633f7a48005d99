"""`/metrics`: the recorder's and the access layer's numbers for Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashcam.access.statistics import total
from dashcam.recorder import Recorder

COUNTERS = {
    "accepted": "Records that the journal has taken",
    "stored": "Records that the store has committed",
    "failed": "Records in failed_logs.jsonl",
    "expired": "Records sent again that were older than retention",
    "dropped": "Records for which the journal had no room",
    "amended": "Later lines of records accepted before",
    "adopted": "Records taken over from dead processes",
    "retries": "Batches sent again",
    "batches": "Batches sent",
    "capture_errors": "Failures of capture; the requests were not affected",
    "writer_restarts": "Times that the writer was started again",
    "damaged_frames": "Frames of the journal that could not be read",
}
GAUGES = {
    "pending": "Records in the journal that are neither stored nor failed",
    "in_flight": "Requests being served",
}
ACCESS = {
    "authenticated": "Requests let in with a credential",
    "unauthenticated": "Requests without a credential that holds",
    "quota_exceeded": "Requests refused for their quota",
    "quota_errors": "Times that a quota could not be counted",
}


class RecorderCollector(Collector):
    """Reads a recorder's statistics at each scrape."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterable[Metric]:
        """Give the present numbers."""
        now = self._recorder.statistics()
        for name, text in COUNTERS.items():
            yield CounterMetricFamily(f"dashcam_{name}", text, value=getattr(now, name))
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(f"dashcam_{name}", text, value=getattr(now, name))
        yield GaugeMetricFamily(
            "dashcam_oldest_pending_age_seconds",
            "How long the oldest record waits to be stored",
            value=now.oldest_pending_age_s or 0.0,
        )
        state = GaugeMetricFamily(
            "dashcam_writer_state", "1 for the state that the writer is in", labels=["state"]
        )
        state.add_metric([now.writer_state], 1)
        yield state
        access = total()
        for name, text in ACCESS.items():
            yield CounterMetricFamily(f"dashcam_access_{name}", text, value=getattr(access, name))


def render(recorder: Recorder) -> bytes:
    """Give the metrics as text (Prometheus text format 0.0.4)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RecorderCollector(recorder))
    return generate_latest(registry)
