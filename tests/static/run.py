# SPDX-License-Identifier: MIT
"""Files for which compiling is passing, with every compiler and its default limits; how long each takes is printed.

usage: run.py --flags FILE --folder FOLDER --work FOLDER [--nm NM] -- compiler...

The symbols of two_units/second.cpp are measured as well: names of nets are short, because models and recipes are parameters by
reference.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

# Of a name that holds a net, and of `run` itself, which also holds the types of inputs and outputs. Model and recipe of the
# file measured have names of 11 characters together.
LONGEST_NAME = 150
LONGEST_RUN = 300


def compile_file(compiler, flags, source, *options):
    began = time.monotonic()
    result = subprocess.run([compiler, f"@{flags}", *options, str(source)], stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                            text=True, errors="replace", env={**os.environ, "LC_ALL": "C"})
    print(f"{time.monotonic() - began:6.2f} s  {Path(compiler).name:12} {source.name}")
    return [] if result.returncode == 0 else [f"{source.name} must compile with {compiler}:\n{result.stdout}"]


def symbols_of(nm, binary):
    listing = subprocess.run([nm, "--defined-only", "--format=posix", str(binary)], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listing.stdout.splitlines()]


def check_symbols(compiler, flags, source, work, nm):
    binary = work / f"{Path(compiler).name}.o"
    errors = compile_file(compiler, flags, source, "-O0", "-c", "-o", str(binary))
    if errors:
        return errors
    runs, names = [], []
    for symbol in symbols_of(nm, binary):
        if re.search(r"7net_run.*E3runI", symbol):
            runs.append(symbol)
        elif re.match(r"_Z(3run|16weights_bytes_of)", symbol):
            names.append(symbol)
    if not runs or len(names) != 2:
        errors.append(f"{source.name}: the symbols that should be measured are not among those of {binary}")
    for symbols, longest in [(runs, LONGEST_RUN), (names, LONGEST_NAME)]:
        errors += [f"{len(s)} characters, more than {longest} ({Path(compiler).name}): {s}" for s in symbols if len(s) > longest]
    print(f"longest: run {max(map(len, runs), default=0)}, names with a net {max(map(len, names), default=0)} characters")
    return errors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("compilers", nargs="+")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    errors, count = [], 0
    for compiler in arguments.compilers:
        for source in sorted(arguments.folder.glob("*.cpp")):
            errors += compile_file(compiler, arguments.flags, source, "-fsyntax-only", "-Wall", "-Wextra", "-Werror")
            count += 1
        second = arguments.folder / "two_units" / "second.cpp"
        errors += check_symbols(compiler, arguments.flags, second, arguments.work, arguments.nm)
    for error in errors:
        print(f"--- {error}")
    print(f"{count} files compiled, {len(errors)} errors")
    return 1 if errors or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
