#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes examples/data/digits_cnn.onnx, the digits CNN as other tools export such models: NCHW, opset 13, symbolic batch.

    /usr/bin/python3 tools/make_example_onnx.py build/demo/examples/generated/digits_cnn.safetensors examples/data/digits_cnn.onnx

The weights are those that examples/train_digits.cpp trains while the demo is built.

The protobuf is written by hand, with the standard library alone: a message is a series of fields, each a tag
(number * 8 + wire type) followed by a number (type 0) or by a length and that many bytes (type 2).
"""

import json
import struct
import sys


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A number as a varint; text, bytes and messages with their length."""
    if isinstance(value, int):
        return varint(number * 8) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number * 8 + 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def attribute(name, value):
    if isinstance(value, int):
        return message((1, name), (3, value), (20, 2))
    return message((1, name), *((8, v) for v in value), (20, 7))


def node(kind, name, inputs, **attributes):
    """One node; its output is called as it is."""
    return message(*((1, i) for i in inputs), (2, name), (3, name), (4, kind),
                   *((5, attribute(*pair)) for pair in attributes.items()))


def tensor(name, shape, data):
    return message(*((1, extent) for extent in shape), (2, 1), (8, name), (9, data))


def value_info(name, extents):
    dimensions = [(1, message((2, e) if isinstance(e, str) else (1, e))) for e in extents]
    return message((1, name), (2, message((1, message((1, 1), (2, message(*dimensions)))))))


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, entry["shape"], data[begin:end]


def convolution(name, x, stride, pads):
    return [node("Conv", name, [x, f"{name}.weight", f"{name}.bias"], kernel_shape=[3, 3], strides=[stride] * 2, pads=pads),
            node("Relu", f"{name}/relu", [name])]


def main():
    source, target = sys.argv[1:]
    # TensorFlow's "same": of an even image with stride 2, the one padded row and column are at the end.
    nodes = [*convolution("conv1", "image", 2, [0, 0, 1, 1]), *convolution("conv2", "conv1/relu", 2, [0, 0, 1, 1]),
             *convolution("conv3", "conv2/relu", 1, [1, 1, 1, 1]), node("GlobalAveragePool", "pool", ["conv3/relu"]),
             node("Flatten", "flatten", ["pool"], axis=1),
             node("Gemm", "head", ["flatten", "head.weight", "head.bias"], transB=1)]
    graph = message(*((1, n) for n in nodes), (2, "digits_cnn"), *((5, tensor(*t)) for t in read_safetensors(source)),
                    (11, value_info("image", ["batch", 1, 28, 28])), (12, value_info("head", ["batch", 10])))
    with open(target, "wb") as file:
        file.write(message((1, 8), (2, "make_example_onnx"), (7, graph), (8, message((1, ""), (2, 13)))))


if __name__ == "__main__":
    main()
