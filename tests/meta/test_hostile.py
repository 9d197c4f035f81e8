"""No submission reaches the judge: one kata is sabotaged, every other keeps its verdict, and the cause is named."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kata.course import curriculum
from kata.judge.judging import check
from kata.waist.implementation import ROOT, Implementation
from kata.waist.isolated import Limits, Worker
from kata.waist.verdict import Outcome
from tests.meta.hostile import CHAPTER, SABOTAGES, VICTIM, Sabotage, write

LIMITS = Limits(memory=2**30)
NEIGHBOUR = "mean_squared_error"  # of the same chapter, judged after the victim
ELSEWHERE = "linear_scaling_rule"  # of another chapter, judged last


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_a_hostile_kata_reaches_no_verdict_but_its_own(sabotage: Sabotage, tmp_path: Path, worker: Worker) -> None:
    folder = write(sabotage, tmp_path / "submission")
    katas = [kata for name in (VICTIM, NEIGHBOUR, ELSEWHERE) for kata in curriculum.find(name)]
    submission = Implementation(str(folder))
    limits = replace(LIMITS, call=sabotage.seconds, law=60.0)
    judged = check(katas, submission, limits=limits, profile="grade", diagnose=False, worker=worker)
    verdicts = {one.kata.name: one.verdict for one in judged}
    assert verdicts[VICTIM].outcome is sabotage.outcome, verdicts[VICTIM]
    assert sabotage.cause in verdicts[VICTIM].cause
    assert verdicts[ELSEWHERE].outcome is Outcome.SOLVED
    expected = sabotage.outcome if sabotage.takes_chapter else Outcome.SOLVED
    assert verdicts[NEIGHBOUR].outcome is expected


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
