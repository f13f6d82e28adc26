"""Another input size for a network whose file fixes one.

A fully convolutional network works at any size, but its export declares the one it was made
with. What is declared is rewritten in the file's bytes: the two sides of the input, and nothing
about the sizes that follow from them, which onnxruntime then infers. A network with a size in its
own operators (a Reshape to fixed sides) still cannot run so; opening it says that.

ONNX is a Protocol Buffers message (onnx/onnx.proto); the few fields that matter are named here,
so that the agent needs no library of 20 MB for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from edge_agent.geometry import FrameSize

_GRAPH, _INPUT, _OUTPUT, _VALUE_INFO = 7, 11, 12, 13  # ModelProto.graph, GraphProto.*
_TYPE, _TENSOR, _SHAPE, _DIM = 2, 1, 2, 1  # ValueInfoProto.type, TypeProto.tensor_type, ...
_DIM_VALUE = 1  # TensorShapeProto.Dimension.dim_value
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types

Change = Callable[[bytes], bytes | None]


def with_input_size(model: bytes, size: FrameSize) -> bytes:
    """The same network, declared for an input of `size`.

    Raises ValueError when the bytes are no ONNX model with a picture as input.
    """
    changed = 0

    def shape(message: bytes) -> bytes:
        nonlocal changed
        sides = [_dim_value(dim) for number, dim in _messages(message) if number == _DIM]
        # Old exporters list the weights among the inputs: a picture is one, or any number, of
        # three planes, and no weight is as wide as that.
        if len(sides) != 4 or sides[1] != 3 or not all(s is None or s >= 32 for s in sides[2:]):
            return message
        changed += 1
        if sides[2:] == [None, None]:
            return message  # open: it takes any size as it is
        values = iter((sides[0], 3, size.height, size.width))

        def dim(old: bytes) -> bytes:
            value = next(values)
            return old if value is None else _tag(_DIM_VALUE, _VARINT) + _varint(value)

        return _changed(message, {_DIM: dim})

    def shaped(change: Change) -> Change:
        return lambda value: _changed(
            value, {_TYPE: lambda kind: _changed(kind, {_TENSOR: _inside(_SHAPE, change)})}
        )

    graph: Mapping[int, Change] = {
        _INPUT: shaped(shape),
        _OUTPUT: shaped(_inside(_DIM, lambda _: b"")),
        _VALUE_INFO: lambda _: None,
    }
    try:
        result = _changed(model, {_GRAPH: lambda old: _changed(old, graph)})
    except IndexError as error:
        raise ValueError("the file ends in the middle of a field") from error
    if changed != 1:
        raise ValueError(f"{changed} of its inputs are pictures (1 x 3 x height x width)")
    return result


def _inside(field: int, change: Change) -> Change:
    return lambda message: _changed(message, {field: change})


def _changed(message: bytes, changes: Mapping[int, Change]) -> bytes:
    """The message with some of its embedded messages replaced, or left out."""
    parts = []
    for number, wire, start, value, end in _fields(message):
        if wire != _LENGTH or number not in changes:
            parts.append(message[start:end])
            continue
        new = changes[number](message[value:end])
        if new is not None:
            parts += (_tag(number, _LENGTH), _varint(len(new)), new)
    return b"".join(parts)


def _messages(message: bytes) -> Iterator[tuple[int, bytes]]:
    for number, wire, _, value, end in _fields(message):
        if wire == _LENGTH:
            yield number, message[value:end]


def _dim_value(dim: bytes) -> int | None:
    """The side's length; None for one that has a name instead ("height", "batch")."""
    for number, wire, _, value, _ in _fields(dim):
        if number == _DIM_VALUE and wire == _VARINT:
            return _read_varint(dim, value)[0]
    return None


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """(number, wire type, start of the field, start of its value, end) of each field."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        wire = key & 7
        value = at
        if wire == _VARINT:
            _, at = _read_varint(message, at)
        elif wire == _LENGTH:
            length, value = _read_varint(message, at)
            at = value + length
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} is not used by ONNX")
        if at > len(message):
            raise ValueError("the file ends in the middle of a field")
        yield key >> 3, wire, start, value, at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
