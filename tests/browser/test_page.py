"""The page in a real Chromium: what a person does with it, and what records must not do to it."""

import base64
import json
import subprocess
import time

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from tests.processes import wait_until

TEXT = [["content-type", "text/plain; charset=utf-8"]]
JSON = [["content-type", "application/json"]]


def rows(driver):
    return driver.find_elements(By.CSS_SELECTOR, "#rows .row")


def paths(driver):
    script = "return [...document.querySelectorAll('#rows .row')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex || a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex')).map(r => r.querySelector('.c-path').textContent)"
    return driver.execute_script(script)


def wait_rows(driver, count):
    return wait_until(lambda: len(rows(driver)) == count and rows(driver), what=f"{count} rows")


def open_row(driver, path):
    wait_until(lambda: any(each.startswith(path) for each in paths(driver)), what=f"a row {path}")
    for row in rows(driver):
        if row.find_element(By.CSS_SELECTOR, ".c-path").text.startswith(path):
            row.click()
            break
    wait_until(
        lambda: (
            driver.find_element(By.ID, "detail").is_displayed()
            and path in driver.find_element(By.CSS_SELECTOR, "#detail h2").text
        ),
        what="the record opens",
    )


def tab(driver, name):
    def is_chosen():  # what is shown may be drawn anew between finding and clicking
        try:
            driver.find_element(By.ID, f"tab-{name}").click()
        except StaleElementReferenceException:
            return False
        return True

    wait_until(is_chosen, what=f"the tab {name}")
    return driver.find_element(By.ID, "tab-body")


def type_filter(driver, text):
    box = driver.find_element(By.ID, "filter")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(text, Keys.ENTER)


def test_log_in_and_out(site, open_page):
    """Without a session the page asks; a wrong key is told; a key shows its user's records only."""
    site.add(path="/mine", user_id="alice")
    site.add(path="/theirs", user_id="bob")
    key = site.keys.create("alice").key
    driver = open_page(login=False)
    form = wait_until(
        lambda: (box := driver.find_element(By.ID, "credential")).is_displayed() and box,
        what="the log-in form",
    )
    form.send_keys("dc_wrong", Keys.ENTER)
    problem = driver.find_element(By.ID, "login-problem")
    wait_until(lambda: "not valid" in problem.text, what="the wrong key is told")
    form.clear()
    form.send_keys(key, Keys.ENTER)
    wait_rows(driver, 1)
    assert paths(driver) == ["/mine"]
    driver.find_element(By.ID, "leave").click()
    wait_until(lambda: driver.find_element(By.ID, "credential").is_displayed(), what="logged out")
    assert driver.get_cookies() == []


def test_rows_arrive_live_without_losing_the_place(site, open_page):
    """New rows appear on top; while one reads further down, or pauses, they wait behind a button."""
    for _ in range(120):
        site.add()
    driver = open_page()
    wait_until(lambda: len(rows(driver)) > 20, what="rows")
    time.sleep(1.2)  # the live tail has looked once
    site.add(path="/fresh")
    wait_until(lambda: paths(driver)[0] == "/fresh", what="the new row is on top")
    driver.execute_script("document.getElementById('grid').scrollTop = 1000")
    time.sleep(0.3)
    before = paths(driver)
    site.add(path="/fresher")
    newer = driver.find_element(By.ID, "newer")
    wait_until(lambda: newer.is_displayed() and newer.text == "1 new", what="the offer")
    assert paths(driver) == before
    newer.click()
    wait_until(lambda: paths(driver)[0] == "/fresher", what="shown")
    driver.find_element(By.ID, "pause").click()
    site.add(path="/paused")
    wait_until(newer.is_displayed, what="offered while paused")
    assert paths(driver)[0] == "/fresher"
    driver.find_element(By.ID, "pause").click()
    wait_until(lambda: paths(driver)[0] == "/paused", what="going on shows it")


