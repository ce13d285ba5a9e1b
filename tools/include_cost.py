#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures what including each public header costs: milliseconds of compiler time beyond an empty file, as a Markdown table.

    /usr/bin/python3 tools/include_cost.py [--compiler g++] [--repeat 5] [--options "-O2 -march=native"] [header...]

Time is user and system time of the compiler, the smallest of the repetitions, so other programs disturb it little. `lines` is
what remains after preprocessing; `brings` are the outside libraries and heavy standard headers among the files that are read.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include"
HEADERS = """
    core/precision.hpp core/fixed_point.hpp core/quantization.hpp
    core/executor.hpp graph/builder.hpp graph/recipe.hpp
    layers/linear.hpp layers/conv2d.hpp layers/depthwise_conv2d.hpp layers/elementwise.hpp layers/pool.hpp layers/layer_norm.hpp
    layers/matmul.hpp layers/softmax.hpp
    net/net.hpp net/fits.hpp inference.hpp
    tensor/xtensor.hpp tensor/digits.hpp tensor/thread_pool.hpp tensor/runner.hpp
    io/safetensors.hpp io/npz.hpp io/torch_archive.hpp io/idx.hpp io/onnx.hpp io/model_text.hpp io/emit_header.hpp
    calibrate/calibration.hpp transform/calibrate.hpp transform/convert.hpp transform/load_weights.hpp
    evaluate/describe.hpp evaluate/measure.hpp evaluate/report.hpp
    compress.hpp
""".split()
BRINGS = {"Hana": r"boost/hana/", "xsimd": r"/xsimd/", "intrinsics": r"(immintrin|arm_neon)\.h", "xtensor": r"/xtensor/",
          "protozero": r"/protozero/", "nlohmann-json": r"/nlohmann/", "libzip": r"/zip\.h", "zlib": r"/zlib\.h",
          "<cmath>": r"c\+\+/\d+/cmath$", "<string>": r"c\+\+/\d+/string$", "<map>": r"c\+\+/\d+/map$",
          "<functional>": r"c\+\+/\d+/functional$", "<filesystem>": r"c\+\+/\d+/filesystem$"}


def cpu_seconds(command):
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {shlex.join(command)}")
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--options", default="-O2 -march=native")
    parser.add_argument("headers", nargs="*", default=HEADERS, help="relative to include/compress")
    arguments = parser.parse_args()
    command = [arguments.compiler, "-std=c++20", *shlex.split(arguments.options), "-I", str(INCLUDE)]

    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "unit.cpp", Path(folder) / "unit.o"

        def cost(text):
            source.write_text(text)
            return min(cpu_seconds([*command, "-c", str(source), "-o", str(result)]) for _ in range(arguments.repeat))

        empty = cost("")
        print("| header | ms | lines | brings |\n| --- | ---: | ---: | --- |")
        for header in arguments.headers:
            text = f"#include <compress/{header}>\n"
            seconds = cost(text) - empty
            preprocessed = subprocess.run([*command, "-E", str(source)], capture_output=True, text=True, check=True).stdout
            lines = sum(1 for line in preprocessed.splitlines() if line.strip() and not line.startswith("#"))
            files = subprocess.run([*command, "-M", str(source)], capture_output=True, text=True, check=True).stdout.replace("\\\n", " ").split()
            brings = [name for name, pattern in BRINGS.items() if any(re.search(pattern, file) for file in files)]
            print(f"| `{header}` | {1000 * seconds:.0f} | {lines:,} | {', '.join(brings)} |", flush=True)


if __name__ == "__main__":
    main()
