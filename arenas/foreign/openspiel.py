"""Games of OpenSpiel (Lanctot et al. 2019, PyPI `open_spiel`) as PettingZoo environments, straight from its engine.

`openspiel:NAME`, or `openspiel:NAME(parameter=value)` as OpenSpiel writes it. Games where one moves at a time become
turn games, those where all choose at once parallel ones. A seat sees its information state tensor, which tells all that
it knows, or where a game has none its observation tensor; `view="observation"` asks for the second where there are
both. Pictures come with the channels last, as everywhere in PettingZoo. Chance is drawn from the episode's seed.

A step pays what `returns()` has grown by, so that an episode adds up to the game's own returns in every reward model.
Whether a game is zero-sum or pays all alike, and the least that it pays, are OpenSpiel's own statements.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete
from pettingzoo import AECEnv, ParallelEnv

from arenas.spiel import library as library
from arenas.spiel import version as version

View = Literal["information", "observation"]

_KINDS = {"ZERO_SUM": "competitive", "CONSTANT_SUM": "competitive", "IDENTICAL": "cooperative"}
_SEED = "rng_seed"  # the parameter of games that draw in secret


def names() -> list[str]:
    """All games of the library, sorted."""
    return sorted(game.short_name for game in library().registered_games())


def description(name: str) -> str:
    """What a game is, in a line."""
    kind = _kind_of(name)
    how = {"SEQUENTIAL": "in turns", "SIMULTANEOUS": "all at once", "MEAN_FIELD": "mean field"}[_word(kind.dynamics)]
    secret = ", hidden information" if _word(kind.information) == "IMPERFECT_INFORMATION" else ""
    return f"{kind.long_name}, {how}{', with chance' if _word(kind.chance_mode) != 'DETERMINISTIC' else ''}{secret}"


@cache
def refusal(name: str) -> str | None:
    """Why a game cannot be an arena as it stands, or None."""
    try:
        _fitting(name, {})
    except ValueError as error:
        return str(error)
    return None


def named(text: str) -> Callable[..., SpielTurns | SpielAtOnce]:
    """What makes the environment of a game, "hex" or "kuhn_poker(players=3)".

    Raises:
        ModuleNotFoundError: OpenSpiel is not installed.
        ValueError: an unknown game, or one that is no game for two or more who meet.
    """
    known = names()
    name = text.partition("(")[0]
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.0))
        raise ValueError(f"OpenSpiel has no game {name!r}; the nearest names are {near}")
    if "(" not in text and (why := refusal(name)):
        raise ValueError(why)
    return partial(_environment, text)


def _environment(text: str, **arguments: Any) -> SpielTurns | SpielAtOnce:
    view = arguments.pop("view", "information")
    drawing = arguments.pop("render_mode", None)
    if view not in ("information", "observation"):
        raise ValueError(f"view must be information or observation; got {view!r}")
    game = _fitting(text, arguments)
    at_once = _word(game.get_type().dynamics) == "SIMULTANEOUS"
    return (SpielAtOnce if at_once else SpielTurns)(game, view, drawing)


def _fitting(text: str, parameters: Mapping[str, Any]) -> Any:
    """The game, if players can meet in it and see something.

    Raises:
        ValueError: why not, in one line.
    """
    spiel = library()
    kind = _kind_of(text.partition("(")[0])
    if _word(kind.dynamics) == "MEAN_FIELD":
        raise ValueError("it is a mean-field game, whose players are a crowd without seats")
    if "(" not in text and not parameters and not kind.default_loadable:
        raise ValueError(f"it is made of another game, which its parameters name: openspiel:{text}(...)")
    try:
        with _quiet():
            game = spiel.load_game(text, dict(parameters)) if parameters else spiel.load_game(text)
    except (RuntimeError, TypeError) as error:  # what the library makes of its own errors, and of odd values
        said = re.sub(r"^\S+\.(cc|h):\d+ ", "", " ".join(str(error).split()))
        raise ValueError(f"OpenSpiel refuses {text}: {said}") from None
    kind = game.get_type()
    if game.num_players() < 2:
        raise ValueError("it has one player, and nobody to meet")
    if not (kind.provides_information_state_tensor or kind.provides_observation_tensor):
        raise ValueError("it shows what players see as text alone, not as numbers")
    if _word(kind.chance_mode) == "SAMPLED_STOCHASTIC" and _SEED not in game.get_parameters():
        raise ValueError("it draws its chance in secret, so that no seed repeats a game")
    return game


@contextmanager
def _quiet() -> Iterator[None]:
    """The library writes to the process's own stderr, beside the exception that says the same."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _kind_of(name: str) -> Any:
    return next(kind for kind in library().registered_games() if kind.short_name == name)


