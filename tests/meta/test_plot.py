"""`kata plot`: what is gathered from both sides of the waist, what is drawn of it, and where it is shown."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kata import cli
from kata.course import curriculum, progress, stubs
from kata.learn.plot import draw, gather, terminal
from kata.learn.plot.pictures import PICTURES, Unusable, array, number, parts, picture_of
from kata.waist.implementation import ROOT, Implementation, Variant, implementation_at
from kata.waist.isolated import Limits, Worker

run = CliRunner()
SOLUTIONS = implementation_at("solutions")
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def huber(worker: Worker) -> gather.Comparison:
    """The reference against itself."""
    return compare("huber", SOLUTIONS, worker)


def kata(name: str) -> curriculum.Kata:
    return curriculum.find(name)[0]


def compare(name: str, implementation: Implementation, worker: Worker) -> gather.Comparison:
    return gather.compare(kata(name), implementation, worker)


def written(folder: Path, chapter: str, text: str) -> Implementation:
    folder.mkdir(exist_ok=True)
    (folder / f"{chapter}.py").write_text(text, "utf-8")
    return Implementation(str(folder))


# What is asked


def test_pictures_belong_to_katas() -> None:
    """Every name is a kata's, and every picture has a panel with a line."""
    assert set(PICTURES) <= {kata.name for kata in curriculum.katas()}
    assert all(any(panel.lines for panel in picture.panels) for picture in PICTURES.values())


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_draws_with_the_solutions(name: str, worker: Worker) -> None:
    """Every line has its finite points, every panel its labels, and a picture comes out."""
    answers = gather.ask(kata(name), SOLUTIONS, worker)
    assert answers.problems == ()
    for panel, lines in zip(picture_of(name).panels, answers.points, strict=True):
        assert panel.title
        assert panel.x
        assert panel.y
        for points in lines:
            assert points is not None
            assert points.dtype == np.float64
            assert points.shape == (len(points), 2)
            assert np.isfinite(points).all()
    comparison = gather.Comparison(name, picture_of(name), answers, answers)
    assert all(": as expected" in row for row in gather.in_words(comparison))
    assert draw.render(comparison).startswith(PNG)


@pytest.mark.parametrize("name", ["adam_step", "clip_by_norm", "DynamicLossScale"])
def test_the_same_code_gives_the_same_points(name: str, worker: Worker) -> None:
    """Asked twice, in two processes, the reference answers to the bit what it answered."""
    comparison = compare(name, SOLUTIONS, worker)
    for expected, yours in zip(comparison.expected.points, comparison.yours.points, strict=True):
        for here, there in zip(expected, yours, strict=True):
            np.testing.assert_array_equal(here, there)


def test_a_wrong_turn_is_seen(worker: Worker) -> None:
    """A loss that stays quadratic is named where it is furthest off: 9 / 2 at an error of 3."""
    path = ROOT / "misconceptions" / "ch02_losses.py"
    wrong = Implementation(SOLUTIONS.folder, Variant("huber", str(path), "quadratic_everywhere"))
    comparison = compare("huber", wrong, worker)
    loss, gradient = gather.in_words(comparison)
    assert loss.startswith("Loss: δ = 1 is 4.5 where 2.5 is expected, at -3")
    assert gradient.startswith("Its gradient: δ = 1 is -3 where -1 is expected, at -3")
    assert draw.render(comparison) != draw.render(gather.Comparison(
        "huber", comparison.picture, comparison.expected, comparison.expected
    ))  # fmt: skip


def test_right_in_another_way_is_as_expected(worker: Worker) -> None:
    """An absolute value may have any slope at 0."""
    path = ROOT / "solutions" / "approaches" / "ch02_losses.py"
    other = Implementation(SOLUTIONS.folder, Variant("mean_absolute_error", str(path), "larger_of_both_signs"))
    rows = gather.in_words(compare("mean_absolute_error", other, worker))
    assert rows == ["Loss: as expected", "Its gradient: as expected"]


def test_a_stub_leaves_the_expected_alone(tmp_path: Path, worker: Worker) -> None:
    """One sentence, and a figure whose legend knows no yours."""
    stub = written(tmp_path / "mine", "ch02_losses", stubs.pristine("ch02_losses"))
    comparison = compare("huber", stub, worker)
    assert comparison.yours.is_empty
    assert len(comparison.yours.problems) == 1
    assert comparison.yours.problems[0].startswith("not written yet")
    figure = draw.draw(comparison)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["δ = 1", "δ = 2", "expected"]
    assert "yours: not written yet" in figure.get_suptitle()


