"""From save to verdict on the page, beside `kata watch`; from a handle to the picture; what a page that waits costs.

`uv run python -m benchmarks.page [ROUNDS]`. Needs chromium and chromedriver. All times are taken inside the browser:
from the key, or the handle's event, to the change of what is shown.
"""

import os
import pty
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.watch import drain, until, version
from kata.course import curriculum, stubs
from kata.waist.implementation import ROOT
from tests.meta.page_browser import LONG, Browser, Served, chromium, serving, with_body

KATA, CHAPTER = "linear_scaling_rule", "ch07_accumulation"
HANDLES = ("huber", "adam_step", "cosine_decay", "clip_by_norm")
TIMED = """const [make, done] = [arguments[0], arguments[arguments.length - 1]];
const place = document.querySelector(arguments[1]);
const start = performance.now();
const watcher = new MutationObserver(() => {
    if (!place.innerText.includes(arguments[2])) return;
    watcher.disconnect(); done(performance.now() - start);
});
watcher.observe(place, {subtree: true, childList: true, characterData: true, attributes: true});
eval(make);"""
"""Does something, and waits until what is shown has changed and says what is waited for."""


def page_saves(browser: Browser, served: Served, rounds: int) -> list[float]:
    """Milliseconds from Ctrl-S to the verdict on a wrong version."""
    browser.open(served, KATA)
    code = browser.code
    times = []
    for number in range(rounds):
        browser.type_code(with_body(code, f"return base_lr * {number}.5 / 1e9"), save=False)
        browser.ask("document.querySelector('aside .beside')?.remove()")
        press = """document.querySelector('.cm-content').dispatchEvent(
            new KeyboardEvent('keydown', {key: 's', code: 'KeyS', ctrlKey: true, bubbles: true}))"""
        times.append(float(browser.driver.execute_async_script(TIMED, press, "aside", "expected")))
        time.sleep(2.0)
    return times


def watch_saves(rounds: int) -> list[float]:
    """The same for `kata watch`, from the save to the screen."""
    (kata,) = curriculum.find(KATA)
    times = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"{CHAPTER}.py"
        path.write_text(stubs.pristine(CHAPTER), "utf-8")
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execv(sys.executable, [sys.executable, "-m", "kata.cli", "watch", KATA, "--impl", name])
        until(fd, (b"q quit",))
        drain(fd, 3.0)
        for number in range(rounds):
            started = time.perf_counter()
            path.write_text(version(kata, f"return base_lr * {number}.5 / 1e9"), "utf-8")
            times.append((until(fd, (b"problem",)) - started) * 1000)
            drain(fd, 2.0)
        os.write(fd, b"q")
        os.waitpid(pid, 0)
    return times


def handle_moves(browser: Browser, served: Served, kata: str, rounds: int) -> list[float]:
    """Milliseconds from the handle's event to the picture that has changed."""
    served.write(
        next(found.chapter for found in curriculum.find(kata)),
        (ROOT / "solutions" / f"{curriculum.find(kata)[0].chapter}.py").read_text("utf-8"),
    )
    browser.open(served, kata)
    browser.until(lambda: "as expected" in browser.text("aside"), LONG)
    time.sleep(2.0)
    times = []
    for number in range(rounds):
        move = f"""const handle = document.querySelector('aside input[type=range]');
            handle.value = +handle.min + (handle.max - handle.min) * {(number % 10 + 1) / 12};
            handle.dispatchEvent(new Event('input', {{bubbles: true}}))"""
        times.append(float(browser.driver.execute_async_script(TIMED, move, ".chart", "")))
        time.sleep(0.3)
    return times


def cost(pid: int, seconds: float) -> tuple[float, float]:
    """Share of a core, and MiB (shared pages counted once), of a process and all that it started."""
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    before = sum(sum(one.cpu_times()[:2]) for one in tree)
    time.sleep(seconds)
    used = sum(sum(one.cpu_times()[:2]) for one in tree) - before
    return used / seconds, sum(one.memory_full_info().pss for one in tree) / 2**20


def told(name: str, times: list[float]) -> float:
    """Print median and 95th percentile; the median."""
    median, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"{name}: median {median:.0f} ms, 95th percentile {late:.0f} ms, {len(times)} times", flush=True)
    return median


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as served, chromium(Path(name) / "p") as browser:
        browser.size(1280, 800)
        browser.driver.set_script_timeout(60)
        page = told("save to verdict, page", page_saves(browser, served, rounds))
        assert served.process is not None
        share, memory = cost(served.process.pid, 8.0)
        print(f"a page that waits, before a picture: {share:.2%} of a core, {memory:.0f} MiB", flush=True)
        for kata in HANDLES:
            told(f"handle to picture, {kata}", handle_moves(browser, served, kata, rounds))
        time.sleep(5.0)
        share, memory = cost(served.process.pid, 8.0)
        print(f"a page that waits, with pictures: {share:.2%} of a core, {memory:.0f} MiB", flush=True)
    watch = told("save to verdict, kata watch", watch_saves(rounds))
    print(f"ratio {page / watch:.2f}")


if __name__ == "__main__":
    main()
