"""`kata site`: every link leads somewhere, every contract and formula is there, no solution is, and it is put whole."""

import contextlib
import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum
from kata.grade.leaks import leaks_in, secrets_of_the_course
from kata.site import build as building
from kata.site import contract, pages
from kata.site.build import MARKER, Built, build
from kata.site.generator import Ungenerated, generate
from kata.site.maths import Unreadable, mathml
from kata.waist.implementation import ROOT
from tests.meta.site_page import SitePage, broken
from tests.meta.test_report_browser import DESK, PHONE, SWITCHES, Browser

REPOSITORY = "https://git.example/course/katas"
CHAPTERS = {chapter.name: chapter for chapter in curriculum.chapters()}
MARKS = r"\s|`|\*\*|:"
"""What a docstring loses where it is laid out: marks of Markdown, the colons of sections, breaks of lines."""
MAKERS = {"https://www.sphinx-doc.org/", "https://github.com/pradyunsg/furo", "https://pradyunsg.me"}
"""What the foot of every page names."""
LARGEST = 5_000_000
"""Of the whole site, in bytes: more than it has, less than a font or a script too many."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("built") / "site", repository=REPOSITORY)


@pytest.fixture(scope="module")
def found(built: Built) -> dict[str, SitePage]:
    return {path.name: SitePage(path.read_text("utf-8")) for path in sorted(built.folder.glob("*.html"))}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_space(text: str) -> str:
    return "".join(text.split())


# What is in it


def test_every_chapter_has_its_page_and_the_whole_is_small(built: Built, found: dict[str, SitePage]) -> None:
    assert set(found) == {"index.html", "search.html", *(f"{name}.html" for name in CHAPTERS)}
    assert built.pages == len(found)
    size = sum(map(len, files_of(built.folder).values()))
    assert built.size == size < LARGEST


def test_every_link_within_leads_somewhere(built: Built, found: dict[str, SitePage]) -> None:
    assert list(broken(found, set(files_of(built.folder)))) == []
    to_katas = {link for link in found["index.html"].links if ".html#" in link}
    assert to_katas == {f"{kata.chapter}.html#{kata.name}" for kata in curriculum.katas()}


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    page = SitePage('<a href="gone.html">x</a><a href="#gone">x</a><img src="a.svg"><a href="https://x.example">x</a>')
    assert len(list(broken({"index.html": page}, {"index.html"}))) == 3


def test_nothing_is_loaded_from_elsewhere(built: Built, found: dict[str, SitePage]) -> None:
    for name, page in found.items():
        assert [link for link in page.loads if ":" in link and not link.startswith("data:")] == [], name
        outward = {link for link in page.links if re.match(r"[a-z]+:", link) and not link.startswith(REPOSITORY)}
        assert outward <= MAKERS, name
    for path in built.folder.rglob("*.css"):
        text = path.read_text("utf-8")
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", text), path.name


def test_links_to_the_repository_are_made_where_it_is_known_and_only_there(found: dict[str, SitePage]) -> None:
    for name in CHAPTERS:
        assert f"{REPOSITORY}/blob/HEAD/exercises/{name}.py" in found[f"{name}.html"].links
        assert (ROOT / "exercises" / f"{name}.py").exists()
    for text in pages.sources().values():
        assert not re.search(r"\]\(https?:|href=.https?:|<https?:", text)


@pytest.mark.parametrize("kata", curriculum.katas(), ids=lambda kata: kata.name)
def test_a_kata_has_its_place_facts_contract_and_folded_hints(
    kata: curriculum.Kata, built: Built, found: dict[str, SitePage]
) -> None:
    whole = (built.folder / f"{kata.chapter}.html").read_text("utf-8")
    section = re.split(r'<section id="(\w+)"', whole)
    (text,) = [body for name, body in zip(section[1::2], section[2::2], strict=True) if name == kata.name]
    page = SitePage(text)
    assert f"· {kata.minutes} minutes ·" in page.text
    assert ("span", f"{kata.difficulty} of 3 stars") in [(tag, each.get("aria-label")) for tag, each in page.tags]
    folded = [each for tag, each in page.tags if tag == "details"]
    assert folded == [{"class": "hint"}] * len(kata.hints)
    shown = re.sub(MARKS, "", page.text)
    for line in curriculum.docstrings(kata).splitlines():
        assert re.sub(MARKS, "", line) in shown, line
    assert f"uv run kata check {kata.name}" in page.text


def test_a_contract_means_itself_whatever_stands_in_it() -> None:
    given = "Take *args and a_b, |x| < 1, [i], $5 and `a*b`.\n\n    y = x_i * 2\n\nArgs:\n    x: One *.\n    y, z: Two."
    made = contract.described(given)
    assert r"Take \*args and a\_b, \|x\| \< 1, \[i\], \$5 and `a*b`." in made
    assert "```text\ny = x_i * 2\n```" in made
    assert "**Args**\n\n`x`\n: One \\*.\n\n`y, z`\n: Two." in made


def test_the_search_index_knows_every_kata(built: Built) -> None:
    text = (built.folder / "searchindex.js").read_text("utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for kata in curriculum.katas():
        ((document, place),) = [each for each in index["alltitles"][kata.name] if each[1] == kata.name]
        assert index["docnames"][document] == kata.chapter
        assert place == kata.name
    assert "median" in index["terms"]


def test_the_notebooks_are_there_and_know_the_repository(built: Built) -> None:
    for chapter in CHAPTERS.values():
        cells = json.loads((built.folder / pages.notebook_path(chapter)).read_text("utf-8"))["cells"]
        (first,) = [cell for cell in cells if cell["id"] == "set-up"]
        assert "".join(first["source"]).startswith(f'REPOSITORY = "{REPOSITORY}"  #')
        headings = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        named = re.findall(r"^## Kata \d+: `(\w+)`", headings, re.MULTILINE)
        assert named == [kata.name for kata in chapter.katas]


# Formulas


def test_every_formula_is_rendered(found: dict[str, SitePage]) -> None:
    for name in CHAPTERS:
        text = (ROOT / "lessons" / f"{name}.md").read_text("utf-8")
        prose = re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.MULTILINE | re.DOTALL)
        expected = text.count("```math\n") + prose.count("$$") // 2 + prose.replace("$$", "").count("$") // 2
        formulas = found[f"{name}.html"].formulas
        assert len(formulas) == expected, name
        assert all(formula.strip() and not re.search(r"[\\$]", formula) for formula in formulas), name
        assert not re.search(r"\\(frac|text|eta|sqrt|cdot)\b", found[f"{name}.html"].text), name


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\tfrac14", "14"),
        (r"\Big\lceil x \Big\rceil", "⌈x⌉"),
        (r"\cos 40°", "cos40°"),
        (r"\bigl[\, y \bigr]", "[y]"),
        (r"|e| \log x \log_2 y", "|e|logxlog2y"),
    ],
)
def test_a_formula_reads_as_it_should(formula: str, expected: str) -> None:
    assert without_space(SitePage(mathml(formula, is_block=False)).formulas[0]) == expected


@pytest.mark.parametrize("formula", [r"\nosuchcommand x", r"\frac{1", r"x_{", r"\sqrt 2}"])
def test_a_formula_that_cannot_be_read_is_said(formula: str) -> None:
    with pytest.raises(Unreadable, match="the formula"):
        mathml(formula, is_block=True)


# No solutions


def test_no_solution_is_in_it(built: Built, found: dict[str, SitePage]) -> None:
    secrets = secrets_of_the_course()
    for name, page in found.items():
        assert [leak for code in page.code for leak in leaks_in(f"{name}.py", code.encode(), secrets)] == []
        assert leaks_in(f"{name}.txt", page.text.encode(), secrets) == []
    for name, data in files_of(built.folder).items():
        assert leaks_in(name, data, secrets) == []


def test_a_solution_in_a_page_would_be_found(tmp_path: Path) -> None:
    solution = curriculum.source_of(ROOT / "solutions" / "ch02_losses.py", "huber")
    generate({"index.md": f"# A page\n\n```python\n{solution}\n```\n".encode()}, tmp_path / "scratch", tmp_path / "out")
    page = SitePage((tmp_path / "out" / "index.html").read_text("utf-8"))
    assert [leak for code in page.code for leak in leaks_in("a.py", code.encode(), secrets_of_the_course())]


def test_nothing_is_written_where_a_solution_would_get_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solution = (ROOT / "solutions" / "ch02_losses.py").read_bytes()
    monkeypatch.setattr(
        building, "sources", lambda repository: {"index.md": b"# x\n\n```python\n" + solution + b"```\n"}
    )
    with pytest.raises(ValueError, match=r"index\.md:\d+ holds the body of solutions/ch02_losses\.py, huber"):
        build(tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


# How it is written


@pytest.mark.thorough
def test_the_same_course_gives_the_same_bytes_in_place_of_the_earlier_site(built: Built, tmp_path: Path) -> None:
    out = tmp_path / "site"
    shutil.copytree(built.folder, out)
    (out / "index.html").write_text("old")
    again = build(out, repository=f"{REPOSITORY}/")
    assert files_of(again.folder) == files_of(built.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    noted = (out / MARKER).read_text("utf-8").splitlines()
    assert sorted([*noted, MARKER]) == sorted(files_of(out))


def test_what_is_somebody_s_is_left_alone(tmp_path: Path) -> None:
    for name in ("full", "mixed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    (tmp_path / "mixed" / MARKER).write_text("index.html\n")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    cases = {"full": "holds mine", "mixed": "holds mine", "file": "no folder", "dangling": "no folder"}
    cases["file/below"] = "cannot be written"
    before = sorted(tmp_path.rglob("*"))
    for name, said in cases.items():
        with pytest.raises(ValueError, match=said):
            build(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_site_that_fails_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / MARKER).write_text("index.html\n")
    (out / "index.html").write_text("old")
    monkeypatch.setattr(building, "sources", lambda repository: {"index.md": b"# x\n\n[there](gone.md)\n"})
    with pytest.raises(Ungenerated, match=r"index\.md:3.*gone\.md"):
        build(out)
    assert (out / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_formula_that_cannot_be_read_is_an_error_with_its_page(tmp_path: Path) -> None:
    with pytest.raises(Ungenerated, match=r"index\.md.*\n?.*nosuch"):
        generate({"index.md": b"# x\n\nA $\\nosuch x$.\n"}, tmp_path / "scratch", tmp_path / "out")


def test_what_is_missing_is_named_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "furo" else there(name))
    done = CliRunner().invoke(cli.app, ["site", str(tmp_path / "site")])
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"not installed \(furo\): uv run --extra site kata site OUT"):
        build(tmp_path / "site")


@pytest.mark.parametrize("address", ["git@host:a/b", "javascript:alert(1)", "https://", "https://x/ y", 'https://x/"'])
def test_an_address_is_one_of_the_web(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="--repository"):
        build(tmp_path / "site", repository=address)


def test_the_command_says_where_and_how_large(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(building, "build", lambda out, repository: Built(out, 12, 2_345_678))
    cli.site(tmp_path, repository="")
    assert capsys.readouterr().out.startswith(f"12 pages, 2.3 MB, are in {tmp_path}")


# In a browser


@pytest.fixture(scope="module")
def browser(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("needs chromium and chromedriver on the path")
    options = ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(chromedriver))
    driver.get("about:blank")
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(driver.quit)
        yield Browser(driver, built.folder)


def asked_for(browser: Browser) -> list[str]:
    """The addresses that were fetched since the last call, but for the site's own files."""
    events = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if not url.startswith(("file:", "data:", "about:"))]


