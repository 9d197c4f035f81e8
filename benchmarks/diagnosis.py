"""What the diagnosis names: `uv run python benchmarks/diagnosis.py [--mutants N] [--chapter NAME]`.

For every misconception, run as the learner's: itself, alone or with those that cannot be told from it. For every
approach: nothing. For random mutations of the solutions: nothing false. What is named for a mutation is held to
be true when the mutation and the misconception agree on questions that the diagnosis never asked.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from kata.course import curriculum
from kata.course.curriculum import Described, Kata
from kata.judge import profiles
from kata.judge.catalogue import Catalogue
from kata.judge.diagnosis import diagnose
from kata.judge.judging import judge_kata
from kata.waist.implementation import Implementation, implementation_at
from kata.waist.session import Backend, InProcess, Session
from kata.waist.verdict import DIAGNOSABLE
from tests.meta.mutation import MutantJudge, chosen


def names_for(kata: Kata, implementation: Implementation, backend: Backend, catalogue: Catalogue) -> list[Described]:
    """What is named when `implementation` is the learner's."""
    session = Session(implementation, backend)
    found = diagnose(kata, session, catalogue)
    if found is None:  # what the questions do not reveal, the laws' own failures may
        found = judge_kata(kata, session, catalogue).diagnosis
    return list(found.named) if found else []


def variants(katas: list[Kata], kind: str, catalogue: Catalogue) -> list[tuple[Described, list[str]]]:
    """For every variant of `kind`, the names of the misconceptions that are named for it."""
    rows = []
    for kata in katas:
        for described in curriculum.variants_of(kind, kata):
            implementation = Implementation(implementation_at("solutions").folder, described.variant)
            found = names_for(kata, implementation, InProcess(implementation), catalogue)
            rows.append((described, [one.variant.name for one in found]))
    return rows


def main() -> int:
    """Print the table; 1 when a misconception is not named, or something false is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chapter", action="append", help="only this chapter; may be given again")
    parser.add_argument("--mutants", type=int, default=30, help="how many failing mutations to look at")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    profiles.load("ci")
    katas = [k for name in options.chapter or [] for k in curriculum.find(name)] or list(curriculum.katas())
    bad = 0
    catalogue = Catalogue(InProcess(implementation_at("solutions")))
    for kind in ("misconception", "approach"):
        rows = variants(katas, kind, catalogue)
        for described, found in rows:
            variant = described.variant
            wanted = variant.name in found if kind == "misconception" else not found
            bad += not wanted
            if not wanted or len(found) > 1:
                print(
                    f"{'' if wanted else 'NOT RIGHT '}{kind} {variant.kata}.{variant.name}: {', '.join(found) or '–'}"
                )
        alone = sum(len(found) == 1 for _, found in rows)
        print(f"{kind}s: {len(rows)}; named alone {alone}, with others {sum(len(found) > 1 for _, found in rows)}, "
              f"nothing named {sum(not found for _, found in rows)}", flush=True)  # fmt: skip
    catalogue.close()
    judge, outcomes, failing = MutantJudge(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for mutant in chosen(katas, 10 * options.mutants, options.seed):
            outcome, found, false = judge.judge(mutant, Path(folder))
            outcomes[outcome] += 1
            failing += outcome in DIAGNOSABLE
            bad += bool(false)
            print(f"mutation {mutant}: {outcome}; named {', '.join(found) or '–'}"
                  + (f"; FALSE: {', '.join(false)}" if false else ""), flush=True)  # fmt: skip
            if failing == options.mutants:
                break
    judge.close()
    print(f"mutations: {dict(outcomes)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