def test_scrolling_loads_page_after_page(site, open_page):
    """All rows are reached by scrolling; only some dozens of elements are there at a time."""
    for _ in range(700):
        site.add()
    driver = open_page()
    wait_until(lambda: len(rows(driver)) > 20, what="rows")

    def at_the_end():
        driver.execute_script(
            "const s = document.getElementById('grid'); s.scrollTop = s.scrollHeight"
        )
        return "/example/1" in paths(driver)

    wait_until(at_the_end, what="the oldest row")
    assert len(rows(driver)) < 80


def test_filter_completion_url_and_saved(site, open_page):
    """The grammar filters; keys complete; the URL carries it; a saved filter comes back."""
    site.add(path="/good")
    site.add(path="/bad", status_code=503)
    site.add(path="/worse", status_code=500, outcome="failed", error_message="needle broke")
    driver = open_page()
    wait_rows(driver, 3)
    type_filter(driver, "status:5xx")
    wait_rows(driver, 2)
    assert "filter=status%3A5xx" in driver.current_url
    type_filter(driver, 'status:5xx "needle"')
    wait_rows(driver, 1)
    driver.find_element(By.ID, "save-filter").click()
    type_filter(driver, "stauts:5xx")
    problem = driver.find_element(By.ID, "problem")
    wait_until(lambda: "stauts" in problem.text, what="the mistake is named")
    box = driver.find_element(By.ID, "filter")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("outc")
    wait_until(
        lambda: "outcome:" in driver.find_element(By.ID, "suggestions").text, what="completion"
    )
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER, "fai", Keys.ARROW_DOWN, Keys.ENTER)
    assert box.get_attribute("value").strip() == "outcome:failed"
    wait_rows(driver, 1)
    assert not problem.is_displayed()
    driver.get(site.url + "?filter=path%3A%2Fgood")
    wait_rows(driver, 1)
    assert driver.find_element(By.ID, "filter").get_attribute("value") == "path:/good"
    saved = driver.find_elements(By.CSS_SELECTOR, "#saved-filters option")
    assert 'status:5xx "needle"' in [option.text for option in saved]
    driver.back()
    type_filter(driver, "path:/nowhere")
    empty = driver.find_element(By.ID, "empty")
    wait_until(lambda: "Nothing matches" in empty.text, what="the empty state helps")


def test_json_tree(site, open_page):
    """JSON folds and unfolds, and is searched; what is found is unfolded and marked."""
    deep = {"list": [{"name": f"n{number}", "deep": {"er": "needle-x"}} for number in range(3)]}
    site.add(
        path="/json",
        response_headers=JSON,
        response_body=json.dumps(deep),
        response_body_encoding="utf-8",
    )
    driver = open_page()
    open_row(driver, "/json")
    body = tab(driver, "Response")
    assert "needle-x" not in body.text
    fold = body.find_element(By.CSS_SELECTOR, ".fold")
    assert fold.get_attribute("aria-expanded") == "true"
    fold.click()
    assert "list" not in body.find_element(By.CSS_SELECTOR, ".tree").text
    fold.click()
    find = body.find_element(By.CSS_SELECTOR, ".findbar input")
    find.send_keys("needle")
    wait_until(lambda: len(body.find_elements(By.CSS_SELECTOR, ".found")) == 3, what="found")
    assert "needle-x" in body.text


