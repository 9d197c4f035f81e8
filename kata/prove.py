"""The tests of the tests: every misconception must fail its kata's laws, every approach must hold them, for every seed.

`uv run python -m kata.prove --seeds 20` is the thorough run; `--kata NAME` and `--chapter NAME` narrow it;
`--kind solution --seeds 50 --profile grade` judges the solutions themselves, to find a law that is sometimes wrong;
`--table` shows for each misconception how many examples it took until a law failed, `--jobs N` proves katas
side by side. Exit status 1 when anything is unproven.
"""

import argparse
import concurrent.futures
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing import get_context

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.judge import profiles
from kata.judge.answers import answer_law
from kata.judge.drawing import Law
from kata.judge.every_kata import Again
from kata.judge.exam import KataExam, LawExam, NoExam, draw
from kata.judge.laws import laws_of
from kata.judge.marking import Marked, mark
from kata.learn.render import as_text
from kata.waist.implementation import ROOT, Implementation, Variant, implementation_at
from kata.waist.session import InProcess, Session
from kata.waist.verdict import Outcome

ROUNDS = (1, 4, 16)
"""A misconception is shown the first example of every law, then up to so many of each, then all of them."""


@dataclass
class Proof:
    """What the laws said of one variant."""

    kind: str
    described: Described
    seeds: int = 0
    against: list[str] = field(default_factory=list)
    """For every seed on which the laws were wrong about the variant: what happened."""
    examples: list[int] = field(default_factory=list)
    """Of a misconception, for each seed: which example of the failing law was the first to fail."""
    caught_by: Counter[str] = field(default_factory=Counter)

    @property
    def label(self) -> str:
        variant = self.described.variant
        return f"{self.described.chapter} {variant.kata}: {self.kind} {variant.name}"

    @property
    def holds(self) -> bool:
        return not self.against


def prove(work: list[tuple[str, Described]], seeds: Iterable[int], *, share: float = 1.0) -> list[Proof]:
    """Judge variants of one kata by one exam a seed; what must pass, by this `share` of its examples."""
    (kata,) = curriculum.find(work[0][1].variant.kata)
    proofs = [Proof(kind, described) for kind, described in work]
    reference = InProcess(implementation_at("solutions"))
    for seed in seeds:
        for proof in proofs:
            proof.seeds += 1
        try:
            exam = draw(kata, reference, seed)
        except NoExam as error:
            for proof in proofs:
                proof.against.append(f"seed {seed}: {error}")
            continue
        for proof in proofs:
            if proof.kind == "misconception":
                _must_fail(proof, exam, seed)
            elif proof.kind == "approach":  # the reference has passed by having had the exam drawn from it
                _must_pass(proof, exam, seed, share)
    return proofs


class _Sitting:
    """One implementation that sits an exam in this process."""

    def __init__(self, described: Described, kata: Kata) -> None:
        implementation = Implementation(implementation_at("solutions").folder, described.variant)
        self.kata = kata
        self.backend = InProcess(implementation)
        self.session = Session(implementation, self.backend, curriculum.scratch())

    def mark(self, law: Law, exam: LawExam) -> Marked:
        """What becomes of `law` by the examples of `exam`."""
        sheet = answer_law(exam, self.kata.key, self.backend, guarded=self.kata.is_scratch)
        return mark(law, exam, sheet, self.session, self.kata.key, live=self.backend, first_only=True)


def _must_pass(proof: Proof, exam: KataExam, seed: int, share: float) -> None:
    sitting = _Sitting(proof.described, exam.kata)
    for law, paper in zip(laws_of(exam.kata), exam.laws, strict=True):
        report = sitting.mark(law, paper.part(0, max(2, round(share * len(paper.examples))))).report
        if report.outcome is not Outcome.SOLVED:
            proof.against.append(
                f"seed {seed}: {law.__name__}: {report.outcome}: {report.cause}\n{as_text(report.message)}"
            )
            return


