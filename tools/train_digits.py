#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Trains the demo's small CNN on generated digits with NumPy alone and writes its weights as safetensors.

    c++ -std=c++20 -O2 -I include tools/make_digits.cpp -o build/make_digits
    /usr/bin/python3 tools/train_digits.py --make-digits build/make_digits --output examples/data/digits_cnn.safetensors

Network, input [28, 28, 1] as pixel / 255:
    conv1 1 -> 16, 3x3, stride 2, ReLU; conv2 16 -> 32, 3x3, stride 2, ReLU; conv3 32 -> 32, 3x3, stride 1, ReLU;
    global average pool; head 32 -> 10.
Padding is TensorFlow's "same": total = max((ceil(in / stride) - 1) * stride + 3 - in, 0), the smaller half before.
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile
import time

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[library + "_NUM_THREADS"] = "1"  # read when numpy loads
import numpy as np


class Linear:
    """output[n, o] = bias[o] + sum over i of weight[o, i] * input[n, i]"""

    def __init__(self, random, inputs, outputs):
        self.weight = random.normal(0, np.sqrt(1 / inputs), (outputs, inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, gradient):
        self.gradients = [gradient.T @ self.x, gradient.sum(0)]
        return gradient @ self.weight


class ConvolutionRelu:
    """3x3 convolution with "same" padding and ReLU; activations NHWC, weight OIHW."""

    def __init__(self, random, inputs, outputs, stride):
        self.weight = random.normal(0, np.sqrt(2 / (9 * inputs)), (outputs, inputs, 3, 3)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)
        self.stride = stride

    def windows(self, padded):
        """The nine views of a padded image, one per kernel element, each of the output's height and width."""
        height, width = self.shape
        for row in range(3):
            for column in range(3):
                yield padded[:, row::self.stride, column::self.stride][:, :height, :width]

    def forward(self, x):
        self.shape = [-(-size // self.stride) for size in x.shape[1:3]]
        total = [max((out - 1) * self.stride + 3 - size, 0) for out, size in zip(self.shape, x.shape[1:3])]
        self.before = [amount // 2 for amount in total]
        padded = np.pad(x, [(0, 0)] + [(b, t - b) for b, t in zip(self.before, total)] + [(0, 0)])
        self.padded_shape, self.input_shape = padded.shape, x.shape
        self.columns = np.concatenate(list(self.windows(padded)), -1).reshape(-1, 9 * x.shape[3])
        y = np.maximum(self.columns @ self.matrix() + self.bias, 0)
        self.active = y > 0
        return y.reshape(len(x), *self.shape, -1)

    def matrix(self):
        return self.weight.transpose(2, 3, 1, 0).reshape(-1, len(self.bias))

    def backward(self, gradient):
        gradient = gradient.reshape(self.active.shape) * self.active
        outputs, inputs = self.weight.shape[:2]
        weight = (self.columns.T @ gradient).reshape(3, 3, inputs, outputs).transpose(3, 2, 0, 1)
        self.gradients = [weight, gradient.sum(0)]
        if inputs == 1:
            return None  # the image: nobody asks for its gradient
        pieces = (gradient @ self.matrix().T).reshape(len(self.active) // np.prod(self.shape), *self.shape, 9, inputs)
        padded = np.zeros(self.padded_shape, np.float32)
        for index, window in enumerate(self.windows(padded)):
            window += pieces[..., index, :]
        top, left = self.before
        return padded[:, top:top + self.input_shape[1], left:left + self.input_shape[2]]


class GlobalAveragePool:
    def forward(self, x):
        self.shape = x.shape
        return x.mean((1, 2))

    def backward(self, gradient):
        area = self.shape[1] * self.shape[2]
        return np.broadcast_to(gradient[:, None, None] / np.float32(area), self.shape)


class Flatten:
    def forward(self, x):
        return x.reshape(len(x), -1)

    def backward(self, gradient):
        return gradient


def convolutional(random):
    return {"conv1": ConvolutionRelu(random, 1, 16, 2), "conv2": ConvolutionRelu(random, 16, 32, 2),
            "conv3": ConvolutionRelu(random, 32, 32, 1), "pool": GlobalAveragePool(), "head": Linear(random, 32, 10)}


def linear(random):
    return {"flatten": Flatten(), "head": Linear(random, 28 * 28, 10)}


def forward(network, x):
    for layer in network.values():
        x = layer.forward(x)
    return x


def accuracy(network, images, labels):
    found = [forward(network, images[at:at + 500]).argmax(1) for at in range(0, len(images), 500)]
    return 100 * np.mean(np.concatenate(found) == labels)


def train(network, images, labels, test, *, epochs, batch, rate, random):
    """Softmax cross-entropy, Adam (Kingma and Ba 2015), a cosine schedule from `rate` to 0."""
    layers = [layer for layer in network.values() if hasattr(layer, "weight")]
    parameters = [tensor for layer in layers for tensor in (layer.weight, layer.bias)]
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    steps, step, start = epochs * (len(images) // batch), 0, time.time()
    for epoch in range(epochs):
        order, loss = random.permutation(len(images)), 0.0
        for at in range(0, len(images) // batch * batch, batch):
            chosen = order[at:at + batch]
            logits = forward(network, images[chosen])
            gradient = np.exp(logits - logits.max(1, keepdims=True))
            gradient /= gradient.sum(1, keepdims=True)
            right = np.arange(batch), labels[chosen]
            loss -= np.log(gradient[right] + 1e-12).sum()
            gradient[right] -= 1
            gradient /= batch
            for layer in reversed(network.values()):
                gradient = layer.backward(gradient)
            step += 1
            speed = rate * 0.5 * (1 + np.cos(np.pi * step / steps)) * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            gradients = [tensor for layer in layers for tensor in layer.gradients]
            for p, g, m, s in zip(parameters, gradients, means, squares):
                m += 0.1 * (g - m)
                s += 0.001 * (g * g - s)
                p -= (speed * m / (np.sqrt(s) + 1e-8)).astype(np.float32)
        print(f"  epoch {epoch + 1:2}  loss {loss / (len(images) // batch * batch):.4f}"
              f"  held out {accuracy(network, *test):6.2f} %  {time.time() - start:5.0f} s", flush=True)


def save_safetensors(path, tensors):
    """An 8-byte little-endian header length, a JSON header padded to 8 bytes, the tensors end to end."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, "<f4").tobytes())


def generated(program, count, seed):
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("images.npy", "labels.npy")]
        subprocess.run([program, str(count), str(seed), *files], check=True)
        return np.load(files[0]).astype(np.float32) / 255, np.load(files[1]).astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--make-digits", required=True, metavar="PROGRAM", help="the compiled tools/make_digits.cpp")
    parser.add_argument("--output", metavar="FILE", help="safetensors file to write")
    parser.add_argument("--count", type=int, default=20000, help="training records")
    parser.add_argument("--test-count", type=int, default=5000, help="held-out records")
    parser.add_argument("--seed", type=int, default=1, help="seed of the training digits; held-out digits have the next")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--linear", action="store_true", help="train a linear classifier, to see how hard the digits are")
    options = parser.parse_args()

    images, labels = generated(options.make_digits, options.count, options.seed)
    test = generated(options.make_digits, options.test_count, options.seed + 1)
    random = np.random.default_rng(options.seed)
    network = (linear if options.linear else convolutional)(random)
    train(network, images, labels, test, epochs=options.epochs, batch=64, rate=0.003, random=random)
    print(f"accuracy on {len(images)} training records {accuracy(network, images, labels):.2f} %,"
          f" on {len(test[0])} held-out records {accuracy(network, *test):.2f} %")
    if options.output:
        save_safetensors(options.output, {f"{label}.{name}": getattr(layer, name) for label, layer in network.items()
                                          if hasattr(layer, "weight") for name in ("weight", "bias")})


if __name__ == "__main__":
    main()
