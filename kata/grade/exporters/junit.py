"""JUnit XML: `junit.xml`, a test suite a student and a test case a kata, for Jenkins, GitLab and their like.

Format: what the schemas "JUnit.xsd" (windyroad/JUnit-Schema, of Ant's task) and "junit-10.xsd"
(jenkinsci/xunit-plugin) have in common, so that either accepts it. Where Ant's asks for what a report of ours does
not hold, it gets a constant: time 0 (times are kept apart from what is compared), localhost, and the first second of
1970.

What is wrong is a failure; what ended otherwise (an exception, a loop, a crash) is an error. What could not be judged
is *skipped*, with the reason: a pipeline counts it neither as passed nor against anybody.
"""

from pathlib import Path
from xml.etree import ElementTree

from kata.grade.exporters.people import RosterLike
from kata.grade.folder import write_folder
from kata.grade.names import file_names
from kata.grade.points import Points, shown
from kata.grade.results import ClassResults, Graded, KataResult
from kata.grade.telling import MEANING, cause_of, message_of, plain
from kata.waist.verdict import Outcome

FILE = "junit.xml"
_ELEMENT = {
    Outcome.WRONG: "failure",
    Outcome.TODO: "failure",
    Outcome.READY_MADE: "failure",
    Outcome.MISSING: "failure",
    Outcome.INFRASTRUCTURE: "skipped",
}
_NOT_XML = ("\ufffe", "\uffff")


def write(
    results: ClassResults, roster: RosterLike | None, points: Points, folder: Path, *, hide_examples: bool = False
) -> list[Path]:
    """Write the file; see `kata.grade.exporters.Exporter`."""
    root = ElementTree.Element("testsuites")
    for number, (student, graded) in enumerate(results.submissions.items()):
        root.append(_suite(number, student, graded, results, points, hide_examples=hide_examples))
    ElementTree.indent(root)
    return write_folder(folder, {FILE: ElementTree.tostring(root, "utf-8", xml_declaration=True) + b"\n"})


def _suite(
    number: int, student: str, graded: Graded, results: ClassResults, points: Points, *, hide_examples: bool
) -> ElementTree.Element:
    cases = [
        _case(chapter, kata, one, hide_examples=hide_examples)
        for chapter, katas in graded.katas.items()
        for kata, one in katas.items()
    ]
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(student) if student.split() else file_names([student])[student],  # blanks alone are no name
        package="kata",
        id=str(number),
        timestamp="1970-01-01T00:00:00",
        hostname="localhost",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time="0",
    )
    score = points.total(graded)
    about = {
        "points": shown(score.points) + ("" if score.is_final else "?"),
        "seed": str(results.seed),
        "exam": results.exam,
        "sandbox": results.sandbox,
        **results.versions,
    }
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in about.items():
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(graded.notes))
    ElementTree.SubElement(suite, "system-err").text = ""
    return suite


def _case(chapter: str, kata: str, one: KataResult, *, hide_examples: bool) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=chapter, name=kata, time="0")
    if one.outcome is not Outcome.SOLVED:
        cause = cause_of(one, hide_examples=hide_examples) or MEANING[one.outcome]
        found = ElementTree.SubElement(case, _ELEMENT.get(one.outcome, "error"))
        found.set("message", _xml(" ".join(cause.split())))
        if found.tag != "skipped":  # it has no type in Ant's schema
            found.set("type", one.outcome.value)
        found.text = _xml(message_of(one, hide_examples=hide_examples))
    return case


def _xml(text: str) -> str:
    """Without what XML has no way to write."""
    return plain(text).translate({ord(c): "\ufffd" for c in _NOT_XML})
