"""A page that runs, and a Chromium that looks at it: for the tests, the benchmark and the picture in the README."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from kata.waist.implementation import ROOT

SWITCHES = (
    "--headless",
    "--no-sandbox",  # containers run as root, where the browser's own sandbox cannot start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONG = 40  # seconds: TensorFlow is imported, the laws are read


class Served:
    """`kata page` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exercises = folder / "exercises"
        shutil.copytree(ROOT / "exercises", self.exercises, ignore=shutil.ignore_patterns("__pycache__"))
        self.process: subprocess.Popen[str] | None = None
        self.address = ""

    def start(self, port: int | None = None) -> None:
        """Serve; at the same port as before, where it is named."""
        command = [sys.executable, "-m", "kata.cli", "page", "--impl", str(self.exercises), "--no-browser"]
        environment = os.environ | {"KATA_STATE": str(self.folder / "state" / "state.json")}
        (self.folder / "state").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            command + (["--port", str(port)] if port else []),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        with self.process.stdout:
            said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        self.address = found[0]

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)/", self.address)
        assert found
        return int(found[1])

    def kill(self) -> None:
        """As if the machine had taken it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.process.kill()
        self.process.wait()

    def text(self, chapter: str) -> str:
        return (self.exercises / f"{chapter}.py").read_text("utf-8")

    def write(self, chapter: str, text: str) -> None:
        """As another editor saves."""
        (self.exercises / f"{chapter}.py").write_text(text, "utf-8")


class Browser:
    """Chromium, and the questions that the tests have."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def size(self, width: int, height: int, scheme: str = "light") -> None:
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def tell(self, command: str, **arguments: object) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def ask(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.ask("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def until(self, holds: Callable[[], object], seconds: float = 10) -> None:
        WebDriverWait(self.driver, seconds, poll_frequency=0.03).until(lambda _: holds())

    def press(self, text: str, within: str = "body") -> None:
        """Press the button that says so."""
        script = """return [...document.querySelector(arguments[1]).querySelectorAll('button')]
            .find(e => e.innerText.includes(arguments[0]) && e.checkVisibility())"""
        self.until(lambda: self.ask(script, text, within))
        self.ask(script, text, within).click()

    # The page

    def open(self, served: Served, kata: str) -> None:
        """Open a kata; the judge is ready when this returns."""
        self.driver.get(f"{served.address}&kata={kata}")
        self.until(lambda: self.text("h2").startswith(kata) and self.text(".verdict"), LONG)
        self.until(lambda: "Getting ready" not in self.text(".verdict") and "Starting" not in self.text("header"), LONG)
        self.until(lambda: self.code)

    @property
    def code(self) -> str:
        return str(self.ask("return window.kataPage?.text() ?? ''"))

    def type_code(self, text: str, *, save: bool = True) -> None:
        """Put `text` into the editor as a hand would: all is selected, and it is pasted over."""
        if not self.find(".cm-content").is_displayed():
            self.press("Code", "main")
            self.until(lambda: self.find(".cm-content").is_displayed())
        self.find(".cm-content").click()
        self.ask(
            """const view = getElement(kataPage.editor).editor;
            const all = {from: 0, to: view.state.doc.length, insert: arguments[0]};
            view.dispatch({changes: all, userEvent: 'input.paste'})""",
            text,
        )
        if save:
            self.save()

    def save(self) -> None:
        self.find(".cm-content").send_keys(Keys.CONTROL, "s")

    @property
    def verdict(self) -> str:
        return self.text(".verdict")

    def judged(self, says: str, seconds: float = LONG) -> None:
        """Wait until the verdict says so."""
        self.until(lambda: says in self.verdict, seconds)

    def picture(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile; skips the test where there is none."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("needs chromium and chromedriver on the path")
    options = ChromeOptions()
    options.binary_location = binary
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options=options, service=Service(driver)) as chrome:
        yield Browser(chrome)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """A page that is served, until it is left."""
    served = Served(folder)
    try:
        served.start()
        yield served
    finally:
        served.stop()


def with_body(code: str, body: str) -> str:
    """A stub with its one line that raises replaced."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    assert re.search(r"^ +raise NotImplementedError.*$", code, re.MULTILINE)
    return re.sub(r"^ +raise NotImplementedError.*$", lambda _: lines, code, count=1, flags=re.MULTILINE)


def wait_for(holds: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that no browser is needed to see."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.03)
