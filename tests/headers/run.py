# SPDX-License-Identifier: MIT
"""Compiles each header alone: those for targets without exceptions and RTTI, those for the host as they are.

usage: run.py target|host --flags FILE --source FOLDER --work FOLDER -- [launcher] compiler

Compiled to objects and not only parsed, because ccache keeps objects: a second run costs nothing.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "structure"))
import floors  # noqa: E402

OPTIONS = ["-O0", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
TARGET_OPTIONS = ["-fno-exceptions", "-fno-rtti"]
# Each for one instruction set and included only there; the tests isa.* compile them.
NOT_ALONE = "simd/detail/"


def sources(arguments):
    """The files to compile: one generated file per header, and for targets those beside this script."""
    include = arguments.source / "include"
    for header in floors.headers(include):
        if header.startswith(NOT_ALONE):
            continue
        floor = floors.floor(header)
        # An unknown folder is an error of structure.floors; here it is compiled like any other.
        if (floor is None or floor <= floors.LAST_TARGET_FLOOR) == (arguments.part == "target"):
            source = arguments.work / arguments.part / (header.replace("/", ".") + ".cpp")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(f"#include <compress/{header}>\n#include <compress/{header}>\n", encoding="utf-8")
            yield source
    if arguments.part == "target" and (include / "compress" / "inference.hpp").is_file():
        yield from sorted(Path(__file__).resolve().parent.glob("*.cpp"))


def compile_alone(source, arguments):
    options = OPTIONS + (TARGET_OPTIONS if arguments.part == "target" else [])
    result = arguments.work / arguments.part / (source.name + ".o")
    return subprocess.run([*arguments.compiler, f"@{arguments.flags}", *options, "-c", str(source), "-o", str(result)],
                          stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["target", "host"])
    parser.add_argument("--flags", required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("compiler", nargs="+")
    arguments = parser.parse_args()

    files = list(sources(arguments))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda source: compile_alone(source, arguments), files))
    failures = 0
    for source, result in zip(files, results):
        if result.returncode:
            failures += 1
            print(f"--- {source.name} does not compile alone\n{result.stdout}")
    print(f"{len(files)} files, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
