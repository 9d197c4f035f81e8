"""How many small changes of the solutions the laws notice: `uv run python benchmarks/mutation.py [--chapter NAME]`.

Every mutant of `tests/meta/mutation.py`, judged from outside by its kata's laws. Those that pass are listed: each is
either right in another way, or a gap in the laws.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from kata.course import curriculum
from kata.judge import profiles
from kata.judge.drawing import seeded
from kata.judge.laws import judge, laws_of
from kata.waist.isolated import Isolated, Limits, Worker
from kata.waist.session import Session
from kata.waist.verdict import Outcome
from tests.meta.mutation import Mutant, mutants


def outcome_of(mutant: Mutant, folder: Path, worker: Worker) -> Outcome:
    """SOLVED when every law holds, else what the first that does not hold said."""
    implementation = mutant.written(folder)
    session = Session(implementation, Isolated(implementation, Limits(call=10.0, law=30.0), worker))
    try:
        for law in laws_of(mutant.kata):
            with seeded(law, 0):
                report = judge(law, session, mutant.kata.key)
            if report.outcome is not Outcome.SOLVED:
                return report.outcome
        return Outcome.SOLVED
    finally:
        session.backend.close()


def main() -> None:
    """Print the survivors, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chapter", action="append", help="only this chapter or kata; may be given again")
    options = parser.parse_args()
    profiles.load("ci")
    katas = [k for name in options.chapter or [] for k in curriculum.find(name)] or list(curriculum.katas())
    worker = Worker()
    worker.start()
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for kata in katas:
            for mutant in mutants(kata):
                outcome = outcome_of(mutant, Path(folder), worker)
                outcomes[outcome.value] += 1
                if outcome is Outcome.SOLVED:
                    print(f"passes: {mutant}", flush=True)
    worker.close()
    print(f"{sum(outcomes.values())} mutants: {dict(outcomes)}")


if __name__ == "__main__":
    main()
