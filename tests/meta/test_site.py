"""`kata site`: every lesson is there, no link leads nowhere, nothing comes from elsewhere, no solution is in it."""

import html
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from kata.cli import app
from kata.course import curriculum
from kata.page import site

pytest.importorskip("sphinx", reason="needs the extra `site`")
LARGEST = 15_000_000  # bytes


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site") / "out"
    site.build(target)
    return target


def pages(built: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in built.rglob("*.html")}


def test_every_kata_has_its_address_its_formulas_and_its_hints_folded(built: Path) -> None:
    for chapter in curriculum.chapters():
        text = (built / f"{chapter.name}.html").read_text("utf-8")
        markdown = "".join((chapter.introduction, *(kata.lesson for kata in chapter.katas)))
        assert text.count("<math") >= markdown.count("```math")
        assert text.count("<summary>Hint ") == sum(len(kata.hints) for kata in chapter.katas)
        assert "<details open" not in text
        for kata in chapter.katas:
            assert f'id="{kata.name}"' in text or f'id="{kata.name.lower().replace("_", "-")}"' in text, kata.name


def test_no_link_leads_nowhere_and_nothing_is_fetched_from_elsewhere(built: Path) -> None:
    found = pages(built)
    for path, text in found.items():
        for tag, link in re.findall(r'<(\w+)\b[^>]*?\b(?:href|src)="([^"]*)"', text):
            parts = urlsplit(html.unescape(link))
            if parts.scheme or parts.netloc:
                assert tag == "a", (path.name, link)
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), (path.name, link)
            if parts.fragment and target in found:
                assert f'id="{unquote(parts.fragment)}"' in found[target], (path.name, link)


def test_no_solution_is_in_it_and_it_is_small(built: Path) -> None:
    everything = "\n".join(pages(built).values())
    text = html.unescape(re.sub(r"<[^>]+>", "", everything))
    for kata in curriculum.katas():
        source = curriculum.source_of(curriculum.SOURCE / f"{kata.chapter}.py", kata.name)
        body = source.rpartition('"""')[2].strip()
        assert len(body) < 60 or body not in text, kata.name
    assert sum(path.stat().st_size for path in built.rglob("*") if path.is_file()) < LARGEST


def test_it_replaces_its_own_and_nothing_else(built: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("ten years")
    result = CliRunner().invoke(app, ["site", str(precious)])
    assert result.exit_code == 2
    assert "name another folder" in result.stderr
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]
    (built / "left-over.html").write_text("old")
    site.build(built)
    assert not (built / "left-over.html").exists()
