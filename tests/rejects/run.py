# SPDX-License-Identifier: MIT
"""Code that must not compile, and the words with which it must be refused.

usage: run.py --flags FILE --folder FOLDER -- compiler...

A file without any CASE_ defined is the positive control and must compile. A case is

    // reject too_small: "phrase" "another phrase"
    #if defined(CASE_too_small)
    ...
    #endif

and must fail with every phrase in the compiler's messages. Source lines that compilers quote do not count. What one
release of a compiler cannot see is written `// reject too_small, not by g++ 14: "phrase"`, and must compile there, so
that the exception goes when it is not needed.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REJECT = re.compile(r"^// reject (\w+)(?:, not by ([^:]+))?:(.*)$", re.MULTILINE)
CASE = re.compile(r"^\s*#\s*(?:el)?if.*?\bCASE_(\w+)", re.MULTILINE)
PHRASE = re.compile(r'"([^"]+)"')


def cases_of(source):
    """Phrases and blind compiler of each case; a case without phrases, or phrases without a case, is a mistake."""
    text = source.read_text(encoding="utf-8")
    cases = {name: (PHRASE.findall(rest), blind) for name, blind, rest in REJECT.findall(text)}
    written = set(CASE.findall(text))
    mistakes = [f"CASE_{name} has no line `// reject {name}: \"phrase\"`" for name in sorted(written - cases.keys())]
    mistakes += [f"`// reject {name}` has no CASE_{name}" for name in sorted(cases.keys() - written)]
    mistakes += [f"`// reject {name}` names no phrase" for name, (phrases, _) in cases.items() if not phrases]
    if not cases:
        mistakes.append("holds no cases")
    return cases, mistakes


def release(compiler):
    version = subprocess.run([compiler, "-dumpversion"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return f"{'clang' if 'clang' in Path(compiler).name else 'g++'} {version.split('.')[0].strip()}"


def messages(compiler, flags, source, definitions):
    quiet = "-fno-caret-diagnostics" if "clang" in Path(compiler).name else "-fno-diagnostics-show-caret"
    return subprocess.run([compiler, f"@{flags}", "-fsyntax-only", quiet, *definitions, str(source)],
                          stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C"})


def check(job):
    """An error text, or None."""
    compiler, flags, source, name, phrases, passes = job
    result = messages(compiler, flags, source, [f"-DCASE_{name}"] if name else [])
    where = f"{source.name} {name or 'control'} ({Path(compiler).name})"
    if passes:
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

    releases = {compiler: release(compiler) for compiler in arguments.compilers}
    errors, jobs = [], []
    for source in sorted(arguments.folder.glob("*.cpp")):
        cases, mistakes = cases_of(source)
        errors += [f"{source.name}: {mistake}" for mistake in mistakes]
        for compiler in arguments.compilers:
            jobs.append((compiler, arguments.flags, source, None, [], True))
            for name, (phrases, blind) in cases.items():
                jobs.append((compiler, arguments.flags, source, name, phrases, blind == releases[compiler]))
    with ThreadPoolExecutor(2) as pool:
        errors += filter(None, pool.map(check, jobs))
    for error in errors:
        print(f"--- {error}")
    print(f"{len(jobs)} compilations with {len(arguments.compilers)} compilers, {len(errors)} errors")
    return 1 if errors or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
