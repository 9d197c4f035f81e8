"""Ready-made objects are found however they are called, and nothing else is taken for one."""

import pytest

from kata.course import curriculum
from kata.waist import ready_made
from kata.waist.implementation import ROOT

FOUND = {
    "directly": "def huber(a, b): return tf.keras.losses.huber(a, b)",
    "its class": "def huber(a, b): return tf.keras.losses.Huber()(a, b)",
    "by keras": "import keras\ndef huber(a, b): return keras.losses.Huber()(a, b)",
    "by keras.src": "from keras.src.losses.losses import huber as h\ndef huber(a, b): return h(a, b)",
    "through an alias of the module": "K = tf.keras.losses\ndef huber(a, b): return K.huber(a, b)",
    "through a local alias": "def huber(a, b):\n    k = tf.keras\n    l = k.losses\n    return l.huber(a, b)",
    "by a local import": "def huber(a, b):\n    from tensorflow.keras.losses import Huber as H\n    return H()(a, b)",
    "by getattr": "def huber(a, b): return getattr(tf.keras.losses, 'huber')(a, b)",
    "by importlib": "import importlib\ndef huber(a, b): return importlib.import_module('keras.losses').Huber()(a, b)",
    "by from importlib": "from importlib import import_module as i\ndef huber(a, b): return i('keras.losses').huber",
    "by __import__": "def huber(a, b): return __import__('keras').losses.huber(a, b)",
    "in a helper": "def help(a, b): return tf.keras.losses.huber(a, b)\ndef huber(a, b): return help(a, b)",
    "by the strings of keras": "def huber(a, b): return tf.keras.losses.get('huber')(a, b)",
    "as a base class": "class huber(tf.keras.losses.Huber): pass",
    "as an inherited optimizer": "class huber(tf.keras.optimizers.SGD): pass",
    "as an old one": "def huber(a, b): return tf.compat.v1.losses.huber_loss(a, b)",
    "cross-entropy of tf.nn": "def huber(a, b): return tf.nn.sigmoid_cross_entropy_with_logits(a, b)",
    "cross-entropy of keras.ops": "def huber(a, b): return tf.keras.ops.binary_crossentropy(a, b)",
    "a raw operation": "def huber(a, b): return tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=a, labels=b)",
    "a schedule": "def huber(a, b): return tf.keras.optimizers.schedules.CosineDecay(1, 2)(a)",
    "a metric": "def huber(a, b): return tf.keras.metrics.Precision()(a, b)",
    "clipping by norm": "def huber(a, b): return tf.clip_by_global_norm([a], 1.0)",
    "loss scaling": "def huber(a, b): return tf.keras.mixed_precision.LossScaleOptimizer(a)",
    "assigned at the top": "huber = tf.keras.losses.huber",
}  # fmt: skip

FINE = {
    "softmax": "def huber(a, b): return tf.nn.log_softmax(a) + tf.nn.softplus(b) + tf.nn.sigmoid(a)",
    "norms": "def huber(a, b): return tf.linalg.global_norm([a]) + tf.norm(b)",
    "clipping by value outside its chapter": "def huber(a, b): return tf.clip_by_value(a, 0, 1)",
    "the base classes": "class huber(tf.keras.losses.Loss, tf.keras.metrics.Metric): pass",
    "a base class called by name": "class huber(tf.keras.metrics.Metric):\n"
    "    def __init__(self): tf.keras.metrics.Metric.__init__(self, name='f1')",
    "a method of the base by name": "class huber(tf.keras.optimizers.Optimizer):\n"
    "    def build(self, variables): tf.keras.optimizers.Optimizer.build(self, variables)\n"
    "    def get_config(self): return tf.keras.optimizers.Optimizer.get_config(self)",
    "the base of schedules": "class huber(tf.keras.optimizers.schedules.LearningRateSchedule): pass",
    "a mean that is tracked": "def huber(a, b): return tf.keras.metrics.Mean(name='loss')",
    "an annotation": "def huber(a: tf.keras.losses.Huber, b) -> tf.keras.losses.Loss: return a",
    "another function that uses it": "def other(a): return tf.keras.losses.huber(a, a)\ndef huber(a, b): return a",
    "a docstring": "def huber(a, b):\n    'Like tf.keras.losses.huber.'\n    return a",
    "operations of keras": "def huber(a, b): return tf.keras.ops.where(a > b, a, b)",
    "what does not parse": "def huber(:",
}  # fmt: skip


