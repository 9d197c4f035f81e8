"""The pytest plugin as its users meet it: in processes of their own, on the real katas."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kata.course import curriculum, stubs
from kata.waist.implementation import ROOT

CHAPTER = "ch07_accumulation"
PURE = "linear_scaling_rule,updates_per_epoch"


def run(*arguments: str, status: int, folder: Path = ROOT) -> str:
    """What pytest prints for these arguments, run in `folder`; its exit status must be `status`."""
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """Pristine stubs, one kata wrong, one half done with a print."""
    folder = tmp_path / "submission"
    folder.mkdir()
    text = stubs.pristine(CHAPTER)
    for name, body in (
        ("linear_scaling_rule", "return base_lr * batch_size // base_batch_size"),
        ("updates_per_epoch", "print('how many?')\n    return undefined_name"),
    ):
        at = text.index("raise NotImplementedError", text.index(f"def {name}("))
        text = text[:at] + body + text[at + len("raise NotImplementedError") :]
    (folder / f"{CHAPTER}.py").write_text(text, "utf-8")
    return folder


def test_pristine_stubs_are_todo_without_a_traceback(tmp_path: Path) -> None:
    for chapter in curriculum.chapters():
        (tmp_path / f"{chapter.name}.py").write_text(stubs.pristine(chapter.name), "utf-8")
    output = run(f"--impl={tmp_path}", status=1)
    assert "Traceback" not in output
    assert f"0 of {len(curriculum.katas())} katas solved" in output
    first = curriculum.katas()[0]
    assert f"Next: {first.name}" in output
    assert f"kata hint {first.name}" in output
    assert "passed" not in output.splitlines()[-1]


def test_solved_is_zero_and_the_summary_says_so(tmp_path: Path) -> None:
    output = run("--impl", "solutions", "--kata", PURE, "--verdicts", str(tmp_path / "v.json"), status=0)
    assert "2 of 2 katas solved in solutions/" in output
    verdicts = json.loads((tmp_path / "v.json").read_text())
    assert {name: v["outcome"] for name, v in verdicts[CHAPTER].items()} == dict.fromkeys(PURE.split(","), "solved")


def test_modes_and_splits_agree_to_the_byte(submission: Path, tmp_path: Path) -> None:
    """In process, isolated, and in two processes of xdist: the same verdicts, the same summary."""
    found: list[tuple[bytes, str]] = []
    for arguments in ([], ["--isolated"], ["-n", "2"], ["-n", "2", "--isolated"]):
        path = tmp_path / f"verdicts{len(found)}.json"
        options = ["--kata", CHAPTER, "--profile", "grade", "--hypothesis-seed", "7", "-q", f"--verdicts={path}"]
        output = run(f"--impl={submission}", *options, *arguments, status=1)
        summary = output[output.index(" katas =") : output.index("kata hint", output.index(" katas ="))]
        found.append((path.read_bytes(), summary.split("\n", 1)[1]))
    assert all(verdicts == found[0][0] for verdicts, _ in found)
    assert all(summary == found[0][1] for _, summary in found)
    verdicts = json.loads(found[0][0])[CHAPTER]
    assert verdicts["linear_scaling_rule"]["outcome"] == "wrong"
    assert verdicts["updates_per_epoch"]["outcome"] == "broken"
    assert verdicts["accumulating_optimizer"]["outcome"] == "todo"


def test_only_the_first_failure_of_a_kata_is_shown_and_no_frame_of_others(submission: Path) -> None:
    output = run(f"--impl={submission}", "--kata", PURE, status=1)
    assert output.count("\nlinear_scaling_rule: ") == 1
    assert output.count("\nupdates_per_epoch: ") == 1
    assert "raises NameError: name 'undefined_name' is not defined" in output
    assert "site-packages" not in output
    assert "hypothesis" not in output.lower().split("plugins:")[1].split("\n", 1)[1]
    assert "Traceback" not in output
    assert "tensorflow" not in output.lower()
    longer = run(f"--impl={submission}", "--kata", "linear_scaling_rule", "--tb=long", status=1)
    assert "LawViolation" in longer


def test_a_chapter_that_does_not_parse_fails_alone(submission: Path) -> None:
    (submission / "ch02_losses.py").write_text("def (:\n", "utf-8")
    (submission / "ch07_accumulation.py").write_text((ROOT / f"solutions/{CHAPTER}.py").read_text("utf-8"), "utf-8")
    output = run(f"--impl={submission}", "--kata", f"huber,{PURE}", status=1)
    assert "the chapter does not load: SyntaxError" in output
    assert "2 of 3 katas solved" in output


def test_a_chapter_that_is_not_there_is_missing_and_one_that_raises_is_broken(submission: Path, tmp_path: Path) -> None:
    (submission / "ch08_clipping.py").write_text("raise RuntimeError('no')\n", "utf-8")
    path = tmp_path / "v.json"
    names = "huber,global_norm,linear_scaling_rule"
    output = run(f"--impl={submission}", "--kata", names, "--verdicts", str(path), status=1)
    verdicts = json.loads(path.read_text())
    assert verdicts["ch02_losses"]["huber"]["outcome"] == "missing"
    assert "there is no file ch02_losses.py" in verdicts["ch02_losses"]["huber"]["cause"]
    assert verdicts["ch08_clipping"]["global_norm"]["outcome"] == "broken"
    assert "there is no such file" in output
    assert "Next: linear_scaling_rule" in output  # not the one of a chapter that was not handed in


def test_an_earlier_runs_verdicts_are_gone_before_anything_fails(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    for arguments in (["--impl", "nowhere"], ["--kata", "hubert"], ["--impl", "lessons"], ["--no-such-option"]):
        path.write_text('{"of": "somebody else"}')
        run(*arguments, "--verdicts", str(path), status=4)
        assert not path.exists(), arguments


def test_interrupted_says_how_many_were_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    command = [sys.executable, "-m", "pytest", "--impl", "solutions", "--kata", "ch07", f"--verdicts={path}", "-v"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        shown = ""
        while "PASSED" not in shown:
            line = process.stdout.readline()
            assert line, shown
            shown += line
        process.send_signal(signal.SIGINT)
        shown += process.stdout.read()
    assert process.returncode == 2
    assert re.search(r"interrupted, [1-5] not judged", shown), shown
    outcomes = json.loads(path.read_text())[CHAPTER]
    assert outcomes["accumulating_optimizer"]["outcome"] == "infrastructure"
    assert outcomes["accumulating_optimizer"]["cause"].startswith("interrupted")
    assert "accumulating_optimizer: infrastructure" not in shown


def test_stopped_after_a_failure_is_no_fault_of_the_machine(submission: Path) -> None:
    output = run(f"--impl={submission}", "--kata", PURE, "-x", status=1)
    assert "stopped, 1 not judged" in output


def test_a_chapters_path_is_judged_by_its_laws_and_a_subfolder_will_do() -> None:
    output = run("solutions/ch07_accumulation.py::linear_scaling_rule", "-q", status=0)
    assert "1 of 1 katas solved in solutions/" in output
    assert "judged by the laws in tests/" in run("solutions/ch07_accumulation.py", "--collect-only", status=0)
    output = run("--impl", "solutions", "--kata", "linear_scaling_rule", status=0, folder=ROOT / "exercises")
    assert "1 of 1 katas solved in solutions/" in output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--impl", "nowhere"], "there is no folder"),
        (["--impl", "lessons"], "holds no chapter"),
        (["--kata", "hubert"], "did you mean huber?"),
        (["--impl", "solutions", "--kata", "huber", "--verdicts", "no/such/folder/v.json"], "give a file in a folder"),
    ],
)
def test_wrong_usage_is_one_line_and_four(arguments: list[str], text: str) -> None:
    output = run(*arguments, status=4)
    assert text in output
    assert "Traceback" not in output


def test_the_gpu_laws_skip_with_their_reason_and_run_on_request() -> None:
    output = run("--impl", "solutions", "--kata", "build_mixed_model", "-rs", "-q", status=0)
    assert "needs a GPU, and this machine has none" in output
    assert "1 of 1 katas solved" in output
