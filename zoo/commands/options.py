"""Options that several commands share."""

from __future__ import annotations

import functools
import json
import math
import shlex
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from zoo.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from zoo.entry.venue import ArenaChoice, Venue

F = TypeVar("F", bound=Callable[..., Any])

COUNT = click.IntRange(1, 1_000_000)
#: What records can hold.
SEED = click.IntRange(0, 2**63 - 1)


class Place(click.Path):
    """A file or a folder; unlike click's own, an empty text is none (it would mean the folder where one is)."""

    def convert(self, value: Any, parameter: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or a fault of input."""
        if value == "":
            self.fail("it is empty", parameter, ctx)
        return super().convert(value, parameter, ctx)


class Real(click.FloatRange):
    """A number in a range; unlike click's own, "nan" and "inf" are none."""

    def convert(self, value: Any, parameter: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a fault of input."""
        number = super().convert(value, parameter, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", parameter, ctx)
        return number


def complete_arena(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The registered arenas that a shell offers behind what was typed so far."""
    from zoo.entry.registry import ARENAS, names

    return sorted(name for name in names(ARENAS) if name.startswith(begun))


def complete_entrant(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The registered agents that a shell offers behind what was typed so far, behind "@" the house's checkpoints.

    Where --arena was typed before, checkpoints are those for that arena.
    """
    from zoo.entry.catalogue import house_checkpoint_names
    from zoo.entry.registry import AGENTS, names

    agent, at, _ = begun.partition("@")
    if not at:
        return sorted(name for name in names(AGENTS) if name.startswith(begun))
    known = house_checkpoint_names(agent, ctx.params.get("arena") or "")
    return [text for name in known if (text := f"{agent}@{name}").startswith(begun)]


set_option = click.option(
    "--set", "assignments", multiple=True, metavar="arena.FIELD=VALUE", help="A setting of the arena."
)
wrap_option = click.option(
    "--wrap", multiple=True, metavar="NAME[=JSON]", help="SuperSuit wrapper of a PettingZoo environment."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the screen.")
no_record_option = click.option("--no-record", is_flag=True, help="Leave records and leaderboard as they are.")
workers_option = click.option("--workers", type=COUNT, default=1, show_default=True, help="Processes that play blocks.")


def must_take_a_picture(plot: Path) -> None:
    """Make sure, before work begins, that the picture of --plot can be drawn and written.

    Raises:
        UserError: its name has another ending, there is nothing to draw it with, or the file cannot be.
    """
    from zoo.entry.checkpoint import must_take_a_file
    from zoo.errors import need

    if plot.suffix not in (".png", ".svg"):
        raise UserError(f"--plot {plot}: the name must end in .png or .svg")
    need("matplotlib", f"--plot {plot}")
    must_take_a_file(plot)


def _level(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Use a level of isolation as long as the command lasts."""
    from zoo.sandbox.levels import at, refusal

    level = "trusted" if value is True else value
    if not level:
        return
    if "isolation" in ctx.meta and ctx.meta["isolation"] != level:
        raise click.UsageError(f"--trust and --isolation {ctx.meta['isolation']} contradict each other", ctx)
    ctx.meta["isolation"] = level
    if why := refusal(level):
        raise UserError(why)
    ctx.with_resource(at(level))


def isolation_options(function: F) -> F:
    """--isolation and --trust, which hold for this process and its workers."""
    trust = click.option(
        "--trust",
        is_flag=True,
        expose_value=False,
        callback=_level,
        help="Run agents from files in this process: --isolation trusted. They can do all that you can.",
    )
    level = click.option(
        "--isolation",
        type=click.Choice(["trusted", "process", "strict", "container"]),
        is_eager=True,
        expose_value=False,
        callback=_level,
        help="How agents that the zoo does not ship are kept apart (default: ZOO_ISOLATION, else strict).",
    )
    return level(trust(function))


def _texts(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """ENTRANT texts between commas; a text with settings holds commas itself, so each of those has a '='."""
    texts: list[str] = []
    for part in value.split(",") if value else ():
        if texts and "=" in part and not part.partition("=")[0].count("@"):
            texts[-1] += f",{part}"
        elif part.strip():
            texts.append(part.strip())
    if value is not None and not texts:
        raise click.BadParameter("name the partners, with commas between them", ctx, parameter)
    return tuple(texts)


panel_option = click.option(
    "--panel", metavar="A,B,C", callback=_texts, help="Give the game a panel of these partners, and record it."
)

names_option = click.option(
    "--as",
    "names",
    multiple=True,
    metavar="NAME",
    help="What to call the first entrant on screens from now on; a second --as the second one, and so on.",
)


def format_options(function: F) -> F:
    """--format, and --json, which is `--format json` in the spelling of every other command."""

    def chosen(ctx: click.Context, _: click.Parameter, form: str) -> str:
        if not ctx.params.pop("as_json", False):
            return form
        if form not in ("table", "json"):
            raise click.UsageError(f"--json and --format {form} contradict each other", ctx)
        return "json"

    forms = click.Choice(["table", "json", "csv", "markdown"])
    option = click.option("--format", "form", type=forms, default="table", show_default=True, callback=chosen)
    return click.option("--json", "as_json", is_flag=True, is_eager=True, help="The same as --format json.")(
        option(function)
    )


def list_options(function: F) -> F:
    """--names and --json of a command that lists what is registered."""
    function = click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")(function)
    return click.option("--names", "only_names", is_flag=True, help="Print the registered names alone.")(function)


def print_list(
    name: str | None, group: str, listed: Callable[[], dict[str, Any]], only_names: bool, as_json: bool
) -> bool:
    """Print a list as plain names or as JSON, and say whether one of the two was asked for.

    Raises:
        UserError: JSON is asked for about one name.
    """
    from zoo.entry.registry import names

    if only_names and (as_json or name is not None):
        raise UserError("--names prints all names, one a line: leave out --json and NAME")
    if only_names:
        for known in names(group):
            click.echo(known)
    elif as_json:
        if name is not None:
            raise UserError("--json prints the whole list: leave out NAME")
        click.echo(json.dumps(listed(), indent=1))
    return only_names or as_json


def grouped(name: str, *options: Callable[[Any], Any], into: Callable[..., Any] = dict) -> Callable[[F], F]:
    """Options that reach a command as its one argument `name`: what `into` makes of their values by name."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            given[name] = into(**{parameter.name: given.pop(parameter.name) for parameter in own})
            return function(*args, **given)

        for option in reversed(options):
            option(call)
        own = call.__click_params__[-len(options) :]  # type: ignore[attr-defined]  # where click gathers them
        return cast(F, call)

    return decorate


def arena_choice(arena: str, assignments: tuple[str, ...], wrap: tuple[str, ...]) -> ArenaChoice:
    """The arena that the options name.

    Raises:
        UserError: an assignment to something else than the arena.
    """
    from zoo.entry.venue import ArenaChoice

    return ArenaChoice(arena, arena_settings(assignments), wrap)


def recorded_as(arena: str | None, assignments: tuple[str, ...]) -> str | None:
    """What records call an arena with these settings; the name as it was typed where there are none.

    Raises:
        UsageError: there are settings, and no arena.
        UserError: the arena is unknown, or refuses them.
    """
    if not assignments:
        return arena
    if arena is None:
        raise click.UsageError("--set needs the --arena to which it belongs")
    from zoo.entry.venue import Venue  # only here, as it takes a second

    return Venue(arena_choice(arena, assignments, ())).identity


def arena_option(meaning: str, *, repeatable: bool = False, **terms: Any) -> Callable[[F], F]:
    """--arena, which reaches a command as `arena`, or as the tuple `arenas` where it may be given several times."""
    named = ("--arena", "arenas") if repeatable else ("--arena",)
    return click.option(
        *named, multiple=repeatable, metavar="ARENA", help=meaning, shell_complete=complete_arena, **terms
    )


#: --arena, --set and --wrap, which reach a command as one `choice`.
arena_options = grouped(
    "choice",
    arena_option("See `zoo arenas`.", required=True),
    set_option,
    wrap_option,
    into=arena_choice,
)


def refuse(ctx: click.Context, names: Collection[str], why: str) -> None:
    """Refuse options, given by the names of their parameters, that would do nothing beside the others."""
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} {why}", ctx)


def venue_of(choice: ArenaChoice) -> Venue:
    """The venue of a command, which ends by saying what a game was taken for where its kind is not declared."""
    from zoo.entry.venue import Venue

    venue = Venue(choice)
    if venue.kind_said and not venue.kind_said.startswith("declared"):
        known = f"{choice.name} is taken for a {venue.spec.kind} game, {venue.kind_said}"
        click.get_current_context().call_on_close(lambda: _say(f"{known}; --set arena.kind=KIND overrides it"))
    return venue


def _say(line: str) -> None:
    """A line beside the result of a command; nothing where it failed, which one line is to explain."""
    if sys.exc_info()[0] is None:
        click.echo(line, err=True)


def several(venue: Venue, texts: tuple[str, ...]) -> tuple[str, ...]:
    """The entrants of a tournament, with those that patterns stand for in their place.

    Raises:
        UsageError: they are fewer than two.
        UserError: a pattern names nobody who can play here.
    """
    named = by_pattern(venue, texts)
    if len(named) < 2:
        raise click.UsageError("a tournament needs at least two entrants")
    return named


def by_pattern(
    venue: Venue, texts: tuple[str, ...], checkpoints: Callable[[str], Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Entrants with those that patterns stand for in their place, see `expand`; a line tells who was left out.

    Raises:
        UserError: a pattern names nobody who can play here.
    """
    from zoo.entry.wildcards import expand

    named = expand(venue, texts, checkpoints)
    if named.remark:
        click.echo(named.remark, err=True)
    return named.texts


def arena_settings(assignments: tuple[str, ...]) -> tuple[str, ...]:
    """Strip the prefix: "arena.size=5" -> "size=5".

    Raises:
        UserError: an assignment to something else than the arena.
    """
    for assignment in assignments:
        if not assignment.startswith("arena."):
            raise UserError(f"--set {assignment}: expected arena.FIELD=VALUE, such as arena.size=5")
    return tuple(assignment.removeprefix("arena.") for assignment in assignments)


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["zoo", *sys.argv[1:]])
