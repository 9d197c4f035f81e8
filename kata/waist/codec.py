"""What may cross the waist, and how it is written: plain data with exact types, never code.

A message is MessagePack, decoded by msgspec against the schema below, so bytes that are not of
this shape are an error and nothing else. Nothing is unpickled. Both sides use this module; it
imports neither TensorFlow nor a submission.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

import ml_dtypes
import msgspec
import numpy as np

MAX_MESSAGE = 64 * 2**20  # bytes
MAX_DEPTH = 32
MAX_INTEGER = 512  # bytes of an integer beyond 64 bits
MAX_NAME = 100  # characters of a type's name
MAX_BASES = 16

DTYPES: dict[str, np.dtype[Any]] = {
    np.dtype(name).name: np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128", ml_dtypes.bfloat16),
    )
}


_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class CodecError(ValueError):
    """A value that may not cross, or bytes that are no message."""


class Tensor(np.ndarray[Any, np.dtype[Any]]):
    """A `tf.Tensor` or variable as the judge sees it: an array that remembers that it was one."""


class Record(tuple[Any, ...]):
    """A NamedTuple as the judge sees it: a tuple whose fields can be read by name."""

    type_name: str
    fields: tuple[str, ...]

    def __new__(cls, type_name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> "Record":
        record = super().__new__(cls, values)
        record.type_name = type_name
        record.fields = fields
        return record

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("fields", ()):
            return self[self.fields.index(name)]
        raise AttributeError(f"{self.__dict__.get('type_name', 'Record')} has no field {name!r}")

    def __repr__(self) -> str:
        return f"{self.type_name}({', '.join(f'{k}={v!r}' for k, v in zip(self.fields, self, strict=True))})"


@dataclass(frozen=True, slots=True)
class KataName:
    """The kata `name` of `chapter`, in whatever implementation is under test."""

    chapter: str
    name: str


@dataclass(frozen=True, slots=True)
class ProbeName:
    """The function `name` of `tests/probes/<module>.py`, which runs beside the implementation."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class VariantName:
    """The definition `name` of the file `path`: an approach or a misconception, asked for by itself."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Handle:
    """An object that stays on the implementation's side: its number there, and its type's name."""

    number: int
    type_name: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """An array that came back earlier in the same example and is handed in again: the answer, and which array of it.

    A reference instead of the values: so the same question can be put to every implementation, and each gets its own
    numbers back.
    """

    answer: int
    array: int


# The schema: every composite is a tagged struct, so that a list, a tuple and a dict stay what they were.


class _Wire(msgspec.Struct, array_like=True, tag_field="t", forbid_unknown_fields=True):
    pass


class _List(_Wire, tag=0):
    items: list["Wire"]


class _Tuple(_Wire, tag=1):
    items: list["Wire"]


class _Record(_Wire, tag=2):
    name: str
    fields: list[str]
    items: list["Wire"]


class _Dict(_Wire, tag=3):
    keys: list["Wire"]
    values: list["Wire"]


class _Array(_Wire, tag=4):
    kind: Literal["array", "tensor", "scalar"]
    dtype: str
    shape: list[int]
    data: bytes


class _Integer(_Wire, tag=5):
    data: bytes


class _Kata(_Wire, tag=6):
    chapter: str
    name: str


class _Probe(_Wire, tag=7):
    module: str
    name: str


class _Handle(_Wire, tag=8):
    number: int
    type_name: str


class _Variant(_Wire, tag=9):
    path: str
    name: str


class _Earlier(_Wire, tag=10):
    answer: int
    array: int


Wire = Union[
    None, bool, int, float, str,
    _List, _Tuple, _Record, _Dict, _Array, _Integer, _Kata, _Probe, _Handle, _Variant, _Earlier,
]  # fmt: skip


def clean_text(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def dtype_name(dtype: np.dtype[Any]) -> str | None:
    """The name of a dtype that may cross, else None. NumPy works a dtype's name out anew whenever it is asked."""
    return _NAMES.get(dtype) or (None if dtype.isnative else _NAMES.get(dtype.newbyteorder("=")))


def _pack_array(value: np.ndarray[Any, Any] | np.generic, kind: Literal["array", "tensor", "scalar"]) -> _Array:
    name = dtype_name(value.dtype)
    if name is None:
        raise CodecError(f"an array of dtype {value.dtype} cannot cross")
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    return _Array(kind, name, list(value.shape), value.tobytes())


