"""A real Chromium, and a running `dashcam serve` with records of every kind."""

import json
import shutil
import subprocess
import sys
import time

import msgspec
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from tests.processes import ROOT, environment, wait_until

from dashcam import Exchange
from dashcam.access import ApiKeys
from dashcam.exchange import timestamp
from dashcam.store import open_store

AXE_VERSION = "4.10.3"


def browser(*, width=1400, height=900, dark=False):
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    scheme = "dark" if dark else "light"
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    started.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    return started


class Site:
    """A running page, its store, and what it is asked."""

    def __init__(self, directory):
        self.directory = directory
        self.store_url = f"sqlite:///{directory}/request_logs.db"
        self.store = open_store(self.store_url)
        self.store.migrate()
        self.keys = ApiKeys(self.store)
        self.number = 0

    def start(self, *arguments):
        out = (self.directory / "serve.txt").open("wb")
        command = [sys.executable, "-m", "dashcam", "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, env=environment(self.directory), stdout=out)
        out.close()
        text = wait_until(
            lambda: [
                word
                for word in (self.directory / "serve.txt").read_text().split()
                if word.startswith("http")
            ],
            what="the page's address",
        )
        self.link = text[0]
        self.url = self.link.partition("login")[0]

    def add(self, **fields):
        """Store a record, a second later than the last one."""
        self.number += 1
        began = time.time_ns() - 3600 * 10**9 + self.number * 10**9
        defaults = {
            "request_timestamp": timestamp(began),
            "method": "GET",
            "scheme": "http",
            "host": "127.0.0.1:9",
            "path": f"/example/{self.number}",
            "status_code": 200,
            "duration_ms": 12.5,
            "ttfb_ms": 5.0,
            "user_id": "example-user",
            "response_body_bytes": 100,
        }
        exchange = Exchange(**{**defaults, **fields})
        self.store.insert(msgspec.json.encode(exchange) + b"\n")
        return exchange.id


@pytest.fixture
def site(tmp_path):
    running = Site(tmp_path)
    running.start()
    yield running
    running.process.terminate()
    running.process.wait(15)
    running.store.close()


@pytest.fixture
def open_page(site):
    opened = []

    def page(path="", *, login=True, **options):
        driver = browser(**options)
        opened.append(driver)
        if login:
            driver.get(site.link)
            if path:
                driver.get(site.url + path)
        else:
            driver.get(site.url + path)
        return driver

    yield page
    try:
        for driver in opened:
            assert_quiet(driver, site.url)
    finally:
        for driver in opened:
            driver.quit()


def assert_quiet(driver, url):
    """No console error, no CSP violation, no request to another origin."""
    told = [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
        # Chromium tells of every refused request; what the page makes of it is tested.
        and "the server responded with a status of 4" not in entry["message"]
    ]
    assert told == []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked = message["params"]["request"]["url"]
            assert asked.startswith((url, "data:", "chrome:", "about:")), asked


@pytest.fixture(scope="session")
def axe():
    """axe-core from npm, fetched once into the working copy's cache."""
    place = ROOT / ".axe"
    script = place / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed: axe-core can't be fetched")
        command = [npm, "install", "--no-save", "--prefix", str(place), f"axe-core@{AXE_VERSION}"]
        done = subprocess.run(command, check=False, capture_output=True, timeout=120)
        if done.returncode:
            pytest.skip("axe-core can't be fetched by npm")
    return script.read_text()