MEDDLING = {
    "the profile function": "import sys\ndef huber(a, b):\n    sys.setprofile(None)",
    "by from": "from sys import getprofile as g\ndef huber(a, b): return g()",
    "by an alias": "import sys\ns = sys\ndef huber(a, b): return s._getframe(1)",
    "by getattr": "import sys\ndef huber(a, b): return getattr(sys, 'settrace')(None)",
    "when it is loaded": "import sys\nsys.setprofile(None)\ndef huber(a, b): return a",
    "in what is called then": "import gc\ndef help(): return gc.get_objects()\nx = help()\ndef huber(a, b): return a",
    "in a block": "import gc\nif True:\n    def help(): return gc.get_objects()\ndef huber(a, b): return a",
    "ctypes": "import ctypes\ndef huber(a, b): return a",
    "ourselves": "def huber(a, b):\n    from kata.waist import ready_made",
    "ourselves by name": "import kata.waist.ready_made as r\ndef huber(a, b): return a",
    "frames": "def huber(a, b):\n    try: a()\n    except Exception as e: return e.__traceback__.tb_frame.f_back",
    "a closure": "def huber(a, b): return b.__closure__[0].cell_contents",
    "classes": "def huber(a, b): return object.__subclasses__()",
    "exec": "def huber(a, b): exec('a')",
    "eval": "def huber(a, b): return eval('a')",
    "modules": "import sys\ndef huber(a, b): return sys.modules['kata']",
    "threads": "import threading\ndef huber(a, b): threading.setprofile(None)",
}

NO_MEDDLING = {
    "in another function": "import sys\ndef other(): sys.setprofile(None)\ndef huber(a, b): return a",
    "the collector": "import gc\ndef huber(a, b):\n    gc.collect()\n    return a",
    "compiling": "import re\nP = re.compile('a')\ndef huber(model, b):\n    model.compile(run_eagerly=True)",
    "one's own eval": "def eval(a): return a\ndef huber(a, b): return eval(a)",
    "the rest of sys": "import sys\ndef huber(a, b): return sys.float_info.epsilon",
}


@pytest.mark.parametrize("source", MEDDLING.values(), ids=MEDDLING.keys())
def test_what_could_undo_the_look_out_is_found_in_the_text(source: str) -> None:
    found = ready_made.find(source, "huber")
    assert found is not None
    assert ready_made.is_meddling(found[0])


@pytest.mark.parametrize("source", NO_MEDDLING.values(), ids=NO_MEDDLING.keys())
def test_what_is_harmless_is_not(source: str) -> None:
    assert ready_made.find(source, "huber") is None


def test_text_too_deep_for_the_reader_is_refused_unless_it_does_not_parse() -> None:
    assert ready_made.find(f"def huber(a, b): return a{'.x' * 1500}", "huber") is not None
    assert ready_made.find(f"def huber(a, b): return {'-' * 100_000}a", "huber") is None


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND.keys())
def test_is_found_in_the_text(source: str) -> None:
    found = ready_made.find("import tensorflow as tf\n" + source, "huber")
    assert found is not None
    assert found[1] > 1


@pytest.mark.parametrize("source", FINE.values(), ids=FINE.keys())
def test_what_is_allowed_is_not_taken_for_one(source: str) -> None:
    assert ready_made.find("import tensorflow as tf\n" + source, "huber") is None


def test_each_kata_has_its_own_list() -> None:
    by_value = "import tensorflow as tf\ndef {}(g, v): return tf.clip_by_value(g, -v, v)"
    assert ready_made.find(by_value.format("clip_by_value"), "clip_by_value")
    assert ready_made.find(by_value.format("huber"), "huber") is None
    fit = "def {}(model, x): return model.fit(x)"
    assert ready_made.find(fit.format("train"), "train")
    assert ready_made.find(fit.format("huber"), "huber") is None
    option = "import tensorflow as tf\ndef {}(o): return o(gradient_accumulation_steps=2)"
    assert ready_made.find(option.format("GradientAccumulationModel"), "GradientAccumulationModel")


@pytest.mark.parametrize("folder", ["solutions", "solutions/approaches"])
def test_no_solution_or_approach_uses_one(folder: str) -> None:
    scratch = [kata for kata in curriculum.katas() if kata.is_scratch]
    for kata in scratch:
        path = ROOT / folder / f"{kata.chapter}.py"
        names = [kata.name]
        if folder != "solutions":
            found = curriculum.variants("approach", kata.chapter)
            names = [described.variant.name for described in found if described.variant.kata == kata.name]
        for name in names:
            assert ready_made.find(path.read_text("utf-8"), kata.name, name) is None, (kata.name, name)
