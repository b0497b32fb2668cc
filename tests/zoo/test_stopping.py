"""Ctrl-C: one line says what is kept and how to go on; and the commands of submissions speak JSON."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from tests.zoo.command_line import Refused, Zoo
from zoo import cli


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tournament", "grim", "--arena", "ipd"], "every block that was finished is kept, and the same command goes"),
        (["season", "run", "spring"], "every block that was finished is kept, and the same command goes on"),
        (["match", "grim", "random", "--no-record"], "nothing was kept, and the same command begins anew"),
        (["match", "lola", "naive", "--learn"], "nothing was kept, and the same command begins anew"),
        (["train", "lola"], "the run is kept as it was last saved, and the same command goes on"),
        (["submit", "mine.py", "--dry-run"], "nothing was kept"),
        (["bench"], "nothing was kept"),
    ],
)
def test_what_is_stopped_says_what_is_kept(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**words: object) -> None:
        raise click.Abort

    monkeypatch.setattr(cli.cli, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert said.startswith(f"zoo: stopped; {told}")
    assert said.count("\n") == 1


def test_a_key_that_is_none_is_refused(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "b.zoo"
    file.write_text("")
    assert "--key zz is no fingerprint" in refused("verify", str(file), "--key", "zz")


def test_new_speaks_json(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = zoo("new", "agent", "my-learner", "--json").json
    assert told["wrote"] == ["my_learner.py"]
    assert any(line.startswith("zoo submit") for line in told["next"])
