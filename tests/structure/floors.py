# SPDX-License-Identifier: MIT
"""Holds every #include under include/compress/ against the table of floors: a folder includes its own floor or a lower one."""

import re
import sys
from pathlib import Path, PurePosixPath

FLOORS = {
    "core": 0,
    "graph": 1, "device": 1,
    "storage": 2, "simd": 2,
    "kernels": 3,
    "layers": 4, "net": 4,
    # host line
    "tensor": 5, "io": 5,
    "train": 6, "calibrate": 6,
    "transform": 7,
    "evaluate": 8,
    "search": 9, "distributed": 9,
}
LAST_TARGET_FLOOR = 4
# The umbrellas, which stand in no folder.
TOP = {"inference.hpp": 4, "compress.hpp": 9}

# The only door to each outside library.
DOORS = [
    (r"xsimd/", "simd/xsimd.hpp"),
    (r"(xtensor|xtl)/", "tensor/xtensor.hpp"),
    (r"xtensor-blas/", "tensor/linear_algebra.hpp"),
    (r"boost/hana", "net/hana.hpp"),
    (r"(\w*intrin|arm_\w+|cpuid)\.h$", "simd/detail/"),
]
# Too expensive, or a heap in disguise, below the host line.
HOST_ONLY = {"iostream", "vector", "string", "functional", "map", "memory", "stdexcept", "unordered_map", "sstream", "fstream"}
INSTRUCTIONS = re.compile(r"\b(asm|__asm__)\b|\b_mm\d*_\w+\(")
MAXIMUM_LINES = 400

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def floor(header):
    """The floor of a header's path relative to include/compress, or None."""
    parts = PurePosixPath(header).parts
    return TOP.get(header) if len(parts) == 1 else FLOORS.get(parts[0])


def headers(include):
    root = include / "compress"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix in {".hpp", ".h"})


def project_header(header, quote, name, root):
    """What an include means relative to include/compress, or None where it leaves the project."""
    if name.startswith("compress/"):
        return name.removeprefix("compress/")
    if quote == '"':
        beside = ((root / header).parent / name).resolve()
        return beside.relative_to(root.resolve()).as_posix() if beside.is_relative_to(root.resolve()) else name
    return None


def errors_of_include(header, quote, name, root):
    own = floor(header)
    target = project_header(header, quote, name, root)
    if target is not None:
        if not (root / target).is_file():
            yield f"includes {name}, which does not exist"
        elif floor(target) is None or floor(target) > own:
            yield f"(floor {own}) includes {target} (floor {floor(target)}): includes only point down"
        elif target in TOP and own <= LAST_TARGET_FLOOR:
            yield f"includes the umbrella {target}: include what is used"
        return
    for pattern, door in DOORS:
        if re.match(pattern, name) and not header.startswith(door):
            yield f"includes <{name}>: only {door} may"
    if own <= LAST_TARGET_FLOOR and name in HOST_ONLY:
        yield f"includes <{name}>, which is for the host floors only"


def errors_of_header(header, root):
    text = (root / header).read_text(encoding="utf-8")
    lines = text.splitlines()
    if floor(header) is None:
        yield f"is in no folder of the table of floors ({', '.join(FLOORS)})"
        return
    if not lines or lines[0] != "// SPDX-License-Identifier: MIT":
        yield "does not begin with // SPDX-License-Identifier: MIT"
    if "#pragma once" not in lines:
        yield "has no #pragma once"
    if len(lines) > MAXIMUM_LINES:
        yield f"has {len(lines)} lines, more than {MAXIMUM_LINES}: look for the second idea"
    for quote, name in INCLUDE.findall(text):
        yield from errors_of_include(header, quote, name, root)
    if floor(header) <= LAST_TARGET_FLOOR and not header.startswith("simd/detail/"):
        for number, line in enumerate(lines, 1):
            if INSTRUCTIONS.search(line.split("//")[0]):
                yield f"line {number} has intrinsics or asm: only simd/detail/ may"


def main():
    root = Path(sys.argv[1]) / "include" / "compress"
    found = headers(root.parent)
    errors = [f"include/compress/{header} {error}" for header in found for error in errors_of_header(header, root)]
    print("\n".join(errors + [f"{len(found)} headers, {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
