"""uvicorn + Starlette, 1 KB echo: throughput and CPU per request, bare / thread / process."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.servers import cpu_s, serving

VARIANTS = ("bare", "thread", "process")
ROUNDS = 7
SECONDS = 3.0
CONNECTIONS = 16
SATURATING = 32
"""Connections at full load: while the client waits for a core, the server still has some to serve."""
RATE = 2000.0


def measure(variant: str) -> tuple[float, float]:
    """Give answers per second at full load, and CPU microseconds per answer at a fixed rate.

    The CPU is that of the app's process, until everything is drained.
    """
    with tempfile.TemporaryDirectory() as place, serving(variant, Path(place)) as (port, pid):
        run_load(port, 1.0, RATE)  # warm up: start-up work is no part of a request
        settle(pid)
        before = cpu_s(pid)
        answers = run_load(port, SECONDS, RATE)
        settle(pid)
        cost_us = (cpu_s(pid) - before) / answers * 1e6
        rate = run_load(port, SECONDS) / SECONDS
        return rate, cost_us


def run_load(port: int, seconds: float, rate: float = 0.0) -> int:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(seconds)]
    command += [str(CONNECTIONS if rate else SATURATING), str(rate)]
    return int(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def settle(pid: int) -> None:
    """Wait until the process is idle: what it drains after the load is part of the price."""
    deadline = time.monotonic() + 20
    used = -1.0
    while cpu_s(pid) - used > 0.015 and time.monotonic() < deadline:
        used = cpu_s(pid)
        time.sleep(0.5)


def run() -> dict[str, list[tuple[float, float]]]:
    """Measure all variants in turn, some rounds; give each round's rate and cost."""
    results: dict[str, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(ROUNDS):
        for variant in VARIANTS:
            results[variant].append(measure(variant))
    return results


def main() -> float:
    """Print the table; give the cost of a bare request.

    Ratios are medians of each round's own: the machine's speed drifts between rounds.
    """
    results = run()
    bare = results["bare"]
    print(f"uvicorn + Starlette, 1 KB echo, {SATURATING} connections, median of {ROUNDS} rounds")
    print(f"(CPU of the app's process at {RATE:.0f} requests/s, {CONNECTIONS} connections)")
    print(f"{'':10}{'req/s':>9}{'/ bare':>8}{'CPU µs/req':>12}{'added / bare':>14}")
    for variant, rounds in results.items():
        pairs = list(zip(rounds, bare, strict=True))
        rate = statistics.median(rate for rate, _ in rounds)
        cost = statistics.median(cost for _, cost in rounds)
        share = statistics.median(own[0] / other[0] for own, other in pairs)
        added = statistics.median(own[1] / other[1] - 1 for own, other in pairs)
        print(f"{variant:10}{rate:9.0f}{share:8.2f}{cost:12.1f}{added:14.2f}")
    return statistics.median(cost for _, cost in bare)


if __name__ == "__main__":
    main()
