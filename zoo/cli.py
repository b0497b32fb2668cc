"""The `zoo` command: a lazy group, so that `zoo --help` imports neither torch nor numpy nor pettingzoo.

A command lives in `zoo/commands/NAME.py` as the click command `command`; its one-line help stands here, so that the
overview needs no import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import IO, Any

import click

from zoo.version import VERSION

#: Name -> one-line help, in the order in which a newcomer would meet them.
COMMANDS: dict[str, str] = {
    "match": "Play a match between two agents and rate it.",
    "tournament": "Play all pairs of several agents and show the cross-play matrix.",
    "crossplay": "Show who does how well with whom, and how robust that is.",
    "leaderboard": "Show an arena's leaderboard.",
    "exploit": "Measure how exploitable an agent is.",
    "train": "Train an agent and keep its checkpoint.",
    "replay": "Show an episode of a recorded match and write a GIF.",
    "reproduce": "Run a published table or figure and show it beside ours.",
    "agents": "List the agents, or describe one.",
    "arenas": "List the arenas, or describe one.",
    "check": "Hold an agent or an arena against the zoo's laws.",
    "bench": "Measure the speed of this installation.",
}

EPILOG = """\b
Examples:
  zoo match lola maddpg --arena coin
  zoo tournament lola naive maddpg greedy --arena coin
  zoo train lola,eta=0.5 --arena coin --steps 5000000
  zoo leaderboard --arena coin
  zoo check my_agent.py:MyAgent

`zoo COMMAND --help` explains a command with examples.
"""


class _LazyGroup(click.Group):
    """Imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"zoo.commands.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from zoo.errors import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"unknown command {args[0]!r}; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="zoo")
def cli() -> None:
    """A zoo of multi-agent learning algorithms, and the arenas in which they meet."""


def impostor() -> str | None:
    """A line that names the first of our packages in whose place Python finds somebody else's, or None."""
    home = Path(__file__).resolve().parent.parent
    for package in ("agents", "arenas", "leaderboard"):
        spec = importlib.util.find_spec(package)
        places = [Path(p).resolve() for p in (spec.submodule_search_locations or [])] if spec else []
        if home / package not in places:
            where = str(spec.origin) if spec and spec.origin else (str(places[0]) if places else "nothing")
            return (
                f"the package {package!r} that Python finds is not the zoo's but {where}: uninstall that distribution,"
                " or use the zoo in a virtual environment of its own"
            )
    return None


def _show_in_one_line(error: click.UsageError, file: IO[Any] | None = None) -> None:
    """In place of click's usage lines: the fault and where help is, like every other fault of input."""
    command = error.ctx.command_path if error.ctx else "zoo"
    message = " ".join(error.format_message().split()).rstrip(".")
    click.echo(f"zoo: {message}; see `{command} --help`", err=True)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; faults of input end in one line and exit code 2."""
    from zoo.errors import UserError

    wrong = impostor()
    if wrong is not None:
        click.echo(f"zoo: {wrong}", err=True)
        sys.exit(2)
    click.UsageError.show = _show_in_one_line  # type: ignore[method-assign, assignment]
    try:
        return cli.main(args=arguments, prog_name="zoo", standalone_mode=True)
    except Exception as error:
        # faults of the house's own packages are known by name, so that nothing is imported to catch them
        if isinstance(error, UserError) or type(error).__name__ in ("StoreError", "ArenaError"):
            click.echo(f"zoo: {' '.join(str(error).split())}", err=True)
            sys.exit(2)
        raise


if __name__ == "__main__":
    main()
