"""What the whole suite proves, line by line as it is proven, in the place of two thousand dots."""

import ast
import time
from collections import Counter
from pathlib import Path

import pytest

from kata.course import curriculum
from kata.waist.implementation import ROOT


def title_of(nodeid: str) -> str:
    """What the test with pytest's `nodeid` is a part of: a chapter's laws, or the claim at the head of its file."""
    owner = curriculum.kata_of(nodeid)
    if owner is not None:
        chapter = next(chapter for chapter in curriculum.chapters() if chapter.name == owner[0])
        return f"the laws of {chapter.name} hold for the solutions"
    path = ROOT / nodeid.partition("::")[0]
    return _claim(path)


def _claim(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_bytes())) if path.exists() else None
    return (docstring or path.stem).split("\n\n")[0].replace("\n", " ").rstrip(".")


class Progress:
    """Writes a line for each claim when all its tests are done, with how many they were."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._started = time.monotonic()
        self._titles: dict[str, str] = {}
        self._left: Counter[str] = Counter()
        self._all: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def expect(self, nodeids: list[str]) -> None:
        """These tests are to be run."""
        if not self._titles:
            self._titles = {nodeid: title_of(nodeid) for nodeid in nodeids}
            self._all = Counter(self._titles.values())
            self._left = self._all.copy()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        self.expect(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if report.passed or report.skipped:
            return ("passed" if report.passed else "skipped") if report.when == "call" or report.skipped else "", "", ""
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        title = self._titles.get(report.nodeid)
        if title is None:
            return
        self._failed[title] += report.failed
        if report.when != "teardown":
            return
        self._left[title] -= 1
        if self._left[title] == 0:
            done = sum(count for each, count in self._all.items() if not self._left[each])
            share = 100 * done // sum(self._all.values())
            seconds = int(time.monotonic() - self._started)
            failed = self._failed[title]
            said = f"{failed} of {self._all[title]} FAILED" if failed else f"{self._all[title]} tests"
            line = f"{seconds // 60}:{seconds % 60:02} {share:>3} %  {title} ({said})"
            self._reporter.ensure_newline()
            self._reporter.write_line(line, red=bool(failed))
