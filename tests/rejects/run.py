# SPDX-License-Identifier: MIT
"""Code that must not compile, and the words with which it must be refused.

usage: run.py --flags FILE --folder FOLDER -- compiler...

A file without any CASE_ defined is the positive control and must compile. A case is

    // reject too_small: "phrase" "another phrase"
    #if defined(CASE_too_small)
    ...
    #endif

and must fail with every phrase in the compiler's messages. Source lines that compilers quote do not count.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REJECT = re.compile(r"^// reject (\w+):(.*)$", re.MULTILINE)
CASE = re.compile(r"^\s*#\s*(?:el)?if.*?\bCASE_(\w+)", re.MULTILINE)
PHRASE = re.compile(r'"([^"]+)"')


def cases_of(source):
    """The phrases of each case by name; a case without phrases, or phrases without a case, is a mistake."""
    text = source.read_text(encoding="utf-8")
    cases = {name: PHRASE.findall(rest) for name, rest in REJECT.findall(text)}
    written = set(CASE.findall(text))
    mistakes = [f"CASE_{name} has no line `// reject {name}: \"phrase\"`" for name in sorted(written - cases.keys())]
    mistakes += [f"`// reject {name}` has no CASE_{name}" for name in sorted(cases.keys() - written)]
    mistakes += [f"`// reject {name}` names no phrase" for name, phrases in cases.items() if not phrases]
    if not cases:
        mistakes.append("holds no cases")
    return cases, mistakes


def messages(compiler, flags, source, definitions):
    quiet = "-fno-caret-diagnostics" if "clang" in Path(compiler).name else "-fno-diagnostics-show-caret"
    return subprocess.run([compiler, f"@{flags}", "-fsyntax-only", quiet, *definitions, str(source)],
                          stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C"})


def check(job):
    """An error text, or None."""
    compiler, flags, source, name, phrases = job
    result = messages(compiler, flags, source, [f"-DCASE_{name}"] if name else [])
    where = f"{source.name} {name or 'control'} ({Path(compiler).name})"
    if name is None:
        return f"{where} must compile:\n{result.stdout}" if result.returncode else None
    if result.returncode == 0:
        return f"{where} must not compile"
    missing = [phrase for phrase in phrases if phrase not in result.stdout]
    return f"{where} is refused without the words {missing}:\n{result.stdout}" if missing else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("compilers", nargs="+")
    arguments = parser.parse_args()

    errors, jobs = [], []
    for source in sorted(arguments.folder.glob("*.cpp")):
        cases, mistakes = cases_of(source)
        errors += [f"{source.name}: {mistake}" for mistake in mistakes]
        for compiler in arguments.compilers:
            for name, phrases in [(None, []), *cases.items()]:
                jobs.append((compiler, arguments.flags, source, name, phrases))
    with ThreadPoolExecutor(2) as pool:
        errors += filter(None, pool.map(check, jobs))
    for error in errors:
        print(f"--- {error}")
    print(f"{len(jobs)} compilations with {len(arguments.compilers)} compilers, {len(errors)} errors")
    return 1 if errors or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
