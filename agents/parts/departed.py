"""Fields that have left a config, with the value that they had there: the one table of them.

An entrant's identity hashes its settings, and cards of checkpoints hold them. So that neither changes when an agent
is taken apart, a field that leaves its config keeps its old default in the text that is hashed, and a card may still
hold it with that value and no other (`Agent.departed`, `zoo/entry/entrant.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_INFERRED = {"inferred": False, "model_lr": 0.01, "entropy": 0.001}
_ENSEMBLE = {"k": 1, "draw": "team", "critics": "shared"}

#: Agent -> its departed fields. The three agents below were one class with the fields of all.
DEPARTED: Mapping[str, Mapping[str, Any]] = {
    "maddpg": {**_INFERRED, **_ENSEMBLE},
    "maddpg-inferred": {"inferred": True, **_ENSEMBLE},
    "maddpg-ensemble": _INFERRED,
}