def test_copy_as_curl_runs(site, open_page):
    """The copied command, run by a shell, sends the same request again, quotes and all."""
    import http.server
    import threading

    seen = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["content-length"])
            seen.update(path=self.path, body=self.rfile.read(size), header=self.headers["x-odd"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = '@it\'s $(touch /tmp/pwned) `x` "q" \\ \n\u001b[201~\u202eé\U0001f600'
    site.add(
        path="/it's/\u00e9 b",
        query="a=1&b=$(x)&token=[redacted]",
        method="POST",
        host=f"127.0.0.1:{server.server_port}",
        request_headers=[["x-odd", "a'b;c|d"], ["content-type", "text/plain"], ["host", "x"]],
        request_body=body,
        request_body_encoding="utf-8",
    )
    driver = open_page()
    open_row(driver, "/it's/\u00e9 b")
    script = "window.copied = null; document.execCommand = () => { window.copied = document.activeElement.value }; navigator.clipboard.writeText = (t) => { window.copied = t; return Promise.resolve() }"
    driver.execute_script(script)
    driver.find_element(By.ID, "copy-curl").click()
    command = wait_until(lambda: driver.execute_script("return window.copied"), what="copied")
    subprocess.run(["bash", "-c", command + " --silent --max-time 10"], check=True, timeout=20)
    server.shutdown()
    server.server_close()
    assert seen["body"].decode() == body
    assert seen["path"] == "/it's/%C3%A9%20b?a=1&b=$(x)&token=[redacted]"
    assert seen["header"] == "a'b;c|d"


def test_streams_are_assembled(site, open_page):
    """The events of a chat completion are shown one by one and as the text their reader saw."""
    words = ["Hello", " there", "!"]
    events = "".join(
        f"data: {json.dumps({'model': 'example-model', 'choices': [{'delta': {'content': word}}]})}\n\n"
        for word in words
    )
    events += (
        'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
    )
    sizes = [len(part) + 2 for part in events.split("\n\n") if part]
    site.add(
        path="/v1/chat/completions",
        response_headers=[["content-type", "text/event-stream"]],
        response_body=events,
        response_body_encoding="utf-8",
        response_timeline=[[10.0 * number, size] for number, size in enumerate(sizes, 1)],
        response_chunks=5,
        duration_ms=50.0,
        ttfb_ms=10.0,
        output_tokens=3,
    )
    anthropic = "".join(
        f"event: content_block_delta\ndata: {json.dumps({'type': 'content_block_delta', 'delta': {'text': word}})}\n\n"
        for word in words
    )
    site.add(
        path="/v1/messages",
        response_headers=[["content-type", "text/event-stream"]],
        response_body=anthropic,
        response_body_encoding="utf-8",
    )
    driver = open_page()
    open_row(driver, "/v1/chat/completions")
    body = tab(driver, "Response")
    assert body.find_element(By.CSS_SELECTOR, ".assembled").text == "Hello there!"
    assert "example-model · 3 tokens in · 3 tokens out · 13.3 ms a token" in body.text
    cells = [row.text for row in body.find_elements(By.CSS_SELECTOR, ".events tr")]
    assert len(cells) == 5
    assert [cell.split()[0] for cell in cells[:3]] == ["+10.0", "+20.0", "+30.0"]
    open_row(driver, "/v1/messages")
    assert driver.find_element(By.CSS_SELECTOR, ".assembled").text == "Hello there!"


def test_compare_two(site, open_page):
    """Two marked records stand side by side, differences marked."""
    for word, status in (("one", 200), ("two", 500)):
        site.add(
            path=f"/{word}",
            status_code=status,
            response_headers=JSON,
            response_body=json.dumps({"same": 1, "word": word}),
            response_body_encoding="utf-8",
        )
    driver = open_page()
    wait_rows(driver, 2)
    for row in rows(driver):
        ActionChains(driver).key_down(Keys.SHIFT).click(row).key_up(Keys.SHIFT).perform()
    wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, ".sides"), what="side by side")
    differing = [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, "tr.differs")]
    assert any("status_code" in text for text in differing)
    assert not any(text.startswith("method") for text in differing)
    assert any(
        "two" in line.text for line in driver.find_elements(By.CSS_SELECTOR, ".line-del, .line-add")
    )
    assert not any(
        "same" in line.text
        for line in driver.find_elements(By.CSS_SELECTOR, ".line-del, .line-add")
    )
    assert "compare=" in driver.current_url


