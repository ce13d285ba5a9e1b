#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile cost of one translation unit with an emitted net and its weights: seconds (smallest of several) and peak memory.

run.py HEADER.hpp... [--compilers g++ clang++-19] [--rounds 3]
The headers are those that compress-model emitted; a program of ten lines around each is compiled with -O2. Seconds are those of the
processor, so that a busy machine does not count.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
#include "{name}.hpp"
alignas(64) static std::byte arena[{name}::net::arena_bytes];
extern std::int8_t image[], result[];
void run_once() {{
    {name}::net::run({name}::weights, std::span<const std::int8_t, {name}::net::size_of({name}::net::input_id(0))>(image, {name}::net::size_of({name}::net::input_id(0))),
        std::span<std::int8_t, {name}::net::size_of({name}::net::output_id(0))>(result, {name}::net::size_of({name}::net::output_id(0))), arena);
}}
"""


def cost(command):
    """User seconds and peak resident MB of one command, by a process of its own (the counters of children only grow)."""
    script = ("import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True); "
              "r = resource.getrusage(resource.RUSAGE_CHILDREN); print(r.ru_utime + r.ru_stime, r.ru_maxrss / 1024)")
    out = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("headers", nargs="+", help="emitted headers")
    parser.add_argument("--compilers", nargs="+", default=["g++", "clang++-19"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| header | compiler | seconds | MB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for header in map(pathlib.Path, options.headers):
            source = pathlib.Path(folder) / "unit.cpp"
            source.write_text(PROGRAM.format(name=header.stem))
            for compiler in options.compilers:
                command = [compiler, "-std=c++20", "-O2", "-march=native", f"-I{ROOT / 'include'}", f"-I{header.parent.resolve()}",
                           "-c", str(source), "-o", str(pathlib.Path(folder) / "unit.o")]
                results = [cost(command) for _ in range(options.rounds)]
                print(f"| {header.stem} | {compiler} | {min(r[0] for r in results):.2f} | {max(r[1] for r in results):.0f} |")


if __name__ == "__main__":
    main()
