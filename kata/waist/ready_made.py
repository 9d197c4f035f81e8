"""Detects a scratch kata whose work was handed to the ready-made object for exactly that job.

Twice, because each way sees what the other cannot: `find` reads the text (in the judge, where no
submission can interfere) and follows aliases, `getattr`, `importlib` and base classes; `watching`
looks at what really runs, whatever it was called, in the implementation's process.
"""

import ast
import contextlib
import functools
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

# This module imports neither TensorFlow nor Keras before `watching` is used: `find` runs in the judge.

# Paths are canonical: without `tensorflow.`, `tf.`, `keras.`, `src.`, `python.`, `api.`, `_v2.`.
_GENERAL = (
    r"losses\.(?!(.*\.)?(Loss(\.\w+)?|Reduction|loss)$).+",
    r"(backend|ops|activations)\.(.*\.)?\w*cross_?entropy\w*",
    r"metrics\.(?!(.*\.)?((Metric|Mean)(\.\w+)?|metric|reduction_metrics)$).+",
    r"optimizers\.(?!(.*\.)?((Optimizer|LearningRateSchedule)(\.\w+)?|schedules|optimizer|base_optimizer"
    r"|learning_rate_schedule|legacy)$).+",
    r"nn\.(.*\.)?\w*cross_entropy\w*",
    r"raw_ops\.\w*CrossEntropy\w*",
    r"(.*\.)?clip_by_(norm|global_norm|average_norm)",
    r"mixed_precision\.(.*\.)?LossScaleOptimizer",
    r"train\.(\w+_decay\w*|piecewise_constant\w*|\w+Optimizer)",
    r"optimizer_v2\.(.*\.)?\w*(Decay|_decay|piecewise_constant)\w*",
)
_CLIPPING = (r"(.*\.)?clip_by_value", r"(.*\.)?ClipByValue", r"(ops|backend)\.(.*\.)?clip")
_TRAINING = (r"\?\.(fit|train_on_batch|train_step|make_train_function)",)
_FORBIDDEN: dict[str, tuple[str, ...]] = {
    "clip_by_value": _GENERAL + _CLIPPING,
    "clip_by_norm": _GENERAL + _CLIPPING[:2],
    "clip_by_global_norm": _GENERAL + _CLIPPING[:2],
    "train_step": _GENERAL + _TRAINING,
    "train": _GENERAL + _TRAINING[:1],
    "reduce_on_plateau": (*_GENERAL, r"callbacks\.(.*\.)?ReduceLROnPlateau"),
    "GradientAccumulationModel": (*_GENERAL, r"=gradient_accumulation_steps", r"\?\.train_on_batch"),
}
_MEDDLING = re.compile(
    r"sys\.(setprofile|getprofile|settrace|gettrace|monitoring|_getframe|_current_\w+|modules)(\..*)?"
    r"|threading\.(set|get)(profile|trace)\w*|gc\.(get_objects|get_referrers|get_referents)|marshal\.loads"
    r"|_?ctypes(\..*)?|_testcapi(\..*)?|inspect\.(currentframe|stack|trace|get\w+frames)"
    r"|kata(?!\.(waist\.variants|testing)(\..*)?$)(\..*)?|tests\.probes(\..*)?"
    r"|(.*\.)?(tb_frame|f_back|f_globals|f_locals|f_builtins|gi_frame|cr_frame|ag_frame|cell_contents"
    r"|__(subclasses|globals|closure|code|builtins|defaults|kwdefaults)__)"
    r"|object\.__\w+__|code\.__new__|function\.__new__|compile|exec|eval"
)
"""What no kata needs, and by which the look-out could be undone: names as `find` follows them, and of audit events."""
_DYNAMIC = ("exec", "eval", "compile")

# In `train` a call of the learner's own `train_step` kata is a plain name, never `model.train_step`.

_PREFIX = re.compile(r"^((tensorflow|tf|compat|v1|v2|keras|src|python|api|_v2|_tf_keras)\.)+")


class ReadyMade(BaseException):
    """Raised inside a scratch kata at the moment when a ready-made object takes over its work."""

    def __init__(self, what: str, line: int | None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


@functools.cache
def _pattern(kata: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in _FORBIDDEN.get(kata, _GENERAL)))


def is_ready_made(path: str, kata: str) -> bool:
    """Whether the dotted `path` names what the scratch kata `kata` must not use."""
    return _pattern(kata).fullmatch(_PREFIX.sub("", path)) is not None


def is_meddling(path: str) -> bool:
    """Whether the dotted `path` names what reaches for the look-out itself."""
    return _MEDDLING.fullmatch(path) is not None


# Reading the text


