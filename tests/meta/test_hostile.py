"""Hostile and broken submissions: each has its right outcome, no verdict but its own is touched, nothing is left."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from kata.course import curriculum
from kata.grade.grader import Found, Grader
from kata.grade.papers import Papers
from kata.judge import exam_file, profiles
from kata.judge.judging import check
from kata.waist import walls
from kata.waist.implementation import ROOT, Implementation, implementation_at
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.verdict import Outcome
from kata.waist.worker import used_by
from tests.meta.hostile import CHAPTER, SABOTAGES, VICTIM, WRONG, Sabotage, submission, write

NEIGHBOUR = "mean_squared_error"  # of the same chapter
ELSEWHERE = "linear_scaling_rule"  # of another chapter
SEED, SHARE = 3, 0.01
LIMITS = Limits(call=6.0, law=20.0, memory=2**30)
HONEST = Sabotage("nothing", Outcome.SOLVED, "")
MISTAKEN = Sabotage("a mistake", Outcome.WRONG, "", WRONG)

needs_walls = pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls")
LIVE = ("exit at import", "eats memory", "forges replies", "brings a conftest", "in a thread")


class Class:
    """A grader that has judged an honest submission, and one with a mistake."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._asked = 0
        self.alone = self.grade(HONEST)
        self.grade(MISTAKEN)  # so that the process is there that knows the mistakes
        self.processes = self._processes()

    def grade(self, sabotage: Sabotage) -> Found:
        self._grader._limits = replace(LIMITS, call=sabotage.seconds)
        return self._grader.grade(submission(sabotage))

    def is_fair(self) -> bool:
        """Whether an honest submission is graded as if it were alone, to the byte; looks at every tenth question."""
        self._asked += 1
        if self._asked % 10 != 1:
            return True
        return msgspec.json.encode(self.grade(HONEST).katas) == msgspec.json.encode(self.alone.katas)

    def _processes(self) -> int:
        worker = self._grader._worker
        assert worker is not None
        assert worker._process is not None
        return used_by(worker._process.pid)[1]

    def is_calm(self) -> bool:
        """Whether nothing runs behind the walls but what ran before the first hostile submission."""
        deadline = time.monotonic() + 10
        while (more := self._processes() > self.processes) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not more


@pytest.fixture(scope="module")
def graded() -> Iterator[Class]:
    profiles.load("grade")
    katas = [kata for name in (VICTIM, NEIGHBOUR) for kata in curriculum.find(name)]
    worker = Worker(walled=False)
    reference = Isolated(implementation_at("solutions"), Limits(), worker)
    exams = {kata.name: exam_file.exam_for(kata, SEED, lambda: reference, share=SHARE) for kata in katas}
    reference.close()
    worker.close()
    digests = {kata.name: exam_file.digest_of(kata, SEED, SHARE) for kata in katas}
    grader = Grader(Papers(SEED, exams, digests), LIMITS, walled=True)
    yield Class(grader)
    grader.close()


@needs_walls
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_each_has_its_outcome_and_nobody_else_notices(sabotage: Sabotage, graded: Class) -> None:
    found = graded.grade(sabotage).katas[CHAPTER]
    victim = found[VICTIM]
    assert victim.outcome in (sabotage.outcome, *sabotage.or_else), victim.cause
    assert victim.outcome is not sabotage.outcome or sabotage.cause in victim.cause
    if sabotage.takes_chapter:
        assert found[NEIGHBOUR].outcome is victim.outcome
    else:  # so whatever was graded before has left no trace
        assert msgspec.json.encode(found[NEIGHBOUR]) == msgspec.json.encode(graded.alone.katas[CHAPTER][NEIGHBOUR])
    assert graded.is_calm()
    assert graded.is_fair()


@pytest.mark.parametrize("name", LIVE)
def test_judged_live_it_reaches_no_verdict_but_its_own(name: str, tmp_path: Path, worker: Worker) -> None:
    sabotage = next(sabotage for sabotage in SABOTAGES if sabotage.name == name)
    folder = write(sabotage, tmp_path / "submission")
    katas = [kata for name in (VICTIM, NEIGHBOUR, ELSEWHERE) for kata in curriculum.find(name)]
    limits = replace(LIMITS, call=sabotage.seconds)
    judged = check(katas, Implementation(str(folder)), limits=limits, profile="grade", diagnose=False, worker=worker)
    verdicts = {one.kata.name: one.verdict for one in judged}
    assert verdicts[VICTIM].outcome is sabotage.outcome, verdicts[VICTIM]
    assert sabotage.cause in verdicts[VICTIM].cause
    assert verdicts[ELSEWHERE].outcome is Outcome.SOLVED
    assert verdicts[NEIGHBOUR].outcome is (sabotage.outcome if sabotage.takes_chapter else Outcome.SOLVED)


def _pytest(
    *arguments: str, folder: Path, seconds: float = 120
) -> tuple[int, dict[str, dict[str, dict[str, str]]], str]:
    verdicts = folder.parent / "verdicts.json"
    command = [sys.executable, "-m", "pytest", "-q", "--impl", str(folder), "--verdicts", str(verdicts), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, env=environment)
    return done.returncode, json.loads(verdicts.read_text()), done.stdout + done.stderr


def test_pytest_never_takes_the_submission_for_its_own(tmp_path: Path) -> None:
    """With a conftest and a pytest.ini of its own, which would report every law as passed and exit with 0."""
    sabotage = next(sabotage for sabotage in SABOTAGES if sabotage.name == "brings a conftest")
    folder = write(sabotage, tmp_path / "submission")
    (tmp_path / "verdicts.json").write_text("{}")
    status, verdicts, _ = _pytest("--isolated", "--kata", f"{NEIGHBOUR},{VICTIM}", folder=folder)
    assert status == 1
    assert verdicts[CHAPTER][VICTIM]["outcome"] == "wrong"
    assert verdicts[CHAPTER][NEIGHBOUR]["outcome"] == "solved"


def test_the_verdicts_never_claim_too_much_when_the_run_dies(tmp_path: Path) -> None:
    """In process `os._exit(0)` ends pytest itself: what was not judged is in the file, and not solved."""
    sabotage = next(sabotage for sabotage in SABOTAGES if sabotage.name == "os._exit(0)")
    folder = write(sabotage, tmp_path / "submission")
    _, verdicts, _ = _pytest("--kata", f"{NEIGHBOUR},{VICTIM}", folder=folder)
    assert verdicts[CHAPTER].keys() == {NEIGHBOUR, VICTIM}
    assert all(verdict["outcome"] != "solved" for verdict in verdicts[CHAPTER].values())


def test_a_death_under_xdist_is_a_crash_and_the_rest_is_judged(tmp_path: Path) -> None:
    sabotage = next(sabotage for sabotage in SABOTAGES if sabotage.name == "os._exit(0)")
    folder = write(sabotage, tmp_path / "submission")
    only_one_law_each = ["-k", "test_worked_example"]  # each death costs a new import of TensorFlow
    status, verdicts, _ = _pytest("--kata", f"{NEIGHBOUR},{VICTIM}", "-n", "1", *only_one_law_each, folder=folder)
    assert status == 1
    assert verdicts[CHAPTER][VICTIM]["outcome"] == "crashed"
    assert verdicts[CHAPTER][NEIGHBOUR]["outcome"] == "solved"
