"""Root's way to see the attacks through a common user's eyes.

    python -m zoo.sandbox.attacks LEVEL [--quick] [ATTACK ...]

Prints a line of JSON for each attempt, or one line {"cannot": why}.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from zoo.errors import UserError
from zoo.sandbox.attacks.common_user import become_common


def main(level: str, words: list[str]) -> None:
    """Become a common user, then play the attacks."""
    quick = "--quick" in words
    names = [word for word in words if word != "--quick"]
    try:
        become_common()
    except OSError as error:
        print(json.dumps({"cannot": f"root may not show Python to another user here ({error.strerror or error})"}))
        return
    os.environ["HOME"] = "/"
    import torch

    from zoo.sandbox.attacks.run import attacks, attempts

    torch.set_num_threads(1)
    try:
        for attempt in attempts(attacks(names, quick), level, compare=not quick):
            print(json.dumps(asdict(attempt)), flush=True)
    except UserError as error:
        print(json.dumps({"cannot": str(error)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
