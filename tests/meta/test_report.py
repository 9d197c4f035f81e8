"""The class report without a browser: what it counts, that it is the same for the same results, and that nothing of a
submission acts in it. What it does in a browser: test_report_browser.py.
"""

import base64
import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.course import curriculum
from kata.grade import bins, details, report, tally
from kata.grade.plain_text import readable
from kata.grade.report import TIMES_BEGIN, TIMES_END, write_report
from kata.grade.results import ClassResults, Graded, KataResult, Times
from kata.waist.verdict import Message, Outcome, Row
from tests.meta import classes
from tests.meta.report_page import Page, numbers

KEYS = [tally.Key(kata.chapter, kata.name) for kata in curriculum.katas()]
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</script x",
    "<!--<script ",
    "<!--<script>",
    "]]></style>",
    "&lt;b&gt; &amp;",
    "' onmouseover=alert(1) x='",
    '"><svg/onload=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066",
    "\x1b[31m\x00\x07\x85",
    "\udcff\ud800",
    "line\u2028separator\r\n",
    "=cmd|' /C calc'!A0",
    "x" * 4000,
]
FIELDS = ("id", "name", "cause", "says", "law", "input", "row", "note")
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_characters="`"), max_size=30)).map(
    "n{}".format
)


def written(results: ClassResults, path: Path, times: Times | None = None) -> str:
    """The report of a class with points and names."""
    names, points = classes.names_of(results), classes.points_of(results)
    write_report(results, times, curriculum.chapters(), path, points=points, most_points="99", names=names)
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def twenty() -> ClassResults:
    return classes.a_class(20, 5)


