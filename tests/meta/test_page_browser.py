"""The page in a real browser: a newcomer's whole way, and what must not go wrong on it.

Needs `chromium` and `chromedriver` (Debian: `apt-get install chromium chromium-driver`); skipped where they are not.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.keys import Keys

from kata.course import curriculum
from tests.meta.page_browser import LONG, Browser, Served, chromium, serving, wait_for, with_body

pytestmark = pytest.mark.browser

RIGHT = "return base_lr * batch_size / base_batch_size"
WRONG = "return float(base_lr * (batch_size // base_batch_size))"
NAME, CHAPTER = "linear_scaling_rule", "ch07_accumulation"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("page")) as one:
        yield one


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as one:
        one.size(1280, 800)
        yield one


@pytest.fixture(autouse=True)
def _one_window_as_it_was(browser: Browser, served: Served) -> Iterator[None]:
    if served.process is None or served.process.poll() is not None:
        served.start()
    before = {path: path.read_text("utf-8") for path in served.exercises.glob("ch*.py")}
    yield
    first, *others = browser.driver.window_handles
    for handle in others:
        browser.driver.switch_to.window(handle)
        browser.driver.close()
    browser.driver.switch_to.window(first)
    browser.driver.get("about:blank")
    for path, text in before.items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def test_the_whole_way_of_a_newcomer(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    assert browser.verdict == "Not written yet"
    assert "token" not in browser.driver.current_url
    assert browser.ask("return document.querySelectorAll('#panel-lesson').length") == 1
    assert len(browser.text("#panel-lesson")) > 100
    # Writes something wrong, and reads what is wrong with it.
    code = browser.code
    browser.type_code(with_body(code, WRONG))
    browser.judged("Not right yet")
    assert "//" in served.text(CHAPTER)
    browser.until(lambda: "You divide the sizes with //" in browser.text("aside"), 3 * LONG)
    aside = browser.text("aside")
    assert "expected" in aside
    assert f"{NAME}(" in aside  # the input
    assert browser.ask("return document.querySelectorAll('aside .beside mark').length") >= 1
    assert "You divide the sizes with //" in browser.text("[role=status].away")
    browser.press("Go to line", "aside")
    browser.until(lambda: "//" in browser.text(".cm-line.here"))
    # Opens two hints, one after the other.
    hints = next(kata for kata in curriculum.katas() if kata.name == NAME).hints
    browser.press("Open hint 1", "aside")
    browser.until(lambda: browser.ask("return document.querySelectorAll('.hints li').length") == 1)
    browser.press("Open hint 2", "aside")
    browser.until(lambda: browser.ask("return document.querySelectorAll('.hints li').length") == 2)
    assert len(hints) >= 2
    # Mends it, and sees it solved.
    browser.type_code(with_body(code, RIGHT), save=False)  # saved by itself, a moment after the last key
    browser.judged("Solved")
    browser.until(lambda: browser.text("header").find("1 of 66 solved") >= 0)
    assert browser.ask("return document.querySelector('.item[aria-current=true] .solved') !== null")
    # Moves a handle: both curves follow.
    browser.until(lambda: len(curves(browser)) >= 2, LONG)
    before = curves(browser)
    browser.find("aside input[type=range]").send_keys(Keys.HOME)
    browser.until(lambda: curves(browser) != before)
    assert "B₀ = 16" in browser.text("aside")
    browser.until(lambda: "as expected" in browser.text("aside"))
    # The other right ways with what they cost, and on to the next.
    browser.press("Other right ways", "aside")
    browser.until(lambda: "the reference" in browser.text("aside"), LONG)
    browser.press("Next:", "aside")
    browser.until(lambda: not browser.text("h2").startswith(NAME))
    assert NAME not in browser.driver.current_url


def curves(browser: Browser) -> list[str]:
    """The paths of the lines that are drawn."""
    return list(
        browser.ask(
            """return [...document.querySelectorAll('.chart path[fill=none]')]
            .filter(p => +p.getAttribute('stroke-width') > 1.5).map(p => p.getAttribute('d'))"""
        )
    )


def test_what_is_saved_elsewhere_appears_here(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    browser.press("Code", "main")
    served.write(CHAPTER, with_body_of(served, NAME, "return base_lr  # from outside"))
    browser.until(lambda: "# from outside" in browser.code)
    assert "Changed elsewhere" in browser.text("main")
    browser.judged("Not right yet")


def with_body_of(served: Served, kata: str, body: str) -> str:
    """The chapter's file with that kata written."""
    text = served.text(CHAPTER)
    at = text.index(f"def {kata}(")
    return text[:at] + with_body(text[at:], body)


@pytest.mark.parametrize("mine", [True, False], ids=["keep mine", "take theirs"])
def test_when_both_changed_both_texts_are_kept_and_shown(browser: Browser, served: Served, mine: bool) -> None:
    browser.open(served, NAME)
    browser.type_code(with_body(browser.code, "return 1.0  # typed here"), save=False)
    served.write(CHAPTER, with_body_of(served, NAME, "return 2.0  # typed elsewhere"))
    browser.until(lambda: "changed elsewhere too" in browser.text("main [role=alert]"))
    shown = browser.text("main [role=alert]")
    assert "# typed here" in shown
    assert "# typed elsewhere" in shown
    kept = "".join(path.read_text("utf-8") for path in (served.folder / "state" / "kept").iterdir())
    assert "# typed here" in kept
    assert "# typed elsewhere" in kept
    assert "# typed elsewhere" in served.text(CHAPTER)  # nothing is written until one was chosen
    browser.press("Keep mine" if mine else "Take the file's", "main")
    wanted = "# typed here" if mine else "# typed elsewhere"
    browser.until(lambda: wanted in browser.code and not browser.text("main [role=alert]"))
    wait_for(lambda: wanted in served.text(CHAPTER))


