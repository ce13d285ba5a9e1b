#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an emitted header, or a program, leaves in an object file: no heap, no exceptions, no indirect calls, no outside calls but a few
of libc.

run.py HEADER.hpp|PROGRAM.cpp COMPILER... -- FLAGS...
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# memcpy and friends are what compilers make of copies; the functions of libm belong to float activations and norms.
ALLOWED = {"memcpy", "memset", "memmove", "expf", "tanhf", "exp", "tanh", "sqrtf", "caller_input", "caller_output"}

PROGRAM = """
#include "{header}"
alignas(64) static std::byte arena[{name}::net::arena_bytes];
extern "C" std::int8_t caller_input[{name}::net::size_of({name}::net::input_id(0))];
extern "C" std::int8_t caller_output[{name}::net::size_of({name}::net::output_id(0))];
void run_once() {{ {name}::net::run({name}::weights, caller_input, caller_output, arena); }}
"""


def check(compiler, flags, source, folder):
    target = folder / "program.o"
    subprocess.run([compiler, *flags, "-c", str(source), "-o", str(target)], check=True)
    problems = []
    symbols = subprocess.run(["nm", "--undefined-only", str(target)], check=True, capture_output=True, text=True).stdout
    for line in symbols.splitlines():
        symbol = line.split()[-1]
        if symbol not in ALLOWED and not symbol.startswith("_GLOBAL_OFFSET_TABLE_"):
            problems.append(f"undefined symbol {symbol}")
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(target)], check=True, capture_output=True, text=True).stdout
    instructions = [line.split("\t", 1)[1] for line in code.splitlines() if "\t" in line]
    problems += [f"indirect {i}" for i in instructions if re.match(r"(call|jmp)q?\s+\*", i)]
    if len(instructions) < 100:
        problems.append("hardly any code: is the net there?")
    print(f"{compiler}: {len(instructions)} instructions, {sum(bool(re.match('callq? ', i)) for i in instructions)} direct calls, "
          f"{len(problems)} problems")
    return problems


def main():
    subject = pathlib.Path(sys.argv[1])
    split = sys.argv.index("--")
    compilers, flags = sys.argv[2:split], sys.argv[split + 1:]
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "program.cpp"
        source.write_text(subject.read_text() if subject.suffix == ".cpp" else PROGRAM.format(header=subject, name=subject.stem))
        problems = [p for compiler in compilers for p in check(compiler, flags, source, pathlib.Path(folder))]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
