"""Run all measurements and print them."""

import platform
from pathlib import Path

from benchmarks import (
    bench_access,
    bench_backlog,
    bench_capture,
    bench_history,
    bench_large,
    bench_page,
    bench_redaction,
    bench_server,
    bench_store,
    bench_stores,
    bench_stream,
)


def main() -> None:
    """Print every table, and on what machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    python = platform.python_version()
    print(f"{models[0]}, {len(models)} cores, Python {python}, Linux {platform.release()}\n")
    bare_us = bench_server.main()
    print()
    bench_capture.main(bare_us)
    print()
    bench_redaction.main()
    print()
    bench_stream.main()
    print()
    bench_store.main()
    print()
    bench_stores.main()
    print()
    bench_access.main(bare_us)
    print()
    bench_backlog.main()
    print()
    bench_history.main()
    print()
    bench_large.main()
    print()
    bench_page.main()


if __name__ == "__main__":
    main()