def test_select_a_range(site, open_page):
    """Dragging over the timeline narrows the table to that time; a button widens it again."""
    for _ in range(60):
        site.add()
    driver = open_page()
    wait_until(lambda: driver.find_elements(By.CSS_SELECTOR, "#timeline .u-over"), what="the plot")
    over = driver.find_element(By.CSS_SELECTOR, "#timeline .u-over")
    width = over.size["width"]
    ActionChains(driver).move_to_element_with_offset(
        over, -width // 4, 0
    ).click_and_hold().move_by_offset(width // 2, 0).release().perform()
    wait_until(lambda: "from=" in driver.current_url, what="the range is in the URL")
    wait_until(
        lambda: "/example/30" in paths(driver) and "/example/60" not in paths(driver),
        what="only its rows",
    )
    driver.find_element(By.ID, "clear-range").click()
    wait_until(lambda: "/example/60" in paths(driver), what="all rows")


def test_keyboard_only(site, open_page):
    """Filter, walk, open, change tabs, close, statistics: without a mouse."""
    for _ in range(5):
        site.add()
    driver = open_page()
    wait_rows(driver, 5)

    def press(*keys):
        ActionChains(driver).send_keys(*keys).perform()

    press("j", "j", Keys.ENTER)
    wait_until(lambda: driver.find_element(By.ID, "detail").is_displayed(), what="opened")
    assert "/example/4" in driver.find_element(By.CSS_SELECTOR, "#detail h2").text
    driver.find_element(By.ID, "tab-Overview").send_keys(Keys.ARROW_RIGHT)
    assert driver.switch_to.active_element.get_attribute("id") == "tab-Request"
    press(Keys.ESCAPE)
    wait_until(lambda: not driver.find_element(By.ID, "detail").is_displayed(), what="closed")
    press("/")
    press("path:/example/3", Keys.ENTER)
    wait_rows(driver, 1)
    press(Keys.ESCAPE, "s")
    wait_until(lambda: "records" in driver.find_element(By.ID, "stats-view").text, what="stats")
    press("s", "?")
    assert driver.find_element(By.ID, "help").is_displayed()
    press(Keys.ESCAPE)


@pytest.mark.parametrize("dark", [False, True])
def test_narrow(site, open_page, dark):
    """At 380 px nothing is cut off at the side; a record covers the screen and closes again."""
    site.add(path="/some/rather/long/path/that/goes/on", query="a=" + "b" * 300)
    driver = open_page(width=380, height=760, dark=dark)
    wait_rows(driver, 1)
    wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not driver.execute_script(wide)
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    rows(driver)[0].click()
    wait_until(lambda: driver.find_element(By.ID, "detail").is_displayed(), what="opened")
    assert not driver.execute_script(wide)
    driver.find_element(By.ID, "close-detail").click()
    assert not driver.find_element(By.ID, "detail").is_displayed()


EVIL = "<img src=x onerror=window.evil=1><script>window.evil=1</script>\u001b[31m\u202e\u0007"


def test_hostile_records_do_nothing_but_show(site, open_page):
    """HTML, script, escapes, bidi in every field; SVG; huge and broken bodies: text, and no more."""
    many = {f"k{EVIL}": EVIL, "__proto__": {"x": 1}, "constructor": EVIL}
    hostile = {
        "method": "<b>",
        "host": "h<script>",
        "route": EVIL,
        "query": EVIL,
        "user_agent": EVIL,
        "user_id": EVIL,
        "api_key_id": EVIL,
        "request_id": EVIL,
        "trace_id": EVIL,
        "model": EVIL,
        "client_ip": EVIL,
        "error_type": EVIL,
        "error_message": EVIL,
        "error_traceback": EVIL,
        "server": EVIL,
        "tags": many,
        "redacted": [EVIL],
        "request_headers": [[EVIL, EVIL], ["content-type", f"application/json;{EVIL}"]],
        "request_body": json.dumps(many),
        "request_body_encoding": "utf-8",
    }
    svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.evil=1"><script>window.evil=1</script></svg>'
    bodies = {
        "/svg": ("image/svg+xml", svg),
        "/html": ("text/html", "<script>window.evil=1</script><iframe src=//evil.example>"),
        "/sse": ("text/event-stream", f"event: {EVIL}\ndata: {EVIL}\n\n"),
        "/form": ("application/x-www-form-urlencoded", "<script>=%3Cscript%3E&a=%"),
        "/multipart": (
            "multipart/form-data; boundary=<b>",
            f'--<b>\r\nname="{EVIL}"\r\n\r\n{EVIL}\r\n--<b>--',
        ),
        "/broken-json": ("application/json", '{"a": ' + EVIL),
        "/line": ("text/plain", "x" * 1_000_000),
        "/big-json": ("application/json", json.dumps({"a": ["y" * 50] * 90_000})),
    }
    site.add(path="/evil" + EVIL, **hostile)
    for path, (kind, body) in bodies.items():
        site.add(
            path=path,
            response_headers=[["content-type", kind]],
            response_body=body,
            response_body_encoding="utf-8",
        )
    raw = base64.b64encode(b"\xff\xfe\x00<script>" * 100).decode()
    site.add(
        path="/bytes",
        response_headers=[["content-type", "text/plain"]],
        response_body=raw,
        response_body_encoding="base64",
    )
    driver = open_page()
    wait_until(lambda: len(rows(driver)) == len(bodies) + 2, what="all rows")
    for row in rows(driver):
        row.click()
        time.sleep(0.15)
        for name in ("Overview", "Request", "Response", "Timing"):
            began = time.monotonic()
            tab(driver, name)
            assert time.monotonic() - began < 3
        for each in driver.find_elements(By.ID, "tab-Error"):
            each.click()
        driver.find_element(By.ID, "tab-Response").click()
    driver.get(site.url + "?view=stats")
    wait_until(lambda: "records" in driver.find_element(By.ID, "stats-view").text, what="stats")
    assert driver.execute_script("return window.evil") is None
    assert driver.execute_script("return document.scripts.length") == 2
    assert driver.execute_script("return document.querySelectorAll('iframe').length") == 0
    driver.get(site.url)
    open_row(driver, "/line")
    assert len(tab(driver, "Response").find_element(By.CSS_SELECTOR, "pre.body").text) < 100_000


def test_a_gap_is_drawn_as_a_gap(site, open_page):
    """Missing records are said, in a row of their own."""
    site.add(path="/before")
    site.add(outcome="dropped", dropped_count=1234, method=None, path=None, status_code=None)
    driver = open_page()
    wait_rows(driver, 2)
    gap = driver.find_element(By.CSS_SELECTOR, ".row.gap")
    assert "1,234 records are missing here" in gap.text


@pytest.mark.parametrize("dark", [False, True])
def test_accessibility(site, open_page, axe, dark):
    """axe-core finds nothing serious, in any view."""
    for number in range(30):
        site.add(
            status_code=200 + 100 * (number % 4),
            response_headers=JSON,
            response_body='{"a":1}',
            response_body_encoding="utf-8",
            tags={"a": 1},
        )
    driver = open_page(dark=dark)

    def check(view):
        # The page's own policy forbids scripts from elsewhere; the debugger's may run.
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        found = driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations))"
        )
        serious = [
            (each["id"], [node["html"][:160] for node in each["nodes"]][:3])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], view

    wait_until(lambda: len(rows(driver)) > 10, what="rows")
    check("records")
    rows(driver)[3].click()
    wait_until(lambda: driver.find_element(By.ID, "detail").is_displayed(), what="opened")
    for name in ("Overview", "Request", "Response", "Timing"):
        tab(driver, name)
        check(name)
    driver.find_element(By.ID, "close-detail").click()
    driver.find_element(By.ID, "view-stats").click()
    wait_until(lambda: "Routes" in driver.find_element(By.ID, "stats-view").text, what="stats")
    check("stats")
    driver.find_element(By.ID, "leave").click()
    wait_until(lambda: driver.find_element(By.ID, "credential").is_displayed(), what="log-in")
    check("log-in")