def _must_fail(proof: Proof, exam: KataExam, seed: int) -> None:
    sitting = _Sitting(proof.described, exam.kata)
    papers = list(zip(laws_of(exam.kata), exam.laws, strict=True))
    papers.sort(key=lambda paper: -proof.caught_by[paper[0].__name__])  # what caught it before is tried first
    most = max((len(paper.examples) for _, paper in papers), default=0)
    start = 0
    for end in (*ROUNDS, most):
        for law, paper in papers:
            again = isinstance(law, Again)
            if again and end < most:
                continue  # it asks again what the others have asked
            first = 0 if again else start
            failed = sitting.mark(law, paper.part(first, end)).first
            if failed is not None:
                proof.examples.append(first + failed + 1)
                proof.caught_by[law.__name__] += 1
                return
        start = min(max(start, end), most)
    total = sum(len(paper.examples) for _, paper in papers)
    proof.against.append(f"seed {seed}: every law holds ({total} examples)")


def solutions(names: set[str] | None = None) -> list[tuple[str, Described]]:
    """The reference solutions of the katas in `names` (None: of all), as if they were approaches."""
    found = []
    for kata in curriculum.katas():
        if names is None or kata.name in names:
            path = str(ROOT / "solutions" / f"{kata.chapter}.py")
            found.append(("solution", Described(Variant(kata.name, path, kata.name), kata.chapter, "the reference")))
    return found


def every_variant(
    names: set[str] | None = None, kinds: tuple[str, ...] = ("approach", "misconception")
) -> list[tuple[str, Described]]:
    """All approaches and misconceptions of the katas in `names` (None: of all)."""
    return [
        (kind, described)
        for chapter in curriculum.chapters()
        for kind in kinds
        for described in curriculum.variants(kind, chapter.name)
        if names is None or described.variant.kata in names
    ]


def _prove_with(profile: str, work: list[tuple[str, Described]], seeds: range) -> list[Proof]:
    profiles.load(profile)
    return prove(work, seeds)


def _row(proof: Proof) -> str:
    if not proof.examples:
        return f"{'ok' if proof.holds else 'UNPROVEN':<9} {proof.label}"
    middle, worst = statistics.median(proof.examples), max(proof.examples)
    name, _ = proof.caught_by.most_common(1)[0]
    row = f"{'ok' if proof.holds else 'UNPROVEN':<9} {proof.label}"
    return f"{row}: median {middle:g}, worst {worst} examples; mostly by {name}"


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when everything is proven."""
    parser = argparse.ArgumentParser(
        prog="kata.prove", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--kata", help="only these katas (comma-separated)")
    parser.add_argument("--chapter", help="only this chapter")
    parser.add_argument("--kind", choices=("solution", "approach", "misconception"), help="only these")
    parser.add_argument("--table", action="store_true", help="a row for every variant, not only the unproven")
    parser.add_argument("--jobs", type=int, default=1, help="katas side by side")
    parser.add_argument("--profile", default="ci", choices=profiles.NAMES)
    options = parser.parse_args(arguments)
    try:
        wanted = [name for name in [*(options.kata or "").split(","), options.chapter] if name]
        names = {kata.name for name in wanted for kata in curriculum.find(name)} if wanted else None
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.kind == "solution":
        work = solutions(names)
    else:
        work = every_variant(names, (options.kind,) if options.kind else ("approach", "misconception"))
    if not work:
        of = " or ".join([options.kind] if options.kind else ["approach", "misconception"])
        chosen = ", ".join(sorted(names)) if names is not None else "any kata"
        print(f"nothing to prove: there is no {of} of {chosen}", file=sys.stderr)
        return 2
    parts: dict[str, list[tuple[str, Described]]] = {}
    for kind, described in work:
        parts.setdefault(described.variant.kata, []).append((kind, described))
    proofs: list[Proof] = []
    os.environ["PYTHONWARNINGS"] = "ignore"
    with concurrent.futures.ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(_prove_with, options.profile, part, seeds) for part in parts.values()]
        for task in tasks:
            for proof in task.result():
                proofs.append(proof)
                if options.table or not proof.holds:
                    print(_row(proof), flush=True)
                for what in proof.against[:3]:
                    print("    " + what.replace("\n", "\n    "), flush=True)
    for kind in dict.fromkeys(proof.kind for proof in proofs):
        of_kind = [proof for proof in proofs if proof.kind == kind]
        good = sum(proof.holds for proof in of_kind)
        verb = "fail" if kind == "misconception" else "pass"
        print(
            f"{good} of {len(of_kind)} {kind}{'es' if kind == 'approach' else 's'} {verb} for all of {len(seeds)} seeds"
        )
    return 0 if all(proof.holds for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main())
