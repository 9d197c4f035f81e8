"""Nothing is missing and nothing is left over: every kata has all that a kata needs, and every file its place."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kata.course import curriculum, rules, stubs
from kata.course.curriculum import Kata
from kata.judge.drawing import seeded
from kata.judge.judging import untouched
from kata.judge.laws import judge, laws_of
from kata.waist.implementation import ROOT, implementation_at
from kata.waist.session import InProcess, Session
from kata.waist.verdict import Outcome

KATAS = curriculum.katas()
each_kata = pytest.mark.parametrize("kata", KATAS, ids=lambda kata: kata.name)
each_chapter = pytest.mark.parametrize("chapter", [chapter.name for chapter in curriculum.chapters()])

CONTRACT = {
    "ch01_pipeline": "make_regression_data build_model train_step train run_pipeline",
    "ch02_losses": "mean_squared_error mean_absolute_error huber binary_crossentropy binary_crossentropy_from_logits "
    "categorical_crossentropy sparse_categorical_crossentropy sparse_categorical_crossentropy_from_logits weighted_mse "
    "FocalLoss choose_loss",
    "ch03_optimizers": "sgd_step momentum_step adam_step adamw_step rmsprop_step adagrad_step MomentumSGD "
    "choose_optimizer",
    "ch04_schedules": "exponential_decay cosine_decay piecewise_constant WarmupCosineDecay reduce_on_plateau",
    "ch05_metrics": "confusion_counts accuracy precision recall f1 roc_auc F1Score evaluate_by_name",
    "ch06_compile": "build_two_headed_model compile_two_headed_model total_loss count_python_runs max_jit_difference",
    "ch07_accumulation": "linear_scaling_rule updates_per_epoch accumulated_gradients GradientAccumulationModel "
    "accumulating_optimizer",
    "ch08_clipping": "global_norm clip_by_value clip_by_norm clip_by_global_norm clipped_optimizer clipped_train_step "
    "build_sequence_classifier",
    "ch09_mixed_precision": "precision_policy build_mixed_model layer_dtypes loss_scaled_gradients DynamicLossScale "
    "round_up_to_multiple",
    "ch10_capstone": "make_classification_data make_schedule make_optimizer build_classifier make_callbacks "
    "train_classifier",
}


def test_the_katas_are_those_of_the_contract() -> None:
    assert {c.name: [k.name for k in c.katas] for c in curriculum.chapters()} == {
        chapter: names.split() for chapter, names in CONTRACT.items()
    }


@each_kata
def test_a_kata_has_laws_a_lesson_and_hints(kata: Kata) -> None:
    assert curriculum.laws(kata.chapter).get(kata.name), "no laws"
    text = (ROOT / "lessons" / f"{kata.chapter}.md").read_text("utf-8")
    assert re.search(rf"^## `{kata.name}`$", text, re.MULTILINE), "no section in the lesson"
    assert len(kata.lesson) > 80, "the lesson's section says next to nothing"
    assert curriculum._META.search(text.split(f"## `{kata.name}`\n")[1].split("\n## ")[0]), "no line of its kind"
    assert 2 <= len(kata.hints) <= 3
    assert all(len(hint) > 20 for hint in kata.hints)
    assert kata.goal.endswith(".")


@each_kata
def test_a_kata_has_approaches_and_misconceptions(kata: Kata) -> None:
    approaches = curriculum.variants_of("approach", kata)
    wrong_turns = curriculum.variants_of("misconception", kata)
    assert len(approaches) >= 2, f"{len(approaches)} of at least 2 in solutions/approaches/{kata.chapter}.py"
    assert len(wrong_turns) >= 4, f"{len(wrong_turns)} of at least 4 in misconceptions/{kata.chapter}.py"
    subtle = sum(described.subtle for described in wrong_turns)
    assert subtle >= 2, f"{subtle} of at least 2 with subtle=True in misconceptions/{kata.chapter}.py"
    assert all(len(described.text) > 20 for described in approaches + wrong_turns)
    assert all(described.hint is None or 1 <= described.hint <= len(kata.hints) for described in wrong_turns)


@each_chapter
def test_every_variant_is_of_a_kata_of_its_chapter(chapter: str) -> None:
    names = {kata.name for kata in KATAS if kata.chapter == chapter}
    found = curriculum.variants("approach", chapter) + curriculum.variants("misconception", chapter)
    assert {described.variant.kata for described in found} <= names
    assert set(curriculum.laws(chapter)) == names


@each_chapter
def test_exercises_are_what_the_solutions_give(chapter: str) -> None:
    """Signature and docstring have one source, so they agree; a clone that is being worked in may differ."""
    committed = subprocess.run(
        ["git", "show", f"HEAD:exercises/{chapter}.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if committed.returncode == 0:
        late = "the committed stubs differ: run `uv run python -m kata.course.stubs`, then commit exercises/"
        assert committed.stdout == stubs.pristine(chapter), late


@each_kata
def test_stub_and_solution_agree_in_signature_and_docstring(kata: Kata) -> None:
    stub = {n.name: n for n in ast.parse(stubs.pristine(kata.chapter)).body if hasattr(n, "name")}[kata.name]
    solution = curriculum.definitions(ROOT / "solutions" / f"{kata.chapter}.py")[kata.name]
    assert ast.get_docstring(stub) == ast.get_docstring(solution)
    assert _signatures(stub) == _signatures(solution)


def _signatures(node: ast.AST) -> dict[str, str]:
    members = node.body if isinstance(node, ast.ClassDef) else [node]
    return {member.name: ast.dump(member.args) for member in members if isinstance(member, ast.FunctionDef)}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("pristine")
    for chapter in CONTRACT:
        (folder / f"{chapter}.py").write_text(stubs.pristine(chapter), "utf-8")
    implementation = implementation_at(str(folder))
    return Session(implementation, InProcess(implementation))


@each_kata
def test_every_law_fails_on_the_pristine_stub(kata: Kata, pristine: Session) -> None:
    """Really run, without the shortcut by which the tool knows an untouched stub."""
    assert untouched(kata, pristine) is not None
    for law in laws_of(kata):
        pristine.given_up.clear()
        with seeded(law, 0, examples=lambda usual: 1):
            report = judge(law, pristine, kata.key)
        assert report.outcome is not Outcome.SOLVED, law.__name__


@each_chapter
def test_laws_meet_implementations_only_through_data(chapter: str) -> None:
    """Laws and oracles import neither TensorFlow nor Keras nor any implementation; solutions never the tests."""
    for path in (ROOT / "tests" / f"test_{chapter}.py", ROOT / "tests" / "oracles" / f"{chapter}.py"):
        assert not _imports(path) & {"tensorflow", "keras", "solutions", "exercises", "misconceptions"}, path
    assert not _imports(ROOT / "solutions" / f"{chapter}.py") & {"tests", "kata", "misconceptions"}


def test_the_judge_imports_no_tensorflow() -> None:
    """All laws and the whole front end, in a process of their own."""
    modules = "".join(f"import tests.test_{chapter}\n" for chapter in CONTRACT)
    check = "import sys\nassert not {'tensorflow', 'keras'} & set(sys.modules), 'TensorFlow was imported'\n"
    code = f"import kata.cli, kata.judge.judging, kata.pytest_plugin\n{modules}{check}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@each_chapter
def test_a_law_is_a_plain_method_with_its_claim_in_words(chapter: str) -> None:
    """So that it can be replayed against any implementation: no fixtures, no parametrize, no bare assert."""
    for cls in curriculum.definitions(ROOT / "tests" / f"test_{chapter}.py").values():
        if not cls.name.startswith("Test"):
            continue
        for law in (node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")):
            assert ast.get_docstring(law), f"{cls.name}.{law.name} says nothing"
            decorators = " ".join(ast.unparse(decorator) for decorator in law.decorator_list)
            assert "parametrize" not in decorators
            assert "given" in decorators or [argument.arg for argument in law.args.args] == ["self"], law.name
            assert not any(isinstance(node, ast.Assert) for node in ast.walk(law)), f"{law.name}: a bare assert"


def test_there_is_no_stray_file() -> None:
    """Every file that is tracked belongs to a chapter, to the tool, or to the few that a repository has."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    chapter = rf"(?:{'|'.join(CONTRACT)})"
    places = (
        rf"(exercises|solutions|solutions/approaches|misconceptions|tests/oracles|tests/probes)/{chapter}\.py",
        rf"tests/test_{chapter}\.py|tests/test_every_kata\.py|tests/strategies(_ch\d\d\w*)?\.py|tests/probes/(common|compare)\.py",
        rf"tests/meta/article/test_{chapter}\.py|tests/meta/test_oracles_{chapter}\.py|tests/meta/\w+\.py",
        rf"lessons/{chapter}\.md|lessons/plots/[\w-]+\.svg|docs/\w+\.(py|md|png)|benchmarks/\w+\.(py|md|json)",
        r"(kata/(\w+/){0,2}\w+|conftest)\.py|tests/meta/golden/[\w.-]+",
        r"(README|CONTRIBUTING|CHANGELOG)\.md|LICENSE|pyproject\.toml|\.gitignore|\.ci/(run|exercises)|\.github/workflows/ci\.yml",
        r"\.vscode/\w+\.json|\.devcontainer/devcontainer\.json",
        r"kata/grade/templates/\w+\.(html|css|js|j2)|kata/site/(static/site\.css|scorer\.js)|kata/page/\w+\.(css|js)|tests/meta/schemas/[\w.-]+",
        r"\.github/actions/kata/(action\.yml|run\.sh)|\.github/workflows/(grade|site)\.yml|docs/gitlab-ci\.yml",
        r"docs/(container|cluster)/\w+(\.\w+)?",
        r"(.*/)?__init__\.py",
    )
    stray = [path for path in tracked if not any(re.fullmatch(place, path) for place in places)]
    assert stray == []