def test_two_tabs_see_each_other_s_saves(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.open(served, NAME)
    browser.type_code(with_body(browser.code, "return base_lr  # second tab"))
    browser.judged("Not right yet")
    browser.driver.switch_to.window(first)
    browser.until(lambda: "# second tab" in browser.code)
    browser.judged("Not right yet")


def test_a_killed_server_loses_nothing(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    browser.press("Code", "main")
    port = served.port
    served.kill()
    browser.type_code(with_body(browser.code, "return base_lr  # never sent"), save=False)
    browser.until(lambda: "never sent" in str(browser.ask("return JSON.stringify(localStorage)")))
    assert "never sent" not in served.text(CHAPTER)
    served.start(port)
    browser.until(lambda: browser.ask("return document.readyState") == "complete", LONG)
    wait_for(lambda: "# never sent" in served.text(CHAPTER), LONG)
    browser.until(lambda: "# never sent" in browser.code)
    browser.judged("Not right yet")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("while True: pass", "It takes too long"),
        ("import os; os._exit(0)", "It took its process down"),
        ("while True: print('x' * 10_000)", "It"),
    ],
    ids=["loop", "os._exit", "flood"],
)
def test_a_kata_that_misbehaves_leaves_the_page_working(browser: Browser, served: Served, body: str, says: str) -> None:
    browser.open(served, NAME)
    code = browser.code
    browser.type_code(with_body(code, body))
    browser.judged(says, 3 * LONG)
    browser.type_code(with_body(code, RIGHT))
    browser.judged("Solved")


def test_a_syntax_error_is_marked_on_its_line(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    code = browser.code
    browser.type_code(with_body(code, "return base_lr * ("))
    browser.until(lambda: "return base_lr * (" in browser.text(".cm-line.fault"))
    browser.judged("It does not run")
    assert "was never closed" in browser.text("aside")
    browser.type_code(with_body(code, RIGHT))
    browser.judged("Solved")
    assert browser.ask("return document.querySelectorAll('.cm-line.fault').length") == 0


def test_search(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    browser.find("[type=search]").send_keys("focal")
    names = "return [...document.querySelectorAll('.item')].filter(e => e.checkVisibility()).map(e => e.innerText)"
    browser.until(lambda: len(browser.ask(names)) < 5)
    assert any("FocalLoss" in name for name in browser.ask(names))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (375, 800)], ids=["desk", "phone"])
def test_the_accessibility_checker_finds_nothing(
    browser: Browser, served: Served, size: tuple[int, int], scheme: str
) -> None:
    browser.size(*size, scheme)
    try:
        browser.open(served, NAME)
        for tab in ("Lesson", "Code"):
            browser.press(tab, "main")
            found = Axe().run(browser.driver)["violations"]
            serious = [
                (one["id"], one["impact"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == []
        assert browser.ask("return document.documentElement.scrollWidth") == size[0]
    finally:
        browser.size(1280, 800)


def test_by_keyboard_alone(browser: Browser, served: Served) -> None:
    browser.open(served, NAME)
    active = "const e = document.activeElement; return (e.getAttribute('aria-label') ?? e.innerText).slice(0, 60)"

    def tab_to(words: str) -> None:
        for _ in range(120):
            browser.driver.switch_to.active_element.send_keys(Keys.TAB)
            if words in str(browser.ask(active)):
                return
        raise AssertionError(words)

    tab_to("Search")
    tab_to("Lesson")
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    browser.until(lambda: browser.ask("return document.activeElement.id") == "tab-code")
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    browser.until(lambda: browser.ask("return document.activeElement.matches('.cm-content')"))
    browser.driver.switch_to.active_element.send_keys(Keys.CONTROL, Keys.END)
    before = browser.code
    browser.driver.switch_to.active_element.send_keys("\n# by keyboard")
    browser.driver.switch_to.active_element.send_keys(Keys.CONTROL, "s")
    wait_for(lambda: "# by keyboard" in served.text(CHAPTER))
    assert browser.code != before
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    browser.until(lambda: not browser.ask("return document.activeElement.matches('.cm-content')"))
    tab_to("Open hint")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until(lambda: browser.ask("return document.querySelectorAll('.hints li').length") >= 1)


def test_nothing_is_fetched_from_elsewhere(browser: Browser, served: Served) -> None:
    browser.open(served, "huber")
    browser.until(lambda: curves(browser), LONG)
    names = browser.ask("return performance.getEntriesByType('resource').map(e => e.name)")
    assert names
    assert {re.match(r"\w+://[^/]+", name)[0] for name in names} == {f"http://127.0.0.1:{served.port}"}


def test_the_script_says_nothing_went_wrong(browser: Browser, served: Served) -> None:
    browser.driver.get_log("browser")
    browser.open(served, "huber")
    browser.until(lambda: curves(browser), LONG)
    assert [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_every_picture_is_drawn(browser: Browser, served: Served, tmp_path: Path) -> None:
    for name in ("sgd_step", "clip_by_norm", "DynamicLossScale"):
        browser.open(served, name)
        browser.until(lambda: curves(browser), LONG)