def pack(value: Any, depth: int = 0) -> Wire:
    """The schema's form of `value`; CodecError when it may not cross."""
    if depth > MAX_DEPTH:
        raise CodecError(f"nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value  # type: ignore[no-any-return]
    if kind is int:
        if -(2**63) <= value < 2**64:
            return value  # type: ignore[no-any-return]
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > MAX_INTEGER:
            raise CodecError(f"an integer of {len(data)} bytes cannot cross")
        return _Integer(data)
    if kind is str:
        return clean_text(value)
    if kind is Tensor:
        return _pack_array(value, "tensor")
    if kind is np.ndarray:
        return _pack_array(value, "array")
    if isinstance(value, np.generic):
        return _pack_array(value, "scalar")
    if kind is list:
        return _List([pack(item, depth + 1) for item in value])
    if kind is tuple:
        return _Tuple([pack(item, depth + 1) for item in value])
    if kind is Record:
        return _Record(value.type_name, list(value.fields), [pack(item, depth + 1) for item in value])
    if kind is dict:
        return _Dict([pack(key, depth + 1) for key in value], [pack(item, depth + 1) for item in value.values()])
    if kind is KataName:
        return _Kata(value.chapter, value.name)
    if kind is ProbeName:
        return _Probe(value.module, value.name)
    if kind is VariantName:
        return _Variant(value.path, value.name)
    if kind is Handle:
        return _Handle(value.number, value.type_name)
    if kind is Earlier:
        return _Earlier(value.answer, value.array)
    raise CodecError(f"a {kind.__name__} cannot cross")


def _unpack_array(wire: _Array) -> Any:
    dtype = DTYPES.get(wire.dtype)
    if dtype is None:
        raise CodecError(f"unknown dtype {wire.dtype[:40]!r}")
    if any(side < 0 for side in wire.shape) or len(wire.shape) > 32:
        raise CodecError("impossible shape")
    if math.prod(wire.shape) * dtype.itemsize != len(wire.data):
        raise CodecError("an array's bytes do not fill its shape")
    try:
        array = np.frombuffer(wire.data, dtype=dtype).reshape(wire.shape)
    except ValueError as error:  # dimensions whose product overflows beside a zero
        raise CodecError("impossible shape") from error
    if wire.kind == "tensor":
        return array.view(Tensor)
    if wire.kind == "scalar":
        if wire.shape:
            raise CodecError("a scalar with a shape")
        return array[()]
    return array


def unpack(wire: Wire, depth: int = 0) -> Any:
    """The value that `wire` stands for; CodecError when there is none."""
    if depth > MAX_DEPTH:
        raise CodecError(f"nested more than {MAX_DEPTH} deep")
    match wire:
        case _Array():
            return _unpack_array(wire)
        case _List(items):
            return [unpack(item, depth + 1) for item in items]
        case _Tuple(items):
            return tuple(unpack(item, depth + 1) for item in items)
        case _Record(name, fields, items):
            if len(fields) != len(items):
                raise CodecError("a record whose fields and values differ in number")
            return Record(name, tuple(fields), tuple(unpack(item, depth + 1) for item in items))
        case _Dict(keys, values):
            if len(keys) != len(values):
                raise CodecError("a dict whose keys and values differ in number")
            if not all(key is None or isinstance(key, bool | int | float | str | _Integer) for key in keys):
                raise CodecError("a dict with a key that is no scalar")
            pairs = zip(keys, values, strict=True)
            return {unpack(key, depth + 1): unpack(value, depth + 1) for key, value in pairs}
        case _Integer(data):
            if len(data) > MAX_INTEGER:
                raise CodecError("an integer too large")
            return int.from_bytes(data, "little", signed=True)
        case _Kata(chapter, name):
            return KataName(chapter, name)
        case _Probe(module, name):
            return ProbeName(module, name)
        case _Variant(path, name):
            return VariantName(path, name)
        case _Handle(number, type_name):
            return Handle(number, type_name)
        case _Earlier(answer, array):
            return Earlier(answer, array)
    return wire


# The messages themselves.


class Request(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Call `target` (or its method `member`), or read its attribute `member`."""

    target: Wire
    member: str | None
    read: bool
    args: list[Wire]
    kwargs: dict[str, Wire]
    starts_example: bool  # forget the track's earlier objects, reset its random states
    guarded: Wire  # the scratch kata for which ready-made objects are looked out for, or None
    track: int  # conversations on different tracks take turns without meeting


class Returned(msgspec.Struct, array_like=True, tag="returned", forbid_unknown_fields=True):
    """The value that came back, and the names of array arguments that were changed in place."""

    value: Wire
    changed: list[str]


class Raised(msgspec.Struct, array_like=True, tag="raised", forbid_unknown_fields=True):
    """What stopped the call.

    `kind`: "raised" (an exception in the implementation), "todo" (the stub's NotImplementedError),
    "load" (the chapter does not import), "missing" (there is no such file, or no such name in it), "ready_made",
    "memory", or "unfit" (a value that cannot cross).
    """

    kind: Literal["raised", "todo", "load", "missing", "ready_made", "memory", "unfit"]
    type_name: str
    text: str
    line: int | None
    trace: str
    bases: Annotated[list[Annotated[str, msgspec.Meta(max_length=MAX_NAME)]], msgspec.Meta(max_length=MAX_BASES)] = []
    """Names of the built-in types that the exception's type inherits from."""


Reply = Union[Returned, Raised]  # msgspec reads it at run time

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_replies = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """`message` as bytes; CodecError when it is longer than MAX_MESSAGE."""
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE:
        raise CodecError(f"a message of {len(data):,} bytes; at most {MAX_MESSAGE:,} cross")
    return data


def decode_request(data: bytes) -> Request:
    """The request that `data` holds; CodecError when there is none."""
    try:
        return _requests.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CodecError(str(error)) from error


def decode_reply(data: bytes) -> Returned | Raised:
    """The reply that `data` holds, whoever wrote it; CodecError when there is none."""
    try:
        reply: Returned | Raised = _replies.decode(data)
        return reply
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise CodecError(str(error)) from error
