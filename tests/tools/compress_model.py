# SPDX-License-Identifier: MIT
"""compress-model as a user runs it: what it converts, what it refuses, and that a failure leaves nothing behind.

usage: compress_model.py --program FILE --source FOLDER --flags FILE --work FOLDER --cmake PROGRAM --generator NAME
                         -- [launcher] compiler

Models are written here; those of the data folder (COMPRESS_DATA, else ../shared/data beside the sources) are converted
where it is there.
"""

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import onnx_writer as onnx  # noqa: E402

ARGUMENTS = None
# All conversions but one optimise little: their programs compile in half the time.
QUICK = ["--flags", "-O1 -march=native"]


class Image:
    """x [batch, 3, 2, 5] -> 1x1 convolution "mix" to 2 channels -> ReLU -> 1x1 convolution "spread" to 4: y [batch, 4, 2, 5].

    Two images in and out, of several channels: only the right layouts on both sides give the right values.
    """

    MIX, MIX_BIAS = [[0.5, -1.0, 0.25], [1.0, 0.5, -0.75]], [0.125, -0.25]
    SPREAD, SPREAD_BIAS = [[1.0, 0.5], [-0.5, 1.0], [0.25, -1.5], [2.0, 0.0]], [0.5, 0.25, -0.125, 0.0]
    INPUT, OUTPUT = (3, 2, 5), (4, 2, 5)

    @classmethod
    def onnx(cls):
        flat = lambda rows: [value for row in rows for value in row]
        return onnx.model(
            [onnx.node("Conv", "mix", ["x", "mix.w", "mix.b"], "a"), onnx.node("Relu", "mix_relu", ["a"], "b"),
             onnx.node("Conv", "spread", ["b", "spread.w", "spread.b"], "y")],
            [onnx.tensor("mix.w", [2, 3, 1, 1], flat(cls.MIX)), onnx.tensor("mix.b", [2], cls.MIX_BIAS),
             onnx.tensor("spread.w", [4, 2, 1, 1], flat(cls.SPREAD)), onnx.tensor("spread.b", [4], cls.SPREAD_BIAS)],
            [onnx.value_info("x", ["batch", *cls.INPUT])], [onnx.value_info("y", ["batch", *cls.OUTPUT])])

    @staticmethod
    def records(count):
        return [math.sin(0.7 * i) for i in range(count * 30)]

    @classmethod
    def outputs(cls, values):
        """What the model gives, in double precision."""
        result = []
        for start in range(0, len(values), 30):
            channels = [values[start + 10 * c:start + 10 * c + 10] for c in range(3)]
            for weights, bias, relu in ((cls.MIX, cls.MIX_BIAS, True), (cls.SPREAD, cls.SPREAD_BIAS, False)):
                sums = [[bias[o] + sum(w * channels[c][i] for c, w in enumerate(weights[o])) for i in range(10)]
                        for o in range(len(weights))]
                channels = [[max(v, 0.0) for v in row] for row in sums] if relu else sums
            result += [v for row in channels for v in row]
        return result


class Waves:
    """x [batch, 2, 4, 4] -> convolutions "first" and "second" with ReLU -> "head": 3 classes, of which way a wave runs.

    The weights are random: what is right is learned.
    """

    INPUT = (2, 4, 4)

    @classmethod
    def onnx(cls, width=16, classes=3, seed=1, second="second"):
        numbers = random.Random(seed)
        weights = lambda count, terms: [numbers.uniform(-1, 1) * math.sqrt(3 / terms) for _ in range(count)]
        return onnx.model(
            [onnx.node("Conv", "first", ["x", "first.w", "first.b"], "a"), onnx.node("Relu", "first_relu", ["a"], "b"),
             onnx.node("Conv", second, ["b", "second.w", "second.b"], "c"), onnx.node("Relu", "second_relu", ["c"], "d"),
             onnx.node("Flatten", "flat", ["d"], "e"), onnx.node("Gemm", "head", ["e", "head.w", "head.b"], "y")],
            [onnx.tensor("first.w", [width, 2, 3, 3], weights(18 * width, 18)), onnx.tensor("first.b", [width], [0] * width),
             onnx.tensor("second.w", [width, width, 2, 2], weights(4 * width * width, 4 * width)),
             onnx.tensor("second.b", [width], [0] * width), onnx.tensor("head.w", [width, classes], weights(classes * width, width)),
             onnx.tensor("head.b", [classes], [0] * classes)],
            [onnx.value_info("x", ["batch", *cls.INPUT])], [onnx.value_info("y", ["batch", classes])])

    @staticmethod
    def records(count, seed):
        """(values, class numbers)"""
        numbers = random.Random(seed)
        values = [math.sin(1.3 * (x, y, x + y)[i % 3] + c) + numbers.gauss(0, 0.5)
                  for i in range(count) for c in range(2) for y in range(4) for x in range(4)]
        return values, [i % 3 for i in range(count)]


