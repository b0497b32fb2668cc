"""Bundles: records, and everything that it takes to check them, in one signed file.

A bundle is a zip. `manifest.json` has the hash of every other file, and `signature.json` an Ed25519 signature of the
manifest (RFC 8032). Equal content is equal bytes.

    records/TABLE.jsonl             the records, a line each, see `leaderboard.store.portable`
    boards.jsonl                    the boards as whoever published them saw them
    season.json                     the board of a season with its marks, and who was taken off
    checkpoints/DIGEST/...          weights of entrants
    sources/DIGEST/...              code of entrants from files
    submissions/DIGEST/...          files of submissions
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.records import canonical
from zoo import home
from zoo.errors import UserError
from zoo.submission import names
from zoo.submission.archive import Bounds, pack, read_zip
from zoo.submission.refusal import Refused, shown

MANIFEST, SIGNATURE, BOARDS, SEASON = "manifest.json", "signature.json", "boards.jsonl", "season.json"
FORMAT = "zoo-bundle-1"
_OWN = re.compile(r"(?:manifest|signature|season)\.json|boards\.jsonl|records/[a-z_]{1,30}\.jsonl")
_FOLDERS = re.compile(r"(?:checkpoints|sources|submissions)/[0-9a-f]{16,64}/")
_MOST = 1 << 30  # bytes of a bundle, and of all its files unpacked


def check_name(name: str) -> None:
    """See that a bundle may hold a file of this name.

    Raises:
        Refused: it may not.
    """
    if _OWN.fullmatch(name):
        return
    folder = _FOLDERS.match(name)
    if folder is None:
        raise Refused("names", shown(name), "no bundle holds such a file", "publish the bundle again")
    names.check_name(name[folder.end() :])


_BOUNDS = Bounds(count=20_000, file=_MOST, total=_MOST, ratio=2_000, check=check_name)


@dataclass(frozen=True)
class Bundle:
    """A bundle as it was read.

    Attributes:
        manifest: what it says of itself.
        files: name -> content, without the manifest and the signature.
        signer: fingerprint of the key that signed it; "" where no signature fits.
        faults: a line for everything that is not as it was signed.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]
    signer: str
    faults: tuple[str, ...]


def fingerprint(public: bytes) -> str:
    """What people compare of a key: the first 32 hex digits of its sha256."""
    return hashlib.sha256(public).hexdigest()[:32]


def write(path: Path, facts: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Write a bundle, signed with the home's key, which is made on first use; returns the key's fingerprint.

    Args:
        path: the file; an older bundle is replaced.
        facts: what the manifest says besides the hashes of the files.
        files: name -> content.

    Raises:
        UserError: it cannot be written, or would be too large to be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from zoo.entry.checkpoint import write_atomically

    if path.is_file() and path.stat().st_size and not zipfile.is_zipfile(path):
        raise UserError(f"{path} is there already and no bundle: choose another name, or move it away")
    if len(files) > _BOUNDS.count or sum(map(len, files.values())) > _MOST:
        much = f"this is more than a bundle may hold ({_MOST >> 20} MiB)"
        raise UserError(f"{path}: {much}; publish one --arena at a time")
    key = Ed25519PrivateKey.from_private_bytes(home.secret(home.SIGNING))
    public = key.public_key().public_bytes_raw()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = canonical({**facts, "format": FORMAT, "files": hashes}).encode()
    signature = canonical({"key": public.hex(), "signature": key.sign(manifest).hex()}).encode()
    write_atomically(path, pack({**files, MANIFEST: manifest, SIGNATURE: signature}, free=_MOST))
    return fingerprint(public)


def read(path: Path) -> Bundle:
    """A bundle, with its signature and all hashes looked at.

    Raises:
        UserError: it is none, or cannot be read.
    """
    try:
        if path.stat().st_size > _MOST:
            raise UserError(f"{path} is larger than a bundle may be ({_MOST >> 20} MiB)")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        files, strange = read_zip(data, path.name, _BOUNDS)
    except Refused as error:  # no sender mends a bundle by packing it: its signature is of whole files
        cure = "get it again, or make one with `zoo publish FILE`"
        raise UserError(f"{error.where}: {error.what}, so it is no whole bundle; {cure}") from error
    if MANIFEST not in files or SIGNATURE not in files:
        raise UserError(f"{path} is no bundle: `zoo publish` writes one")
    signed, signature = files.pop(MANIFEST), files.pop(SIGNATURE)
    manifest = _manifest(path, signed)
    signer = _signer(signed, signature)
    faults = [] if signer else ["the signature does not fit the manifest"]
    wanted = manifest["files"]
    faults += [f"{shown(name)} is missing" for name in sorted(wanted.keys() - files.keys())]
    faults += [
        f"{shown(name)} is not in the manifest" for name in sorted((files.keys() | set(strange)) - wanted.keys())
    ]
    for name in sorted(wanted.keys() & files.keys()):
        if hashlib.sha256(files[name]).hexdigest() != wanted[name]:
            faults.append(f"{shown(name)} is not the file whose hash was signed")
    return Bundle(manifest, files, signer, tuple(faults))


def _manifest(path: Path, text: bytes) -> dict[str, Any]:
    """The manifest, with the fields that are read.

    Raises:
        UserError: it is none, or of a later release.
    """
    try:
        manifest = json.loads(text)
        kinds = {"format": str, "files": dict, "secrets": list, "version": str, "arenas": list}
        if not all(isinstance(manifest[name], kind) for name, kind in kinds.items()):
            raise TypeError("a field of another kind")
        if not all(re.fullmatch("[0-9a-f]{64}", told["commitment"]) for told in manifest["secrets"]):
            raise TypeError("no commitment")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no bundle: its {MANIFEST} is broken") from error
    if manifest["format"] != FORMAT:
        raise UserError(f"{path} has format {shown(manifest['format'])}, and this release reads {FORMAT}: upgrade it")
    return dict(manifest)


def _signer(signed: bytes, signature: bytes) -> str:
    """Fingerprint of the key whose signature fits; "" where none does."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        told = json.loads(signature)
        public = bytes.fromhex(told["key"])
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(told["signature"]), signed)
    except (InvalidSignature, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return fingerprint(public)
