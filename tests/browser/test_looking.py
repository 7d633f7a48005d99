"""The page in a real Chromium: what one looks at with it, over many records and many visits."""

import base64
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from tests.browser.conftest import Site
from tests.browser.test_page import (
    JSON,
    open_row,
    paths,
    rows,
    tab,
    type_filter,
    wait_rows,
)
from tests.processes import environment, wait_until

from dashcam import Exchange
from dashcam.exchange import timestamp

PNG = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    )
).decode()


def fill(site, count):
    """Store many records at once, a second apart; the newest is `/many/{count}`."""
    began = 1_760_000_000 * 10**9
    lines = [
        msgspec.json.encode(
            Exchange(
                request_timestamp=timestamp(began + number * 10**9),
                method="GET",
                path=f"/many/{number}",
                status_code=200,
                duration_ms=1.0,
            )
        )
        for number in range(1, count + 1)
    ]
    site.store.insert(b"\n".join(lines) + b"\n")


def title(driver):
    """Read the open record's title in one step: the element may be replaced at any time."""
    return driver.execute_script(
        "return document.querySelector('#detail:not([hidden]) h2')?.textContent ?? ''"
    )


def scroll_to(driver, position):
    driver.execute_script(f"document.getElementById('grid').scrollTop = {position}")


def test_rows_far_away_are_let_go_and_come_back(site, open_page):
    """Only the pages around what is in sight are kept; scrolled back to, they are asked for again."""
    fill(site, 4000)
    driver = open_page()
    wait_until(lambda: paths(driver)[:1] == ["/many/4000"], what="the newest row")

    def at_the_end():
        scroll_to(driver, "document.getElementById('grid').scrollHeight")
        return "/many/1" in paths(driver)

    wait_until(at_the_end, what="the oldest row", timeout_s=60)
    asked = "return performance.getEntriesByType('resource').filter(e => e.name.includes('cursor=')).map(e => new URL(e.name).searchParams.get('cursor'))"
    driver.execute_script("performance.setResourceTimingBufferSize(5000)")
    first = driver.execute_script(asked)
    assert len(first) == len(set(first))
    scroll_to(driver, 3000 * 26)  # near the end still: kept
    wait_until(lambda: "/many/990" in paths(driver), what="rows near by")
    assert len(driver.execute_script(asked)) == len(first)
    scroll_to(driver, 1000 * 26)
    wait_until(lambda: "/many/2990" in paths(driver), what="rows that were let go")
    again = driver.execute_script(asked)
    assert len(again) > len(set(again))
    shown = [int(path.rpartition("/")[2]) for path in paths(driver) if path.startswith("/many/")]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == max(shown) - min(shown) + 1
    scroll_to(driver, 0)
    wait_until(lambda: paths(driver)[:1] == ["/many/4000"], what="the newest row again")


def test_visit_after_visit(site, open_page):
    """A page that was left holds no connection: the tenth visit is answered like the first."""
    site.add(path="/one")
    driver = open_page()
    for _ in range(10):
        driver.get(site.url + "?filter=path%3A%2Fone")
        wait_rows(driver, 1)
        open_row(driver, "/one")


def test_a_tail_that_was_cut_misses_nothing(tmp_path, open_page, site):
    """The server ends and comes back: what was stored meanwhile is shown, without a reload."""
    site.add(path="/before")
    driver = open_page()
    wait_rows(driver, 1)
    port = site.url.rsplit(":", 1)[1].strip("/")
    site.process.terminate()
    site.process.wait(15)
    site.add(path="/meanwhile")
    command = [sys.executable, "-m", "dashcam", "serve", "--port", port]
    with (tmp_path / "again.txt").open("wb") as out:
        site.process = subprocess.Popen(command, env=environment(tmp_path), stdout=out)
    wait_until(lambda: "/meanwhile" in paths(driver), what="the row of meanwhile", timeout_s=40)
    site.add(path="/after")
    wait_until(lambda: paths(driver)[:1] == ["/after"], what="the row after it")
    driver.get_log("browser")  # that nobody answered for a while is told there, as it must


def test_what_belongs_together(site, open_page):
    """A trace's requests stand on one axis; a user's session ends at a long pause."""
    trace = "ab" * 16
    for number in range(3):
        site.add(path=f"/step/{number}", trace_id=trace, input_tokens=5, output_tokens=7)
    site.add(path="/alone", user_id="someone-else")
    driver = open_page()
    wait_rows(driver, 4)
    open_row(driver, "/step/1")
    body = tab(driver, "Session")
    wait_until(lambda: "3 requests over" in body.text, what="the trace")
    assert "15 tokens in, 21 out" in body.text
    steps = body.find_elements(By.CSS_SELECTOR, ".together button")
    assert [step.get_attribute("aria-current") for step in steps] == [None, "true", None]
    lefts = [step.find_element(By.TAG_NAME, "i").rect["x"] for step in steps]
    assert lefts == sorted(lefts)
    assert lefts[0] < lefts[2]
    steps[2].click()
    wait_until(
        lambda: "/step/2" in title(driver),
        what="the other record",
    )
    body = driver.find_element(By.ID, "tab-body")
    wait_until(lambda: body.find_elements(By.CSS_SELECTOR, "[data-kind=user]"), what="the user")
    body.find_element(By.CSS_SELECTOR, "[data-kind=user]").click()
    wait_until(lambda: "3 requests over" in body.text, what="the user's session")
    assert "/alone" not in body.text
    body.find_element(By.XPATH, ".//button[text()='Show all in the table']").click()
    wait_rows(driver, 3)
    assert "user%3Aexample-user" in driver.current_url