def grouped(kind, groups, width=8):
    """x [batch, 8, 6, 6] -> 1x1 convolution "first" to `width` channels -> 3x3 convolution `kind` in groups -> 1x1 "last" to 8."""
    numbers = random.Random(1)
    weights = lambda count: [numbers.uniform(-1, 1) for _ in range(count)]
    return onnx.model(
        [onnx.node("Conv", "first", ["x", "first.w", "first.b"], "a"),
         onnx.node("Conv", kind, ["a", "inner.w", "inner.b"], "b", group=groups),
         onnx.node("Relu", "relu", ["b"], "c"), onnx.node("Conv", "last", ["c", "last.w", "last.b"], "y")],
        [onnx.tensor("first.w", [width, 8, 1, 1], weights(8 * width)), onnx.tensor("first.b", [width], weights(width)),
         onnx.tensor("inner.w", [width, width // groups, 3, 3], weights(9 * width * width // groups)),
         onnx.tensor("inner.b", [width], weights(width)),
         onnx.tensor("last.w", [8, width, 1, 1], weights(8 * width)), onnx.tensor("last.b", [8], weights(8))],
        [onnx.value_info("x", ["batch", 8, 6, 6])], [onnx.value_info("y", ["batch", 8, 4, 4])])


def wide(count):
    """x [batch, count] -> "wide": one sum of all."""
    return onnx.model([onnx.node("Gemm", "wide", ["x", "w", "b"], "y")],
                      [onnx.tensor("w", [count, 1], [1.0] * count), onnx.tensor("b", [1], [0.0])],
                      [onnx.value_info("x", ["batch", count])], [onnx.value_info("y", ["batch", 1])])


def two_inputs():
    return onnx.model([onnx.node("Add", "sum", ["left", "right"], "y")], [],
                      [onnx.value_info("left", [1, 4]), onnx.value_info("right", [1, 4])], [onnx.value_info("y", [1, 4])])


def data_folder():
    folder = Path(os.environ.get("COMPRESS_DATA", ARGUMENTS.source / "../shared/data"))
    return folder if folder.is_dir() else None


class Case(unittest.TestCase):
    """Each test in a folder of its own, with an empty one for temporary files."""

    def setUp(self):
        self.folder = ARGUMENTS.work / self.id().split(".", 1)[1]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()
        (self.folder / "image.onnx").write_bytes(Image.onnx())
        onnx.write_npy(self.folder / "records.npy", [16, *Image.INPUT], Image.records(16))

    def environment(self, **more):
        return {**os.environ, "TMPDIR": str(self.temporary), "CXX": " ".join(ARGUMENTS.compiler), "COMPRESS_INCLUDE": "", **more}

    def convert(self, *words, **environment):
        return subprocess.run([ARGUMENTS.program, *words], cwd=self.folder, env=self.environment(**environment), capture_output=True,
                              text=True, errors="surrogateescape")

    def expect_good(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.expect_clean()

    def expect_clean(self):
        self.assertEqual(list(self.temporary.iterdir()), [], "temporary files are left")
        self.assertEqual([p.name for p in self.folder.iterdir() if ".part-" in p.name], [])

    def expect_refused(self, code, phrases, *words, **environment):
        """Ends with that code, says so in one line with all phrases, and touches no file."""
        (self.folder / "out.hpp").write_text("old")
        before = sorted(path.name for path in self.folder.iterdir())
        result = self.convert(*words, **environment)
        said = [line for line in result.stderr.splitlines() if line.startswith("compress-model: ")]
        self.assertEqual(result.returncode, code, f"{words}: {result.stderr}")
        self.assertEqual(len(said), 1, result.stderr)
        for phrase in phrases:
            self.assertIn(phrase, said[0])
        self.assertIn("; ", said[0], "no advice")
        self.assertEqual(result.stdout, "")
        self.assertEqual((self.folder / "out.hpp").read_text(), "old")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), before)
        self.expect_clean()
        return result.stderr

    def compiler(self, text):
        """A compiler that is a shell script. $name is the program or object it is asked for."""
        path = self.folder / "compiler.sh"
        path.write_text('#!/bin/sh\nfor word; do [ "$previous" = -o ] && name=$word; previous=$word; done\n' + text)
        path.chmod(0o755)
        return str(path)


class Usage(Case):
    """Refused before anything is compiled: the compiler here would say so."""

    def refused(self, phrases, *words, model="image.onnx"):
        never = self.compiler("echo compiled; exit 1\n")
        self.expect_refused(2, phrases, *([model] if model else []), *words, CXX=never)

    def test_words(self):
        self.refused(["usage", "-o", "--explain"])
        self.refused(["usage"], "-o", "out.hpp", model=None)
        self.refused(["usage", "--bogus"], "-o", "out.hpp", "--bogus")
        self.refused(["--precision", "fp33", "fp32, int8"], "-o", "out.hpp", "--precision", "fp33")
        self.refused(["--calibration", "average", "min-max, percentile, mse, moving-average, entropy"], "-o", "out.hpp", "--calibration", "average")
        self.refused(["--output", "--input"], "-o", "out.hpp", "--output", "y.npy")
        self.refused(["--labels", "--input"], "-o", "out.hpp", "--labels", "l.npy")

    def test_recipes(self):
        recipe = lambda rules, *phrases: self.refused(["--recipe", *phrases], "-o", "out.hpp", "--recipe", rules)
        recipe("spread=fp33", "fp33", "fp32, int8")
        recipe("spread=int8|n_of_m<2>", "int8|n_of_m<2>", "n_of_m<2,4>")
        recipe("spread=int8|sparse", "int8|sparse", "n_of_m<2,4>")
        recipe("spread=int8|block<4,4,80>|for_speed", "int8|block<4,4,80>|for_speed", "n_of_m<2,4>|for_speed")
        for number in ("010", "+16", "-16", "0x10", "0", "6", "1e2", "99999999999", ""):
            recipe(f"spread=int4/{number}", f"groups of '{number}' inputs", "a multiple of 4", "decimal")
        for pattern, expected in (("unstructured<090>", "unstructured<1> to unstructured<99>"), ("unstructured<100>", "unstructured<99>"),
                                  ("unstructured<0>", "unstructured<99>"), ("unstructured<>", "unstructured<99>"),
                                  ("unstructured<50", "unstructured<99>"), ("codebook<0>", "codebook<2>, <3> or <4>"), ("codebook<5>", "<4>"),
                                  ("n_of_m<5,4>", "n_of_m<2,4> or n_of_m<1,4>"), ("n_of_m<2,4,1>", "n_of_m<1,4>"),
                                  ("n_of_m<3,4>|for_speed", "n_of_m<1,4>"), ("n_of_m<2,04>", "n_of_m<1,4>"),
                                  ("block<0,4,80>", "1, 2, 4, 8 or 16 outputs"), ("block<3,4,80>", "1, 2, 4, 8 or 16 outputs"),
                                  ("block<1,2,80>", "4 to 256 weights"), ("block<16,32,80>", "4 to 256 weights"),
                                  ("block<16,65536,80>", "4 to 256 weights"), ("block<4,4,100>", "1 to 99 percent"),
                                  ("block<4,4,4294967376>", "1 to 99 percent")):
            recipe(f"spread=int8|{pattern}", f"'int8|{pattern}'", expected)
        recipe("spread=weight_only(int4/010)", "'010'", "decimal")
        recipe("spread=weight_only(int8/32)", "weight_only(int8/32)", "weight_only(int4/32)")
        recipe("spread", "'spread'", "pattern=format")
        recipe("=fp32", "empty pattern")
        recipe("spread=fp32;;mix=fp32", "pattern=format")
        recipe("spread=fp32;", "pattern=format")
        recipe("head/*=fp32", "'head/*'", "x, mix, mix_relu, spread")
        recipe("a" * 64 + "=fp32", "63")

    def test_calibration_is_needed(self):
        self.refused(["--precision", "--calibrate"], "-o", "out.hpp", "--precision", "int8")
        self.refused(["--calibrate"], "-o", "out.hpp", "--recipe", "spread=int8")
        self.refused(["--input", "--calibrate"], "-o", "out.hpp", "--precision", "int8", "--input", "records.npy")

    def test_models(self):
        self.refused(["absent.onnx", "does not exist"], "-o", "out.hpp", model="absent.onnx")
        (self.folder / "damaged.onnx").write_bytes(Image.onnx()[:-40])
        self.refused(["damaged.onnx"], "-o", "out.hpp", model="damaged.onnx")
        (self.folder / "two.onnx").write_bytes(two_inputs())
        self.refused(["two.onnx", "2 inputs", "left, right"], "-o", "out.hpp", model="two.onnx")

    def test_targets(self):
        self.refused(["absent/out.hpp", "folder"], "-o", "absent/out.hpp")
        self.refused(["temporary", "directory"], "-o", "temporary")
        self.refused(["records.npy", "overwritten"], "-o", "out.hpp", "--input", "records.npy", "--output", "./records.npy")
        self.refused(["out.hpp", "twice"], "-o", "out.hpp", "--report", "../" + self.folder.name + "/out.hpp")
        self.refused(["#include"], "-o", 'a"b.hpp')
        self.refused(["absent", "folder"], "-o", "out.hpp", "--report", "absent/r.json")

    def test_odd_names(self):
        """Every name of a file or folder to write: refused at once, not after minutes of work."""
        (self.folder / "loop").symlink_to("pool")
        (self.folder / "pool").symlink_to("loop")
        onnx.write_npy(self.folder / "l.npy", [16], [0] * 16, "i8")
        for option in ("-o", "--output", "--report", "--keep", "--resume"):
            words = ["--input", "records.npy", "--train", "records.npy", "--train-labels", "l.npy"] + (["-o", "out.hpp"] if option != "-o" else [])
            refused = lambda name, *phrases: self.refused(phrases, *words, option, name)
            refused("", option, "the name is empty")
            refused("loop", "loop: cannot be ", "Too many levels of symbolic links")
            refused("loop/inner", "loop/inner: cannot be ", "Too many levels of symbolic links")
            refused("n" * 256, "n" * 256 + ": cannot be ", "File name too long")
            refused("/dev/null", "/dev/null: ")
        for option in ("--input", "--calibrate", "--labels", "--train", "--distil-from"):
            self.refused([option, "the name is empty"], "-o", "out.hpp", option, "")

    def test_records(self):
        def refused(name, *phrases):
            self.refused([name, *phrases], "-o", "out.hpp", "--precision", "int8", "--calibrate", name)
            self.refused([name, *phrases], "-o", "out.hpp", "--input", name)

        def written(name, shape, values):
            onnx.write_npy(self.folder / name, shape, values)
            return name

        values = Image.records(2)
        refused("absent.npy", "does not exist")
        (self.folder / "text.npy").write_text("1, 2, 3")
        refused("text.npy", "numpy.save")
        refused(written("nhwc.npy", [2, 2, 5, 3], values), "[2, 2, 5, 3]", "[records, 3, 2, 5]", "'x'")
        refused(written("one.npy", [3, 2, 5], values[:30]), "[3, 2, 5]")
        refused(written("none.npy", [0, 3, 2, 5], []), "no records")
        onnx.write_npy(self.folder / "l.npy", [2], [0, 1], "i8")
        def refused_to_learn(name, *phrases):
            self.refused([name, *phrases], "-o", "out.hpp", "--precision", "int8", "--calibrate", name)
            self.refused([name, *phrases], "-o", "out.hpp", "--train", name, "--train-labels", "l.npy")

        for value in (0.0, -0.25):
            refused_to_learn(written("same.npy", [2, 3, 2, 5], [value] * 60), f"holds the value {value:g} everywhere")
        values[47] = math.nan
        refused_to_learn(written("nan.npy", [2, 3, 2, 5], values), "NaN", "[1, 1, 1, 2]")
        refused(written("nan.npy", [2, 3, 2, 5], values), "NaN", "[1, 1, 1, 2]")
        values[47] = -math.inf
        refused(written("inf.npy", [2, 3, 2, 5], values), "infinite", "[1, 1, 1, 2]")

    def test_labels(self):
        def refused(name, shape, values, *phrases, kind="i8"):
            onnx.write_npy(self.folder / name, shape, values, kind)
            self.refused([name, *phrases], "-o", "out.hpp", "--input", "records.npy", "--labels", name)

        refused("short.npy", [15], [0] * 15, "[15]", "16 records")
        refused("column.npy", [16, 1], [0] * 16, "[16, 1]")
        refused("high.npy", [16], [3] * 15 + [40], "label 40", "record 15", "0 to 39")
        refused("low.npy", [16], [-1] * 16, "label -1")
        refused("half.npy", [16], [0.0] * 9 + [1.5] + [0.0] * 6, "label 1.5", "record 9", "whole numbers, 0 to 39", kind="f4")
        refused("nan.npy", [16], [0.0] * 15 + [math.nan], "label nan", "record 15", kind="f4")

    def test_numbers_of_techniques(self):
        refused = lambda words, *phrases: self.refused(phrases, "-o", "out.hpp", *words.split())
        for option in ("--prune", "--keep-channels"):
            for ratio in ("0", "1", "1.5", "nan"):
                refused(f"{option} {ratio}", option, f"a ratio of {ratio}", "above 0 and below 1")
            refused(f"{option} half", "usage", "half")
        training = "--train records.npy --train-labels l.npy"
        refused(f"{training} --epochs 0", "--epochs", "1 or more")
        refused(f"{training} --rate 0", "--rate", "0.0001 to 0.01")
        refused(f"{training} --distil-from original --temperature 0", "--temperature", "2 to 8")
        refused(f"{training} --distil-from original --alpha 1.25", "--alpha", "1.25", "0 to 1")
        refused(f"{training} --max-bytes 0", "--max-bytes", "1 or more")

    def test_techniques_that_lack_something(self):
        refused = lambda words, *phrases: self.refused(phrases, "-o", "out.hpp", *words.split())
        for option in ("--ptq", "--gptq", "--ada-round"):
            refused(f"{option} --precision int8", option, "no records to look at", "--calibrate X.npy")
            refused(f"{option} --calibrate records.npy", option, "no layer stores integers", "--precision int8")
        for option in ("--gptq", "--ada-round", "--qat --train records.npy --train-labels l.npy"):
            refused(f"--precision int8 --calibrate records.npy --ptq {option}", "--ptq", option.split()[0], "give one of them")
        refused("--precision int8 --calibrate records.npy --gptq --ada-round", "--ada-round", "--gptq", "give one of them")
        for option in ("--train-labels l.npy", "--epochs 2", "--rate 0.1", "--augment flip", "--seed 2", "--qat", "--distil-from original",
                       "--max-bytes 1000", "--resume d"):
            refused(option, option.split()[0], "no records to train on", "--train X.npy")
        training = "--train records.npy --train-labels l.npy"
        refused(f"{training} --rate 1e6", "--rate", "1e+06", "0.0001 to 0.01")
        for word in ("turn", "shift=0", "shift=1.5", "flip=1", "crop=2", "mix=no", "flip,flip", "none,flip"):
            refused(f"{training} --augment {word}", "--augment", "shift=4, flip, crop=0.8")
        refused("--train records.npy", "--train", "--train-labels L.npy", "--distil-from original")
        refused("--train records.npy --distil-from original --alpha 0.5", "--train-labels L.npy")
        refused("--train records.npy --prune 0.5 --distil-from none", "--train-labels L.npy")
        refused("--train records.npy --train-labels l.npy --alpha 0.5", "--alpha", "no teacher", "--distil-from")
        onnx.write_npy(self.folder / "l.npy", [16], [0] * 16, "i8")
        refused("--train records.npy --train-labels l.npy --qat", "--qat", "no layer stores integers")
        refused("--train records.npy --train-labels l.npy --precision int8", "int8 needs records", "--calibrate X.npy")

    def test_search_decides_alone(self):
        for option in ("--precision int8", "--recipe spread=int8", "--calibrate records.npy", "--gptq --calibrate records.npy",
                       "--ada-round --calibrate records.npy", "--qat",
                       "--prune 0.5", "--keep-channels 0.5", "--low-rank mix=1", "--distil-from original"):
            self.refused(["--max-bytes", "leave --"], "-o", "out.hpp", "--train", "records.npy", "--train-labels", "l.npy",
                         "--max-bytes", "1000", *option.split())

    def test_rewrites(self):
        (self.folder / "waves.onnx").write_bytes(Waves.onnx())
        refused = lambda words, *phrases, model="waves.onnx": self.refused(phrases, "-o", "out.hpp", *words.split(), model=model)
        refused("--low-rank second", "'second'", "label=rank")
        refused("--low-rank =3", "'=3'", "label=rank")
        refused("--low-rank second=many", "label=rank")
        refused("--low-rank second=0", "a rank of 0", "16 x 64", "1 to 12")
        refused("--low-rank second=13", "a rank of 13 saves nothing", "second", "1 to 12")
        refused("--low-rank third=2", "'third'", "first, second, head")
        refused("--low-rank first_relu=2", "'first_relu'", "first, second, head")
        refused("--low-rank second=4 --low-rank second=3", "'second'", "first, head")
        # The rank is that of the layer with fewer channels.
        refused("--keep-channels 0.5 --low-rank second=7", "a rank of 7 saves nothing", "8 x 32", "1 to 6")
        (self.folder / "long.onnx").write_bytes(Waves.onnx(second="s" * 55))
        refused("--low-rank " + "s" * 55 + "=4", "too long", "63 characters", model="long.onnx")
        refused("--keep-channels 0.95", "0.95", "leaves every layer as it is")
        refused("--keep-channels 0.95", "give a smaller one", "head: they are those of an output")
        refused("--keep-channels 0.5", "leaves every layer as it is", "mix: it has 2", "spread: they are those of an output", "leave it out",
                model="image.onnx")
        (self.folder / "grouped.onnx").write_bytes(grouped("inner", 2, 16))
        for ratio in ("0.5", "0.1"):
            refused(f"--keep-channels {ratio}", "first: all are read by 'inner', a conv2d of 2 groups", "last: they are those of an output",
                    "leave it out", model="grouped.onnx")
        refused("--low-rank second=4 --recipe second/low_=int8", "'second/low_'", "second/low_rank")

    def test_training_files(self):
        (self.folder / "waves.onnx").write_bytes(Waves.onnx())
        values, labels = Waves.records(30, 1)
        onnx.write_npy(self.folder / "train.npy", [30, *Waves.INPUT], values)
        onnx.write_npy(self.folder / "l.npy", [30], labels, "i8")
        onnx.write_npy(self.folder / "high.npy", [30], [3] * 30, "i8")
        (self.folder / "four.onnx").write_bytes(Waves.onnx(classes=4))
        (self.folder / "two.onnx").write_bytes(two_inputs())

        def refused(words, *phrases):
            self.refused(phrases, "-o", "out.hpp", *words.split(), model="waves.onnx")

        refused("--train absent.npy --train-labels l.npy", "absent.npy", "does not exist")
        refused("--train records.npy --train-labels l.npy", "records.npy", "[records, 2, 4, 4]")
        refused("--train train.npy --train-labels high.npy", "high.npy", "label 3", "0 to 2")
        taught = "--train train.npy --train-labels l.npy --distil-from "
        refused(taught + "absent.onnx", "absent.onnx", "does not exist")
        refused(taught + "image.onnx", "--distil-from", "[3, 2, 5]", "[2, 4, 4]", "same input")
        refused(taught + "four.onnx", "--distil-from", "4 classes", "3", "same classes")
        refused(taught + "two.onnx", "--distil-from", "2 inputs")
        refused("--train train.npy --train-labels l.npy --report train.npy", "train.npy", "overwritten")
        refused("--train train.npy --train-labels l.npy --resume l.npy", "l.npy", "--resume", "new folder")
        (self.folder / "begun").mkdir()
        (self.folder / "begun/command.txt").write_text("another.onnx -o out.hpp")
        refused("--train train.npy --train-labels l.npy --resume begun", "begun", "compress-model another.onnx -o out.hpp")

    def test_layers_that_cannot_have_a_format(self):
        (self.folder / "depthwise.onnx").write_bytes(grouped("inner", 8))
        (self.folder / "grouped.onnx").write_bytes(grouped("inner", 2))
        (self.folder / "wide.onnx").write_bytes(wide(32897))
        onnx.write_npy(self.folder / "wide.npy", [2, 32897], [float(i % 7) for i in range(2 * 32897)])
        onnx.write_npy(self.folder / "images.npy", [2, 8, 6, 6], [float(i % 7) for i in range(2 * 288)])

        def refused(model, format, *phrases, calibrate="images.npy"):
            self.refused(phrases, "-o", "out.hpp", "--recipe", format, "--calibrate", calibrate, model=model)

        refused("depthwise.onnx", "inner=int8|n_of_m<2,4>", "--recipe: 'inner' cannot have int8|n_of_m<2,4>", "a depthwise layer has too few")
        refused("depthwise.onnx", "inner=int4/4", "'inner' cannot have int4/4", "without a group")
        refused("depthwise.onnx", "inner=dynamic(int8)", "'inner'", "weight_only(int8)")
        refused("depthwise.onnx", "inner=binary_activations", "'inner'", "binary")
        refused("grouped.onnx", "inner=int8|block<8,4,50>", "4 inputs and 4 outputs in each group", "the block's")
        refused("grouped.onnx", "*=int8|n_of_m<1,4>|for_speed", "'first' cannot have", "of n_of_m<1,4>, 16", "leave for_speed out")
        refused("grouped.onnx", "last=int4/16", "runs of 8 neighbouring inputs")
        refused("grouped.onnx", "last=int8|block<4,2,50>", "no kernel stores")
        refused("grouped.onnx", "last=fp16|unstructured<50>", "'last' cannot have fp16|unstructured<50>", "no kernel stores")
        (self.folder / "small.onnx").write_bytes(wide(4))
        onnx.write_npy(self.folder / "small.npy", [2, 4], [float(i) for i in range(8)])
        refused("small.onnx", "*=int8|codebook<2>", "larger than the layer", calibrate="small.npy")
        for words in (["--precision", "int8"], ["--recipe", "w*=int8"], ["--precision", "dynamic(int4)"]):
            self.refused([f"{words[0]}: 'wide' cannot have", "32897 products", "32896", "give fp32"], "-o", "out.hpp", *words, "--calibrate",
                         "wide.npy", model="wide.onnx")
        # Where no layer can have it, --precision is refused too.
        self.refused(["--precision: 'wide' cannot have int8|block<16,4,50>", "the block's"], "-o", "out.hpp", "--precision",
                     "int8|block<16,4,50>", "--calibrate", "small.npy", model="small.onnx")

    def explain(self, *words):
        """What is printed; nothing is compiled or written."""
        before = sorted(path.name for path in self.folder.iterdir())
        result = self.convert(*words, "--explain", CXX="no-such-compiler")
        self.expect_good(result)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), before)
        return result.stdout

    def test_explain(self):
        (self.folder / "waves.onnx").write_bytes(Waves.onnx())
        onnx.write_npy(self.folder / "seen.npy", [8, *Waves.INPUT], Waves.records(8, 1)[0])
        onnx.write_npy(self.folder / "l.npy", [8], [0] * 8, "i8")
        text = self.explain("waves.onnx")
        self.assertRegex(text, r"reads x \[2, 4, 4\], gives y \[3\]")
        self.assertRegex(text, r"\nsecond +conv2d +\[1, 1, 16\] +fp32 +4160 +1024\n")  # 16 x 64 weights, 16 biases of 4 bytes
        self.assertNotIn("as changed", text)
        text = self.explain("waves.onnx", "--precision", "int8", "--recipe", "head=fp32", "--keep-channels", "0.5", "--low-rank", "second=3",
                            "--prune", "0.5", "--gptq", "--qat", "--calibrate", "seen.npy", "--train", "seen.npy", "--train-labels", "l.npy",
                            "--keep", "kept", "--resume", "checkpoints", "-o", "out.hpp")
        as_changed = text[text.index("as changed"):]
        self.assertRegex(as_changed, r"\nsecond/low_rank +conv2d +\[1, 1, 3\] +int8 ")
        self.assertRegex(as_changed, r"\nhead +linear +\[3\] +fp32 ")
        for line in ("--keep-channels: first has 8 of 16, second has 8 of 16; all stay in head: they are those of an output",
                     "--low-rank: second becomes two thin layers of rank 3",
                     "--prune: zeros are 0.5 of the weights of first, second/low_rank, second, head, where calibration records say; not stored "
                     "in no layer", "--gptq: rounds first, second/low_rank, second\n", "--train: with the integers of first, second/low_rank"):
            self.assertIn("\n" + line, as_changed)
        self.assertLess(text.index("--gptq"), text.index("--train"))
        text = self.explain("waves.onnx", "--train", "seen.npy", "--train-labels", "l.npy", "--max-bytes", "1000")
        self.assertIn("100, 75, 50 % of the channels", text)

        (self.folder / "depthwise.onnx").write_bytes(grouped("inner", 8))
        onnx.write_npy(self.folder / "images.npy", [2, 8, 6, 6], [float(i % 7) for i in range(2 * 288)])
        calibrated = ["depthwise.onnx", "--calibrate", "images.npy", "--precision"]
        for format, instead in (("int8|n_of_m<2,4>", "int8"), ("int4/8", "int4"), ("dynamic(int4/8)", "weight_only(int4)"),
                                ("int8|block<8,8,50>", "int8")):
            text = self.explain(*calibrated, format)
            self.assertIn(f"\n--precision: {format} does not fit inner, given {instead}\n", text)
            changed = text[text.index("as changed"):]
            self.assertRegex(changed, rf"\ninner +depthwise_conv2d +\[4, 4, 8\] +{re.escape(instead)} ")
            self.assertRegex(changed, rf"\nfirst +conv2d +\[6, 6, 8\] +{re.escape(format)} ")
        # What is wrong is said as without it.
        self.refused(["seen.npy", "[8, 2, 4, 4]"], "-o", "out.hpp", "--input", "seen.npy", "--explain")
        self.refused(["high.npy", "does not exist"], "--explain", "--input", "records.npy", "--labels", "high.npy")
        onnx.write_npy(self.folder / "two.npy", [2], [0, 1], "i8")
        self.refused(["--qat: 'last'", "never negative"], "--explain", "--precision", "int8", "--recipe", "last=binary_activations", "--qat",
                     "--train", "images.npy", "--train-labels", "two.npy", model="depthwise.onnx")

    def test_headers_have_moved(self):
        self.expect_refused(2, ["COMPRESS_INCLUDE"], "image.onnx", "-o", "out.hpp", COMPRESS_INCLUDE=str(self.temporary))

    def test_help(self):
        result = self.convert("--help")
        self.expect_good(result)
        for option in ("--ptq", "--gptq", "--ada-round", "--prune", "--keep-channels", "--low-rank", "--train", "--train-labels", "--epochs", "--rate",
                       "--seed", "--qat", "--distil-from", "--temperature", "--alpha", "--max-bytes", "--resume"):
            self.assertIn(f"\n  {option} ", result.stdout)
        for option in ("--precision", "--recipe", "--calibrate", "--calibration", "--input", "--output", "--labels", "--report", "--keep",
                       "--cxx", "--flags", "COMPRESS_INCLUDE"):
            self.assertIn(option, result.stdout)