@pytest.mark.browser
def test_a_reader_searches_finds_reads_and_opens_a_hint(browser: Browser) -> None:
    asked_for(browser)
    browser.open("index")
    browser.find("input[name=q]").send_keys("huber\n")
    browser.until(lambda: browser.texts("#search-results li a"))
    hits = browser.ask("return [...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))")
    assert "ch02_losses.html#huber" in hits[0]
    browser.find("#search-results li a").click()
    browser.until(lambda: browser.texts("#huber h2"))
    assert browser.place == "#huber"
    assert 0 <= browser.ask("return document.querySelector('#huber h2').getBoundingClientRect().top") < 200
    assert browser.texts("#huber details p") == []
    browser.find("#huber details summary").click()
    assert len(browser.texts("#huber details p")) == 1
    height = "return document.querySelector(arguments[0]).getBoundingClientRect().height"
    assert browser.ask(height, "#huber math") >= browser.ask(height, "#huber mtable") > 30
    browser.until(lambda: browser.ask("return [...document.images].every(i => i.complete && i.naturalWidth > 0)"))
    assert asked_for(browser) == []


@pytest.mark.browser
@pytest.mark.parametrize("page", ["index", "search", pytest.param("ch03_optimizers", marks=pytest.mark.thorough)])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(browser: Browser, page: str) -> None:
    for size in (DESK, PHONE):
        for scheme in ("light", "dark"):
            browser.open(page, size=size, scheme=scheme)
            browser.ask("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            wide = browser.ask("return document.documentElement.scrollWidth")
            assert wide <= size[0], f"{page} at {size}: {wide}"
            violations = [one for one in Axe().run(browser.driver)["violations"]]
            grave = [one for one in violations if one["impact"] in ("serious", "critical")]
            assert [(one["id"], one["nodes"][0]["html"]) for one in grave] == [], (page, size, scheme)


@pytest.mark.browser
def test_dark_is_dark_and_light_is_light(browser: Browser) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        browser.open("ch02_losses", scheme=scheme)
        colour = browser.ask("return getComputedStyle(document.body).backgroundColor")
        seen[scheme] = sum(map(int, re.findall(r"\d+", colour)[:3]))
    assert seen["light"] > 700
    assert seen["dark"] < 150
