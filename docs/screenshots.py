"""Makes the images of the documentation from real records of the demo: `make images`."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

IMAGES = Path(__file__).parent / "images"
SECONDS = 25


def browser(width: int, height: int, *, dark: bool) -> webdriver.Chrome:
    """Start a headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return driver


def open_record(driver: webdriver.Chrome, tab: str | None = None) -> None:
    """Open the first record, and one of its tabs."""
    driver.find_elements(By.CSS_SELECTOR, "#rows .row")[0].click()
    time.sleep(0.7)
    if tab:
        driver.find_element(By.ID, f"tab-{tab}").click()
        time.sleep(0.3)


def shoot(url: str, name: str, *, width: int = 1280, height: int = 760, dark: bool = False) -> None:
    """Make one image of a view."""
    driver = browser(width, height, dark=dark)
    driver.get(url)
    time.sleep(1.5)
    if name in ("records", "dark"):
        driver.get(url + "?filter=path%3A%2Fv1%2Fchat+status%3A200+duration%3A%3E100ms")
        time.sleep(1.2)
        open_record(driver, "Response")
    elif name == "compare":
        driver.get(url + "?filter=path%3A%2Fv1%2Fecho+status%3A200")
        time.sleep(1.2)
        for row in driver.find_elements(By.CSS_SELECTOR, "#rows .row")[:2]:
            ActionChains(driver).key_down(Keys.SHIFT).click(row).key_up(Keys.SHIFT).perform()
            time.sleep(0.3)
        time.sleep(3)
    elif name == "session":
        driver.get(url + "?filter=path%3A%2Fslow+status%3A200")
        time.sleep(1.2)
        rows = driver.find_elements(By.CSS_SELECTOR, "#rows .row")
        for row in rows[:30]:
            row.click()
            time.sleep(0.5)
            driver.find_element(By.ID, "tab-Session").click()
            time.sleep(0.5)
            if driver.find_elements(By.CSS_SELECTOR, "[data-kind=trace]"):
                break
    elif name == "gap":
        driver.get(url + "?filter=outcome%3Adropped%2Cinterrupted")
        time.sleep(1.2)
    elif name == "log-in":
        driver.find_element(By.ID, "leave").click()
        time.sleep(0.5)
    elif name == "statistics":
        driver.get(url + "?view=stats")
        time.sleep(1.5)
    driver.save_screenshot(str(IMAGES / f"{name}.png"))
    driver.quit()
    print(f"docs/images/{name}.png")


def main() -> None:
    """Run the demo, serve its records, and make every image."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "dashcam"]
        subprocess.run(
            [*command, "demo", "--seconds", str(SECONDS), "--dir", directory],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        store = f"sqlite:///{directory}/request_logs.db"
        server = subprocess.Popen(
            [*command, "serve", "--no-auth", "--port", "0", "--store", store],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            url = next(line.strip() for line in server.stdout if line.strip().startswith("http"))
            shoot(url, "records")
            shoot(url, "dark", dark=True)
            shoot(url, "compare")
            shoot(url, "session")
            shoot(url, "gap", height=330)
            shoot(url, "statistics", height=900)
            shoot(url, "narrow", width=380, height=760)
        finally:
            os.kill(server.pid, signal.SIGTERM)
            server.wait(10)
            server.stdout.close()


if __name__ == "__main__":
    main()
