"""What is handed in becomes chapter files and notes, whatever it is; nothing of it is run, followed or unpacked."""

import gzip
import io
import os
import random
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kata.course import curriculum
from kata.grade import archive, holding, pick
from kata.grade.holding import FILE, MIB, read_folder, shown
from kata.grade.intake import take_in
from kata.grade.submission import Submission

LOSSES, METRICS = "ch02_losses.py", "ch05_metrics.py"
CODE = b"def huber():\n    return 1\n"


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as made:
        for name, data in files.items():
            made.writestr(zipfile.ZipInfo(name), data, compression)
    return held.getvalue()


def tarred(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as made:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
        for member in more:
            made.addfile(member)
    return held.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def only(folder: Path) -> Submission:
    (one,) = take_in(folder)
    return one


def packed(tmp_path: Path, data: bytes, suffix: str = ".zip") -> Submission:
    return only(put(tmp_path, {f"ada{suffix}": data}))


# The ways of handing in

PLACES = ["", "exercises/", "katas-main/", "katas-main/exercises/", "ada/katas-main/exercises/"]
WAYS: dict[str, Callable[[Path, dict[str, bytes]], object]] = {
    "folder": lambda folder, files: put(folder / "ada", files),
    "git checkout": lambda folder, files: put(folder / "ada", {".git/HEAD": b"", **files}),
    "zip": lambda folder, files: put(folder, {"ada.zip": zipped(files)}),
    "ZIP": lambda folder, files: put(folder, {"ada.ZIP": zipped(files, zipfile.ZIP_STORED)}),
    "tar.gz": lambda folder, files: put(folder, {"ada.tar.gz": tarred(files)}),
    "tgz": lambda folder, files: put(folder, {"ada.tgz": tarred({f"./{name}": d for name, d in files.items()})}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_the_same_files_come_in_by_every_way(tmp_path: Path, way: str, place: str) -> None:
    put(tmp_path, {".DS_Store": b""})
    WAYS[way](tmp_path, {f"{place}{LOSSES}": CODE, f"{place}{METRICS}": b"", "__MACOSX/x": b""})
    one = only(tmp_path)
    assert (one.student, one.refused) == ("ada", "")
    assert one.files == {LOSSES: CODE, METRICS: b""}
    assert [note for note in one.notes if not note.startswith("not handed in: ch01_pipeline.py")] == []


def test_students_are_in_order_of_their_ids(tmp_path: Path) -> None:
    put(tmp_path, {f"cleo/{LOSSES}": CODE, f"bob.v2/{LOSSES}": CODE, "ada.tar.gz": tarred({LOSSES: CODE})})
    assert [one.student for one in take_in(tmp_path)] == ["ada", "bob.v2", "cleo"]


def test_what_is_equal_has_the_same_digest_and_nothing_else_has(tmp_path: Path) -> None:
    put(
        tmp_path, {f"a/{LOSSES}": CODE, f"b/exercises/{LOSSES}": CODE, f"c/{METRICS}": CODE, f"d/{LOSSES}": CODE + b"#"}
    )
    a, b, c, d = (one.digest for one in take_in(tmp_path))
    assert a == b
    assert len({a, c, d, Submission(student="e").digest}) == 4


def test_one_whole_clone_is_taken_without_a_word_on_what_the_course_holds(tmp_path: Path) -> None:
    every = {f"exercises/{chapter.name}.py": CODE for chapter in curriculum.chapters()}
    ours = {"README.md": b"", f"solutions/{LOSSES}": b"", "kata/cli.py": b"", "stubs/ch02_losses.py": b""}
    one = only(put(tmp_path / "all", {f"ada/{name}": data for name, data in (every | ours).items()}))
    assert len(one.files) == len(every)
    assert one.notes == ()


# What stops the run: nothing a student can do


def test_a_folder_that_is_none_or_empty_is_said_with_a_remedy(tmp_path: Path) -> None:
    put(tmp_path, {"file": b"", "empty/.hidden": b""})
    for name, said in {"gone": "there is no folder", "file": "is a file", "empty": "holds no submission"}.items():
        with pytest.raises(ValueError, match=said):
            take_in(tmp_path / name)


@pytest.mark.parametrize("other", ["ada.zip", "ADA", " ada.tgz"])
def test_one_id_twice_names_both(tmp_path: Path, other: str) -> None:
    put(tmp_path, {f"ada/{LOSSES}": CODE})
    put(tmp_path, {f"{other}/x": b""} if "." not in other else {other: b""})
    with pytest.raises(ValueError, match="twice") as raised:
        take_in(tmp_path)
    assert other in str(raised.value)
    assert "ada" in str(raised.value)


def test_letters_that_two_systems_write_differently_are_one_id(tmp_path: Path) -> None:
    put(tmp_path, {f"Jose\u0301/{LOSSES}": CODE})
    assert only(tmp_path).student == "Jos\u00e9"


@pytest.mark.parametrize("name", [b"a\nb", b"\xff\xfe", b"x" * 240, b"a\\b", b" ", "a\u202eb".encode()])
def test_a_name_that_no_report_could_carry_is_said(tmp_path: Path, name: bytes) -> None:
    os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    with pytest.raises(ValueError, match="rename it") as raised:
        take_in(tmp_path)
    assert str(raised.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_this_machine_cannot_read_is_no_student_s_fault(tmp_path: Path) -> None:
    put(tmp_path, {f"ada/{LOSSES}": CODE})
    (tmp_path / "ada").chmod(0)
    try:
        with pytest.raises(holding.Unreadable, match="chmod"):
            take_in(tmp_path)
    finally:
        (tmp_path / "ada").chmod(0o700)


def test_an_input_error_of_the_machine_is_no_student_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {f"ada/{LOSSES}": CODE})

    def broken(path: object, *arguments: object, **keywords: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(holding.os, "open", broken)
    with pytest.raises(holding.Unreadable, match="Input/output error"):
        take_in(tmp_path)


def test_the_roster_may_lie_in_the_folder(tmp_path: Path) -> None:
    put(tmp_path, {f"ada/{LOSSES}": CODE, "roster.csv": b"id\n"})
    assert [one.student for one in take_in(tmp_path, besides=[tmp_path / "roster.csv"])] == ["ada"]


# Folders


def test_links_and_what_is_no_regular_file_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    secret = put(tmp_path, {"secret.py": b"secret"}) / "secret.py"
    folder = put(tmp_path / "all", {f"ada/{METRICS}": CODE, "ada/loop/x": b""}) / "ada"
    names = [f"{chapter.name}.py" for chapter in curriculum.chapters()]
    (folder / names[0]).symlink_to(secret)
    os.link(secret, folder / names[1])
    os.mkfifo(folder / names[2])
    (folder / names[3]).mkdir()
    (folder / "loop" / "again").symlink_to(folder)
    one = only(tmp_path / "all")
    assert one.files == {METRICS: CODE}
    assert one.notes[:3] == tuple(
        f"{name} is {what} and was not taken"
        for name, what in zip(names, ["a symbolic link", "a hard link", "a named pipe"])
    )
    assert "not taken, for it is a symbolic link: loop/again" in one.notes


@pytest.mark.parametrize("inside", ["", "exercises"])
def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, inside: str) -> None:
    put(tmp_path / "real", {LOSSES: CODE})
    (tmp_path / "all" / "ada").mkdir(parents=True)
    if not inside:
        (tmp_path / "all" / "ada").rmdir()
    (tmp_path / "all" / "ada" / inside).symlink_to(tmp_path / "real")
    one = only(tmp_path / "all")
    assert one.files == {}
    assert one.refused


@pytest.mark.parametrize("exchanged", [f"exercises/{LOSSES}", "exercises"])
def test_who_exchanges_a_file_for_a_link_after_it_was_listed_gains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanged: str
) -> None:
    folder = put(tmp_path / "ada", {f"exercises/{LOSSES}": CODE})
    real = put(tmp_path / "real", {LOSSES: b"secret", f"exercises/{LOSSES}": b"secret"})
    listed = holding._listed

    def and_exchange(path: Path, top: int) -> object:
        found = listed(path, top)
        (folder / exchanged).rename(tmp_path / "old")
        (folder / exchanged).symlink_to(real / exchanged)
        return found

    monkeypatch.setattr(holding, "_listed", and_exchange)
    held = read_folder(folder, {LOSSES})
    assert held.contents == {}
    assert held.items[f"exercises/{LOSSES}"].what


def test_a_large_file_is_not_taken(tmp_path: Path) -> None:
    one = only(put(tmp_path, {f"ada/{LOSSES}": b"#" * FILE, f"ada/{METRICS}": b"#" * (FILE + 1)}))
    assert list(one.files) == [LOSSES]
    assert f"{METRICS} is larger than 1 MiB and was not taken" in one.notes


def test_many_files_are_not_all_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "COUNT", 5)
    one = only(put(tmp_path, {f"ada/{LOSSES}": CODE, **{f"ada/more/{i}": b"" for i in range(9)}}))
    assert one.files == {LOSSES: CODE}
    assert "it holds more than 5 files; those further down were not looked at" in one.notes


def test_a_folder_of_chapters_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "TOTAL", 3 * len(CODE))
    one = only(put(tmp_path, {f"ada/{i}/{LOSSES}": CODE for i in range(4)}))
    assert "chapter files take more than" in one.refused


