# SPDX-License-Identifier: MIT
"""No file of the project names a folder of the machine on which it was written."""

import subprocess
import sys
from pathlib import Path

# In two parts, because this file is searched too.
FORBIDDEN = [b"/" + name + b"/" for name in (b"work", b"root")]


def files(root):
    # safe.directory: the sources may belong to another user than the one who runs the tests.
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=root, capture_output=True)
    if listing.returncode == 0:
        return [root / name for name in listing.stdout.decode().split("\0") if name]
    print("not a git repository: searching every file outside build folders")
    return [path for path in root.rglob("*") if not path.relative_to(root).parts[0].startswith(("build", ".git"))]


def main():
    root = Path(sys.argv[1])
    errors = 0
    for path in files(root):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            for word in FORBIDDEN:
                if word in line:
                    errors += 1
                    print(f"{path.relative_to(root)}:{number}: {word.decode()}")
    print(f"{errors} machine paths")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