def test_bodies_by_type(site, open_page):
    """Parts of a form, pairs, bytes as hex, an image as an image, and why one isn't there."""
    multipart = (
        '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nExample\r\n'
        '--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nline 1\r\n\r\nline 2\r\n--b--\r\n'
    )
    kinds = {
        "/multipart": ("multipart/form-data; boundary=b", multipart, "utf-8"),
        "/form": ("application/x-www-form-urlencoded", "name=Ada+L&x=%26", "utf-8"),
        "/bytes": (
            "application/octet-stream",
            base64.b64encode(bytes(range(256))).decode(),
            "base64",
        ),
        "/image": ("image/png", PNG, "base64"),
    }
    for path, (kind, body, encoding) in kinds.items():
        site.add(
            path=path,
            response_headers=[["content-type", kind]],
            response_body=body,
            response_body_encoding=encoding,
        )
    site.add(
        path="/gone",
        response_headers=[["content-type", "video/mp4"]],
        response_body_bytes=5,
    )
    site.add(path="/unread", redacted=["response_body:*"], response_body_bytes=5)
    driver = open_page()
    wait_rows(driver, 6)
    open_row(driver, "/multipart")
    body = tab(driver, "Response")
    assert [part.text for part in body.find_elements(By.CSS_SELECTOR, "h3")][1:3] == [
        "title",
        "note",
    ]
    assert [part.text for part in body.find_elements(By.CSS_SELECTOR, "pre.body")] == [
        "Example",
        "line 1\n\nline 2",
    ]
    open_row(driver, "/form")
    assert "Ada L" in tab(driver, "Response").text
    open_row(driver, "/bytes")
    hex_text = tab(driver, "Response").find_element(By.CSS_SELECTOR, "pre.body").text
    assert hex_text.splitlines()[4].startswith("000040  40 41 42 43")
    assert "@ABCDEFGHIJKLMNO" in hex_text
    open_row(driver, "/image")
    tab(driver, "Response")
    width = "return document.querySelector('#tab-body img').naturalWidth"
    wait_until(lambda: driver.execute_script(width) == 1, what="the image is drawn")
    open_row(driver, "/gone")
    assert "body_content_types" in tab(driver, "Response").text
    open_row(driver, "/unread")
    assert "might hold secrets" in tab(driver, "Response").text


def test_copies_in_python_and_har(site, open_page):
    """The copied Python, run, sends the same request again; the HAR is one of version 1.2."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, self.headers["x-odd"], body.decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = '"quoted" \\ \'and\' \u202e \U0001f600\n"""'
    site.add(
        path="/put",
        query="a=1",
        method="PUT",
        host=f"127.0.0.1:{server.server_port}",
        request_headers=[["x-odd", 'a"b\\c']],
        request_body=body,
        request_body_encoding="utf-8",
    )
    driver = open_page()
    open_row(driver, "/put")
    driver.execute_script(
        "navigator.clipboard.writeText = (t) => { window.copied = t; return Promise.resolve() }"
    )

    def copied(what):
        driver.execute_script("window.copied = null")
        driver.find_element(By.XPATH, f"//button[text()='Copy as {what}']").click()
        return wait_until(lambda: driver.execute_script("return window.copied"), what=what)

    subprocess.run([sys.executable, "-c", copied("Python")], check=True, timeout=30)
    server.shutdown()
    server.server_close()
    assert seen == [("/put?a=1", 'a"b\\c', body)]
    har = json.loads(copied("HAR"))["log"]
    assert har["version"] == "1.2"
    (entry,) = har["entries"]
    assert entry["request"]["postData"]["text"] == body
    assert entry["request"]["url"].endswith("/put?a=1")
    assert entry["timings"]["wait"] == 5


def test_columns_are_chosen_and_stay(site, open_page):
    """A column that is ticked is there, also after a reload."""
    site.add(api_key_id="k_example")
    driver = open_page()
    wait_rows(driver, 1)
    assert "k_example" not in rows(driver)[0].text
    driver.find_element(By.XPATH, "//summary[text()='Columns']").click()
    for label in driver.find_elements(By.CSS_SELECTOR, "#columns label"):
        if label.text.strip() in ("API key", "Size"):
            label.click()
    wait_until(lambda: "k_example" in rows(driver)[0].text, what="the column")
    driver.refresh()
    wait_rows(driver, 1)
    heads = [head.text for head in driver.find_elements(By.CSS_SELECTOR, "#head > div")]
    assert "API key" in heads
    assert "Size" not in heads


