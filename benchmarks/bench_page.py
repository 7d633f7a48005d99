"""The page with many rows, in Chromium: first paint of the table, scrolling, a filter's answer.

python -m benchmarks.bench_page [ROWS]
"""

import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.bench_history import ROWS, fill
from dashcam.store import open_store

MEASURE_FIRST = """
const done = arguments[0];
const begin = performance.now();
(function look() {
  if (document.querySelectorAll('#rows .row').length > 10)
    requestAnimationFrame(() => done([performance.now() - begin, performance.now()]));
  else requestAnimationFrame(look);
})();
"""
SCROLL = """
const done = arguments[0];
const grid = document.getElementById('grid');
const tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask', buffered: false });
const gaps = [];
let last = performance.now();
let steps = 0;
(function step() {
  const now = performance.now();
  gaps.push(now - last);
  last = now;
  grid.scrollTop += 400;
  steps += 1;
  if (steps < 1500) requestAnimationFrame(step);
  else setTimeout(() => done([tasks, gaps, grid.scrollTop]), 200);
})();
"""
FILTER = """
const done = arguments[arguments.length - 1];
const input = document.getElementById('filter');
const list = document.getElementById('rows');
const begin = performance.now();
const before = list.firstElementChild;
const watch = new MutationObserver(() => {
  if (list.firstElementChild && list.firstElementChild !== before) {
    watch.disconnect();
    requestAnimationFrame(() => done(performance.now() - begin));
  }
});
watch.observe(list, { childList: true });
input.value = arguments[0];
input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
"""


def heap(driver: Any) -> float:
    """Give what the page's objects take, in MB, after what is garbage is gone."""
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return float(driver.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"]) / 1e6


def main(rows: int = ROWS) -> None:
    """Print what a person waits for."""
    from tests.browser.conftest import browser

    if shutil.which("chromium") is None:
        print("the page: chromium is not installed")
        return
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/r.db"
        store = open_store(url)
        store.migrate()
        fill(store, rows)
        store.close()
        command = [
            sys.executable,
            "-m",
            "dashcam",
            "serve",
            "--no-auth",
            "--port",
            "0",
            "--store",
            url,
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        driver = browser()
        try:
            page = next(line.strip() for line in server.stdout if line.strip().startswith("http"))
            firsts = []
            for _ in range(3):
                driver.get(page)
                firsts.append(driver.execute_async_script(MEASURE_FIRST)[1])
            print(f"the page, {rows:,} rows, Chromium")
            print(
                f"  first rows painted after {min(firsts):.0f} ms (best of 3; worst {max(firsts):.0f})"
            )
            time.sleep(3)
            before = heap(driver)
            driver.set_script_timeout(60)
            tasks, gaps, reached = driver.execute_async_script(SCROLL)
            print(
                f"  scrolling over {reached / 26:.0f} rows: {len(tasks)} tasks over 50 ms "
                f"(longest {max(tasks, default=0):.0f} ms), frames every {sum(gaps) / len(gaps):.1f} ms"
            )
            print(f"  memory of the page: {before:.1f} MB before, {heap(driver):.1f} MB after it")
            for text in (
                "status:5xx",
                "path:/v1/items/77",
                "user:example-2 method:POST",
                "duration:>400ms",
            ):
                took = driver.execute_async_script(FILTER, text)
                print(f"  {text}: {took:.0f} ms until its rows are painted")
        finally:
            driver.quit()
            server.terminate()
            server.wait(15)
            server.stdout.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
