"""The recipes for CI and containers: they parse, what they call exists with these options, and their scripts run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from kata import cli
from kata.grade import runner
from kata.grade.exporters import EXPORTERS
from kata.waist.implementation import ROOT

ACTION = ROOT / ".github" / "actions" / "kata"
RECIPES = [ACTION / "action.yml", *sorted((ROOT / ".github/workflows").glob("*.yml")), ROOT / "docs" / "gitlab-ci.yml"]
SCRIPTS = [ACTION / "run.sh", ROOT / "docs" / "container" / "run.sh", ROOT / ".ci" / "exercises"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "grading.md", *ROOT.glob("docs/container/*.md")]
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", RECIPES, ids=relative)
def test_it_is_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


# Commands


def calls(text: str) -> list[list[str]]:
    """The words of every call of `kata` in a text, its lines continued where they end in a backslash."""
    text = re.sub(r"\s*\\\n\s*", " ", text)
    found = re.findall(
        r"(?:(?<=`)|(?<=uv run )|(?<=--quiet )|(?<=^\$ )|^)kata ([a-z]+\b[^\n`|#…]*)", text, re.MULTILINE
    )
    return [re.sub(r"\s{2,}.*", "", call).split() for call in found]


@pytest.mark.parametrize("path", [*RECIPES, *SCRIPTS, *PAGES], ids=relative)
def test_every_command_in_it_exists_with_these_options(path: Path) -> None:
    found = calls(path.read_text("utf-8"))
    for words in found:
        assert words[0] in COMMANDS, words
        known = {name for parameter in COMMANDS[words[0]].params for name in parameter.opts} | {"--help"}
        options = [word.strip("[].,;:)").partition("=")[0] for word in words if word.startswith("--")]
        assert set(options) <= known, words
        if "--export" in words:
            names = words[words.index("--export") + 1].split(",")
            assert set(names) <= EXPORTERS.keys() | {"NAME[", "NAME]"}, words


def test_calls_are_found() -> None:
    text = "x\n$ kata release ../student   # so\n`kata grade class --out grades`\nuv run --quiet kata check \\\n 2\n"
    assert calls(text) == [["release", "../student"], ["grade", "class", "--out", "grades"], ["check", "2"]]
    assert {words[0] for path in PAGES for words in calls(path.read_text("utf-8"))} >= {"grade", "release", "verify"}


# The action


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
    return found


def test_the_action_s_inputs_are_declared_and_reach_the_script() -> None:
    text = (ACTION / "action.yml").read_text("utf-8")
    inputs = action()["inputs"]
    assert set(re.findall(r"inputs\.(\w+)", text)) == inputs.keys()
    assert all("default" in one for one in inputs.values())
    (env,) = [step["env"] for step in action()["runs"]["steps"] if "env" in step]
    script = (ACTION / "run.sh").read_text("utf-8")
    assert set(env) == set(re.findall(r"KATA_\w+", script))
    # What somebody else may have chosen never stands in a script, where it would be run.
    assert not any("${{" in step.get("run", "") for step in action()["runs"]["steps"])
    assert all(step["shell"] == "bash" for step in action()["runs"]["steps"] if "run" in step)


def test_the_workflow_calls_the_action_with_what_it_takes_and_merges_all_shards() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/grade.yml").read_text("utf-8"))["jobs"]
    (given,) = [step["with"] for step in jobs["shard"]["steps"] if step["uses"].startswith("./")]
    assert given.keys() <= action()["inputs"].keys()
    shards = jobs["shard"]["strategy"]["matrix"]["shard"]
    assert shards == [f"{number}/{len(shards)}" for number in range(1, len(shards) + 1)]
    assert jobs["merge"]["needs"] == "shard"


# The scripts


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_it_is_a_shell_script(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert os.access(path, os.X_OK)


def called(tmp_path: Path, status: int = 0, **environment: str) -> tuple[list[str], str, int]:
    """What the action's script calls `uv` with, its summary, and its exit status; `uv` is a stand-in."""
    tools = tmp_path / "tools"
    tools.mkdir()
    words = tmp_path / "words"
    says = "9 submissions, 8 of 9 katas solved (seed 4711)"
    stand_in = f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(words))}\necho "{says}"\nexit {status}\n'
    (tools / "uv").write_text(stand_in)
    (tools / "uv").chmod(0o755)
    given = {"PATH": f"{tools}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), **environment}
    done = subprocess.run(["bash", str(ACTION / "run.sh")], cwd=ROOT, env=given, capture_output=True, text=True)
    return words.read_text().splitlines(), (tmp_path / "summary").read_text(), done.returncode


def test_without_a_class_the_action_judges_the_exercises(tmp_path: Path) -> None:
    words, summary, status = called(tmp_path, status=1, KATA_NAMES="huber, ch04")
    assert words == ["run", "--quiet", "kata", "check", "--all", "huber", "ch04"]
    assert "## Katas" in summary
    assert status == 0  # what is not solved yet is no broken build


@pytest.mark.parametrize("status", [0, 3])
def test_a_class_is_graded_in_shards_and_its_seed_is_not_in_the_summary(tmp_path: Path, status: int) -> None:
    words, summary, found = called(
        tmp_path,
        status,
        KATA_NAMES="ch02,ch04",
        KATA_SUBMISSIONS="sub $(touch x) missions",
        KATA_OUT="graded/0",
        KATA_SEED="4711",
        KATA_SHARD="1/4",
        KATA_OPTIONS="--hide-examples --export canvas",
    )
    assert words[:6] == ["run", "--quiet", "kata", "grade", "sub $(touch x) missions", "--out"]
    more = ["graded/0", "--hide-examples", "--export", "canvas", "--kata", "ch02,ch04", "--seed", "4711"]
    assert words[6:] == [*more, "--shard", "1/4"]
    assert not (ROOT / "x").exists()
    assert "shard 1/4" in summary
    assert "8 of 9 katas solved" in summary
    assert "4711" not in summary
    assert found == status


# The container


def test_the_image_is_made_of_a_student_edition_alone() -> None:
    text = (ROOT / "docs/container/Dockerfile").read_text("utf-8")
    copied = re.findall(r"^COPY (.*)$", text, re.MULTILINE)
    assert copied == ["--from=edition . /opt/test-runner", "run.sh /opt/test-runner/bin/run.sh"]


def judged(slug: str, given: Path, out: Path) -> dict[str, Any]:
    assert runner.main([slug, str(given), str(out)]) == 0
    found: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    assert found["version"] == 3
    return found


def test_the_runner_says_what_is_not_written_and_what_is_not_there(tmp_path: Path) -> None:
    """Neither starts TensorFlow."""
    found = judged("ch02-losses", ROOT / "exercises", tmp_path / "stubs")
    assert found["status"] == "fail"
    assert {test["status"] for test in found["tests"]} == {"fail"}
    (tmp_path / "empty").mkdir()
    found = judged("huber", tmp_path / "empty", tmp_path / "out")
    assert (found["status"], found["tests"]) == ("error", [])
    assert "it is empty" in found["message"]


@pytest.mark.parametrize(
    ("words", "remedy"),
    [(["ch02-losses"], "usage"), (["hubert", "IN", "OUT"], "huber"), (["huber", "IN/no", "OUT"], "no")],
)
def test_wrong_usage_of_the_runner_is_a_line(
    words: list[str], remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"IN": str(tmp_path), "IN/no": str(tmp_path / "no"), "OUT": str(tmp_path / "out")}
    assert runner.main([places.get(word, word) for word in words]) == 2
    said = capsys.readouterr().err
    assert remedy in said
    assert said.count("\n") == 1


@pytest.mark.thorough
def test_the_container_s_script_judges_a_sample(tmp_path: Path) -> None:
    solution = (ROOT / "solutions" / "ch07_accumulation.py").read_text("utf-8")
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "ch07_accumulation.py").write_text(
        solution.replace("batch_size / base_batch_size", "batch_size // base_batch_size"), "utf-8"
    )
    environment = {**os.environ, "KATA_HOME": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", str(ROOT / "docs/container/run.sh")]
    for slug, status, shown in (
        ("linear_scaling_rule", "fail", "drops the fraction"),
        ("updates-per-epoch", "pass", ""),
    ):
        arguments = [slug, str(tmp_path / "in"), str(tmp_path / "out")]
        subprocess.run([*command, *arguments], env=environment, cwd=tmp_path, check=True, timeout=300)
        found = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
        assert found["status"] == status
        assert shown in str(found["tests"])
    assert subprocess.run(command, capture_output=True).returncode == 2
