# SPDX-License-Identifier: MIT
"""Compiles every ```cpp fence of README.md, CONTRIBUTING.md and docs/: one translation unit per file, only parsed.

usage: run.py --flags FILE --source FOLDER --work FOLDER -- compiler

An HTML comment directly before a fence says how it is compiled; lines after its first are code that goes before the snippet:

    <!-- cpp: statements          inside a function of its own
    const float image[784]{}; -->
    <!-- cpp: rejects "phrase" --> alone; must not compile, and the compiler's messages hold each phrase
    <!-- cpp: alone -->           in a translation unit of its own
    <!-- cpp: text -->            not compiled

Without a comment a fence is declarations. Those of one file share a scope, so a later snippet may use an earlier one's names.
"""

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Snippets leave things unused, and show members of initialisers that they do not need.
OPTIONS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused", "-Wno-missing-field-initializers", "-Werror"]
FENCE = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- cpp: (\w+)((?:(?!-->)[^\n])*)((?:(?!-->).)*)-->\s*\Z", re.DOTALL)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[^\n]*$", re.MULTILINE)
MODES = {"declarations", "statements", "rejects", "alone", "text"}


class Snippet:
    def __init__(self, file, text, match):
        self.file, self.line = file, text.count("\n", 0, match.start(1)) + 1
        comment = COMMENT.search(text, 0, match.start())
        self.mode, rest, before = comment.groups() if comment else ("declarations", "", "")
        self.phrases = re.findall(r'"([^"]+)"', rest)
        code = before + f'\n#line {self.line} "{file.name}"\n' + match.group(1)
        self.includes = INCLUDE.findall(code)
        # Emptied and not removed, so that the compiler's line numbers stay those of the document.
        self.body = INCLUDE.sub("", code)

    def mistake(self):
        if self.mode not in MODES:
            return f"{self.file}:{self.line}: no mode '{self.mode}', use one of {sorted(MODES)}"
        if (self.mode == "rejects") != bool(self.phrases):
            return f"{self.file}:{self.line}: phrases belong to 'rejects', and it needs one"
        return None


def snippets_of(file):
    text = file.read_text(encoding="utf-8")
    return [Snippet(file, text, match) for match in FENCE.finditer(text)]


def unit(snippets):
    """A translation unit: includes, then declarations and functions in the order of the document."""
    lines = sorted({line.strip() for s in snippets for line in s.includes})
    for number, s in enumerate(snippets):
        lines.append(f"void snippet_{number}() {{{s.body}}}" if s.mode == "statements" else s.body)
    return "\n".join(lines) + "\n"


def units(file):
    """Pairs of a name and the snippets compiled together. What is rejected sees the declarations before it."""
    snippets = [s for s in snippets_of(file) if s.mode != "text"]
    shared = [s for s in snippets if s.mode in ("declarations", "statements")]
    if shared:
        yield file.stem, shared
    for s in snippets:
        if s.mode in ("alone", "rejects"):
            yield f"{file.stem}_{s.line}", [s]


def compile_unit(job):
    """An error text, or None."""
    arguments, name, snippets = job
    source = arguments.work / (name + ".cpp")
    source.write_text(unit(snippets), encoding="utf-8")
    result = subprocess.run([*arguments.compiler, f"@{arguments.flags}", *OPTIONS, str(source)],
                            stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, errors="replace")
    phrases = snippets[0].phrases
    if not phrases:
        return f"{name} does not compile:\n{result.stdout}" if result.returncode else None
    if result.returncode == 0:
        return f"{name} must not compile"
    missing = [phrase for phrase in phrases if phrase not in result.stdout]
    return f"{name} is refused without the words {missing}:\n{result.stdout}" if missing else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("compiler", nargs="+")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    files = [arguments.source / "README.md", arguments.source / "CONTRIBUTING.md", *sorted((arguments.source / "docs").rglob("*.md"))]
    files = [file for file in files if file.is_file()]
    errors = [s.mistake() for file in files for s in snippets_of(file) if s.mistake()]
    jobs = [(arguments, name, snippets) for file in files for name, snippets in units(file)]
    with ThreadPoolExecutor(2) as pool:
        errors += filter(None, pool.map(compile_unit, jobs))
    for error in errors:
        print(f"--- {error}")
    print(f"{sum(len(job[2]) for job in jobs)} snippets of {len(files)} files in {len(jobs)} units, {len(errors)} errors")
    return 1 if errors or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
