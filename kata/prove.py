"""The tests of the tests: every misconception must fail its kata's laws, every approach must hold them, for every seed.

`uv run python -m kata.prove --seeds 20` is the thorough run; `--kata NAME` and `--chapter NAME` narrow it;
`--kind solution --seeds 50 --profile grade` judges the solutions themselves, to find a law that is sometimes wrong;
`--table` shows for each misconception how many examples it took until a law failed, `--jobs N` runs chapters
side by side. Exit status 1 when anything is unproven.
"""

import argparse
import concurrent.futures
import os
import statistics
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kata.course import curriculum
from kata.course.curriculum import Described
from kata.judge import profiles
from kata.judge.laws import judge, laws_of, seeded
from kata.waist.implementation import ROOT, Implementation, Variant, implementation_at
from kata.waist.session import InProcess, Session
from kata.waist.verdict import LawReport, Outcome


@dataclass
class Proof:
    """What the laws said of one variant."""

    kind: str
    described: Described
    seeds: int = 0
    against: list[str] = field(default_factory=list)
    """For every seed on which the laws were wrong about the variant: what happened."""
    examples: list[int] = field(default_factory=list)
    """Of a misconception, for each seed: examples until a law failed, over all laws in order."""
    law_examples: list[int] = field(default_factory=list)
    """Of a misconception, for each seed: examples that the failing law itself needed."""
    caught_by: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        variant = self.described.variant
        return f"{self.described.chapter} {variant.kata}: {self.kind} {variant.name}"

    @property
    def holds(self) -> bool:
        return not self.against


def run(described: Described, session: Session, seed: int, share: float = 1.0) -> Iterator[tuple[str, LawReport, int]]:
    """Judge the variant by each law of its kata, with this share of its examples: name, report, examples."""
    (kata,) = curriculum.find(described.variant.kata)
    for law in laws_of(kata):
        with seeded(law, seed, examples=lambda usual: max(2, round(share * usual))):
            report = judge(law, session, kata.key)
        yield law.__name__, report, session.examples


def prove(kind: str, described: Described, seeds: Iterable[int], *, share: float = 1.0) -> Proof:
    """Judge one variant for every seed; what must pass, by this `share` of each law's examples."""
    implementation = Implementation(implementation_at("solutions").folder, described.variant)
    session = Session(implementation, InProcess(implementation), curriculum.scratch())
    proof = Proof(kind, described)
    for seed in seeds:
        proof.seeds += 1
        if kind != "misconception":
            for name, report, _ in run(described, session, seed, share):
                if report.outcome is not Outcome.SOLVED:
                    proof.against.append(f"seed {seed}: {name}: {report.outcome}: {report.cause}\n{report.message}")
                    break
            continue
        total = 0
        for name, report, count in run(described, session, seed):
            total += max(count, 1)
            if report.outcome is not Outcome.SOLVED:
                proof.examples.append(total)
                proof.law_examples.append(max(count, 1))
                proof.caught_by[name] = proof.caught_by.get(name, 0) + 1
                break
        else:
            proof.against.append(f"seed {seed}: every law holds ({total} examples)")
    return proof


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


def _prove_all(work: list[tuple[str, Described]], seeds: range, profile: str) -> list[Proof]:
    profiles.load(profile)
    return [prove(kind, described, seeds) for kind, described in work]


def _row(proof: Proof) -> str:
    if not proof.examples:
        return f"{'ok' if proof.holds else 'UNPROVEN':<9} {proof.label}"
    middle, worst = statistics.median(proof.law_examples), max(proof.law_examples)
    name = max(proof.caught_by, key=lambda law: proof.caught_by[law])
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
    parser.add_argument("--jobs", type=int, default=1, help="chapters side by side")
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
    parts: dict[str, list[tuple[str, Described]]] = {}
    for kind, described in work:
        parts.setdefault(described.chapter, []).append((kind, described))
    proofs: list[Proof] = []
    os.environ["PYTHONWARNINGS"] = "ignore"
    with concurrent.futures.ProcessPoolExecutor(options.jobs, max_tasks_per_child=1) as pool:
        tasks = [pool.submit(_prove_all, part, seeds, options.profile) for part in parts.values()]
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
