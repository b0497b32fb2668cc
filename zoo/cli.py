"""The `zoo` command: a lazy group, so that `zoo --help` imports neither torch nor numpy nor pettingzoo.

A command lives in `zoo/commands/NAME.py` as the click command `command`; its one-line help stands here, so that the
overview needs no import.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

#: Heading -> commands under it, each with its one-line help, in the order in which a newcomer would meet them.
SECTIONS: dict[str, dict[str, str]] = {
    "Play": {
        "match": "Play a match between two agents and rate it.",
        "tournament": "Play all pairs of several agents and show the cross-play matrix.",
        "duel": "Play against an agent yourself, in a page.",
    },
    "See who is good, and why": {
        "leaderboard": "Show an arena's leaderboard.",
        "crossplay": "Show who does how well with whom, and how robust that is.",
        "exploit": "Measure how exploitable an agent is.",
        "atlas": "Write a page on who beats whom, over all games and house learners.",
        "panel": "Show or renew the partners with whom an arena's entrants are compared.",
    },
    "Look at what was played": {
        "matches": "List the recorded matches.",
        "replay": "Show an episode of a recorded match and write a GIF.",
        "log": "Show what went wrong with an entrant in a match.",
        "verify": "Check the records, and play recorded blocks again.",
    },
    "Learn what there is, train, reproduce": {
        "agents": "List the agents, or describe one.",
        "arenas": "List the arenas, or describe one.",
        "train": "Train an agent and keep its checkpoint.",
        "reproduce": "Run a published table or figure and show it beside ours.",
    },
    "Bring your own": {
        "new": "Write an agent or an arena to begin with.",
        "check": "Check whether an agent or an arena keeps the zoo's laws.",
        "submit": "Enter an agent of your own on a board.",
        "submissions": "List what was submitted, and what became of it.",
        "export": "Pack a submission or a checkpoint to hand on.",
        "withdraw": "Take a submission of yours off the board.",
        "disqualify": "Take somebody's submission off the board.",
    },
    "Pass results on, hold a competition": {
        "report": "Write the results of an arena as one HTML page.",
        "serve": "Show the results of a home as web pages, and take uploads.",
        "publish": "Write records and boards into one signed file.",
        "season": "Hold a competition: rules, entries, games, a board, and a revealed seed.",
    },
    "Look after this installation": {
        "doctor": "Check this machine: what is missing, and what to do about it.",
        "bench": "Measure the speed of this installation.",
        "selfcheck": "Check the ratings and the sandbox of this installation.",
    },
}

#: Name -> one-line help of every command, in the same order.
COMMANDS: dict[str, str] = {name: line for commands in SECTIONS.values() for name, line in commands.items()}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # of a disk that takes no more
_LONGEST = 400  # letters of a word in a message
_BLOCKS = "every block that was finished is kept"
#: What a command keeps of its work that was stopped; nothing where none is named.
_KEPT = {
    **dict.fromkeys(("match", "tournament", "crossplay", "panel", "season", "atlas"), _BLOCKS),
    "submit": "what it has played since it was entered is kept",
    "exploit": "the responders that were trained are kept",
    "train": "the run is kept as it was last saved",
    "reproduce": "finished parts are kept",
}

EPILOG = """\b
Examples:
  zoo match lola maddpg --arena coin
  zoo tournament lola naive maddpg greedy --arena coin
  zoo train lola,eta=0.5 --arena coin --steps 5000000
  zoo leaderboard --arena coin
  zoo check my_agent.py:MyAgent

