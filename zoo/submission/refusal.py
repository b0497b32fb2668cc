"""How a submission is refused: one line with the place, what is wrong, the cure, and the rule that was broken."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.errors import UserError

#: Rule -> what it says; `docs/submissions.md` lists them in this order.
RULES: Mapping[str, str] = {
    "archive": "An archive is a zip, whole and unencrypted, whose members are stored or deflated.",
    "members": "Members are regular files, and no two share a name or bytes of the archive.",
    "names": "Names are relative, plain, short, and differ by more than capitals.",
    "size": "Files are few and small, and hardly smaller packed than a text would be.",
    "suffix": "Files are code, TOML, JSON, text or safetensors.",
    "manifest": "zoo.toml names the author, the arena and the agent's class, and nothing that is unknown.",
    "name": "The name is free: no agent that ships has it.",
    "code": "Python files can be read, at most 256 KiB each and 1 MiB together, and import what is installed.",
    "entry": "The entry is an agent's class in one of the files.",
    "weights": "Weights are finite tensors in a plain safetensors file, and fit the agent.",
    "laws": "The agent keeps the laws of `zoo check`.",
    "smoke": "The agent plays whole episodes with fixed partners, without a fault.",
    "once": "The same files are entered once.",
}


class Refused(UserError):
    """A submission breaks a rule.

    Args:
        rule: a key of `RULES`.
        where: the file, and the line where there is one.
        what: what is wrong there.
        cure: what to do about it.
    """

    def __init__(self, rule: str, where: str, what: str, cure: str) -> None:
        self.rule, self.where, self.what, self.cure = rule, where, what, cure
        assert rule in RULES
        super().__init__(f"{where}: {what}; {cure} (rule: {rule})")


def line_of(file: str, line: int | None) -> str:
    """A place as people write it: "agent.py, line 3"."""
    return file if line is None else f"{file}, line {line}"


def shown(name: str) -> str:
    """A stranger's name for a file, fit to be printed: at most 60 letters, none of which controls a terminal."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= 60 else f"{plain[:57]}..."
