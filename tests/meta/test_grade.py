"""`kata grade` on a small class: every verdict right, the same bytes however it is run, and nothing lost by a kill."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import classes
from kata.course import curriculum
from kata.grade import run
from kata.grade.ledger import Ledger
from kata.grade.run import Settings
from kata.grade.submission import Submission
from kata.judge import profiles
from kata.waist import walls
from kata.waist.implementation import ROOT

KATAS = "linear_scaling_rule,updates_per_epoch,global_norm,clip_by_norm"
"""Of two chapters; judged in a moment."""
SEED = "11"

pytestmark = pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls")


def call(*arguments: object, status: int = 0, seconds: float = 300) -> str:
    """`kata grade` in a process of its own; what it printed."""
    command = [sys.executable, "-m", "kata.cli", "grade", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def pupils() -> dict[str, classes.Pupil]:
    katas = [kata for name in KATAS.split(",") for kata in curriculum.find(name)]
    return classes.class_of(9, 4, katas)


@pytest.fixture(scope="module")
def handed_in(pupils: dict[str, classes.Pupil], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders, and the last as a zip; one who handed in nothing that can be taken."""
    folder = tmp_path_factory.mktemp("class")
    classes.write(pupils, folder)
    last = sorted(pupils)[-1]
    with zipfile.ZipFile(folder / f"{last}.zip", "w") as archive:
        for path in sorted((folder / last).rglob("*.py")):
            archive.write(path, path.relative_to(folder / last))
            path.unlink()
    for place in ("exercises", ""):
        (folder / last / place).rmdir()
    (folder / "zoe.zip").write_bytes(b"PK no archive")
    return folder