`zoo COMMAND --help` explains a command with examples. ZOO_DEBUG=1 shows the
traceback behind an error.
"""


class _LazyGroup(click.Group):
    """Imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"zoo.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from zoo.errors import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"unknown command {args[0]!r}; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS)) + 2  # so that all sections have one second column
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()), col_spacing=width - max(map(len, commands)))


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="marl-zoo", prog_name="zoo")
def cli() -> None:
    """A zoo of multi-agent learning algorithms, and the arenas in which they meet."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line. A fault of input ends in one line and exit code 2; ZOO_DEBUG=1 shows its traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        _must_be_text(words)
        _sign_of_life(words)
        with _results_alone():
            code = cli.main(args=arguments, prog_name="zoo", standalone_mode=False)
            sys.stdout.flush()  # what cannot be written is told here, and not by Python as it ends
    except click.Abort:  # Ctrl-C
        click.echo(f"zoo: stopped; {_after_stop(words)}", err=True)
        code = 130  # as a shell has it for a program that an interrupt ended
    except Exception as error:
        if os.environ.get("ZOO_DEBUG"):
            traceback.print_exception(error)
        code = _explain(error, words)
    sys.exit(code if isinstance(code, int) else 0)


def _sign_of_life(words: list[str]) -> None:
    """A word at once in a terminal before work that may take long: libraries alone take seconds to load.

    The cursor stays before it, so that whatever is written next takes its place; `Progress` clears the line first.
    """
    long = words[:1] != ["season"] or words[1:2] == ["run"]
    helps = {"-h", "--help", "--list"} & {*words}
    if (
        words[:1]
        and words[0] in _KEPT
        and long
        and not helps
        and sys.stderr.isatty()
        and os.environ.get("TERM") != "dumb"
    ):
        click.echo("starting\r", nl=False, err=True)


@contextmanager
def _results_alone() -> Iterator[None]:
    """Standard output belongs to results: what libraries and worker processes write to it goes to stderr.

    What environments and agents print in Python is sent there where they are called.
    """
    try:
        real = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError):  # no file at all, as under a test
        real = False
    if not real:
        yield
        return
    results = sys.stdout
    results.flush()
    kept = os.fdopen(os.dup(1), "w", 1 if results.isatty() else -1, results.encoding, results.errors)
    os.dup2(2, 1)
    sys.stdout = kept
    try:
        yield
    finally:
        sys.stdout = results  # which writes to stderr from now on, as does whatever speaks while Python ends
        with suppress(OSError):
            kept.close()


def _must_be_text(words: list[str]) -> None:
    """Refuse words that no record can hold, such as the bytes of a file name in another encoding."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise click.UsageError(f"{word!a} is no text in UTF-8: give it another name") from error


def _after_stop(words: list[str]) -> str:
    """What a command that was stopped has kept, and how it goes on."""
    name = next((word for word in words if word in COMMANDS), "")
    kept = "every pair that was checked is kept" if name == "check" and "--all" in words else _KEPT.get(name, "")
    if name == "match" and "--learn" in words:
        kept = ""  # a match with learners is recorded whole
    if not kept or "--no-record" in words or "--dry-run" in words:
        return "nothing was kept, and the same command begins anew"
    return f"{kept}, and the same command goes on from there"


def _arena_meant(error: click.UsageError, words: list[str]) -> str:
    """Where an arena was named without its option: how it is named."""
    from zoo.entry.registry import ARENAS, names

    options = {option for parameter in error.ctx.command.params for option in parameter.opts} if error.ctx else set()
    if "--arena" not in options or "--arena" in words or isinstance(error, click.NoSuchOption):
        return ""
    found = next((word for word in words[1:] if word.partition("-v")[0] in names(ARENAS)), None)
    return "" if found is None else f"; did you mean --arena {found}?"


def _explain(error: Exception, words: list[str]) -> int:
    """Print what went wrong and return the exit code; what is nobody's fault of input is raised again."""
    from zoo.errors import MORE_MEMORY, missing, no_memory

    if isinstance(error, click.exceptions.NoArgsIsHelpError) and (group := error.ctx) and group.parent:
        commands = ", ".join(getattr(group.command, "commands", ()))
        line = f"name what to do: {commands}; see `{group.command_path} --help`"
    elif isinstance(error, click.UsageError) and type(error).show is click.UsageError.show:
        command = error.ctx.command_path if error.ctx else "zoo"
        line = f"{error.format_message().rstrip('.')}{_arena_meant(error, words)}; see `{command} --help`"
    elif isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    elif extra := missing(error):
        line = extra
    elif isinstance(error, _faults()):
        line = str(error)
    elif isinstance(error, OSError) and error.errno in _FULL:
        line = f"cannot write: {error.strerror}"
        with suppress(OSError):  # what is left in the buffer cannot be written either, when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif line := _agents_fault(error) or MORE_MEMORY * no_memory(error):
        pass
    else:
        raise error
    click.echo(f"zoo: {' '.join(map(_short, line.split()))}", err=True)
    return 2


def _short(word: str) -> str:
    """A word of a message; one that fills the screen, which can only have been typed, with its middle left out."""
    return word if len(word) <= _LONGEST else f"{word[:40]}...{word[-40:]}"


def _faults() -> tuple[type[Exception], ...]:
    """The exceptions that say what is wrong with an input; each package has one."""
    from leaderboard.errors import StoreError
    from zoo.errors import UserError

    protocol = sys.modules.get("arenas.protocol")  # where it was not imported, nothing can have raised its error
    return (UserError, StoreError, *([protocol.ArenaError] if protocol else []))


def _agents_fault(error: Exception) -> str:
    """What an agent in a process of its own did wrong outside a match, where nobody goes on without it."""
    sandbox = sys.modules.get("zoo.sandbox.fault")
    if sandbox is None or not isinstance(error, sandbox.AgentFault):
        return ""
    where = f" in seat {', '.join(error.seats)}" if error.seats else ""
    return f"{error.who or 'the agent'}{where} failed: {error.status}: {error.message}"


if __name__ == "__main__":
    main()