class _Reader:
    """Follows names through one module's syntax tree to the dotted paths that they stand for."""

    def __init__(self, tree: ast.Module, kata: str) -> None:
        self.kata = kata
        self.body = tree.body
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.names: dict[str, str] = {}
        for statement in tree.body:
            self._learn(statement, self.names)
            for name in _defined(statement):
                self.definitions.setdefault(name, []).append(statement)

    def find(self, definition_name: str) -> tuple[str, int] | None:
        """The first ready-made object that the definition, or anything of the module that it uses, refers to."""
        return self._first([definition_name], self._search)

    def find_meddling(self, definition_name: str) -> tuple[str, int] | None:
        """The first thing that reaches for the look-out itself, there or in what runs when the module is loaded."""
        loose = [node for node in self.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        for statement in loose:
            found = self._search_meddling(statement, dict(self.names))
            if found:
                return found
        used = [node.id for statement in loose for node in ast.walk(statement) if isinstance(node, ast.Name)]
        return self._first([definition_name, *used], self._search_meddling)

    def _first(
        self, waiting: list[str], search: Callable[[ast.stmt, dict[str, str]], tuple[str, int] | None]
    ) -> tuple[str, int] | None:
        seen = set()
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            for definition in self.definitions.get(name, ()):
                found = search(definition, dict(self.names))
                if found:
                    return found
                waiting += [n.id for n in ast.walk(definition) if isinstance(n, ast.Name)]
        return None

    def _search_meddling(self, definition: ast.stmt, names: dict[str, str]) -> tuple[str, int] | None:
        for node in self._nodes(definition, names):
            for path in self._named(node, names):
                if is_meddling(path):
                    return path.removeprefix("?."), node.lineno  # type: ignore[attr-defined]
        return None

    def _named(self, node: ast.AST, names: dict[str, str]) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id in _DYNAMIC and node.id not in self.definitions:
            yield node.id
        else:
            yield self._path(node, names) or ""

    def _nodes(self, definition: ast.stmt, names: dict[str, str]) -> list[ast.AST]:
        """All of the definition, after what its names stand for was learned."""
        nodes = list(_without_annotations(definition))
        for _ in range(2):  # twice: an alias may be made after its use in the text
            for node in nodes:
                self._learn(node, names)
        return nodes

    def _search(self, definition: ast.stmt, names: dict[str, str]) -> tuple[str, int] | None:
        for node in self._nodes(definition, names):
            path = self._path(node, names)
            if path and is_ready_made(path, self.kata):
                return path.removeprefix("?."), node.lineno  # type: ignore[attr-defined]
            if isinstance(node, ast.keyword) and is_ready_made(f"={node.arg}", self.kata):
                return f"{node.arg}=", node.value.lineno
        return None

    def _learn(self, node: ast.AST, names: dict[str, str]) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            path = self._path(node.value, names)
            for target in targets:
                if isinstance(target, ast.Name) and path and not path.startswith("?"):
                    names[target.id] = path

    def _path(self, node: ast.AST, names: dict[str, str]) -> str | None:
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if isinstance(node, ast.Attribute):
            return f"{self._path(node.value, names) or '?'}.{node.attr}"
        if isinstance(node, ast.Call):
            return self._called_path(node, names)
        return None

    def _called_path(self, node: ast.Call, names: dict[str, str]) -> str | None:
        """What `getattr(x, "y")`, `import_module("x")` and `__import__("x")` stand for."""
        constants = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else None for a in node.args]
        called = node.func.id if isinstance(node.func, ast.Name) else self._path(node.func, names)
        if called == "getattr" and len(constants) > 1 and constants[1]:
            return f"{self._path(node.args[0], names) or '?'}.{constants[1]}"
        if called in ("__import__", "importlib.import_module", "importlib.__import__") and constants and constants[0]:
            return constants[0].split(".")[0] if called == "__import__" else constants[0]
        if isinstance(node.func, ast.Name) and names.get(node.func.id) == "importlib.import_module":
            return constants[0] if constants else None
        return None


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return []


def _without_annotations(root: ast.AST) -> Iterator[ast.AST]:
    """Every node but those of annotations: `loss: tf.keras.losses.Huber` uses nothing."""
    waiting: list[ast.AST] = [root]
    while waiting:
        node = waiting.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            children = value if isinstance(value, list) else [value]
            waiting += [child for child in reversed(children) if isinstance(child, ast.AST)]


@functools.lru_cache(maxsize=1024)
def find(source: str, kata: str, name: str | None = None) -> tuple[str, int] | None:
    """What ready-made object `kata` (defined as `name`) refers to in `source`, and on which line; else None.

    Or what reaches for the look-out for them: `is_meddling` tells which it is.
    """
    tree = _parsed(source)
    if tree is None:
        return None  # a chapter that does not parse is reported when it is loaded
    try:
        reader = _Reader(tree, kata)
        return reader.find(name or kata) or reader.find_meddling(name or kata)
    except RecursionError:
        return "code, nested too deeply to be read", 1


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# Watching what runs

