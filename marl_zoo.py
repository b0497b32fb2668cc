"""The first step of the `zoo` command: are the packages that Python finds under the zoo's names really the zoo's?

Other distributions have packages called `agents` or `zoo` too, and the one that was installed last overwrites the files
of the other. So this module stands outside all four packages and imports none of them before it has looked.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

PACKAGES = ("agents", "arenas", "leaderboard", "zoo")
_ROOT = Path(__file__).resolve().parent
_CURE = "install the zoo in a virtual environment of its own"


def collision() -> str | None:
    """A line that names who else owns one of the zoo's packages and how to mend it, or None; some 10 ms."""
    for folder in dict.fromkeys(sys.path):
        # what a distribution owns stands in its RECORD, one file a line, whichever of the two was installed first
        for record in sorted(Path(folder).glob("*.dist-info/RECORD")):
            distribution = record.parent.name.partition("-")[0]
            lines = b"" if distribution == "marl_zoo" else b"\n" + record.read_bytes()
            package = next((package for package in PACKAGES if f"\n{package}/".encode() in lines), None)
            if package:
                return f"the distribution {distribution.replace('_', '-')} owns a package {package!r} too: {_CURE}"
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        places = [*(spec.submodule_search_locations or []), spec.origin] if spec else []
        if not places or Path(str(places[0])).resolve() != _ROOT / package:
            where = spec.origin or places[0] if spec else "nothing"
            return f"the package {package!r} that Python finds is not the zoo's but {where}: {_CURE}"
    return None


def _no_folder() -> str | None:
    """A line where the folder that this process is in was removed: libraries find nothing from there."""
    try:
        os.getcwd()
    except OSError:
        return "the folder that you are in is there no more: go to another one"
    return None


def main() -> NoReturn:
    """Run the command line, unless another distribution's packages stand where the zoo's should."""
    line = _no_folder() or collision()
    if line is not None:
        print(f"zoo: {line}", file=sys.stderr)
        sys.exit(2)
    from zoo.cli import main

    main()