def test_nothing_names_a_registry_or_a_place_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"py" r"pi\.org|files\.python" r"hosted|registry\.np" r"mjs|/(?:wo" r"rk|fa" r"rm)/[a-z.]")
    for path in tracked:
        found = pattern.search((ROOT / path).read_text("utf-8", errors="replace"))
        assert found is None, f"{path}: {found and found[0]}"


def test_the_rules_stand_where_a_learner_looks() -> None:
    """In README and at the head of every chapter's stubs, word for word."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for rule in rules.RULES:
        assert f"- {rule}\n" in readme
    for chapter in curriculum.chapters():
        assert (ROOT / "exercises" / f"{chapter.name}.py").read_text("utf-8").startswith(rules.as_comment())


@pytest.mark.parametrize("length", [300, 2000, 300_000])
@pytest.mark.parametrize("name", ["huber", "FocalLoss"])
def test_a_file_made_to_trip_the_parser_is_just_not_the_stub(tmp_path: Path, length: int, name: str) -> None:
    (kata,) = curriculum.find(name)
    path = tmp_path / "ch02_losses.py"
    head = f"class {name}:\n def call(self):\n  " if name == "FocalLoss" else f"def {name}():\n  "
    path.write_text(f"{head}return a{'.b' * length}\n")
    assert not curriculum.is_untouched(path, kata)
    assert curriculum.line_of(path, name) in (1, None)
