"""What `zoo agents` and `zoo arenas` print: the lists, and descriptions of one agent or one arena.

A list must appear at once, so whatever imports torch is imported in the descriptions alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.layout import plural
from zoo.entry import catalogue
from zoo.entry.declared import panel_for
from zoo.entry.layout import Described, plain_table, reflowed, settings_part
from zoo.entry.nemesis import SCHEME, nemeses_of
from zoo.entry.registry import GAMES, LIBRARIES, AgentEntry, load_arena
from zoo.errors import UserError

if TYPE_CHECKING:
    from arenas.protocol import ArenaSpec
    from zoo.entry.venue import ArenaChoice, Venue

_WIDE = 110  # columns from which on a list says what an agent needs, and how many actions a seat of an arena has
_NAMED = 3  # arenas that are named in the list; more are counted
_CHECKPOINTS, _LINES = 16, 2  # columns and lines that they may take; longer names are counted, too
_SHORT = 6  # letters of a seat's name up to which the list names both of a game's seats


def agents_listed(width: int) -> RenderableType:
    """All registered agents, for a terminal of `width` columns."""
    needs = ["needs"] if width >= _WIDE else []
    table = plain_table("name", "what it is", *needs, "house checkpoints")
    table.columns[-1].max_width = None if needs else _CHECKPOINTS  # the description needs the rest
    for name, agent in catalogue.agent_list().items():
        if "fault" in agent:
            table.add_row(name, Text(agent["fault"], "red"))
            continue
        arenas = agent["house_checkpoints"]
        trained = ", ".join(arenas)
        if len(arenas) > _NAMED or len(trained) > _LINES * _CHECKPOINTS:
            trained = plural(len(arenas), "arena")
        wants = [", ".join(agent["needs"]) or "nothing"] if needs else []
        checkpoints = Text(trained or "none yet") if agent["learns"] else Text("does not learn", "dim")
        table.add_row(name, agent["summary"], *wants, checkpoints)
    closing = (
        "Describe one: zoo agents NAME. Your own: path/to/file.py:Class, see the README."
        f" Of other libraries: zoo agents {', '.join(LIBRARIES)}."
    )
    return Group(table, Text(), Text(closing, "dim"))


def library_listed(scheme: str) -> RenderableType:
    """The agents or the games of a library, those that can be used before those that are refused."""
    known = catalogue.foreigners(scheme)
    playing, refused = plain_table("name", "what it is"), plain_table("refused", "reason")
    for one in known:
        if one.refusal is None:
            playing.add_row(one.name, Text(one.summary))
        else:
            refused.add_row(one.name, Text(one.refusal))
    count = playing.row_count
    what = "arenas" if scheme in GAMES else "agents"
    closing = f"{count} play, {len(known) - count} are refused. Describe one: zoo {what} {scheme}:NAME."
    tables: list[RenderableType] = [playing, Text()]
    if refused.row_count:
        tables += [refused, Text()]
    return Group(*tables, Text(closing, "dim"))


def agent_described(entry: AgentEntry) -> RenderableType:
    """One agent: its paper, needs, facts and settings."""
    return Group(*_head(entry.name, entry.agent), *_rendered(agent_parts(entry)))


def agent_parts(entry: AgentEntry) -> list[Described]:
    """What is said of an agent below its paper."""
    from arenas.protocol import WORDS

    agent = entry.agent
    usual, trained = catalogue.playable(entry.name, left_out={}), catalogue.house_checkpoints(entry.name)
    # a game may be too large for it as it is, and not under the settings for which the house trained it
    further = [one for one in trained if one.partition("(")[0].rpartition("-v")[0] not in usual] if agent.learns else []
    owned = {"seat": "one seat each", "side": "all seats of its side", "all": "all seats that it fills"}
    properties = {
        "owns": owned[agent.owns],
        "behaviour": str(agent.behaviour),
        "plays in": ", ".join([*usual, *further]) or "none of the registered arenas",
    }
    if agent.learns:
        properties["house checkpoints"] = ", ".join(trained) or "none yet"
    needs = {word: WORDS.get(word, "a word of other arenas") for word in sorted(agent.needs)}
    needs |= {f"{word} (to learn)": WORDS.get(word, "") for word in sorted(agent.needs_to_learn)}
    return [
        Described("Needs", list(needs.items()), empty="nothing"),
        Described("Facts", list(properties.items())),
        _nemeses(entry.name),
        settings_part(f"Settings, as in {entry.name},field=value", catalogue.agent_settings(entry)),
    ]


def _nemeses(agent: str) -> Described:
    """What holds the agent to its worst case in each arena, where that is kept."""
    rows = []
    for one in nemeses_of(agent):
        found = "" if one.exact else "at most "
        rows.append((one.arena, f"{SCHEME}{one.victim}", f"{found}{one.worst_case:.3f}", one.by))
    title = "Nemeses: entrants that hold it to its worst case, and what it then earns"
    return Described(title, rows, ("arena", "entrant", "earns per step", "played by"))


def arenas_listed(width: int) -> RenderableType:
    """All registered arenas, for a terminal of `width` columns."""
    wide = width >= _WIDE
    table = plain_table("name", "what it is", "kind", "seats", *["actions"] * wide)
    for name, arena in catalogue.arena_list().items():
        if "fault" in arena:
            table.add_row(name, Text(arena["fault"], "red"))
        elif "note" in arena:
            table.add_row(name, Text(arena["summary"]).append(f" ({arena['note']})", "dim"))
        else:
            seats = arena["seats"]
            actions = [", ".join(dict.fromkeys(_actions(**sizes) for sizes in seats.values()))] * wide
            few = len(seats) == 2 and max(map(len, seats)) <= _SHORT
            named = ", ".join(seats) if few else plural(len(seats), "seat")
            table.add_row(name, arena["summary"], arena["kind"], named, *actions)
    closing = (
        "Any PettingZoo environment is one too: pettingzoo:NAME, mpe2:NAME, lbforaging:NAME, or path/to/file.py:env."
        f" Games of other libraries: zoo arenas {', '.join(GAMES)}."
    )
    return Group(table, Text(), Text(closing, "dim"))


def arena_described(choice: ArenaChoice) -> RenderableType:
    """One arena: its rules, seats, offers and settings; rules and settings alone where it needs a setting.

    Raises:
        UserError: there is no such arena, or it cannot be made.
    """
    entry = load_arena(choice.name, list(choice.settings), choice.wrap)
    parts, fault = arena_parts(choice)
    closing = [Text(f"\n{fault}", "dim")] if fault else []
    return Group(*_head(entry.name, entry.factory), *_rendered(parts), *closing)


def arena_parts(choice: ArenaChoice) -> tuple[list[Described], str]:
    """What is said of an arena below its rules, and why there is no more where it cannot be made as it is."""
    from arenas.protocol import WORDS
    from zoo.entry.venue import Venue

    entry = load_arena(choice.name, list(choice.settings), choice.wrap)
    title = f"Settings, as in --arena {entry.name} --set arena.FIELD=VALUE"
    settings = settings_part(title, catalogue.arena_settings(entry))
    try:
        venue = Venue(choice)
    except UserError as error:
        if choice.settings or not any(field.required for field in catalogue.arena_settings(entry)):
            raise
        return [settings], str(error)
    own = "the game itself, for agents that know it"
    offers = {word: WORDS.get(word, own) for word in sorted(venue.spec.offers)}
    parts = [
        Described("Facts", list(_facts(venue).items())),
        _seats(venue.spec),
        Described("Offers", list(offers.items())),
    ]
    return [*parts, settings], ""


def _head(name: str, thing: Any) -> list[RenderableType]:
    return [Text.assemble((name, "bold"), f"  {catalogue.summary(thing)}\n"), reflowed(catalogue.story(thing))]


def _rendered(parts: Iterable[Described]) -> list[RenderableType]:
    return [one for part in parts if part.shown for one in part.rendered()]


def _facts(venue: Venue) -> dict[str, str]:
    spec, identity, panel = venue.spec, venue.identity, panel_for(venue)
    elsewhere = catalogue.house_entrants_elsewhere(identity)
    drawn = {"draw": f"returns closer than {spec.draw_band:.3g}"} if spec.draw_band else {}
    return {
        "identity": identity,
        "kind": f"{spec.kind}, {venue.kind_said}" if venue.kind_said else spec.kind,
        "episode": f"at most {plural(spec.max_steps, 'step')}",
        "discount": f"gamma {spec.gamma:g} in values; returns are compared undiscounted",
        "match": f"{plural(spec.episodes, 'episode')} in each rotation, in blocks of {spec.block}",
        "forfeit": f"a seat that spoils its episode is given {spec.forfeit:g}",
        **drawn,
        "panel": f"{panel.id}: {', '.join(panel.members)}" if panel else "none declared; see `zoo panel`",
        "house entrants": ", ".join(catalogue.house_entrants(identity)) or "none yet",
        **({"under other settings": _elsewhere(elsewhere)} if elsewhere else {}),
        "agents": ", ".join(catalogue.players(venue.arena())),
    }


def _elsewhere(found: dict[str, list[str]]) -> str:
    """Which agents of the house were trained under which other settings: "bad (lives=3,variant=mini)"."""
    return ", ".join(
        f"{agent} ({'; '.join(one or 'the usual' for one in settings)})" for agent, settings in found.items()
    )


def _seats(spec: ArenaSpec) -> Described:
    rows = []
    for name, seat in spec.seats.items():
        actions = _actions(seat.actions, seat.action_dim)
        if seat.message_dim:
            actions += f", messages of {plural(seat.message_dim, 'number')}"
        rows.append((name, seat.side, seat.team or "its own", " x ".join(map(str, seat.observation)), actions))
    return Described("Seats", rows, ("seat", "side", "team", "observation", "actions"))


def _actions(actions: int, action_dim: int) -> str:
    if actions:
        return plural(actions, "action")
    return f"{plural(action_dim, 'number')} in [-1, 1]"