WRONG = """
import os, time
import numpy as np
import tensorflow as tf

def mean_squared_error(y_true, y_pred):
    return tf.square(y_true - y_pred)

def mean_absolute_error(y_true, y_pred):
    return tf.reduce_mean(tf.sqrt(tf.square(y_true - y_pred)))

def huber(y_true, y_pred, *, delta):
    if delta > 1: raise KeyError("only one")
    return float(np.mean(np.square(y_true)))

def weighted_mse(y_true, y_pred, *, under_weight):
    os._exit(0)

def binary_crossentropy(y_true, y_prob):
    while True: time.sleep(1)
"""


@pytest.mark.parametrize(
    ("name", "problem", "empty"),
    [
        ("mean_squared_error", "Loss: an array of shape (2,) came back, where one number is expected", False),
        ("mean_absolute_error", "Its gradient: inf or NaN at 1 of 51 points, the first at 0", False),
        ("huber", "Loss, δ = 2; Its gradient, δ = 2: raises KeyError: 'only one' (line 13)", False),
        ("huber", "Its gradient, δ = 1: there is none", False),
        ("weighted_mse", "its process ended itself (exit status 0): os._exit or a closed connection?", True),
        ("binary_crossentropy", "did not come back within 1 seconds: a loop?", True),
        ("FocalLoss", "ch02_losses.py defines no FocalLoss; was it renamed or deleted?", True),
        (
            "sgd_step",
            "there is no file ch03_optimizers.py in mine/",
            True,
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_the_rest_is_had(
    name: str, problem: str, empty: bool, tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason, once, with the places where it shows; what can be had is kept."""
    monkeypatch.setattr(gather, "LIMITS", Limits(call=1.0))
    answers = gather.ask(kata(name), written(tmp_path / "mine", "ch02_losses", WRONG), worker)
    assert [text for text in answers.problems if text.startswith(problem)]
    assert answers.is_empty is empty
    assert len(answers.problems) <= 2


def test_numbers_out_of_all_bounds_are_drawn_off_the_axes(huber: gather.Comparison) -> None:
    """Neither 1e300 nor inf stops the renderer, nor do they make the expected small."""
    huge = tuple(tuple(points * 1e300 for points in lines) for lines in huber.expected.points)
    comparison = gather.Comparison("huber", huber.picture, huber.expected, gather.Answers(huge, ()))
    figure = draw.draw(comparison)
    assert all(axes.get_ylim()[1] < 10 for axes in figure.axes)
    assert all(axes.get_title("right") == "yours goes beyond" for axes in figure.axes)
    assert draw.render(comparison).startswith(PNG)


@pytest.mark.parametrize("value", [None, "text", [1.0, 2.0], [[1.0], [2.0, 3.0]], {"a": 1}])
def test_what_is_no_number_is_refused_in_words(value: object) -> None:
    with pytest.raises(Unusable, match="came back, where one number is expected"):
        number(value)


def test_answers_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(Unusable, match=re.escape("an array of shape (3,) came back, where an array of shape (2,)")):
        array([1, 2, 3], (2,))
    with pytest.raises(Unusable, match="where 2 values are expected"):
        parts((1.0, 2.0, 3.0), 2)


def test_the_process_that_draws_has_no_tensorflow() -> None:
    """The waist: whoever plots imports neither TensorFlow nor Keras, nor a chapter."""
    code = "import sys, kata.cli, kata.learn.plot.draw, kata.learn.plot.terminal; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "solutions", "exercises"} & set(done.stdout.split())


# What is drawn


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_data_gives_the_same_bytes(suffix: str, huber: gather.Comparison) -> None:
    """No date and no random identifier."""
    first = draw.render(huber, suffix)
    assert first == draw.render(huber, suffix)
    assert b"<dc:date>" not in first


def test_a_figure_names_its_kata_its_axes_and_both_lines(huber: gather.Comparison) -> None:
    figure = draw.draw(huber)
    assert figure.get_suptitle().startswith("huber")
    assert [axes.get_xlabel() for axes in figure.axes] == ["error ŷ − y, in units of y"] * 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["δ = 1", "δ = 2", "expected", "yours"]


def test_a_file_is_replaced_whole(tmp_path: Path, huber: gather.Comparison) -> None:
    """Nothing else is left in the folder."""
    path = tmp_path / "huber.svg"
    path.write_text("old")
    draw.save(huber, path)
    assert path.read_bytes() == draw.render(huber, ".svg")
    assert list(tmp_path.iterdir()) == [path]


def test_the_lessons_pictures_share_the_style() -> None:
    text = (ROOT / "docs" / "plots.py").read_text("utf-8")
    assert "from kata.learn.plot.style import" in text
    assert not re.search(r'"#0072B2"|svg\.hashsalt', text)


# Where it is shown


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, "iterm2"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({}, None),
    ],
)
def test_terminals_are_known_by_their_environment(environment: dict[str, str], expected: str | None) -> None:
    assert terminal.protocol(Screen(), environment) == expected
    assert terminal.protocol(io.StringIO(), environment) is None


def test_iterm2_gets_one_sequence() -> None:
    screen, png = Screen(), PNG + bytes(9000)
    assert terminal.show(png, screen, {"TERM_PROGRAM": "iTerm.app"})
    found = re.fullmatch(r"\x1b\]1337;File=([^:]+):([^\x07]+)\x07\n", screen.getvalue())
    assert found
    assert {"inline=1", f"size={len(png)}"} <= set(found[1].split(";"))
    assert base64.b64decode(found[2], validate=True) == png


@pytest.mark.parametrize("size", [10, 3072, 3073, 9000])
def test_kitty_gets_pieces_of_which_the_last_says_so(size: int) -> None:
    screen, png = Screen(), bytes(range(256)) * 40
    png = png[:size]
    assert terminal.show(png, screen, {"TERM": "xterm-kitty"})
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", screen.getvalue())
    assert "a=T,f=100,q=2" in pieces[0][0]
    assert [keys[-3:] for keys, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    assert all(keys in ("m=0", "m=1") for keys, _ in pieces[1:])
    assert all(len(data) <= 4096 for _, data in pieces)
    assert base64.b64decode("".join(data for _, data in pieces), validate=True) == png


def test_nothing_is_written_where_nothing_can_be_shown() -> None:
    pipe = io.StringIO()
    assert not terminal.show(PNG, pipe, {"TERM": "xterm-kitty"})
    assert pipe.getvalue() == ""


# The command


@pytest.fixture
def command(tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command lends our worker, and keeps its files in the folder that this gives."""
    monkeypatch.setattr(progress, "PATH", tmp_path / "state" / "state.json")
    monkeypatch.setattr(worker, "close", lambda: None)
    monkeypatch.setattr("kata.waist.isolated.Worker", lambda: worker)
    return tmp_path / "state" / "plots"


def test_the_command_writes_beside_the_state_and_names_the_file(command: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape code when piped, whatever the environment says of the terminal."""
    for name, value in {"TERM_PROGRAM": "iTerm.app", "KITTY_WINDOW_ID": "1", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    done = run.invoke(cli.app, ["plot", "sgd_step", "--impl", "solutions"])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == str(command / "sgd_step.png")
    assert (command / "sgd_step.png").read_bytes().startswith(PNG)
    assert "\x1b" not in done.output
    assert "Path over the valley: as expected" in done.output


def test_the_command_says_why_nothing_of_yours_is_drawn(command: Path, tmp_path: Path) -> None:
    """Exit status 1, and the expected is drawn all the same; the suffix decides the format."""
    mine = written(tmp_path / "mine", "ch02_losses", stubs.pristine("ch02_losses"))
    target = tmp_path / "mse.SVG"
    done = run.invoke(cli.app, ["plot", "mean_squared_error", "--impl", mine.folder, "--out", str(target)])
    assert done.exit_code == 1
    assert "yours: not written yet" in done.output
    assert b"<svg" in target.read_bytes()
    assert not command.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hubert"], "did you mean huber?"),
        (["build_model"], "there is nothing to draw for build_model; there is for mean_squared_error, "),
        (["ch02"], "ch02 is a chapter"),
        (["huber", "--out", "huber.gif"], "a picture is a .png or a .svg"),
        (["huber", "--out", "nowhere/huber.png"], "there is no folder nowhere"),
        (["huber", "--impl", "nowhere"], "there is no folder"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: list[str], said: str, command: Path) -> None:
    done = run.invoke(cli.app, ["plot", *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