def _word(value: Any) -> str:
    """The name of an enumeration's value: Dynamics.SEQUENTIAL -> "SEQUENTIAL"."""
    return str(value).rpartition(".")[2]


class _Table:
    """A game of OpenSpiel and where it stands, as both kinds of environment need it.

    Args:
        game: the game.
        view: which tensor a seat sees.
    """

    def __init__(self, game: Any, view: View) -> None:
        kind = game.get_type()
        self.game, self.state = game, game.new_initial_state()
        self.seats = [f"player_{number}" for number in range(game.num_players())]
        self._sampled = _word(kind.chance_mode) == "SAMPLED_STOCHASTIC"
        self._told = kind.provides_information_state_tensor and not (
            view == "observation" and kind.provides_observation_tensor
        )
        layout = game.information_state_tensor_layout() if self._told else game.observation_tensor_layout()
        shape = game.information_state_tensor_shape() if self._told else game.observation_tensor_shape()
        self._shape, self._turned = tuple(shape), len(shape) == 3 and _word(layout) == "CHW"
        height, width = game.num_distinct_actions(), self._shape
        seen = (*width[1:], width[0]) if self._turned else width
        self.space = Dict(
            {"observation": Box(-np.inf, np.inf, seen, np.float32), "action_mask": Box(0, 1, (height,), np.int8)}
        )
        self.acts = Discrete(height)
        self._paid = np.zeros(len(self.seats))

    @property
    def metadata(self) -> dict[str, Any]:
        """Name, and what the game says of its payments."""
        kind = self.game.get_type()
        said = {"kind": _KINDS[word]} if (word := _word(kind.utility)) in _KINDS else {}
        name = f"openspiel_{kind.short_name}"
        return {"name": name, "render_modes": ["ansi"], "forfeit": float(self.game.min_utility()), **said}

    def begin(self, seed: int | None) -> None:
        """Start a game."""
        self._luck = np.random.default_rng(seed)
        if self._sampled:  # the seed is a parameter of such a game
            parameters = {**self.game.get_parameters(), _SEED: int(self._luck.integers(1 << 31))}
            self.game = library().load_game(self.game.get_type().short_name, parameters)
        self.state = self.game.new_initial_state()
        self._paid = np.zeros(len(self.seats))
        self._chance()

    def go_on(self, apply: Callable[[], None]) -> dict[str, float]:
        """Apply moves, draw what follows by chance, and say what that paid to whom."""
        apply()
        self._chance()
        total = np.asarray(self.state.returns(), float)
        paid, self._paid = total - self._paid, total
        return dict(zip(self.seats, paid.tolist(), strict=True))

    def _chance(self) -> None:
        while self.state.is_chance_node():
            outcomes, chances = zip(*self.state.chance_outcomes(), strict=True)
            drawn = int(np.searchsorted(np.cumsum(chances), self._luck.random() * sum(chances), side="right"))
            self.state.apply_action(outcomes[min(drawn, len(outcomes) - 1)])

    def seen(self, seat: str) -> dict[str, np.ndarray]:
        """What a seat sees, with its legal actions: none where it is not on turn."""
        number = self.seats.index(seat)
        tensor = self.state.information_state_tensor if self._told else self.state.observation_tensor
        view = np.asarray(tensor(number), np.float32).reshape(self._shape)
        legal = np.zeros(self.acts.n, np.int8)
        if not self.state.is_terminal():
            legal[self.state.legal_actions(number)] = 1
        return {"observation": np.moveaxis(view, 0, -1) if self._turned else view, "action_mask": legal}


