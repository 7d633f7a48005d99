"""Run all measurements and print them."""

import platform
from pathlib import Path

from benchmarks import bench_capture, bench_server, bench_stream


def main() -> None:
    """Print every table, and on what machine."""
    cpu = next(
        (
            line.partition(": ")[2]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = sum(
        line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines()
    )
    print(f"{cpu}, {cores} cores, Python {platform.python_version()}, Linux {platform.release()}\n")
    for bench in (bench_server, bench_capture, bench_stream):
        bench.main()
        print()


if __name__ == "__main__":
    main()
