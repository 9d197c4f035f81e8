"""The summary at the end of a run: for each chapter a bar, then what to do next."""

from kata.course import curriculum
from kata.course.curriculum import Kata
from kata.waist.implementation import Implementation
from kata.waist.show import shorten
from kata.waist.verdict import KataVerdict, Outcome

Verdicts = dict[str, dict[str, KataVerdict]]

_BAR = 12


def bar(solved: int, total: int, width: int = _BAR) -> str:
    """A bar of `width` characters, full only when everything is solved."""
    full = width * solved // total if total else 0
    return "█" * full + "░" * (width - full)


def next_kata(verdicts: Verdicts) -> tuple[Kata, KataVerdict] | None:
    """The first kata, in the curriculum's order, that is not solved; one in a chapter that is there, if possible."""
    judged = ((kata, verdicts.get(kata.chapter, {}).get(kata.name)) for kata in curriculum.katas())
    unsolved = [(kata, v) for kata, v in judged if v is not None and v.outcome is not Outcome.SOLVED]
    there = [(kata, verdict) for kata, verdict in unsolved if verdict.outcome is not Outcome.MISSING]
    return next(iter(there or unsolved), None)


def standing(verdicts: Verdicts, where: str) -> list[str]:
    """How far the katas `where` are, chapter by chapter, as plain lines."""
    titles = {chapter.name: chapter.title for chapter in curriculum.chapters()}
    width = max((len(name) for name in verdicts), default=0)
    shown = []
    for chapter, katas in sorted(verdicts.items()):
        solved = sum(verdict.outcome is Outcome.SOLVED for verdict in katas.values())
        absent = all(verdict.outcome is Outcome.MISSING for verdict in katas.values())
        what = "there is no such file" if absent else titles.get(chapter, "")
        row = f"{chapter:<{width}}  {bar(solved, len(katas))}  {solved:>2}/{len(katas):<2}  {what}"
        shown.append(row.rstrip())
        shown += [
            f"{'':<{width}}  {name}: {verdict.outcome.value}, {verdict.passed} of {verdict.total} laws hold"
            for name, verdict in katas.items()
            if verdict.outcome not in (Outcome.SOLVED, Outcome.TODO, Outcome.MISSING)
        ]
    every = [verdict for katas in verdicts.values() for verdict in katas.values()]
    solved = sum(verdict.outcome is Outcome.SOLVED for verdict in every)
    return [*shown, "", f"{solved} of {len(every)} katas solved in {where}"]


def lines(verdicts: Verdicts, implementation: Implementation) -> list[str]:
    """The summary as plain lines."""
    shown = standing(verdicts, f"{implementation.label}/")
    following = next_kata(verdicts)
    if following is None:
        return [*shown, "All solved."] if any(verdicts.values()) else shown
    kata, verdict = following
    line = curriculum.line_of(*implementation.definition(kata.key))
    place = f"{implementation.label}/{kata.chapter}.py" + (f":{line}" if line else "")
    helps = f"uv run kata lesson {kata.name}   explains it; uv run kata hint {kata.name}   helps"
    return [*shown, *next_step(kata, place, about(kata, verdict), helps)]


def about(kata: Kata, verdict: KataVerdict) -> str:
    """What is to be done: the goal of a stub, else what is wrong."""
    return kata.goal if verdict.outcome is Outcome.TODO else f"{verdict.outcome.value}: {verdict.cause}"


def next_step(kata: Kata, place: str, what: str, helps: str) -> list[str]:
    """The lines that send the learner to `place`: what is to be done there, and what helps."""
    return [
        f"Next: {kata.name}  {kata.stars}  about {kata.minutes} min  {place}",
        f"      {shorten(what, 110)}",
        f"      {helps}",
    ]
