"""uvicorn + Starlette, 1 KB echo: throughput and CPU per request, bare / thread / process."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.servers import cpu_s, serving

VARIANTS = ("bare", "thread", "process")
ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 16
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
    command += [str(CONNECTIONS), str(rate)]
    return int(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def settle(pid: int) -> None:
    """Wait until the process is idle: what it drains after the load is part of the price."""
    deadline = time.monotonic() + 20
    used = -1.0
    while cpu_s(pid) - used > 0.015 and time.monotonic() < deadline:
        used = cpu_s(pid)
        time.sleep(0.5)


def run() -> dict[str, tuple[float, float]]:
    """Measure all variants in turn, some rounds; give the medians."""
    results: dict[str, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(ROUNDS):
        for variant in VARIANTS:
            results[variant].append(measure(variant))
    return {
        variant: (
            statistics.median(rate for rate, _ in each),
            statistics.median(cost for _, cost in each),
        )
        for variant, each in results.items()
    }


def main() -> float:
    """Print the table; give the cost of a bare request."""
    medians = run()
    bare_rate, bare_cost = medians["bare"]
    print(f"uvicorn + Starlette, 1 KB echo, {CONNECTIONS} connections, median of {ROUNDS} rounds")
    print(f"(CPU of the app's process at {RATE:.0f} requests/s)")
    print(f"{'':10}{'req/s':>9}{'/ bare':>8}{'CPU µs/req':>12}{'added / bare':>14}")
    for variant, (rate, cost) in medians.items():
        print(
            f"{variant:10}{rate:9.0f}{rate / bare_rate:8.2f}{cost:12.1f}"
            f"{(cost - bare_cost) / bare_cost:14.2f}"
        )
    return bare_cost


if __name__ == "__main__":
    main()
