"""`kata reset` puts back exactly the stub of one kata, and loses nothing."""

from pathlib import Path

import pytest

from kata.course import curriculum, progress, reset, stubs

CHAPTER = "ch02_losses"
PRISTINE = stubs.pristine(CHAPTER)
(HUBER,) = curriculum.find("huber")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / f"{CHAPTER}.py").write_text(PRISTINE, "utf-8")
    return tmp_path


def edit(folder: Path, name: str, body: str) -> str:
    path = folder / f"{CHAPTER}.py"
    text = path.read_text("utf-8")
    start = text.index("    raise NotImplementedError", text.index(f"def {name}("))
    text = text[:start] + body + text[start + len("    raise NotImplementedError") :]
    path.write_text(text, "utf-8")
    return text


def test_one_kata_goes_back_and_the_others_stay(folder: Path) -> None:
    edit(folder, "mean_squared_error", "    return y_pred")
    only_mse = (folder / f"{CHAPTER}.py").read_text("utf-8")
    before = edit(folder, "huber", "    e = y_true - y_pred\n\n    return e  # mine")
    path, backup = reset.reset(HUBER, folder, folder / "backups")
    assert path.read_text("utf-8") == only_mse
    assert backup is not None
    assert backup.read_text("utf-8") == before


def test_an_untouched_kata_needs_no_backup(folder: Path) -> None:
    assert reset.reset(HUBER, folder, folder / "backups")[1] is None
    assert not (folder / "backups").exists()


def test_a_deleted_kata_comes_back(folder: Path) -> None:
    path = folder / f"{CHAPTER}.py"
    path.write_text(PRISTINE.replace("def huber(", "def hubert("), "utf-8")
    reset.reset(HUBER, folder, folder / "backups")
    assert "huber" in curriculum.definitions(path)
    assert curriculum.is_untouched(path, HUBER)


def test_a_deleted_chapter_comes_back(folder: Path) -> None:
    (folder / f"{CHAPTER}.py").unlink()
    reset.reset(HUBER, folder, folder / "backups")
    assert (folder / f"{CHAPTER}.py").read_text("utf-8") == PRISTINE


def test_a_chapter_that_does_not_parse_is_refused_with_the_line_and_a_remedy(folder: Path) -> None:
    broken = PRISTINE + "\ndef (:\n"
    (folder / f"{CHAPTER}.py").write_text(broken, "utf-8")
    with pytest.raises(ValueError, match=r"line \d+.*kata reset ch02_losses"):
        reset.reset(HUBER, folder, folder / "backups")
    assert (folder / f"{CHAPTER}.py").read_text("utf-8") == broken


def test_a_whole_chapter_goes_back_whatever_it_holds(folder: Path) -> None:
    path = folder / f"{CHAPTER}.py"
    path.write_bytes(b"\xff\xfe def (:")
    _, backup = reset.reset_chapter(CHAPTER, folder, folder / "backups")
    assert path.read_text("utf-8") == PRISTINE
    assert backup is not None
    assert backup.read_bytes() == b"\xff\xfe def (:"


def test_two_backups_of_one_second_are_two(folder: Path) -> None:
    backups = folder / "backups"
    for _ in range(3):
        edit(folder, "huber", "    return 1")
        reset.reset(HUBER, folder, backups)
    assert len(list(backups.iterdir())) == 3


def test_undo_puts_back_what_was_reset_and_can_be_undone(folder: Path) -> None:
    backups = folder / "backups"
    before = edit(folder, "huber", "    return 1  # mine")
    path, backup = reset.reset(HUBER, folder, backups)
    pristine = path.read_text("utf-8")
    assert reset.undo(None, folder, backups)[:2] == (path, backup)
    assert path.read_text("utf-8") == before
    reset.undo(CHAPTER, folder, backups)
    assert path.read_text("utf-8") == pristine
    reset.undo(CHAPTER, folder, backups)
    assert path.read_text("utf-8") == before


def test_undo_without_a_reset_says_so(folder: Path) -> None:
    with pytest.raises(ValueError, match="nothing was reset"):
        reset.undo(None, folder, folder / "backups")
    edit(folder, "huber", "    return 1")
    reset.reset(HUBER, folder, folder / "backups")
    with pytest.raises(ValueError, match="no backup of ch03_optimizers"):
        reset.undo("ch03_optimizers", folder, folder / "backups")


def test_damaged_state_counts_as_none_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for damage in (b"", b"{", b"[]", b'{"hints": 3}', b"\xff"):
        path.write_bytes(damage)
        assert progress.load(path) == progress.State()
        assert path.with_suffix(".damaged").read_bytes() == damage


def test_hints_escalate_and_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert [progress.next_hint("huber", 3, path) for _ in range(5)] == [1, 2, 3, 3, 3]
    assert progress.next_hint("other", 2, path) == 1
    assert progress.load(path).hints == {"huber": 3, "other": 1}