# Archives that attack, and archives that are broken


def doubled_zip() -> bytes:
    return zipped({LOSSES: CODE, "ch02_lossez.py": CODE}).replace(b"ch02_lossez.py", LOSSES.encode())


def encrypted() -> bytes:
    data = bytearray(zipped({LOSSES: CODE}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def lying_about_its_size() -> bytes:
    """A member that is said to have 20 bytes and has many more."""
    data = bytearray(zipped({LOSSES: b"#" * MIB}))
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 20)
    return bytes(data)


def claiming(size: int) -> bytes:
    data = bytearray(zipped({LOSSES: CODE}))
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, size)
    return bytes(data)


def overlapping() -> bytes:
    """Two hundred members that all share the same compressed data."""
    whole = zipped({LOSSES: b"\0" * MIB})
    start, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    local, one, tail = whole[:start], whole[start:end], bytearray(whole[end:])
    many = b"".join(one.replace(LOSSES.encode(), b"%012d.x" % i) for i in range(200))
    struct.pack_into("<HHL", tail, 8, 200, 200, len(many))
    return local + many + bytes(tail)


def with_name(name: bytes) -> bytes:
    assert len(name) == len(LOSSES)
    return zipped({LOSSES: CODE}).replace(LOSSES.encode(), name)


def zip64() -> bytes:
    data = zipped({LOSSES: CODE})
    end = data.index(b"PK\5\6")
    return data[:end] + b"PK\6\7" + b"\0" * 16 + data[end:]


