"""`kata grade` on a small class: every verdict right, the same bytes however it is run, and nothing lost by a kill."""

import csv
import json
import os
import random
import shutil
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

pytestmark = [
    pytest.mark.skipif(bool(walls.missing()), reason=walls.missing() or "there are walls"),
    pytest.mark.xdist_group("grading"),  # each looks for what it left running
]


def call(*arguments: object, status: int = 0, seconds: float = 300, clone: Path = ROOT) -> str:
    """`kata grade` of that clone in a process of its own; what it printed."""
    command = [sys.executable, "-m", "kata.cli", "grade", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=seconds)
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


def test_jobs_change_no_byte(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    call(handed_in, "--out", tmp_path / "one", "--kata", KATAS, "--seed", SEED, "--jobs", 1)
    for name in ("results.json", "grades.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (graded / name).read_bytes()
    for path in sorted((graded / "feedback").iterdir()):
        assert (tmp_path / "one" / "feedback" / path.name).read_bytes() == path.read_bytes()


def test_who_comes_before_changes_no_verdict(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    """The same submissions under names that put them in the opposite order, so each has other neighbours before it."""
    backwards = tmp_path / "class"
    backwards.mkdir()
    places = [place for place in sorted(handed_in.iterdir()) if place.stem != "zoe"]  # her cause names her file
    renamed = {place.stem: f"pupil{len(places) - number:03}" for number, place in enumerate(places)}
    for place in places:
        copy = shutil.copytree if place.is_dir() else shutil.copyfile
        copy(place, backwards / f"{renamed[place.stem]}{place.suffix}")
    call(backwards, "--out", tmp_path / "out", "--kata", KATAS, "--seed", SEED, "--jobs", 2)
    before, after = (json.loads((out / "results.json").read_text("utf-8")) for out in (graded, tmp_path / "out"))
    del before["submissions"]["zoe"]
    assert {renamed[student]: katas for student, katas in before["submissions"].items()} == after["submissions"]


def test_the_same_again_judges_nobody(handed_in: Path, graded: Path) -> None:
    before = (graded / "results.json").read_bytes()
    began = time.monotonic()
    said = call(handed_in, "--out", graded, "--kata", KATAS, "--jobs", 2, "--export", "canvas")  # the ledger's seed
    assert "Of an earlier run: exports/ gradescope, junit." in said
    assert time.monotonic() - began < 20
    assert (graded / "results.json").read_bytes() == before


def test_shards_merged_are_the_whole(handed_in: Path, graded: Path, tmp_path: Path) -> None:
    for which in (1, 2):
        arguments = ("--kata", KATAS, "--seed", SEED, "--jobs", 1, "--shard", f"{which}/2")
        call(handed_in, "--out", tmp_path / f"{which}", *arguments)
    call(tmp_path / "1", tmp_path / "2", "--out", tmp_path / "all", "--merge")
    assert (tmp_path / "all" / "results.json").read_bytes() == (graded / "results.json").read_bytes()


def test_marked_again_nothing_changes_and_no_submission_runs(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (graded / "results.json").read_bytes()
    call("--out", graded, "--remark")
    assert (graded / "results.json").read_bytes() == before


def test_marked_again_by_a_law_that_was_changed_it_is_what_a_fresh_run_gives(tmp_path: Path) -> None:
    """In a copy of the clone; no line of a submission runs: one leaves a trace whenever it is imported.

    A law that feeds an answer back in asks what is on no sheet, where it went on no further: that is said, with exit
    status 3, and asked when the class is graded again.
    """
    clone, trace, handed_in, out = tmp_path / "clone", tmp_path / "trace", tmp_path / "class", tmp_path / "out"
    for folder in ("exercises", "kata", "lessons", "misconceptions", "solutions", "tests"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", clone)
    rule, norm = (
        (clone / "solutions" / f"{name}.py").read_text("utf-8") for name in ("ch07_accumulation", "ch08_clipping")
    )
    wrong = {
        "ch07_accumulation.py": replaced(rule, "(batch_size / base_batch", "(1.0000001 * batch_size / base_batch"),
        "ch08_clipping.py": replaced(norm, "tf.sqrt(tf.add_n(squares)) if", "tf.sqrt(tf.add_n(squares)) * 1.000006 if"),
    }
    right = {"ch07_accumulation.py": rule, "ch08_clipping.py": f"{norm}\nopen({str(trace)!r}, 'a').write('x')\n"}
    for student, files in {"ada": wrong, "ben": right, "zoe": {}}.items():
        (handed_in / student).mkdir(parents=True)
        for name, text in files.items():
            (handed_in / student / name).write_text(text, "utf-8")
    options = ("--kata", "linear_scaling_rule,global_norm", "--seed", SEED, "--sandbox", "none", "--jobs", 1)
    call(handed_in, "--out", out, *options, clone=clone)
    traces, before = trace.stat().st_size, outcomes(out)
    assert traces
    assert before == {"ada": ["wrong", "wrong"], "ben": ["solved", "solved"], "zoe": ["broken", "broken"]}
    for name, old, new in (
        ("ch07_accumulation", "rel=1e-9", "rel=1e-6"),
        ("ch08_clipping", "norm(gradients), dtype=", "norm(gradients), ulps=1e13, dtype="),
        ("ch08_clipping", "7.0, dtype=", "7.0, ulps=1e13, dtype="),
    ):
        laws = clone / "tests" / f"test_{name}.py"
        laws.write_text(replaced(laws.read_text("utf-8"), old, new), "utf-8")
    said = call("--out", out, "--remark", status=3, clone=clone)
    assert "ada: linear_scaling_rule: asks something that is not on the answer sheet" in said
    assert trace.stat().st_size == traces
    assert outcomes(out) == before | {"ada": ["infrastructure", "solved"]}
    call(handed_in, "--out", out, *options, clone=clone)
    assert trace.stat().st_size == traces  # of ben nothing is asked again
    call(handed_in, "--out", tmp_path / "fresh", *options, clone=clone)
    assert trace.stat().st_size > traces
    assert outcomes(out) == before | {"ada": ["solved", "solved"]}
    for name in ("results.json", "grades.csv", "feedback/ada.md"):
        assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def outcomes(out: Path) -> dict[str, list[str]]:
    """Of the katas that were graded, by student."""
    found = json.loads((out / "results.json").read_text("utf-8"))["submissions"]
    return {
        student: [one["outcome"] for katas in chapters.values() for one in katas.values()]
        for student, chapters in found.items()
    }


def test_what_was_handed_in_otherwise_is_told_anew(tmp_path: Path) -> None:
    """A refused entry, then nothing at all, then the solution: with the same ledger, and judged once."""
    out, options = tmp_path / "out", ("--kata", "linear_scaling_rule", "--seed", SEED, "--jobs", 1)
    handed_in = tmp_path / "class"
    (handed_in / "ada").mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "ch07_accumulation.py", handed_in / "ada")
    (handed_in / "zoe.zip").write_bytes(b"PK no archive")
    said = call(handed_in, "--out", out, *options)
    assert "1 of which nothing could be taken:\n  zoe.zip: " in said
    assert outcomes(out) == {"ada": ["solved"], "zoe": ["broken"]}
    (handed_in / "zoe.zip").unlink()
    (tmp_path / "roster.csv").write_text("id\nada\nzoe\n")
    said = call(handed_in, "--out", out, *options, "--roster", tmp_path / "roster.csv")
    assert "zoe handed in nothing" in said
    assert outcomes(out) == {"ada": ["solved"], "zoe": ["missing"]}
    (handed_in / "ada" / "test_mine.py").write_text("")
    (handed_in / "ada" / "ch02_lossses.py").write_text("")
    began = time.monotonic()
    call(handed_in, "--out", out, *options)
    assert time.monotonic() - began < 10
    told = (out / "feedback" / "ada.md").read_text("utf-8")
    assert "2 other files were not taken: ch02\\_lossses.py, test\\_mine.py" in told
    assert "not handed in" not in told  # the other chapters are not graded


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
        (["CLASS", "--out", "OUT", "--seed", "-1"], "from 0 to 2^64"),
        (["CLASS", "--out", "CLASS/out"], "would be taken for a student's"),
        (["CLASS", "--out", "FILE"], "is no folder"),
        (["--out", "OUT", "--remark"], "holds no run"),
        (["--out", "GRADED", "--remark", "--kata", "huber"], "no verdict on these katas"),
        (["CLASS", "--out", "OUT", "--remark"], "leave the folder out"),
        (["CLASS", "--out", "OUT", "--remark", "--regrade"], "give one of them"),
        (["--out", "OUT", "--merge"], "name their --out folders"),
        (["CLASS", "--out", "OUT", "--merge"], "holds no ledger"),
        (["CLASS", "--out", "OUT", "--merge", "--kata", "huber"], "leave --kata out"),
        (["CLASS", "--out", "OUT", "--merge", "--shard", "1/2"], "leave --shard out"),
    ],
)
def test_wrong_usage_is_a_line_with_a_remedy(
    arguments: list[str], remedy: str, handed_in: Path, graded: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    places = {"CLASS": str(handed_in), "CLASS/out": str(handed_in / "out"), "OUT": str(tmp_path / "out")}
    places |= {"FILE": str(tmp_path / "file"), "GRADED": str(graded)}
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
        found, _ = run.results(ledger)
        one = found.submissions["ann"].katas["ch08_clipping"]["global_norm"]
        assert one.outcome == "infrastructure"
        monkeypatch.undo()
        run.grade([submission], settings, ledger)
        found, _ = run.results(ledger)
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
    found, tester = [], os.environ.get("PYTEST_XDIST_WORKER", "").encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            variables = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        # Of this environment and this worker of xdist: others may be grading on the same machine.
        is_ours = words[0] == os.fsencode(sys.executable) and (
            not tester or b"PYTEST_XDIST_WORKER=" + tester in variables
        )
        if is_ours and b"kata.cli" in words and b"grade" in words:
            found.append(place.name)
    return found