@pytest.fixture(scope="module")
def page(twenty: ClassResults, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(written(twenty, tmp_path_factory.mktemp("report") / "report.html", classes.times_of(twenty)))


# Counts, beside a recount


def each(results: ClassResults) -> list[tuple[str, str, KataResult]]:
    """(student, kata, result) of the whole class."""
    return [
        (student, f"{chapter}.{name}", one)
        for student, graded in results.submissions.items()
        for chapter, katas in graded.katas.items()
        for name, one in katas.items()
    ]


def test_each_kata_s_row_is_a_recount(page: Page, twenty: ClassResults) -> None:
    rows = {row[0].strip(): row for row in page.tables["kata-table"] if len(row) > 1}
    for key in KEYS:
        found = Counter(one.outcome for _, kata, one in each(twenty) if kata == str(key))
        row = rows[key.name]
        cells = [int(row[i].strip() or 0) for i in (2, 4, 5, 6)]
        assert cells == [found[o] for o in (Outcome.SOLVED, Outcome.WRONG, Outcome.TODO, Outcome.MISSING)]
        others = {report.LABELS[o]: found[o] for o in tally.TROUBLES if found[o]}
        assert {label.strip(): int(n) for n, label in re.findall(r"(\d+) ([a-z -]+)", row[7])} == others
        tried = sum(found.values()) - found[Outcome.TODO] - found[Outcome.MISSING] - found[Outcome.INFRASTRUCTURE]
        assert row[3].strip() == (report.percent(found[Outcome.SOLVED] / tried) if tried else "")
        stops = Counter(one.law for _, kata, one in each(twenty) if kata == str(key) and one.law)
        if stops:
            law, count = row[8].strip().rsplit(" ", 1)
            assert int(count.strip("()")) == stops["test_" + law.replace(" ", "_")] == max(stops.values())
        else:
            assert row[8].strip() == ""


def test_each_student_s_row_is_a_recount(page: Page, twenty: ClassResults) -> None:
    rows = page.tables["student-table"][1:]
    assert len(rows) == len(twenty.submissions)
    for student, row in zip(twenty.submissions, rows, strict=True):
        found = Counter(one.outcome for who, _, one in each(twenty) if who == student)
        assert row[0].split()[-1] == student
        assert float(row[1]) == found[Outcome.SOLVED] * 1.5
        others = sum(found[outcome] for outcome in tally.TROUBLES)
        plain = [found[outcome] for outcome in (Outcome.TODO, Outcome.MISSING)]
        assert numbers(row[1:]) == [found[Outcome.SOLVED], found[Outcome.WRONG], others, *plain]


def test_each_mistake_is_told_with_all_who_make_it(page: Page, twenty: ClassResults) -> None:
    made: dict[tuple[str, str], set[str]] = {}
    for student, kata, one in each(twenty):
        if one.diagnosis:
            made.setdefault((kata.partition(".")[2], one.diagnosis.replace("`", "")), set()).add(student)
    called = {student.called: student.id for student in _view(twenty).students.values()}
    told = {}
    for count, cell, kata in (row for row in page.tables["mistakes"] if row[0] != "Students"):
        sentence, _, who = cell.partition("\nWho")
        students = {called[name.strip()] for name in who.split(",")}
        assert len(students) == int(count)
        told[kata, sentence.strip()] = students
    assert told == made
    counts = [int(row[0]) for row in page.tables["mistakes"] if row[0] != "Students"]
    assert counts == sorted(counts, reverse=True)


def _view(results: ClassResults) -> report.View:
    return report.View(results, None, curriculum.chapters(), {}, "", classes.names_of(results))


@pytest.mark.parametrize("seed", range(3))
def test_every_trouble_is_listed_ours_first(seed: int) -> None:
    results = classes.a_class(60, seed)
    listed = tally.troubles(results)
    assert list(listed) == [outcome for outcome in tally.TROUBLES if outcome in listed]
    told = {
        (o, t.student, f"{t.chapter}.{kata}", t.cause) for o, ones in listed.items() for t in ones for kata in t.katas
    }
    assert told == {
        (one.outcome, who, kata, one.cause) for who, kata, one in each(results) if one.outcome in tally.TROUBLES
    }


def test_a_class_is_stuck_where_few_of_those_who_tried_solved_it() -> None:
    def of(name: str, **counts: int) -> tally.KataTally:
        return tally.KataTally(tally.Key("ch", name), {Outcome(k): v for k, v in counts.items()}, None, 0)

    hard, easy, unknown = of("hard", solved=1, wrong=9), of("easy", solved=10), of("unknown", wrong=2, todo=28)
    left = of("left", solved=6, wrong=2, timeout=2, missing=5, todo=15, infrastructure=4)
    assert left.tried == 10
    assert tally.stuck([easy, left, unknown, hard], 30) == [hard, left]  # unknown: 2 of 30 are too few to say


def test_the_first_screen_warns_where_there_were_no_walls_and_of_what_is_our_fault(tmp_path: Path) -> None:
    walls = written(classes.everyone(3, Outcome.SOLVED), tmp_path / "report.html")
    none = written(classes.a_class(3, sandbox="none"), tmp_path / "report.html")
    ours = written(classes.everyone(3, Outcome.INFRASTRUCTURE), tmp_path / "report.html")
    assert "Graded without a sandbox" in none
    assert "Graded without a sandbox" not in walls + ours
    assert f"{3 * len(curriculum.katas())} katas could not be judged" in ours
    assert "could not be judged" not in walls


# What is in the data of the students' pages


def unpacked(data: bytes) -> list[tuple[list[KataResult], list[str]]]:
    """What the script reads, put together again."""
    found = msgspec.json.decode(data)
    texts = found["texts"]

    def result(packed: list) -> KataResult:
        outcome, passed, total, cause, diagnosis, law, input_, hint, message = packed
        flat = [texts[number] for number in message]
        rows = tuple(Row(label, text) for label, text in zip(flat[1::2], flat[2::2], strict=True))
        return KataResult(
            outcome=Outcome(outcome),
            passed=passed,
            total=total,
            cause=texts[cause],
            diagnosis=texts[diagnosis] or None,
            law=texts[law] or None,
            input=texts[input_] or None,
            hint=hint,
            message=Message(flat[0], rows) if flat else None,
        )

    results = [result(packed) for packed in found["results"]]
    return [([results[n] for n in ns], [texts[note] for note in notes]) for ns, notes in found["students"]]


def test_the_details_are_the_results(twenty: ClassResults) -> None:
    def plain(one: KataResult) -> KataResult:
        if one.message is None:
            return one
        rows = tuple(Row(row.label, row.text) for row in one.message.rows)
        return msgspec.structs.replace(one, message=Message(one.message.heading, rows))

    expected = [
        ([plain(graded.katas[key.chapter][key.name]) for key in KEYS], list(graded.notes))
        for graded in twenty.submissions.values()
    ]
    assert unpacked(details.pack(twenty, KEYS)) == expected


def test_a_large_class_gets_shorter_texts(twenty: ClassResults, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = details.pack(twenty, KEYS)
    monkeypatch.setattr(details, "MOST_BYTES", len(whole) - 1)
    cut = details.pack(twenty, KEYS)
    assert len(cut) < len(whole)
    assert [[one.outcome for one in katas] for katas, _ in unpacked(cut)] == [
        [one.outcome for one in katas] for katas, _ in unpacked(whole)
    ]


def test_a_kata_that_was_not_graded_of_somebody_counts_nothing(tmp_path: Path) -> None:
    one = KataResult(outcome=Outcome.SOLVED, passed=1, total=1)
    submissions = {
        "a": Graded(katas={"ch02_losses": {"huber": one}, "ch99_new": {"unknown": one}}),
        "b": Graded(katas={"ch02_losses": {"huber": one}}),
    }
    results = ClassResults(seed=1, exam="", versions={}, sandbox="bwrap", submissions=submissions)
    page = Page(written(results, tmp_path / "report.html"))
    assert page.data["class-data"]["katas"] == [["ch02_losses", "huber"], ["ch99_new", "unknown"]]
    assert page.data["details-data"]["students"][1][0] == [0, -1]
    assert [row[2] for row in page.tables["kata-table"] if len(row) > 2][1:] == ["2", "1"]


# The same results, the same bytes


def test_the_same_results_give_the_same_bytes_whatever_the_times(twenty: ClassResults, tmp_path: Path) -> None:
    once, again = (written(twenty, tmp_path / name) for name in ("a.html", "b.html"))
    assert once == again
    first, second = (written(twenty, tmp_path / "c.html", classes.times_of(twenty, seed)) for seed in (1, 2))
    assert first != second
    assert outside_times(first) == outside_times(second) == outside_times(once)
    assert once.partition(TIMES_BEGIN)[2].partition(TIMES_END)[0].strip() == ""


def outside_times(text: str) -> str:
    """The report without what may differ."""
    before, begin, rest = text.partition(TIMES_BEGIN)
    _, end, after = rest.partition(TIMES_END)
    assert begin
    assert end
    return before + after


# Nothing of a submission acts


@settings(max_examples=60, deadline=None)
@given(hostile=st.fixed_dictionaries(dict.fromkeys(FIELDS, texts)))
def test_hostile_text_is_text(hostile: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    harmless = Page(_of_text(dict.fromkeys(hostile, "nice"), path))
    text = _of_text(hostile, path)
    page = Page(text)
    assert page.tags == harmless.tags
    assert not [letter for letter in set(text) - {"\n"} if acts(letter)]
    told = "".join(page.text)
    for field in ("id", "name", "cause", "says", "law", "note"):
        shown = readable(hostile[field].strip() if field == "name" else hostile[field])
        assert (report.in_words(shown) if field == "law" else shown) in told, field
    assert {readable(hostile["row"]), readable(hostile["input"])} <= set(page.data["details-data"]["texts"])
    assert page.tables["student-table"][1][0].startswith(readable(hostile["name"].strip()))


def test_nothing_in_data_can_end_the_element_that_it_stands_in() -> None:
    data = details.as_island(HOSTILE[:9])
    assert not {b"<"[0], b">"[0], b"&"[0]} & set(data)
    assert msgspec.json.decode(data) == HOSTILE[:9]


def acts(letter: str) -> bool:
    """Whether a browser does something with the letter other than to show it."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") and letter not in "\u200c\u200d"


def _of_text(text: dict[str, str], path: Path) -> str:
    wrong = KataResult(
        outcome=Outcome.WRONG,
        passed=0,
        total=1,
        cause=text["cause"],
        diagnosis=text["says"],
        law=text["law"],
        input=text["input"],
        message=Message(text["row"], (Row(text["row"], text["row"]),)),
    )
    crashed = msgspec.structs.replace(wrong, outcome=Outcome.CRASHED, diagnosis=None)
    graded = Graded(katas={"ch02_losses": {"huber": wrong, "FocalLoss": crashed}}, notes=(text["note"],))
    student = text["id"] + "-id"
    results = ClassResults(
        seed=1,
        exam=text["note"],
        versions={"python": text["note"]},
        sandbox=text["note"],
        submissions={student: graded},
    )
    names = {student: text["name"], "absent": text["name"]}
    times = Times(submissions={student: 1.0}, total=1.0)
    write_report(results, times, curriculum.chapters(), path, points={student: "0"}, names=names)
    return path.read_text("utf-8")


@given(text=st.text(), most=st.integers(1, 50))
def test_readable_text_does_not_act_and_is_no_longer_than_asked(text: str, most: int) -> None:
    shown = readable(text, most)
    assert len(shown) <= most
    assert not [letter for letter in shown if acts(letter)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("f(x)\n\ty", "f(x)  y"),
        ("\x1b[0m\u202eabc\udc80", "\\x1b[0m\\u202eabc\\udc80"),
        ("Zoë שלום 👩\u200d💻", "Zoë שלום 👩\u200d💻"),
        ("", ""),
    ],
)
def test_readable_text(text: str, shown: str) -> None:
    assert readable(text) == shown


# The file


def test_it_is_well_formed_and_can_be_listened_to(page: Page) -> None:
    assert Counter(page.ids()).most_common(1)[0][1] == 1
    assert {target for target in page.targets() if target} <= set(page.ids())
    assert page.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:]))
    assert page.headings.count(1) == 1
    tags = [tag for tag, _ in page.tags]
    assert {"header", "main", "nav", "section", "form", "noscript"} <= set(tags)
    assert all("scope" in found for tag, found in page.attributes if tag == "th")
    assert tags.count("caption") == tags.count("table")
    assert all("aria-label" in found or "aria-hidden" in found for tag, found in page.attributes if tag == "svg")


def test_it_asks_for_nothing_and_runs_its_own_script_alone(twenty: ClassResults, tmp_path: Path) -> None:
    text = written(twenty, tmp_path / "report.html")
    page = Page(text)
    links = [found.get(name) for _, found in page.attributes for name in ("src", "href", "action", "data", "srcset")]
    assert all(link.startswith(("#", "data:,")) for link in links if link)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", text.lower())
    policy = next(str(found["content"]) for tag, found in page.attributes if tag == "meta" and "http-equiv" in found)
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [
        found for _, found in page.attributes if "style" in found or any(name.startswith("on") for name in found)
    ]


@pytest.mark.parametrize(
    ("results", "says"),
    [
        (classes.everyone(0, Outcome.TODO), "No submission was graded."),
        (classes.everyone(1, Outcome.SOLVED), f"of {len(curriculum.katas())} katas solved"),
        (classes.everyone(9, Outcome.SOLVED), "whoever tried a kata solved it"),
        (classes.everyone(9, Outcome.TODO), "Nobody has tried a kata yet."),
        (classes.everyone(9, Outcome.WRONG), "0 %"),
    ],
    ids=["nobody", "one", "all solved", "nothing tried", "nothing solved"],
)
def test_classes_at_the_edge(results: ClassResults, says: str, tmp_path: Path) -> None:
    text = written(results, tmp_path / "report.html")
    Page(text)
    assert says in text


def test_without_points_and_names_there_is_no_column_and_no_name(twenty: ClassResults, tmp_path: Path) -> None:
    write_report(twenty, None, curriculum.chapters(), tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert page.tables["student-table"][0] == ["Student", "Solved", "Wrong", "Other", "To do", "Missing"]
    assert page.tables["student-table"][1][0] == "s00001"


def test_who_shares_a_name_is_told_apart_and_who_is_absent_is_named(tmp_path: Path) -> None:
    results = classes.a_class(3)
    names = {"s00001": "Kim", "s00002": "Kim", "s00003": "Lou", "s00004": "Max"}
    write_report(results, None, curriculum.chapters(), tmp_path / "report.html", names=names)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<h3><bdi>Kim (s00001)</bdi></h3>" in text
    assert "<h3><bdi>Lou</bdi></h3>" in text
    assert "1 student of the roster handed in nothing" in text
    assert "<bdi>Max</bdi>" in text


def test_points_that_are_no_number_are_refused(twenty: ClassResults, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="points of 's00001' are no number: 'many'; write them as decimal digits"):
        write_report(twenty, None, (), tmp_path / "report.html", points={"s00001": "many"})
    assert not list(tmp_path.iterdir())


@given(numbers=st.lists(st.integers(0, 66)), most=st.just(66))
def test_bins_hold_every_number_once(numbers: list[int], most: int) -> None:
    found = bins.by_width(numbers, most)
    assert sum(one.count for one in found) == len(numbers)
    edges = [[int(edge) for edge in one.label.split("–")] for one in found]
    assert [one.count for one in found] == [sum(e[0] <= n <= e[-1] for n in numbers) for e in edges]


@given(seconds=st.lists(st.floats(0, 1e5)))
def test_bins_of_durations_double(seconds: list[float]) -> None:
    found = bins.by_doubling(seconds)
    assert sum(one.count for one in found) == len(seconds)
    if found:
        assert found[0].count * found[-1].count
    assert bins.by_doubling([0.2, 1.0, 1.5, 2.0, 2.1, 9.0]) == [
        bins.Bin("up to 1 s", 2), bins.Bin("1 to 2 s", 2), bins.Bin("2 to 4 s", 1), bins.Bin("4 to 8 s", 0),
        bins.Bin("8 to 16 s", 1),
    ]  # fmt: skip


def test_all_and_nothing_are_said_only_where_it_is_so() -> None:
    shares = (0, 0.001, 0.5, 0.999, 1)
    assert [report.percent(share) for share in shares] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]


@pytest.mark.thorough
def test_two_thousand_students_fit(tmp_path: Path) -> None:
    results = classes.a_class(2000)
    assert len(written(results, tmp_path / "report.html", classes.times_of(results)).encode()) < 15_000_000