def test_values_complete_and_an_id_opens(site, open_page):
    """What is in sight completes; an id opens its record, typed in the filter or asked for."""
    wanted = site.add(path="/wanted", user_id="example-ada")
    site.add(path="/other")
    driver = open_page()
    wait_rows(driver, 2)
    box = driver.find_element(By.ID, "filter")
    box.send_keys("user:example-a")
    suggestions = driver.find_element(By.ID, "suggestions")
    wait_until(lambda: suggestions.text.strip() == "user:example-ada", what="the user")
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    wait_rows(driver, 1)
    type_filter(driver, wanted)
    wait_until(lambda: "/wanted" in title(driver), what="opened")
    driver.find_element(By.ID, "close-detail").click()
    ActionChains(driver).send_keys("o").perform()
    asked = driver.find_element(By.ID, "wanted-id")
    wait_until(asked.is_displayed, what="the question")
    asked.send_keys(wanted, Keys.ENTER)
    wait_until(lambda: "/wanted" in title(driver), what="opened by id")
    assert f"id={wanted}" in driver.current_url


def test_the_open_record_follows_the_keys(site, open_page):
    """With a record open, the arrows show the next one, as in a browser's network panel."""
    for _ in range(4):
        site.add()
    driver = open_page()
    wait_rows(driver, 4)
    ActionChains(driver).send_keys("j", Keys.ENTER).perform()
    wait_until(lambda: "/example/4" in title(driver), what="the first record")
    driver.find_element(By.ID, "grid").send_keys(Keys.ARROW_DOWN)
    wait_until(lambda: "/example/3" in title(driver), what="the next record")


def test_health_in_the_corner(site, open_page):
    """What waits, what was dropped and the last error: in a word, and in numbers when opened."""
    driver = open_page()
    health = driver.find_element(By.ID, "health")
    wait_until(lambda: health.text == "all stored", what="the word")
    health.click()
    facts = driver.find_element(By.ID, "health-facts")
    wait_until(facts.is_displayed, what="the numbers")
    for name in ("backlog", "dropped", "last error"):
        assert name in facts.text
    told = driver.execute_async_script(
        "const done = arguments[0]; import('./static/health.js').then((m) => done(m.condition("
        "{pending: 3, oldest_pending_age_s: 9, dropped: 2, failed: 0, writer_state: 'retrying', last_error: 'locked'})))"
    )
    assert told["words"] == "3 waiting for 9.00 s · 2 dropped · locked"
    assert told["kind"] == "bad"


def test_nothing_recorded_yet(site, open_page):
    """An empty table says how to record; the first record takes its place."""
    driver = open_page()
    start = driver.find_element(By.ID, "start")
    wait_until(lambda: "DashcamMiddleware" in start.text, what="help")
    site.add(path="/first")
    wait_rows(driver, 1)
    assert not start.is_displayed()


def test_a_time_is_chosen_without_a_mouse(site, open_page):
    """The last minutes are a choice in a list; what began before is left out."""
    site.add(path="/an-hour-ago")
    site.add(path="/now", request_timestamp=timestamp(time.time_ns() - 10**9))
    driver = open_page()
    wait_rows(driver, 2)
    driver.find_element(By.ID, "range").send_keys("Last 15")
    wait_rows(driver, 1)
    assert paths(driver) == ["/now"]
    Select(driver.find_element(By.ID, "range")).select_by_visible_text("All time")
    wait_rows(driver, 2)


def test_statistics_lead_to_records(site, open_page):
    """A number on the statistics is a way to its records."""
    site.add(path="/good", response_headers=JSON, response_body=json.dumps({"a": 1}))
    site.add(path="/refused", status_code=429, outcome="quota_exceeded")
    driver = open_page()
    wait_rows(driver, 2)
    driver.find_element(By.ID, "view-stats").click()
    tile = "//button[contains(@class, 'tile')][span[text()='quota_exceeded']]"
    wait_until(lambda: driver.find_elements(By.XPATH, tile), what="the tile")
    driver.find_element(By.XPATH, tile).click()
    wait_rows(driver, 1)
    assert paths(driver) == ["/refused"]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_session_is_accessible(site, open_page, axe, narrow):
    """axe-core finds nothing serious in what belongs together, in health and in the question for an id."""
    assert isinstance(site, Site)
    for _ in range(5):
        site.add(trace_id="cd" * 16)
    driver = open_page(**({"width": 380, "height": 760, "dark": True} if narrow else {}))
    wait_rows(driver, 5)
    rows(driver)[0].click()
    wait_until(lambda: driver.find_element(By.ID, "detail").is_displayed(), what="opened")
    body = tab(driver, "Session")
    wait_until(lambda: "5 requests" in body.text, what="the trace")
    serious(driver, axe)
    driver.find_element(By.ID, "close-detail").click()
    driver.find_element(By.ID, "open-by-id").click()
    serious(driver, axe)


def serious(driver, axe):
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
    found = driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations))"
    )
    told = [
        (each["id"], [node["html"][:160] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert told == []
