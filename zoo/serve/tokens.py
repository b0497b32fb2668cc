"""Tokens by which a server knows an author: shown once, of which the home keeps the hash alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from contextlib import suppress
from pathlib import Path

from zoo import home
from zoo.entry.checkpoint import make_folder, write_atomically
from zoo.errors import UserError

LETTERS = 80  # of an author's name at most


def new_token(author: str) -> str:
    """A fresh token of an author, in the place of the one before.

    Raises:
        UserError: the name is empty, too long or has line breaks or control characters, or nothing can be kept.
    """
    if not author.strip() or author != author.strip() or len(author) > LETTERS or not author.isprintable():
        raise UserError(
            f"{author[:LETTERS]!r} is no name of an author: write 1 to {LETTERS} letters without line breaks"
        )
    token = secrets.token_urlsafe(32)
    make_folder(_folder())
    kept = {"author": author, "sha256": _digest(token)}
    write_atomically(_place(author), json.dumps(kept, ensure_ascii=False).encode())
    return token


def holds(author: str, token: str) -> bool:
    """Whether a token is the author's; takes as long for a wrong one, or an unknown author, as for the right one."""
    known = _digest(secrets.token_urlsafe(32))  # which nobody can send
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(_place(author).read_text())
        if kept["author"] == author:
            known = str(kept["sha256"])
    return hmac.compare_digest(known.encode(), _digest(token).encode())


def _folder() -> Path:
    return home.secrets_folder() / "tokens"


def _place(author: str) -> Path:
    return _folder() / f"{_digest(author)}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
