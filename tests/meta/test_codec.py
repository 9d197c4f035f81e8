"""The codec: what crosses comes back as it was, and no bytes whatever crash or hang the judge."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kata.waist import channel, codec
from kata.waist.codec import (
    DTYPES,
    CodecError,
    Handle,
    KataName,
    ProbeName,
    Raised,
    Record,
    Request,
    Returned,
    Tensor,
    VariantName,
)

texts = st.text(max_size=20)
dtypes = st.sampled_from(list(DTYPES.values()))


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Any array that may cross: every dtype, rank 0 and zero-sized too, any bits (NaN payloads included)."""
    dtype, shape = draw(dtypes), draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    size = math.prod(shape) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    if dtype == np.bool_:
        data = bytes(byte & 1 for byte in data)
    return np.frombuffer(data, dtype).reshape(shape)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | texts
    | arrays()
    | arrays().map(lambda array: array.view(Tensor))
    | dtypes.map(lambda dtype: np.zeros((), dtype)[()])
    | st.builds(Handle, st.integers(0, 9), texts)
    | st.builds(KataName, texts, texts)
    | st.builds(ProbeName, texts, texts)
    | st.builds(VariantName, texts, texts)
)
keys = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.lists(inner, min_size=2, max_size=2).map(lambda two: Record("Pair", ("a", "b"), tuple(two)))
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Same type, same structure, same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, Record):
        return (a.type_name, a.fields) == (b.type_name, b.fields) and same(tuple(a), tuple(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return repr(a) == repr(b)


def returned(value: Any) -> Any:
    reply = codec.decode_reply(codec.encode(Returned(codec.pack(value), [])))
    assert isinstance(reply, Returned)
    return codec.unpack(reply.value)


@given(values)
@example(np.zeros((0, 3), np.float16))
@example(np.array(1.5, DTYPES["bfloat16"]).view(Tensor))
@example(2**70)
@example(-(2**63) - 1)
@example({None: (), True: [float("nan")], 2**70: 1})
def test_what_crosses_comes_back_as_it_was(value: Any) -> None:
    assert same(returned(value), value)


@given(values, values)
def test_requests_cross_too(first: Any, second: Any) -> None:
    request = Request(
        codec.pack(KataName("c", "k")), None, False, [codec.pack(first)], {"x": codec.pack(second)}, True, None, 0
    )
    back = codec.decode_request(codec.encode(request))
    assert same(codec.unpack(back.args[0]), first)
    assert same(codec.unpack(back.kwargs["x"]), second)


@given(st.binary(max_size=200))
@example(b"\x93\xa8returned" + b"\x92\x00\x91" * 50_000 + b"\xc0\x90")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
def test_arbitrary_bytes_are_refused_or_are_a_reply(data: bytes) -> None:
    try:
        reply = codec.decode_reply(data)
        if isinstance(reply, Returned):
            codec.unpack(reply.value)
    except CodecError:
        pass


@given(values, st.data())
def test_a_damaged_reply_is_refused_or_is_another_reply(value: Any, data: st.DataObject) -> None:
    message = bytearray(codec.encode(Returned(codec.pack(value), [])))
    position = data.draw(st.integers(0, len(message) - 1))
    message[position] = data.draw(st.integers(0, 255))
    test_arbitrary_bytes_are_refused_or_are_a_reply.hypothesis.inner_test(bytes(message))


@pytest.mark.parametrize(
    "wire",
    [
        codec._Array("array", "float32", [2], b"1234"),
        codec._Array("array", "float32", [-1, -1], b"1234"),
        codec._Array("array", "object", [], b""),
        codec._Array("array", "float32", [0, 2**62, 2**62], b""),
        codec._Array("array", "float32", [1] * 40, b"1234"),
        codec._Array("scalar", "float32", [1], b"1234"),
        codec._Record("R", ["a"], []),
        codec._Dict([1], []),
        codec._Dict([codec._List([])], [1]),
        codec._Integer(b"\x01" * 4096),
    ],
)
def test_a_well_formed_lie_is_refused(wire: codec.Wire) -> None:
    with pytest.raises(CodecError):
        codec.unpack(wire)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_capped_on_both_sides() -> None:
    assert same(returned(nested(codec.MAX_DEPTH - 1)), nested(codec.MAX_DEPTH - 1))
    with pytest.raises(CodecError, match="deep"):
        codec.pack(nested(codec.MAX_DEPTH + 1))
    wire: codec.Wire = None
    for _ in range(codec.MAX_DEPTH + 2):
        wire = codec._List([wire])
    with pytest.raises(CodecError, match="deep"):
        codec.unpack(wire)


def test_a_list_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CodecError):
        codec.pack(loop)


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, b"bytes", np.array(["text"]), np.array([None]), lambda: None])
def test_what_is_no_data_does_not_cross(value: Any) -> None:
    with pytest.raises(CodecError):
        codec.pack(value)


def test_an_integer_beyond_4096_bits_does_not_cross() -> None:
    with pytest.raises(CodecError):
        codec.pack(1 << 5000)


def test_lone_surrogates_cross_as_escapes() -> None:
    assert returned("a\ud800") == "a\\ud800"
    reply = codec.decode_reply(codec.encode(Raised("raised", "E", codec.clean_text("\udcff"), None, "")))
    assert isinstance(reply, Raised)
    assert reply.text == "\\udcff"


def test_a_message_beyond_the_cap_is_refused_on_both_sides() -> None:
    with pytest.raises(CodecError, match="at most"):
        codec.encode(Returned(codec.pack(np.zeros(codec.MAX_MESSAGE, np.uint8)), []))
    inbox = channel.Inbox()
    inbox.add((codec.MAX_MESSAGE + 1).to_bytes(4, "little"))
    with pytest.raises(CodecError, match="at most"):
        inbox.take()


@given(st.lists(st.binary(max_size=50), max_size=5), st.data())
def test_messages_survive_any_cut_of_the_stream(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(len(message).to_bytes(4, "little") + message for message in messages)
    inbox, taken = channel.Inbox(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        inbox.add(stream[:size])
        stream = stream[size:]
        while (message := inbox.take()) is not None:
            taken.append(message)
    assert taken == messages


def test_a_records_fields_are_read_by_name_and_others_are_missing() -> None:
    record = Record("Counts", ("tp", "fp"), (1, 2))
    assert (record.tp, record.fp, tuple(record)) == (1, 2, (1, 2))
    with pytest.raises(AttributeError, match="no field 'fn'"):
        _ = record.fn


def test_the_order_of_bytes_is_no_difference() -> None:
    array = np.arange(3, dtype=">f4")
    assert codec.unpack(codec.pack(array)).tolist() == [0.0, 1.0, 2.0]
    assert codec.unpack(codec.pack(array)).dtype == np.float32
