"""The texts of TensorFlow's and Keras' exceptions, cut down to what a learner can use.

Gone are the frames that are not theirs, names of devices and kernels, and advice that does not apply: whoever is
told to "decorate this function with @tf.function" while it is traced by tf.function looks in the wrong place.
"""

import re
import textwrap
from collections.abc import Callable

NO_VALUE = "in a graph a tensor has no value yet"
_PLAINER = (
    (
        r"Using a symbolic `tf\.Tensor` as a Python `bool` is not allowed.*",
        f"a tensor stands where Python needs True or False, and {NO_VALUE}: let tf.where or tf.cond choose",
    ),
    (
        r"Iterating over a symbolic `tf\.Tensor` is not allowed.*",
        f"Python is to loop over a tensor, and {NO_VALUE}: use operations on the whole of it",
    ),
    (
        r"Cannot convert a symbolic tf\.Tensor .* to a numpy array.*",
        f"NumPy or Python is handed a tensor, and {NO_VALUE}: use TensorFlow's own operation",
    ),
    (r"'SymbolicTensor' object has no attribute 'numpy'", f"`.numpy()` asks for a value, and {NO_VALUE}"),
    (
        r"true_fn and false_fn arguments to tf\.cond must have the same number, type, and overall structure.*",
        "the two ways of an `if`, `and`, `or` or `… if … else …` on a tensor give results of different type or shape; "
        "in a graph both must be alike",
    ),
    (
        r"Expected any non-tensor type, but got a tensor instead\.",
        "tf.constant takes plain values, and here it is handed a tensor: tf.convert_to_tensor takes both",
    ),
)
_NOISE = (r"\x1b\[\d*m", r"\{\{function_node [^}]*\}\} ?", r" ?\[Op:\w+\]( name: ?\S*)?$", r" name: ?$")
_IN_KERAS = re.compile(
    r"Exception encountered when calling (.+?)\.\n\n(.*?)(\n\nArguments received by .*|\Z)", re.DOTALL
)
_FRAME = re.compile(r'^ *File "(.+)", line (\d+), in .*\n.*$', re.MULTILINE)


def plainer(text: str) -> str:
    """`text` without what is of no use, and in words of ours where TensorFlow's mislead."""
    for noise in _NOISE[:2]:
        text = re.sub(noise, "", text)
    in_keras = _IN_KERAS.match(text)
    if in_keras:
        inner = plainer(in_keras[2].strip())
        return f"in {in_keras[1]}: {inner}" if inner else ""
    for noise in _NOISE[2:]:
        text = re.sub(noise, "", text.strip())
    for pattern, words in _PLAINER:
        if re.fullmatch(pattern, text, re.DOTALL):
            return words
    return text


def traced(text: str, type_name: str, is_own: Callable[[str], bool]) -> tuple[str, int | None]:
    """AutoGraph's account of an error in the code that it traces: the error itself, and the learner's own line.

    Args:
        text: what the exception says, from "in user code:" on.
        type_name: the exception's type, which the account names once more.
        is_own: whether a file is the learner's.
    """
    frames = list(_FRAME.finditer(text))
    own = [int(frame[2]) for frame in frames if is_own(frame[1])]
    error = textwrap.dedent(text[frames[-1].end() :] if frames else text.removeprefix("in user code:")).strip()
    return plainer(error.removeprefix(f"{type_name}:").strip()), own[-1] if own else None
