"""The `kata` command, called as functions and as a newcomer would."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum, progress, stubs
from kata.learn.countdown import countdown
from kata.waist.implementation import ROOT

run = CliRunner()

CHECKED = """for name, size in (("base_batch_size", base_batch_size), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1. Received: {size}")
    """


@pytest.fixture(autouse=True)
def clean_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the state of the clone."""
    monkeypatch.setattr(progress, "PATH", tmp_path / "state.json")


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """Pristine stubs of one chapter, one kata right and one wrong."""
    folder = tmp_path / "submission"
    folder.mkdir()
    text = stubs.pristine("ch07_accumulation")
    for name, body in (
        ("linear_scaling_rule", CHECKED + "return float(base_lr) * (batch_size // base_batch_size)"),
        ("updates_per_epoch", "batches = samples // batch_size if drop_remainder else -(-samples // batch_size)\n"
         "    return batches // accumulation_steps"),
    ):  # fmt: skip
        at = text.index("raise NotImplementedError", text.index(f"def {name}("))
        text = text[:at] + body + text[at + len("raise NotImplementedError") :]
    (folder / "ch07_accumulation.py").write_text(text, "utf-8")
    return folder


def test_check_shows_the_failure_the_progress_and_the_next_step(submission: Path) -> None:
    done = run.invoke(cli.app, ["check", "ch07", "--impl", str(submission)])
    assert done.exit_code == 1
    for part in ("expected", "yours", "mistake", "drops the fraction", "Next: linear_scaling_rule", "kata hint"):
        assert part in done.output
    assert "Traceback" not in done.output


@pytest.mark.thorough
def test_check_as_json_is_for_programs(submission: Path) -> None:
    done = run.invoke(cli.app, ["check", "ch07", "--impl", str(submission), "--json"])
    verdicts = json.loads(done.stdout)["ch07_accumulation"]
    assert verdicts["linear_scaling_rule"]["outcome"] == "wrong"
    assert "drops the fraction" in verdicts["linear_scaling_rule"]["diagnosis"]
    assert verdicts["accumulating_optimizer"]["outcome"] == "todo"
    assert verdicts["updates_per_epoch"]["outcome"] in ("solved", "wrong", "broken")


def test_check_of_untouched_stubs_starts_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "ch02_losses.py").write_text(stubs.pristine("ch02_losses"), "utf-8")
    done = run.invoke(cli.app, ["check", "ch02", "--impl", str(tmp_path)])
    assert done.exit_code == 1
    assert "0 of 11 katas solved" in done.output


@pytest.mark.parametrize(
    "arguments", [["check", "hubert"], ["hint", "hubert"], ["lesson", "hubert"], ["reset", "hubert"]]
)
def test_an_unknown_name_is_one_line_with_a_suggestion(arguments: list[str]) -> None:
    done = run.invoke(cli.app, arguments)
    assert done.exit_code == 2
    assert "did you mean huber?" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "arguments",
    [["check", "--impl", "nowhere"], ["hint", "ch02"], ["hint", "huber", "--number", "9"], ["solution", "ch02"]],
)
def test_wrong_usage_is_refused_with_a_remedy(arguments: list[str]) -> None:
    done = run.invoke(cli.app, arguments)
    assert done.exit_code == 2
    assert done.output.startswith("kata: ")
    assert len(done.output.strip().splitlines()) == 1


def test_list_names_every_kata() -> None:
    done = run.invoke(cli.app, ["list"])
    assert done.exit_code == 0
    assert all(f" {kata.name} " in done.output for kata in curriculum.katas())
    rows = json.loads(run.invoke(cli.app, ["list", "--json"]).output)
    assert len(rows) == len(curriculum.katas())
    assert {"chapter", "kata", "state", "kind", "difficulty", "minutes", "place", "goal"} <= set(rows[0])


def test_list_fits_80_columns_and_explains_its_signs() -> None:
    output = run.invoke(cli.app, ["list"]).output
    assert max(map(len, output.splitlines())) <= 80
    for part in ("✓ solved", "~ begun", "· not begun", "★☆☆", "scratch:", "keras:"):
        assert part in output


@pytest.mark.parametrize("name", ["2", "ch2", "ch02", "02", "ch02_losses", "exercises/ch02_losses.py"])
def test_a_chapter_has_many_names(name: str) -> None:
    assert curriculum.find(name) == curriculum.find("ch02_losses")


@pytest.mark.parametrize("name", ["0", "11", "ch2_", "ch02_optimizers", "2x", ""])
def test_what_is_no_chapter_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no kata or chapter"):
        curriculum.find(name)


def test_the_shell_completes_names() -> None:
    assert cli._complete_kata("hub") == ["huber"]
    assert "ch02_losses" in cli._complete_any("ch")
    environment = {"_KATA_COMPLETE": "complete_bash", "COMP_WORDS": "kata hint hub", "COMP_CWORD": "2"}
    assert "huber" in run.invoke(cli.app, [], prog_name="kata", env=environment).output


def counted(seconds: float, terminal: bool) -> str:
    """What a count of four katas prints that take so long each."""
    now = 0.0
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)
    with countdown(4, console, clock=lambda: now) as step:
        for name in ("one", "two", "three", "four"):
            step(name)
            now += seconds
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_a_check_says_now_and_then_how_far_it_is() -> None:
    assert counted(1.0, terminal=False) == ""
    lines = counted(20.0, terminal=False).splitlines()
    assert lines == ["kata: 2/4  two …", "kata: 3/4  three …, about 40 s left", "kata: 4/4  four …, about 20 s left"]


@pytest.mark.thorough
def test_a_check_of_what_fails_goes_to_standard_output_alone(submission: Path) -> None:
    done = run.invoke(cli.app, ["check", "linear_scaling_rule", "--impl", str(submission)])
    assert done.stderr == ""
    assert "expected  0.15" in done.stdout


def test_hints_escalate() -> None:
    shown = [run.invoke(cli.app, ["hint", "huber"]).output for _ in range(3)]
    assert [f"hint {i} of 3" in text for i, text in enumerate(shown, 1)] == [True, True, True]
    assert "hint 2 of 3" in run.invoke(cli.app, ["hint", "huber", "-n", "2"]).output


def test_lessons_are_shown_by_chapter_and_by_kata() -> None:
    whole = run.invoke(cli.app, ["lesson", "ch02"]).output
    part = run.invoke(cli.app, ["lesson", "huber"]).output
    assert len(part) < len(whole)
    assert "huber" in part
    assert "mean_squared_error" in whole


def test_the_solution_is_shown_only_when_solved_or_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_is_solved", lambda kata: False)
    refused = run.invoke(cli.app, ["solution", "huber"])
    assert refused.exit_code == 2
    assert "--spoil" in refused.output
    assert "def huber" in run.invoke(cli.app, ["solution", "huber", "--spoil"]).output


def test_help_is_a_page() -> None:
    done = run.invoke(cli.app, ["--help"])
    assert done.exit_code == 0
    for command in ("check", "watch", "list", "hint", "lesson", "reset", "solution", "doctor"):
        assert command in done.output


def test_doctor_says_what_is_there() -> None:
    done = run.invoke(cli.app, ["doctor"])
    assert done.exit_code == 0
    assert "tensorflow" in done.output


def test_the_readmes_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "pip install uv && uv run kata" in readme
    assert "pip install uv && uv run pytest --impl solutions" in readme
