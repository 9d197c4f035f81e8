"""Hypothesis settings, in one place: how many examples, and what is remembered.

| profile    | examples | for                                                              |
|------------|----------|------------------------------------------------------------------|
| `learner`  | 100      | your own runs: remembers the failing example for the next run    |
| `ci`       | 100      | the repository's own checks                                      |
| `grade`    | 100      | grading: the same seed gives the same report, to the byte        |
| `thorough` | 400      | before a release                                                 |

No profile has a deadline (a busy machine is no mistake of the learner's), none is derandomized
(`derandomize=True` would silently override `--hypothesis-seed`), and none shows Hypothesis' own blob.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from kata.waist.implementation import ROOT

STANDARD = 100
NAMES = ("learner", "ci", "grade", "thorough")

Law = TypeVar("Law", bound=Callable[..., Any])


def load(name: str) -> None:
    """Make `name` the profile of every law that is imported from now on.

    Raises:
        ValueError: when there is no such profile.
    """
    if name not in NAMES:
        raise ValueError(f"there is no profile {name!r}; choose one of {', '.join(NAMES)}")
    settings.register_profile(
        f"kata-{name}",
        parent=settings.get_profile("default"),
        max_examples=400 if name == "thorough" else STANDARD,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples") if name == "learner" else None,
        # The explain phase re-runs a failure to comment Hypothesis' own output, which no learner sees.
        phases=[phase for phase in Phase if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile(f"kata-{name}")
    _draw_without_local_constants()


def _draw_without_local_constants() -> None:
    """Keep Hypothesis from drawing the constants that it finds in whatever modules of this clone are loaded.

    What is loaded depends on which katas are judged, and in which process: the same seed would not give the same
    examples. Hypothesis offers no setting for it; tests/meta/test_exam.py notices if this stops working.
    """
    nothing = Constants()
    providers._get_local_constants = lambda: nothing


def examples(count: int) -> Callable[[Law], Law]:
    """For a law whose examples are dear: `count` of them in the standard profile, as many times more in others."""

    def decorate(law: Law) -> Law:
        scaled = max(1, round(count * settings().max_examples / STANDARD))
        return settings(max_examples=scaled)(law)

    return decorate