@pytest.fixture(scope="module")
def graded(handed_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    call(handed_in, "--out", out, "--kata", KATAS, "--seed", SEED, "--jobs", 2, "--export", "canvas,junit,gradescope")
    return out


def test_every_verdict_is_right(pupils: dict[str, classes.Pupil], graded: Path) -> None:
    found = json.loads((graded / "results.json").read_text("utf-8"))
    assert found["seed"] == int(SEED)
    assert found["sandbox"] == "bwrap"
    assert list(found["submissions"]) == [*sorted(pupils), "zoe"]
    wanted = set(KATAS.split(","))
    for student, pupil in pupils.items():
        katas = {kata: one for chapter in found["submissions"][student].values() for kata, one in chapter.items()}
        assert katas.keys() == wanted
        for kata, outcomes in pupil.expected.items():
            assert not outcomes or kata not in wanted or katas[kata]["outcome"] in outcomes, (student, kata)
    zoe = [one for chapter in found["submissions"]["zoe"].values() for one in chapter.values()]
    assert {one["outcome"] for one in zoe} == {"broken"}


def test_what_is_left_for_people_is_there(pupils: dict[str, classes.Pupil], graded: Path) -> None:
    rows = list(csv.reader((graded / "grades.csv").read_text("utf-8").splitlines()))
    assert [row[0] for row in rows[1:]] == [*sorted(pupils), "zoe"]
    assert (graded / "report.html").stat().st_size > 10_000
    for student in pupils:
        text = (graded / "feedback" / f"{student}.md").read_text("utf-8")
        assert not any(other in text for other in pupils if other != student)
    assert {path.name for path in (graded / "exports").iterdir()} == {"canvas", "gradescope", "junit"}


def test_jobs_and_order_change_no_byte(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    backwards = tmp_path / "class"
    backwards.mkdir()
    for place in sorted(handed_in.iterdir(), reverse=True):
        (backwards / place.name).symlink_to(place)
    call(handed_in, "--out", tmp_path / "one", "--kata", KATAS, "--seed", SEED, "--jobs", 1)
    for name in ("results.json", "grades.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (graded / name).read_bytes()
    for path in sorted((graded / "feedback").iterdir()):
        assert (tmp_path / "one" / "feedback" / path.name).read_bytes() == path.read_bytes()


def test_the_same_again_judges_nobody(handed_in: Path, graded: Path) -> None:
    before = (graded / "results.json").read_bytes()
    began = time.monotonic()
    call(handed_in, "--out", graded, "--kata", KATAS, "--jobs", 2)  # the seed is the ledger's
    assert time.monotonic() - began < 20
    assert (graded / "results.json").read_bytes() == before


def test_shards_merged_are_the_whole(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    for which in (1, 2):
        arguments = ("--kata", KATAS, "--seed", SEED, "--jobs", 1, "--shard", f"{which}/2")
        call(handed_in, "--out", tmp_path / f"{which}", *arguments)
    call(tmp_path / "1", tmp_path / "2", "--out", tmp_path / "all", "--kata", KATAS, "--merge")
    assert (tmp_path / "all" / "results.json").read_bytes() == (graded / "results.json").read_bytes()


def test_marked_again_nothing_changes_and_no_submission_runs(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (graded / "results.json").read_bytes()
    call("--out", graded, "--kata", KATAS, "--remark")
    assert (graded / "results.json").read_bytes() == before


def test_killed_at_any_moment_it_goes_on(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    out, chance = tmp_path / "out", random.Random(1)
    command = [sys.executable, "-m", "kata.cli", "grade", str(handed_in), "--out", str(out), "--kata", KATAS]
    command += ["--seed", SEED, "--jobs", "2"]
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(2.0, 9.0))
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills
    call(*command[4:])
    assert (out / "results.json").read_bytes() == (graded / "results.json").read_bytes()


def test_interrupted_it_says_so_and_goes_on(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kata.cli", "grade", str(handed_in), "--out", str(tmp_path), "--kata", KATAS]
    command += ["--seed", SEED, "--jobs", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(5.0)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "goes on" in said
    call(*command[4:])
    assert (tmp_path / "results.json").read_bytes() == (graded / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["NO_FOLDER", "--out", "OUT"], "there is no folder"),
        (["CLASS"], "--out is missing"),
        (["CLASS", "--out", "OUT", "--kata", "hubert"], "huber"),
        (["CLASS", "--out", "OUT", "--export", "canva"], "did you mean canvas?"),
        (["CLASS", "--out", "OUT", "--sandbox", "docker"], "choose bwrap or none"),
        (["CLASS", "--out", "OUT", "--shard", "3/2", "--seed", "1"], "K from 1 to N"),
        (["CLASS", "--out", "OUT", "--shard", "1/2"], "--shard needs --seed"),
        (["CLASS", "--out", "OUT", "--roster", "NO_FOLDER"], "NO_FOLDER"),
        (["--out", "OUT", "--remark"], "holds no run"),
    ],
)
def test_wrong_usage_is_a_line_with_a_remedy(
    arguments: list[str], remedy: str, handed_in: Path, tmp_path: Path
) -> None:
    places = {"CLASS": str(handed_in), "OUT": str(tmp_path / "out")}
    said = call(*[places.get(word, word) for word in arguments], status=2)
    assert remedy in said
    assert "Traceback" not in said


def test_a_machine_at_fault_fails_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that never starts: tried again, then said, and the ledger would try once more."""
    profiles.load("grade")
    (kata,) = curriculum.find("global_norm")
    text = (ROOT / "solutions" / "ch08_clipping.py").read_bytes()
    settings = Settings(int(SEED), (kata,), walled=True)
    run.exam_of(settings)
    monkeypatch.setattr("kata.grade.grader.Worker", _no_worker)
    submission = Submission(student="ann", files={"ch08_clipping.py": text})
    with Ledger.open(tmp_path) as ledger:
        run.grade([submission], settings, ledger)
        found, _ = run.results(ledger, settings)
        one = found.submissions["ann"].katas["ch08_clipping"]["global_norm"]
        assert one.outcome == "infrastructure"
        monkeypatch.undo()
        run.grade([submission], settings, ledger)
        found, _ = run.results(ledger, settings)
    assert found.submissions["ann"].katas["ch08_clipping"]["global_norm"].outcome == "solved"


def _no_worker(walled: bool) -> object:
    from kata.waist.isolated import Worker

    class Broken(Worker):
        def _start(self, descriptors: list[object]) -> object:  # type: ignore[override]
            import subprocess

            self._log = self._log or open(os.devnull, "w+b")
            return subprocess.Popen(["/bin/false"])

    return Broken(walled=walled)


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 10
    while _graders() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _graders() == []


def _graders() -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"kata.cli" in words and b"grade" in words:
            found.append(place.name)
    return found
