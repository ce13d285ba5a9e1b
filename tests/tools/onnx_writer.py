# SPDX-License-Identifier: MIT
"""Small ONNX models (https://onnx.ai/onnx/repo-docs/IR.html) and NumPy files with the standard library alone."""

import array
import math
import struct
import zipfile

FLOAT = 1


def varint(number):
    text = b""
    while number > 0x7F:
        text += bytes([number & 0x7F | 0x80])
        number >>= 7
    return text + bytes([number])


def field(number, value):
    """One protobuf field: an integer, or anything of bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(number, values):
    return b"".join(field(number, value) for value in values)


def tensor(name, shape, values):
    return fields(1, shape) + field(2, FLOAT) + field(8, name) + field(9, array.array("f", values).tobytes())


def value_info(name, shape):
    """`shape` with the name of an open dimension as text."""
    dims = b"".join(field(1, field(2 if isinstance(extent, str) else 1, extent)) for extent in shape)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dims)))


def node(kind, name, inputs, output, **attributes):
    """`attributes` are integers."""
    written = [field(1, attribute) + field(3, value) + field(20, 2) for attribute, value in attributes.items()]
    return fields(1, inputs) + field(2, output) + field(3, name) + field(4, kind) + fields(5, written)


def model(nodes, tensors, inputs, outputs):
    graph = fields(1, nodes) + field(2, "test") + fields(5, tensors) + fields(11, inputs) + fields(12, outputs)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def write_npy(path, shape, values, kind="f4"):
    """Row-major values; `kind` is f4 or i8."""
    header = f"{{'descr': '<{kind}', 'fortran_order': False, 'shape': ({''.join(f'{e},' for e in shape)}), }}"
    header = header.ljust(117) + "\n"
    data = array.array("f" if kind == "f4" else "q", values).tobytes()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def parse_npy(data):
    """(shape, values) of a row-major file of f4 or i8."""
    length = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10:10 + length].decode(), {"__builtins__": {}})
    assert not header["fortran_order"] and header["descr"] in ("<f4", "<i8"), header
    values = array.array("f" if header["descr"] == "<f4" else "q", data[10 + length:])
    assert len(values) == math.prod(header["shape"])
    return header["shape"], values


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): parse_npy(archive.read(name)) for name in archive.namelist()}