class SpielTurns(AECEnv[str, Any, int]):  # type: ignore[misc]  # pettingzoo is not checked
    """A game where one moves at a time."""

    def __init__(self, game: Any, view: View, render_mode: str | None = None) -> None:
        super().__init__()
        self.table, self.render_mode = _Table(game, view), render_mode
        self.metadata = self.table.metadata
        self.possible_agents = list(self.table.seats)
        self.agents: list[str] = []
        self.max_cycles: int = game.max_game_length()  # of one seat: in some games it may be on turn most of the time

    def observation_space(self, agent: str) -> Dict:
        """The tensor of a seat, and its legal actions."""
        return self.table.space

    def action_space(self, agent: str) -> Discrete:
        """The game's distinct actions, of which few are legal at a time."""
        return self.table.acts

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """A new game."""
        self.agents = list(self.possible_agents)
        self.table.begin(seed)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self.agent_selection = self.agents[self.table.state.current_player()]

    def step(self, action: int | None) -> None:
        """The move of the seat on turn."""
        agent = self.agent_selection
        if self.terminations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        state = self.table.state
        self.rewards = self.table.go_on(lambda: state.apply_action(int(action)))  # type: ignore[arg-type]
        self._accumulate_rewards()
        if state.is_terminal():
            self.terminations = dict.fromkeys(self.agents, True)
            self.agent_selection = self.agents[0]
        else:
            self.agent_selection = self.agents[state.current_player()]

    def observe(self, agent: str) -> dict[str, np.ndarray]:
        """What a seat sees."""
        return self.table.seen(agent)

    def render(self) -> str | None:
        """The game's own text."""
        return str(self.table.state) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing to let go of."""


class SpielAtOnce(ParallelEnv[str, Any, int]):  # type: ignore[misc]  # pettingzoo is not checked
    """A game where all choose at once; a seat without a legal action is not asked."""

    def __init__(self, game: Any, view: View, render_mode: str | None = None) -> None:
        self.table, self.render_mode = _Table(game, view), render_mode
        self.metadata = self.table.metadata
        self.possible_agents = list(self.table.seats)
        self.agents: list[str] = []
        self.max_cycles: int = game.max_game_length()

    def observation_space(self, agent: str) -> Dict:
        """The tensor of a seat, and its legal actions."""
        return self.table.space

    def action_space(self, agent: str) -> Discrete:
        """The game's distinct actions, of which few are legal at a time."""
        return self.table.acts

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """A new game."""
        self.agents = list(self.possible_agents)
        self.table.begin(seed)
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[Any, ...]:
        """All choose; where the game lets one alone move, that one does."""
        agents, state = self.agents, self.table.state
        if state.is_simultaneous_node():
            moves = [int(actions.get(agent, 0)) for agent in self.possible_agents]
            paid = self.table.go_on(lambda: state.apply_actions(moves))
        else:
            mover = self.possible_agents[state.current_player()]
            paid = self.table.go_on(lambda: state.apply_action(int(actions[mover])))
        over = bool(state.is_terminal())
        seen = self._seen()
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in agents}
        if over:
            self.agents = []
        return seen, paid, dict.fromkeys(agents, over), dict.fromkeys(agents, False), infos

    def _seen(self) -> dict[str, Any]:
        return {agent: self.table.seen(agent) for agent in self.agents}

    def render(self) -> str | None:
        """The game's own text."""
        return str(self.table.state) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing to let go of."""
