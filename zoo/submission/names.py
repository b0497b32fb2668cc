"""Which files a submission may consist of: their names, their number and their size."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from zoo.submission.refusal import Refused, shown

MANIFEST = "zoo.toml"
#: Files at most; bytes of one, and of all together, unpacked; bytes of an archive.
COUNT, FILE, TOTAL, ARCHIVE = 200, 32 << 20, 64 << 20, 64 << 20
#: Letters of a name at most, and folders within each other.
LETTERS, DEPTH = 120, 5
SUFFIXES = (".py", ".toml", ".json", ".txt", ".md", ".csv", ".safetensors")
_SAFETENSORS = (
    "keep tensors as safetensors: `from safetensors.torch import save_file` and"
    " `save_file({'SEAT/NAME': tensor}, 'weights.safetensors')`"
)
_ARRAYS = (
    "keep arrays as safetensors: `from safetensors.numpy import save_file` and"
    " `save_file({'SEAT/NAME': array}, 'weights.safetensors')`"
)
_CODE = "send the Python source instead"
_CURES = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib", ".dill"), _SAFETENSORS),
    **dict.fromkeys((".npz", ".npy", ".h5", ".hdf5", ".mat"), _ARRAYS),
    **dict.fromkeys((".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".exe", ".whl", ".egg"), _CODE),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"), "put its files in directly"),
    ".ipynb": "export the notebook as a .py file",
    ".onnx": "keep its weights as safetensors, and write the network as an agent",
}
#: What systems and tools leave behind; it is left out, and said to be.
_LITTER = re.compile(
    r"(?:^|/)(?:__MACOSX|__pycache__|\.git|\.venv|\.ipynb_checkpoints|\.idea|\.vscode|resume)(?:/|$)"
    r"|(?:^|/)(?:\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini|\.gitignore)$"
)
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]*")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def is_litter(name: str) -> bool:
    """Whether a file is none of the submission's own."""
    return bool(_LITTER.search(name))


def check_name(name: str) -> None:
    """See that a name means one file inside the submission's folder, on every system.

    Raises:
        Refused: it is absolute, leads elsewhere, is too long or too deep, or holds letters that some system minds.
    """
    where = shown(name) or "a file without a name"
    if "\\" in name or re.match(r"[A-Za-z]:", name) or name.startswith("/"):
        raise Refused("names", where, "the name is not relative", "pack from inside the folder, with / between folders")
    parts = name.split("/")
    if ".." in parts or "." in parts or "" in parts:
        raise Refused("names", where, "the name leads out of the folder", "pack from inside the folder")
    if len(name) > LETTERS or len(parts) > DEPTH + 1:
        raise Refused("names", where, "the name is too long", f"use at most {LETTERS} letters and {DEPTH} folders")
    for part in parts:
        if not _PLAIN.fullmatch(part) or part[-1] in ". " or _DEVICES.fullmatch(part):
            allowed = "letters of English, digits, '.', '_', '-'"
            raise Refused("names", where, "the name does not work on every system", f"use {allowed}")


def check_suffix(name: str) -> None:
    """See that a file is of a kind that a submission may hold.

    Raises:
        Refused: another kind; the cure says what to send instead.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if PurePosixPath(name).suffix in SUFFIXES or PurePosixPath(name).name in ("LICENSE", "README"):
        return
    cure = _CURES.get(suffix, f"leave it out, or send {', '.join(SUFFIXES)}")
    raise Refused("suffix", shown(name), f"{suffix or 'a file without a suffix'} is not accepted", cure)


def check_distinct(names: Iterable[str]) -> None:
    """See that no two names mean one file on any system, and that no file stands where another one's folder does.

    Raises:
        Refused: two names that do.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise Refused("names", shown(name), f"{shown(other)} has the same name on some systems", "rename one")
    for name in seen:
        for parent in PurePosixPath(name).parents:
            if str(parent) in seen:
                raise Refused("names", shown(name), f"{shown(str(parent))} is a file, too", "rename one")


def check_count(count: int, most: int = COUNT) -> None:
    """See that there are not too many files.

    Raises:
        Refused: there are.
    """
    if count > most:
        raise Refused("size", "the submission", f"it has {count} files", f"send at most {most}")


def check_size(name: str, size: int, total: int, one: int = FILE, whole: int = TOTAL) -> None:
    """See that neither a file nor all that was read so far is too large, in bytes.

    Raises:
        Refused: it is.
    """
    if size > one:
        raise Refused("size", shown(name), f"it is larger than {one >> 20} MiB", "send smaller files")
    if total > whole:
        raise Refused("size", shown(name), f"with it the files take more than {whole >> 20} MiB", "send less")