class Compilers(Case):
    def test_absent(self):
        self.expect_refused(1, ["no-such-compiler", "--cxx"], "image.onnx", "-o", "out.hpp", "--cxx", "no-such-compiler")

    def test_where_it_is_looked_for(self):
        """A name in PATH alone; what lies in the folder of the call is run only where that is said."""
        own = self.folder / "c++"
        own.write_text("#!/bin/sh\necho ran > ../../ran\nexit 1\n")
        own.chmod(0o755)
        tools = self.folder / "tools"
        (tools / "folder").mkdir(parents=True)
        for name in ("usual", "c++"):
            (tools / name).write_text("#!/bin/sh\nexit 7\n")
            (tools / name).chmod(0o755)
        usual = lambda path, cxx, *words: self.expect_refused(1, [f"{tools}/{cxx or 'c++'}: ended with code 7"], "image.onnx", "-o", "out.hpp",
                                                              *words, CXX=cxx, PATH=path)
        for path in (f"{tools}", f":{tools}", f".:{tools}", f"{self.folder.parent}:nowhere:{tools}"):
            usual(path, "")
            usual(path, "usual")
        self.assertFalse((self.folder / "ran").exists())
        no_program = lambda name, path: self.expect_refused(1, [name + ": is no program of PATH", "--cxx"], "image.onnx", "-o", "out.hpp",
                                                            "--cxx", name, PATH=path)
        no_program("c++", ":.:")
        no_program("folder", str(tools))
        self.expect_refused(1, ["tools/folder: is no program; "], "image.onnx", "-o", "out.hpp", "--cxx", "tools/folder")
        (self.folder / "ran").write_text("")  # so that the check of left files does not see a new one
        self.expect_refused(1, ["/c++: ended with code 1"], "image.onnx", "-o", "out.hpp", "--cxx", "./c++")
        self.assertEqual((self.folder / "ran").read_text(), "ran\n")

    def test_older_standards(self):
        for flags in ("-O1 -std=c++17", "--std=gnu++14", "-ansi"):
            self.expect_refused(2, ["--flags: " + flags.split()[-1], "C++20"], "image.onnx", "-o", "out.hpp", f"--flags={flags}",
                                CXX=self.compiler("exit 1\n"))
        self.expect_refused(1, ["code 9"], "image.onnx", "-o", "out.hpp", "--flags=-std=gnu++23", CXX=self.compiler("exit 9\n"))

    def test_failing(self):
        words = self.compiler('echo "$PWD/model.hpp:7: error: something"\nfor i in $(seq 100); do echo "line $i"; done >&2\nexit 3\n')
        said = self.expect_refused(1, ["code 3"], "image.onnx", "-o", "out.hpp", "--cxx", words)
        self.assertIn("\nmodel.hpp:7: error: something\nline 1\n", said)
        self.assertNotIn(str(self.temporary), said)
        self.assertNotIn("line 50", said)

    def test_markers_of_the_templates(self):
        """A folder whose name holds the words that stand for something in the programs' templates."""
        words = "EPOCHS TEMPERATURE ALPHA WIDTHS CHECKPOINTS INCLUDES"
        onnx.write_npy(self.folder / "l.npy", [16], [0] * 16, "i8")
        result = self.convert("image.onnx", "-o", "out.hpp", "--train", "records.npy", "--train-labels", "l.npy", "--max-bytes", "300",
                              "--resume", words, "--keep", "kept", "--cxx", self.compiler("exit 1\n"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(f'options.folder = "{self.folder / words}";', (self.folder / "kept/search.cpp").read_text())

    def test_program_that_crashes(self):
        words = self.compiler("printf '#!/bin/sh\\nkill -SEGV $$\\n' > $name; chmod +x $name\n")
        self.expect_refused(1, ["image.onnx", "signal 11"], "image.onnx", "-o", "out.hpp", "--cxx", words)

    def test_ended_by_signals(self):
        """The compiler is ended, with what it started, and its files go."""
        words = self.compiler("sleep 60 & echo $! > ../../sleeper.new; echo > half-written; mv ../../sleeper.new ../../sleeper; wait\n")
        (self.folder / "out.hpp").write_text("old")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            sleeper = self.folder / "sleeper"
            sleeper.unlink(missing_ok=True)
            running = self.start("-o", "out.hpp", "--cxx", words)
            self.wait_for(sleeper)
            running.send_signal(number)
            said = running.communicate(timeout=20)[1]
            self.assertEqual(running.returncode, -number)
            self.assertIn("compress-model: interrupted; nothing was written", said)
            self.assertEqual((self.folder / "out.hpp").read_text(), "old")
            self.expect_clean()
            self.expect_ended(sleeper)

    def start(self, *words):
        return subprocess.Popen([ARGUMENTS.program, "image.onnx", *words], cwd=self.folder, env=self.environment(), stderr=subprocess.PIPE,
                                text=True)

    def wait_for(self, file):
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertTrue(file.exists())

    def expect_ended(self, sleeper):
        """The process whose number is in that file."""
        state = Path("/proc", sleeper.read_text().strip(), "stat")
        deadline = time.monotonic() + 5
        while state.exists() and state.read_text().split()[2] != "Z":
            self.assertLess(time.monotonic(), deadline, "a process is left")
            time.sleep(0.02)

    def test_that_leaves_a_process(self):
        """It holds the pipe, writes to it and outlives the compiler: that is not waited for, and it is ended."""
        sleeper = self.folder / "sleeper"
        sleeper.write_text("")
        for left in ("sleep 600", "sh -c 'while :; do echo more; done'"):
            words = self.compiler(f"echo said; {left} & echo $! > ../../sleeper; exit 5\n")
            started = time.monotonic()
            self.assertIn("said\n", self.expect_refused(1, ["code 5"], "image.onnx", "-o", "out.hpp", "--cxx", words))
            self.assertLess(time.monotonic() - started, 20)
            self.expect_ended(sleeper)

    def test_killed(self):
        """Nothing can be cleaned up then, but the compiler and what it started do not go on."""
        sleeper = self.folder / "sleeper"
        words = self.compiler("sleep 600 & echo $! > ../../sleeper.new; mv ../../sleeper.new ../../sleeper; wait\n")
        running = self.start("-o", "out.hpp", "--cxx", words)
        self.wait_for(sleeper)
        running.kill()
        running.communicate(timeout=20)
        self.expect_ended(sleeper)

    def test_one_folder_for_two(self):
        sleeper = self.folder / "sleeper"
        words = self.compiler(f"echo $$ > {self.folder}/sleeper.new; mv {self.folder}/sleeper.new {sleeper}; sleep 600\n")
        onnx.write_npy(self.folder / "l.npy", [16], [0] * 16, "i8")
        training = ["--train", "records.npy", "--train-labels", "l.npy", "--resume", "checkpoints"]
        for option, folder, more in (("--keep", "kept", []), ("--resume", "checkpoints", training)):
            (self.folder / folder).mkdir()
            words_of_both = ["-o", "out.hpp", "--cxx", words, *(more or [option, folder])]
            running = self.start(*words_of_both)
            self.wait_for(sleeper)
            content = {path: path.stat().st_mtime_ns for path in (self.folder / folder).rglob("*")}
            self.expect_refused_beside(running, [option, folder, "another compress-model"], words_of_both)
            self.assertEqual({path: path.stat().st_mtime_ns for path in (self.folder / folder).rglob("*")}, content)
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=20)
            sleeper.unlink()
        self.expect_refused(2, ["--resume", "--keep too"], "image.onnx", "-o", "out.hpp", *training, "--keep", "./checkpoints")

    def expect_refused_beside(self, running, phrases, words):
        result = self.convert("image.onnx", *words)
        self.assertIsNone(running.poll())
        self.assertEqual(result.returncode, 2, result.stderr)
        for phrase in phrases:
            self.assertIn(phrase, result.stderr)


class Conversions(Case):
    def outputs(self, name):
        return onnx.parse_npy((self.folder / name).read_bytes())

    def expect_close(self, found, expected, bound):
        self.assertEqual(len(found), len(expected))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found, expected)), bound)

    def compile_alone(self, header, run):
        """With the flags of compress::inference and nothing else."""
        source = self.folder / "alone.cpp"
        source.write_text(f'#include "{header}"\nint main() {{ {run} }}\n')
        subprocess.run([*ARGUMENTS.compiler, f"@{ARGUMENTS.flags}", "-O1", "-march=native", "-Wno-invalid-feature-combination", "-Wall",
                        "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fno-exceptions", "-fno-rtti", "-o", "alone",
                        source.name], cwd=self.folder, check=True)
        subprocess.run([self.folder / "alone"], check=True)

    def test_fp32_in_the_layout_of_the_source(self):
        result = self.convert("image.onnx", "-o", "my image.hpp", "--input", "records.npy", "--output", "y.npy", "--report", "r.json", *QUICK)
        self.expect_good(result)
        shape, values = self.outputs("y.npy")
        self.assertEqual(shape, (16, *Image.OUTPUT))
        self.expect_close(values, Image.outputs(Image.records(16)), 1e-5)
        report = json.loads((self.folder / "r.json").read_text())
        self.assertEqual([v["name"] for v in report["variants"]], ["fp32"])
        self.assertIn("fp32", result.stdout)
        self.assertIn("namespace my_image {", (self.folder / "my image.hpp").read_text())
        for step in ("import", "compile", "convert", "measure", "verify"):
            self.assertIn(f"\n{step} ", "\n" + result.stderr)

    def test_few_bits(self):
        result = self.convert("image.onnx", "-o", "out.hpp", "--precision", "int4", "--recipe", "spread=int8 | n_of_m<2,4>", "--calibrate",
                              "records.npy", "--report", "r.json", *QUICK)
        self.expect_good(result)
        report = json.loads((self.folder / "r.json").read_text())
        self.assertEqual([v["precision"] for v in report["variants"]], ["fp32", "int4+int8"])
        self.assertEqual([v["sparsity"] for v in report["variants"]], ["dense", "dense+n_of_m<2,4>"])
        self.assertIn("Judged by the calibration records", result.stdout)
        self.assertEqual([l["larger_format"] for l in report["variants"][1]["layers"] if l["larger_format"]], ["int8", "int8"])
        self.assertIn("recipe{tensor_compress::int4}.with(\"spread\", tensor_compress::int8 | tensor_compress::n_of_m<2,4>)",
                      (self.folder / "out.hpp").read_text())
        self.expect_refused(2, ["the format 'int8/32' is unknown", "fp32, int8, int4, int3, int2, ternary, binary"], "image.onnx", "-o",
                            "out.hpp", "--precision", "int8/32")

    def test_ranges_at_run_time(self):
        """Nothing is calibrated, so no records are asked for. Files have names that are no UTF-8, and as long as names can be."""
        model, header, report = (os.fsdecode(b"\xff\xc3" + name) for name in (b".onnx", b"n" * 249 + b".hpp", b"r" * 248 + b".json"))
        (self.folder / "image.onnx").rename(self.folder / model)
        result = self.convert(model, "-o", header, "--report", report, "--precision", "dynamic(int8)", "--recipe", "mix*=dynamic(int4)", *QUICK)
        self.expect_good(result)
        self.assertEqual(json.loads((self.folder / report).read_text())["model"], "\ufffd\ufffd")
        text = (self.folder / header).read_text()
        self.assertIn("recipe{tensor_compress::dynamic(tensor_compress::int8)}.with(\"mix*\", tensor_compress::dynamic(tensor_compress::int4))",
                      text)

    def test_recipe_and_verification(self):
        """Ranges from records, a float layer among int8 ones; the programs are kept and then tampered with."""
        words = ["image.onnx", "-o", "out.hpp", "--precision", "int8", "--recipe", "mix*=fp32; spread=int8;[s]p*=fp32", "--calibrate",
                 "records.npy", "--calibration", "percentile", "--input", "records.npy", "--output", "y.npy", "--report", "r.json"]
        result = self.convert(*words, "--keep", "kept", *QUICK)
        self.expect_good(result)
        shape, values = self.outputs("y.npy")
        self.assertEqual(shape, (16, *Image.OUTPUT))
        self.expect_close(values, Image.outputs(Image.records(16)), 0.05)  # only the input is int8: its steps are 2 / 255
        report = json.loads((self.folder / "r.json").read_text())
        self.assertEqual([v["precision"] for v in report["variants"]], ["fp32", "fp32"])
        formats = {layer["label"]: layer["format"] for layer in report["variants"][1]["layers"]}
        self.assertEqual((formats["x"], formats["mix"], formats["spread"]), ("int8", "fp32", "fp32"))
        self.assertIn("calibrate 16 records", result.stderr)
        self.assertIn("SQNR dB", result.stdout)
        for name in ("model.hpp", "convert.cpp", "verify.cpp", "weights.safetensors", "header/out.hpp"):
            self.assertTrue((self.folder / "kept" / name).is_file(), name)

        for name in ("y.npy", "r.json"):
            (self.folder / name).unlink()
        onnx.write_npy(self.folder / "huge.npy", [1, *Image.INPUT], [3e38, -3e38] * 15)
        kept = self.compiler('[ $name != convert ] || cp ../../kept/convert convert\n')
        self.expect_refused(2, ["image.onnx: ", "not finite on the calibration records"],
                            *[word if word != "records.npy" else "huge.npy" for word in words], "--cxx", kept)
        another = self.compiler("case $name in convert) cp ../../kept/convert convert ;; verify) printf '#!/bin/sh\\n"
                                "printf differs; exit 1\\n' > verify; chmod +x verify ;; esac\n")
        self.expect_refused(1, ["out.hpp", "does not compute", "(differs)"], *words, "--cxx", another)
        other_bytes = self.compiler("case $name in convert) cp ../../kept/convert convert ;; verify) cp ../../kept/verify verify;"
                                    " printf '\\001\\002\\003\\004' | dd of=verification.bin conv=notrunc bs=1 seek=120 2>/dev/null ;; esac\n")
        self.expect_refused(1, ["does not compute", "record 0"], *words, "--cxx", other_bytes)

    def test_values_without_a_ratio(self):
        """A layer that is dead on the calibration records, and records on which the float net overflows."""
        class Dead(Image):
            MIX_BIAS = [-100.0, -100.0]

        (self.folder / "dead.onnx").write_bytes(Dead.onnx())
        onnx.write_npy(self.folder / "huge.npy", [2, *Image.INPUT], [3.3e38, 1e38, -3.3e38] * 20)
        result = self.convert("dead.onnx", "-o", "out.hpp", "--precision", "int8", "--calibrate", "records.npy", "--input", "huge.npy",
                              "--report", "r.json", *QUICK)
        self.expect_good(result)
        warning = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
        self.assertEqual(len(warning), 1, result.stderr)
        self.assertIn("the same for all calibration records: mix_relu, spread; ", warning[0])
        self.assertIn("int8: outputs overflow on these records", result.stdout)
        self.assertNotIn("nan", result.stdout)
        self.assertNotIn("Judged by", result.stdout)
        self.assertIsNone(json.loads((self.folder / "r.json").read_text())["variants"][1]["sqnr_db"])

    def test_keyword_spotting(self):
        if data_folder() is None:
            self.skipTest("no data folder: keyword spotting is not converted to int8 and fp32")
        model = data_folder() / "models/kws_sm_fp32.onnx"
        pairs = onnx.read_npz(data_folder() / "models/kws_sm_pairs.npz")
        shape, inputs = pairs["x_nchw"]
        expected, labels = pairs["y"][1], pairs["label"][1]
        onnx.write_npy(self.folder / "x.npy", shape, inputs)
        onnx.write_npy(self.folder / "labels.npy", [len(labels)], labels, "i8")
        half = len(inputs) // 2
        onnx.write_npy(self.folder / "calibration.npy", (shape[0] // 2, *shape[1:]), inputs[:half])
        io = ["--input", "x.npy", "--output", "y.npy", "--labels", "labels.npy", "--report", "r.json"]

        self.expect_good(self.convert(str(model), "-o", "float_net.hpp", *io, *QUICK))
        self.assertEqual(self.outputs("y.npy")[0], (64, 12))
        self.expect_close(self.outputs("y.npy")[1], expected, 1e-4)

        self.expect_good(self.convert(str(model), "-o", "int8_net.hpp", "--precision", "int8", "--calibrate", "calibration.npy", *io))
        found = self.outputs("y.npy")[1]
        top = lambda values, i: max(range(12), key=lambda k: values[12 * i + k])
        self.assertGreaterEqual(sum(top(found, i) == top(expected, i) for i in range(64)), 61)
        self.expect_close(found, expected, 0.25)
        self.assertLess(sum(abs(a - b) for a, b in zip(found, expected)) / len(found), 0.01)
        report = json.loads((self.folder / "r.json").read_text())
        before, after = report["variants"]
        self.assertEqual((before["name"], after["name"]), ("fp32", "int8"))
        self.assertGreaterEqual(after["accuracy"], before["accuracy"] - 4)
        self.assertGreater(after["sqnr_db"], 20)
        self.assertLess(after["weights_bytes"], 0.5 * before["weights_bytes"])
        self.compile_alone("int8_net.hpp", "return int8_net::net::weights_bytes > 0 && int8_net::weights.inputs[0].scale > 0 ? 0 : 1;")

    def test_compress_add_model(self):
        source = Path(__file__).resolve().parent / "consumer"
        for name in ("CMakeLists.txt", "main.cpp"):
            shutil.copy(source / name, self.folder)
        def run(*words):
            result = subprocess.run(words, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(result.returncode, 0, result.stdout)
            return result.stdout

        onnx.write_npy(self.folder / "test.npy", [2, *Image.INPUT], Image.records(2))
        build = lambda: run(ARGUMENTS.cmake, "--build", "build")
        run(ARGUMENTS.cmake, "-S", ".", "-B", "build", "-G", ARGUMENTS.generator, f"-DCMAKE_CXX_COMPILER={ARGUMENTS.compiler[-1]}",
            f"-DCOMPRESS_ADD_MODEL={ARGUMENTS.source}/cmake/compress_add_model.cmake", f"-DCOMPRESS_FLAGS={ARGUMENTS.flags}",
            f"-DCOMPRESS_MODEL_PROGRAM={ARGUMENTS.program}")
        self.assertIn("Compressing small", build())
        printed = run("build/consumer")
        expected = Image.outputs([0.0] * 30)
        self.assertEqual(printed, f"{expected[0]:.4f} {expected[30]:.4f}\n")
        self.assertEqual(json.loads((self.folder / "build/report.json").read_text())["model"], "image")
        self.assertNotIn("Compressing small", build(), "made again, though nothing has changed")
        onnx.write_npy(self.folder / "test.npy", [3, *Image.INPUT], Image.records(3))
        self.assertIn("Compressing small", build(), "not made again, though what --input names has changed")


class Techniques(Case):
    """What is done to a model and its weights before they are converted."""

    def setUp(self):
        super().setUp()
        (self.folder / "waves.onnx").write_bytes(Waves.onnx())
        (self.folder / "wide.onnx").write_bytes(Waves.onnx(24, seed=2))
        for name, count, seed in (("train", 240, 1), ("test", 60, 2), ("seen", 64, 3)):
            values, labels = Waves.records(count, seed)
            onnx.write_npy(self.folder / f"{name}.npy", [count, *Waves.INPUT], values)
            onnx.write_npy(self.folder / f"{name}_labels.npy", [count], labels, "i8")

    TRAINING = ["--train", "train.npy", "--train-labels", "train_labels.npy"]
    JUDGED = ["--input", "test.npy", "--labels", "test_labels.npy", "--report", "r.json", *QUICK]

    def variants(self):
        return json.loads((self.folder / "r.json").read_text())["variants"]

    def zeros_of(self, header, label):
        """(zero bytes, bytes) of a layer's weights in a header."""
        text = (self.folder / header).read_text()
        lines = re.search(rf"/// {label}\n[^\n]* =((?:\n    \"[^\n]*\";?)+)", text).group(1)
        stored = "".join(re.findall(r'"(.*)"', lines)).encode().decode("unicode_escape")
        return stored.count("\0"), len(stored)

    def caching_compiler(self):
        """Compiles each program once: the same command then has it at once."""
        compiler = " ".join(f"'{word}'" for word in ARGUMENTS.compiler)
        return self.compiler("cache=../../cache; mkdir -p $cache\n"
                             "key=$cache/$name-$(cat *.cpp *.hpp header/*.hpp 2>/dev/null | cksum | tr ' ' -)\n"
                             f"[ -f $key ] || {{ {compiler} \"$@\" && cp $name $key; }} && cp $key $name\n")

    def test_zeros_and_rounding_on_records(self):
        self.expect_good(self.convert("waves.onnx", "-o", "out.hpp", "--precision", "int8", "--gptq", "--prune", "0.6", "--calibrate",
                                      "seen.npy", *self.JUDGED))
        before, after = self.variants()
        self.assertEqual(after["name"], "int8; pruned 0.6; gptq")
        self.assertLess(after["weights_bytes"], before["weights_bytes"])
        self.assertGreater(after["sqnr_db"], 20)
        zeros, size = self.zeros_of("out.hpp", "second")
        self.assertGreaterEqual(zeros, 0.6 * 16 * 64, f"of {size}")

    def test_learned_rounding(self):
        self.expect_good(self.convert("waves.onnx", "-o", "out.hpp", "--precision", "int4", "--ada-round", "--calibrate", "seen.npy",
                                      *self.JUDGED, "--keep", "kept"))
        after = self.variants()[1]
        self.assertEqual(after["name"], "int4; ada-round")
        programs = "".join(path.read_text() for path in (self.folder / "kept").rglob("*.cpp"))
        self.assertIn("p.rounded = tc::ada_round<", programs)
        self.assertNotIn("p.rounded = tc::gptq<", programs)
        self.assertGreater(after["sqnr_db"], 15)

    def test_layers_without_bias(self):
        """What rounding would correct has nowhere to go among float weights; labels are floats here."""
        numbers = random.Random(4)
        weights = lambda count: [numbers.uniform(-0.5, 0.5) for _ in range(count)]
        (self.folder / "plain.onnx").write_bytes(onnx.model(
            [onnx.node("Flatten", "flat", ["x"], "a"), onnx.node("MatMul", "inner", ["a", "inner.w"], "b"), onnx.node("Relu", "relu", ["b"], "c"),
             onnx.node("Gemm", "head", ["c", "head.w", "head.b"], "y")],
            [onnx.tensor("inner.w", [32, 16], weights(512)), onnx.tensor("head.w", [16, 3], weights(48)), onnx.tensor("head.b", [3], [0] * 3)],
            [onnx.value_info("x", ["batch", *Waves.INPUT])], [onnx.value_info("y", ["batch", 3])]))
        labels = onnx.parse_npy((self.folder / "train_labels.npy").read_bytes())[1]
        onnx.write_npy(self.folder / "train_labels.npy", [240], [float(label) for label in labels])
        self.expect_good(self.convert("plain.onnx", "-o", "out.hpp", "--precision", "int4", "--gptq", "--qat", "--calibrate", "seen.npy",
                                      *self.TRAINING, "--epochs", "30", "--rate", "0.01", *self.JUDGED))
        after = self.variants()[1]
        self.assertEqual(after["name"], "int4; gptq; qat; taught")
        self.assertGreater(after["accuracy"], 60)

    def test_smaller_layers_taught_by_another_model(self):
        result = self.convert("waves.onnx", "-o", "out.hpp", "--precision", "int8", "--ptq", "--calibrate", "seen.npy", "--keep-channels",
                              "0.5", "--low-rank", "second=3", *self.TRAINING, "--epochs", "40", "--rate", "0.01", "--seed", "3",
                              "--distil-from", "wide.onnx", "--temperature", "2", "--alpha", "0.01", *self.JUDGED)
        self.expect_good(result)
        before, after = self.variants()
        self.assertEqual(after["name"], "int8; channels 0.5; rank second=3; trained; taught")
        # 8 filters of 18 at 4 places; 3 of 32 and 8 of 3 at one; 3 of 8.
        self.assertEqual(after["macs"], 8 * 18 * 4 + 3 * 32 + 8 * 3 + 3 * 8)
        self.assertIn("second/low_rank", [layer["label"] for layer in after["layers"]])
        self.assertLess(before["accuracy"], 60)
        self.assertGreater(after["accuracy"], 80)
        self.assertIn("epoch 40/40", result.stderr)

    def test_training_with_integers_goes_on(self):
        words = ["waves.onnx", "-o", "out.hpp", "--precision", "int8", "--prune", "0.5", *self.TRAINING, "--epochs", "300", "--rate", "0.01",
                 "--qat", "--distil-from", "original", "--alpha", "0.1", "--resume", "checkpoints", *self.JUDGED]
        environment = {"CXX": self.caching_compiler()}
        running = subprocess.Popen([ARGUMENTS.program, *words], cwd=self.folder, env=self.environment(**environment),
                                   stderr=subprocess.PIPE, text=True)
        for line in running.stderr:
            if line.startswith("epoch   3/300"):
                break
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        self.assertEqual(running.returncode, -signal.SIGINT, said)
        self.assertIn("compress-model: interrupted; nothing was written, start it again to go on from checkpoints", said)
        self.assertFalse((self.folder / "out.hpp").exists())
        self.expect_clean()

        result = self.convert(*words, **environment)
        self.expect_good(result)
        epochs = re.findall(r"^epoch +(\d+)/300", result.stderr, re.MULTILINE)
        self.assertGreater(int(epochs[0]), 3)
        self.assertEqual(epochs[-1], "300")
        before, after = self.variants()
        self.assertEqual(after["name"], "int8; pruned 0.5; qat; taught")
        self.assertLess(before["accuracy"], 60)
        self.assertGreater(after["accuracy"], 80)
        zeros, size = self.zeros_of("out.hpp", "second")
        self.assertGreaterEqual(zeros, 0.5 * 16 * 64, f"of {size}")
        (self.folder / "out.hpp").unlink()
        self.refused_again(words)

    def refused_again(self, words):
        """Another command does not go on from these checkpoints."""
        never = self.compiler("echo compiled; exit 1\n")
        other = ["0.25" if word == "0.5" else word for word in words]
        self.expect_refused(2, ["--resume", "--prune 0.5", "name another folder"], *other, CXX=never)

    def test_search_within_bytes(self):
        words = lambda most: ["waves.onnx", "-o", "out.hpp", "--max-bytes", most, *self.TRAINING, "--epochs", "2", "--rate", "0.01",
                              "--resume", "checkpoints", *self.JUDGED]
        environment = {"CXX": self.caching_compiler()}
        result = self.convert(*words("1500"), **environment)
        self.expect_good(result)
        after = self.variants()[1]
        self.assertLessEqual(after["weights_bytes"], 1500)
        self.assertIn("recipe{", after["name"])
        self.assertIn("held-out records right; *: chosen", result.stdout)
        self.assertIn("epoch 2/2", result.stderr)
        header = (self.folder / "out.hpp").read_bytes()
        again = self.convert(*words("1500"), **environment)
        self.expect_good(again)
        self.assertNotIn("\nepoch ", again.stderr)
        self.assertEqual((self.folder / "out.hpp").read_bytes(), header)

        shutil.rmtree(self.folder / "checkpoints")
        few = [word for word in words("100") if word not in ("--resume", "checkpoints")]
        said = self.expect_refused(1, ["--max-bytes", "held-out records right", "more than 100", "the fewest that any net of the search has"], *few)
        self.assertIn("epoch 2/2", said)


def main():
    global ARGUMENTS
    parser = argparse.ArgumentParser()
    for option in ("--program", "--source", "--flags", "--work"):
        parser.add_argument(option, type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--generator", default="Ninja")
    parser.add_argument("--only", action="append", help="tests to run, as Class.test")
    parser.add_argument("compiler", nargs="+")
    ARGUMENTS = parser.parse_args()
    names = ARGUMENTS.only or ["Usage", "Compilers", "Conversions", "Techniques"]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    for _, reason in result.skipped:
        print("SKIPPED:", reason)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