def huge_directory() -> bytes:
    data = bytearray(zipped({LOSSES: CODE}))
    struct.pack_into("<L", data, data.index(b"PK\5\6") + 12, 5 * MIB)
    return bytes(data)


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 0xFF
    return bytes(changed)


RANDOM = bytes((i * i * 37 + i * 101) % 251 for i in range(3000))
ZIP, TAR = zipped({LOSSES: CODE, METRICS: RANDOM}), tarred({LOSSES: CODE, METRICS: RANDOM})
PLAIN_TAR = gzip.decompress(TAR)

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zip up": (".zip", lambda: zipped({LOSSES: CODE, "../../x.py": b""}), "leads out of it: ../../x.py"),
    "zip up by backslash": (".zip", lambda: zipped({LOSSES: CODE, "..\\x.py": b""}), "leads out of it"),
    "zip absolute": (".zip", lambda: zipped({LOSSES: CODE, "/etc/x": b""}), "is absolute: /etc/x"),
    "zip drive": (".zip", lambda: zipped({LOSSES: CODE, "C:\\x": b""}), "is absolute"),
    "zip NUL": (".zip", lambda: with_name(b"ch02_losses\0py"), "holds a NUL"),
    "zip doubled": (".zip", doubled_zip, f"same name: {LOSSES}"),
    "zip doubled by a dot": (".zip", lambda: zipped({LOSSES: CODE, f"./{LOSSES}": b""}), "same name"),
    "zip encrypted": (".zip", encrypted, "is encrypted"),
    "zip bzip2": (".zip", lambda: zipped({LOSSES: CODE}, zipfile.ZIP_BZIP2), "unusual way"),
    "zip lzma": (".zip", lambda: zipped({LOSSES: CODE}, zipfile.ZIP_LZMA), "unusual way"),
    "zip of a gibibyte": (".zip", lambda: claiming(2**30), "more than 64 MiB"),
    "zip of nothing, much": (
        ".zip",
        lambda: zipped({f"{i}.txt": b"\0" * MIB for i in range(20)}),
        "100 times its size",
    ),
    "zip overlapping": (".zip", overlapping, "more than 64 MiB"),
    "zip lying": (".zip", lying_about_its_size, "damaged"),
    "zip huge directory": (".zip", huge_directory, "more than 20,000 files"),
    "zip64": (".zip", zip64, "more than 4 GiB"),
    "zip truncated": (".zip", lambda: ZIP[:-30], "its end is missing"),
    "zip without a start": (".zip", lambda: ZIP[20:], "damaged"),
    "zip flipped": (".zip", lambda: flipped(ZIP, 60), "damaged"),
    "zip empty": (".zip", lambda: b"", "its end is missing"),
    "zip that is a page": (".zip", lambda: b"<html>Please log in</html>" * 9, "its end is missing"),
    "zip that is a tar.gz": (".zip", lambda: TAR, "its end is missing"),
    "zip holding a zip": (".zip", lambda: zipped({"ada.zip": ZIP}), "another archive in it (ada.zip)"),
    "zip without a chapter": (".zip", lambda: zipped({"notes.txt": b""}), "there is notes.txt"),
    "zip elsewhere": (".zip", lambda: zipped({f"a/{LOSSES}": CODE, "b/x": b""}), f"only a/{LOSSES}"),
    "tar up": (".tgz", lambda: tarred({LOSSES: CODE, "a/../../x": b""}), "leads out of it"),
    "tar absolute": (".tgz", lambda: tarred({LOSSES: CODE, "/etc/x": b""}), "is absolute"),
    "tar doubled": (".tgz", lambda: tarred({LOSSES: CODE, f"./{LOSSES}": b"x"}), "same name"),
    "tar bomb": (".tgz", lambda: tarred({"x": b"\0" * (70 * MIB)}), "times its size"),
    "tar truncated": (".tgz", lambda: TAR[:-9], "ends too early"),
    "tar cut before packing": (".tgz", lambda: gzip.compress(PLAIN_TAR[:1024]), "ends too early"),
    "tar cut in a file": (".tgz", lambda: gzip.compress(PLAIN_TAR[: 1024 + 512 + 100]), "unexpected end"),
    "tar with a broken header": (".tgz", lambda: gzip.compress(flipped(PLAIN_TAR, 1024 + 150)), "ends too early"),
    "tar flipped": (".tgz", lambda: flipped(TAR, len(TAR) // 2), "damaged"),
    "tar empty": (".tgz", lambda: b"", "damaged"),
    "tar not packed": (".tar.gz", lambda: PLAIN_TAR, "damaged"),
    "tar of many parts": (".tgz", lambda: gzip.compress(b"") * 2000 + TAR, "compressed parts"),
    "tar that is a zip": (".tgz", lambda: ZIP, "damaged"),
    "rar": (".rar", lambda: b"Rar!", "no archive that is opened"),
    "one file": (".py", lambda: CODE, "no archive that is opened"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_archive_that_attacks_or_is_broken_is_refused_in_words(tmp_path: Path, case: str) -> None:
    suffix, make, said = HOSTILE[case]
    data = make()
    put(tmp_path / "all", {f"ada{suffix}": data, f"bob/{LOSSES}": CODE})
    started = time.process_time()
    ada, bob = take_in(tmp_path / "all")
    assert time.process_time() - started < 3
    assert ada.student == "ada"
    assert ada.files == {}
    assert said in ada.refused
    assert ada.refused.isprintable()
    assert bob.files == {LOSSES: CODE}
    assert {path.name for path in tmp_path.rglob("*")} == {"all", f"ada{suffix}", "bob", LOSSES}


@pytest.mark.parametrize(("suffix", "pack"), [(".zip", zipped), (".tar.gz", tarred)])
def test_more_than_a_submission_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    monkeypatch.setattr(archive, "COUNT", 30)
    monkeypatch.setattr(archive, "TOTAL", MIB)
    many = packed(tmp_path / "many", pack({LOSSES: CODE, **{f"{i}/x": b"" for i in range(30)}}), suffix)
    assert "holds more than 30 files" in many.refused
    noise = random.Random(0).randbytes(MIB)
    assert "more than 1 MiB" in packed(tmp_path / "much", pack({LOSSES: CODE, "noise": noise}), suffix).refused
    few = {LOSSES: CODE, "noise": noise[: MIB // 2], **{f"{i}/x": b"" for i in range(28)}}
    assert packed(tmp_path / "few", pack(few), suffix).files == {LOSSES: CODE}


def test_an_archive_that_is_too_large_or_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PACKED", MIB)
    put(tmp_path, {"ada.zip": bytes(MIB + 1)})
    os.mkfifo(tmp_path / "bob.zip")
    (tmp_path / "cleo.zip").symlink_to(tmp_path / "ada.zip")
    ada, bob, cleo = take_in(tmp_path)
    assert "larger than 1 MiB" in ada.refused
    assert "no regular file" in bob.refused
    assert "symbolic link" in cleo.refused


def test_links_and_devices_in_an_archive_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    first, second = (f"{chapter.name}.py" for chapter in curriculum.chapters()[:2])
    link = special(first, tarfile.SYMTYPE, "/etc/passwd")
    hard = special(second, tarfile.LNKTYPE, METRICS)
    device = special("exercises/null", tarfile.CHRTYPE)
    one = packed(tmp_path / "a", tarred({METRICS: CODE}, link, hard, device), ".tar.gz")
    assert one.files == {METRICS: CODE}
    assert one.notes[:2] == (
        f"{first} is a symbolic link and was not taken",
        f"{second} is a hard link and was not taken",
    )
    assert "not taken, for it is a device: exercises/null" in one.notes

    held = io.BytesIO(zipped({METRICS: CODE}))
    with zipfile.ZipFile(held, "a") as made:
        member = zipfile.ZipInfo(first)
        member.external_attr = 0o120777 << 16
        made.writestr(member, "../solutions/" + first)
    one = packed(tmp_path / "b", held.getvalue())
    assert one.files == {METRICS: CODE}
    assert f"{first} is a symbolic link and was not taken" in one.notes


def test_a_sparse_file_is_not_blown_up(tmp_path: Path) -> None:
    member = special(LOSSES, tarfile.GNUTYPE_SPARSE)
    one = packed(tmp_path, tarred({METRICS: CODE}, member), ".tar.gz")
    assert f"{LOSSES} is no regular file and was not taken" in one.notes


def test_names_as_windows_packs_them_are_understood(tmp_path: Path) -> None:
    assert packed(tmp_path, zipped({f"exercises\\{LOSSES}": CODE})).files == {LOSSES: CODE}


def test_names_in_an_odd_encoding_do_no_harm(tmp_path: Path) -> None:
    data = zipped({LOSSES: CODE, "xxxx.txt": b""}).replace(b"xxxx.txt", b"\xfcb\xe9\x1b.txt")
    one = packed(tmp_path / "a", data)
    assert one.files == {LOSSES: CODE}
    assert "1 other file was not taken" in one.notes[0]
    two = packed(tmp_path / "b", tarred({LOSSES: CODE, "\udcfcb\n.txt": b""}), ".tgz")
    assert two.files == {LOSSES: CODE}
    assert all(note.isprintable() for note in (*one.notes, *two.notes))
    "\n".join((*one.notes, *two.notes)).encode()


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_in_an_archive_is_no_error_of_the_run(tmp_path: Path, data: st.DataObject) -> None:
    suffix, start = data.draw(st.sampled_from([(".zip", ZIP), (".tar.gz", TAR), (".raw", PLAIN_TAR)]))
    changed = bytearray(start)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    changed = changed[: data.draw(st.integers(0, len(changed)))] if data.draw(st.booleans()) else changed
    whole = gzip.compress(bytes(changed), 1) if suffix == ".raw" else bytes(changed)
    (tmp_path / "x").mkdir(exist_ok=True)
    for old in (tmp_path / "x").iterdir():
        old.unlink()
    one = packed(tmp_path / "x", whole, ".tar.gz" if suffix == ".raw" else suffix)
    assert bool(one.files) != bool(one.refused)
    assert all(note.isprintable() for note in (*one.notes, one.refused))
    if suffix != ".raw":  # a checksum vouches for what was taken
        assert all(content in (CODE, RANDOM) for content in one.files.values())


# What is said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"exercises/conftest.py": b""}, "pytest are not steered from here: exercises/conftest.py"),
        (
            {"exercises/pytest.ini": b"", "exercises/sitecustomize.py": b""},
            "exercises/pytest.ini, exercises/sitecustom",
        ),
        ({"exercises/numpy.py": b""}, "another module's: exercises/numpy.py"),
        ({"exercises/tensorflow/__init__.py": b""}, "another module's: exercises/tensorflow/__init__.py"),
        ({"exercises/random.py": b""}, "another module's: exercises/random.py"),
        ({"exercises/helper.py": b""}, "ch02_losses.py imports helper, which is no chapter file and was not taken"),
        ({"exercises/helper/maths.py": b""}, "ch02_losses.py imports helper, which is no chapter file"),
        ({"helper.py": b""}, "ch02_losses.py imports helper, which is no chapter file and was not taken"),
        ({"exercises/unused.py": b""}, "1 other file was not taken: exercises/unused.py"),
        ({f"exercises/{i}.md": b"" for i in range(9)}, "9 other files were not taken: exercises/0.md, exercises/1.md,"),
        (
            {"notebooks/ch05_metrics.ipynb": b""},
            "is a notebook and was not taken: hand in the code of its cells as ch05_metrics.py",
        ),
        ({"exercises/Ch05_Metrics.py": b""}, "the file's name must be ch05_metrics.py, to the letter"),
        ({"exercises/ch05_metrics (1).py": b""}, "the file's name must be ch05_metrics.py"),
        ({"exercises/ch05 metrics.py": b""}, "the file's name must be ch05_metrics.py"),
        ({"exercises/ch05_metrics-2.py": b""}, "the file's name must be ch05_metrics.py"),
        ({"exercises/ch05_metrics - Copy.py": b""}, "the file's name must be ch05_metrics.py"),
        ({"exercises/ch05_metrics.py.txt": b""}, "the file's name must be ch05_metrics.py"),
        ({LOSSES: b""}, "ch02_losses.py was not taken: exercises/ch02_losses.py counts"),
        ({"exercises/old.zip": b""}, "not opened, for an archive inside is not looked into: exercises/old.zip"),
        ({f"old/{METRICS}": b""}, f"1 other file was not taken: old/{METRICS}"),
    ],
)
def test_what_was_not_taken_is_said(tmp_path: Path, more: dict[str, bytes], said: str) -> None:
    code = b"import ch01_pipeline\nfrom helper import maths\n"
    one = only(put(tmp_path, {f"ada/exercises/{LOSSES}": code, **{f"ada/{name}": d for name, d in more.items()}}))
    assert one.files == {LOSSES: code}
    assert len(one.notes) == 2, "one for it, one for the chapters that are not there"
    assert said in one.notes[0]
    assert one.notes[1].startswith("not handed in: ch01_pipeline.py")


@pytest.mark.parametrize(
    "good",
    [
        b"",
        b"x = 1\r\ny = 2\r\n",
        b"\xef\xbb\xbfx = '\xc3\xa9'\r\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        "x = 'α'\n".encode(),
    ],
)
def test_what_python_reads_is_taken_as_it_is_without_a_word(good: bytes) -> None:
    assert pick.problems_of(good) == []
    compile(good, "x", "exec")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"x = 1\nname = '\xe9'\n", "line 2"),
        (b"x\n\n\n\n'\xe9'\n", "is not UTF-8 (line 5); save it in UTF-8"),
        ("x = 1\n".encode("utf-16"), "is saved in UTF-16"),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "does not read as Python source"),
        (b"# coding: klingon\nx = 1\n", "does not read as Python source"),
        (b"# coding: rot13\nk = 1\n", "declares the encoding rot13"),
        (b"x = 1\0\n", "holds NUL bytes"),
    ],
)
def test_what_python_does_not_read_is_taken_and_said(tmp_path: Path, bad: bytes, said: str) -> None:
    one = only(put(tmp_path, {f"ada/{LOSSES}": bad}))
    assert one.files == {LOSSES: bad}
    assert said in " ".join(pick.problems_of(bad)) or said in one.notes[0]
    assert one.notes[0].startswith(f"{LOSSES} ")
    with pytest.raises((SyntaxError, ValueError)):
        compile(bad, "x", "exec")


def test_a_bare_repository_is_no_work_tree(tmp_path: Path) -> None:
    one = only(put(tmp_path, {"ada.git/HEAD": b"", "ada.git/config": b"", "ada.git/objects/ab/cd": b""}))
    assert "bare git repository" in one.refused


def test_an_entry_without_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    assert only(tmp_path).refused == "ada: it is empty: there is no file such as exercises/ch02_losses.py in it"


@settings(max_examples=50)
@given(name=st.text(max_size=120) | st.binary(max_size=99).map(os.fsdecode))
def test_every_name_can_be_shown(name: str) -> None:
    found = shown(name)
    assert found.isprintable()
    assert len(found.encode()) <= 4 * 80
