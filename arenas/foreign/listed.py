"""The names of the environments that other libraries bring, without making any of them."""

from __future__ import annotations

import importlib.util
import pkgutil
import re


def listed(scheme: str) -> list[str]:
    """The environments of a library by the names under which they are arenas, sorted; none where it is not installed.

    Names of `lbforaging` spell settings out (sizes, players, food), so there is no list of them.
    """
    if scheme == "pettingzoo":
        import pettingzoo

        keys = {*pettingzoo.parallel_registry, *pettingzoo.aec_registry}
        return sorted("pettingzoo:" + re.sub(r"-v(\d+)$", r"_v\1", key) for key in keys)
    if scheme == "mpe2" and (package := importlib.util.find_spec("mpe2")) is not None:
        modules = pkgutil.iter_modules(package.submodule_search_locations)
        return sorted(f"mpe2:{module.name}" for module in modules if re.search(r"_v\d+$", module.name))
    return []