_MODULES = (
    "keras.src.callbacks.reduce_lr_on_plateau",
    "keras.src.losses.losses",
    "keras.src.metrics.accuracy_metrics",
    "keras.src.metrics.confusion_metrics",
    "keras.src.metrics.f_score_metrics",
    "keras.src.metrics.hinge_metrics",
    "keras.src.metrics.probabilistic_metrics",
    "keras.src.metrics.regression_metrics",
    "keras.src.optimizers.adadelta",
    "keras.src.optimizers.adagrad",
    "keras.src.optimizers.adam",
    "keras.src.optimizers.adamax",
    "keras.src.optimizers.adamw",
    "keras.src.optimizers.ftrl",
    "keras.src.optimizers.lamb",
    "keras.src.optimizers.lion",
    "keras.src.optimizers.loss_scale_optimizer",
    "keras.src.optimizers.nadam",
    "keras.src.optimizers.rmsprop",
    "keras.src.optimizers.sgd",
    "keras.src.optimizers.schedules.learning_rate_schedule",
    "tensorflow.python.keras.optimizer_v2.legacy_learning_rate_decay",
    "tensorflow.python.ops.clip_ops",
)
_MODULES_FOR_CROSSENTROPY = (
    "keras.src.ops.nn",
    "keras.src.backend.tensorflow.nn",
    "tensorflow.python.ops.nn_impl",
    "tensorflow.python.ops.nn_ops",
    "tensorflow.python.ops.gen_nn_ops",
)
_CROSSENTROPY = re.compile(r"\w*cross_?entropy\w*")
_BASES = ("LearningRateSchedule", "LossFunctionWrapper")


@functools.cache
def functions() -> dict[FunctionType, str]:
    """Every ready-made function and method, with its public-looking dotted path."""
    found: dict[FunctionType, str] = {}
    for module_name in _MODULES + _MODULES_FOR_CROSSENTROPY:
        module = importlib.import_module(module_name)
        public = module_name.replace("keras.src.", "keras.").replace("tensorflow.python.ops.", "tf.")
        public = public.replace("tensorflow.python.keras.optimizer_v2", "tf.compat.v1.train")
        public = re.sub(r"(losses|optimizers|metrics|schedules|callbacks|train)\.\w+$", r"\1", public)
        public = public.replace("tf.clip_ops", "tf")
        public = re.sub(r"tf\.(nn_impl|nn_ops|gen_nn_ops)", "tf.nn", public)
        for name, value in vars(module).items():
            if module_name in _MODULES_FOR_CROSSENTROPY and not _CROSSENTROPY.fullmatch(name):
                continue
            for function in _functions(value, module_name):
                found.setdefault(function, f"{public}.{name}")
    found[importlib.import_module("keras.src.ops.numpy").clip] = "keras.ops.clip"
    return found


@functools.cache
def codes() -> dict[CodeType, str]:
    """The code of each of them."""
    found: dict[CodeType, str] = {}
    for function, path in functions().items():
        found.setdefault(function.__code__, path)
    return found


def _functions(value: Any, module_name: str) -> Iterator[FunctionType]:
    if isinstance(value, type):
        if value.__module__ == module_name and value.__name__ not in _BASES:
            # Making one is what tells: an object that the law itself handed over may well be used.
            made = vars(value).get("__init__")
            if isinstance(made, FunctionType):
                yield made
        return
    while value is not None:
        if isinstance(value, FunctionType) and value.__module__.split(".")[0] in ("keras", "tensorflow"):
            if value.__code__.co_filename.endswith(f"{module_name.replace('.', '/')}.py"):
                yield value
        value = getattr(value, "__wrapped__", None)


_SHARED_METHODS = ("build", "get_config", "from_config", "__repr__", "__str__", "variables")


def _direct_caller(frame: FrameType) -> FrameType | None:
    """Who called `frame`, past the wrappers that TensorFlow and Keras put around every public function."""
    caller = frame.f_back
    while caller is not None and re.search(
        r"tensorflow/python/util/|keras/src/utils/traceback_utils|tensorflow/python/framework/op_",
        caller.f_code.co_filename.replace("\\", "/"),
    ):
        caller = caller.f_back
    return caller


@contextlib.contextmanager
def watching(kata: str, filename: str) -> Iterator[None]:
    """Raise ReadyMade when code of `filename` calls, under whatever name, what `kata` must not use."""
    known = codes()
    found: list[ReadyMade] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and (path := known.get(frame.f_code)) and is_ready_made(path, kata):
            caller = _direct_caller(frame)
            if caller is not None and caller.f_code.co_filename == filename:
                found.append(ReadyMade(path, caller.f_lineno))
                raise found[0]  # which ends the profiling

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(previous)
    if found:
        raise found[0]  # whatever was made of it
