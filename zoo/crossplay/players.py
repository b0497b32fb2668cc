"""Who plays in cross-play: rows and columns, the roles that they play, and which training run each comes from."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arenas.protocol import ArenaSpec
from leaderboard.labels import unique_labels
from leaderboard.records import canonical
from zoo.entry import checkpoint
from zoo.entry.entrant import Entrant
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.work.progress import short

_WILD = "*?["
#: Options of `zoo train` that leave the run what it is, or that the card has elsewhere.
_NOT_THE_RUN = ("steps", "seed", "seeds", "out", "workers", "save-every")


@dataclass(frozen=True)
class Contestant:
    """An entrant that is a row or a column.

    Attributes:
        text: ENTRANT as it was asked for; label: what people read, no two the same; id: its identity.
        run: the training run that it comes from, see `_run`; its own id where it was not trained.
        weights: digest of what it learned, empty where it was not trained.
        kind: equal for entrants that differ by their training seed only.
        kind_label: what people read for the kind.
    """

    text: str
    label: str
    id: str
    run: str
    weights: str
    kind: str
    kind_label: str

    def is_stranger_of(self, other: Contestant) -> bool:
        """Whether they come from different training runs: neither of one, however long, nor with the same weights."""
        return self.run != other.run and not (self.weights and self.weights == other.weights)


def roles(spec: ArenaSpec) -> dict[str, tuple[str, ...]]:
    """Role -> its seats; a role is named by its side, or by its team where that has several.

    Where there is one side, the role is to fill one seat of it among partners. Teams that mirror each other are named
    by themselves.
    """
    named: dict[str, tuple[str, ...]] = {}
    for seats in spec.roles():
        sides = dict.fromkeys(spec.seats[seat].side for seat in seats)
        team = spec.seats[seats[0]].team
        name = next(iter(sides)) if len(sides) == 1 and not spec.mirrors() else team or "+".join(sides)
        named[name if name not in named else "+".join(seats)] = seats
    return named


def expand(venue: Venue, texts: Sequence[str]) -> list[str]:
    """The entrants with `AGENT@*` replaced by all house checkpoints of that agent: `AGENT` itself and its other seeds.

    What follows the @ may be any pattern of folders, such as `maddpg@seed-?` or `maddpg@checkpoints/tag/maddpg/*`: it
    is looked up among the house's checkpoints for the arena first, then from the current folder on, in the order of the
    names. A checkpoint with the weights of one before it is left out.

    Raises:
        UserError: a pattern fits no checkpoint.
    """
    expanded: list[str] = []
    for text in texts:
        if any(letter in text.partition("@")[2] for letter in _WILD):
            distinct: dict[str, str] = {}
            for name in _matching(venue, text):
                distinct.setdefault(venue.id(name), name)
            expanded += distinct.values()
        else:
            expanded.append(text)
    return expanded


def _matching(venue: Venue, text: str) -> list[str]:
    """The checkpoints that fit a pattern."""
    who, _, pattern = text.partition("@")
    agent = who.partition(",")[0]
    house = next(iter(checkpoint.house_places(venue.identity, agent)), checkpoint.HOUSE / venue.spec.name / agent)
    names = [f"{who}@{folder}" for folder in _checkpoints(pattern, house)]
    if pattern == "*" and _is_checkpoint(house):
        names.insert(0, who)
    names = names or [f"{who}@{folder}" for folder in _checkpoints(pattern)]
    if not names:
        raise UserError(f"{text} fits no checkpoint: neither in {house} nor from here on")
    return names


def check(venue: Venue, texts: Sequence[str]) -> None:
    """See that all of them can play every role, before anything is played.

    Raises:
        UserError: an entrant is unknown, or leaves a role empty because it was trained for another one.
    """
    spec = venue.spec
    for text in texts:
        who = venue.entrant(text)
        for role, seats in roles(spec).items():
            try:
                if who.checkpoint is not None:
                    who.checkpoint.state_for(seats, spec)
            except UserError as error:
                trained = ", ".join(who.checkpoint.card.seats if who.checkpoint else ())
                raise UserError(
                    f"{who.label} leaves the role {role} empty: it was trained for {trained} only, and in cross-play"
                    " everybody plays every role"
                ) from error


def contestants(venue: Venue, texts: Sequence[str]) -> dict[str, Contestant]:
    """ENTRANT text -> who that is, with labels of which no two are the same."""
    who = {text: venue.entrant(text) for text in texts}
    labels = unique_labels([w.id for w in who.values()], {w.id: w.label for w in who.values()})
    kinds = {text: _kind(w) for text, w in who.items()}
    kind_labels = unique_labels(kinds.values(), _kind_labels(who, kinds))
    return {
        text: Contestant(
            text=text,
            label=labels[w.id],
            id=w.id,
            run=_run(w),
            weights=w.checkpoint.digest if w.checkpoint else "",
            kind=kinds[text],
            kind_label=kind_labels[kinds[text]],
        )
        for text, w in who.items()
    }


def _run(who: Entrant) -> str:
    """Hash of how it was trained, except for how long: agent, settings, command and seed.

    A run that went on for more steps is the same run. Where the card does not hold the command, the weights stand for
    the run; an entrant that was not trained is its own.
    """
    if who.checkpoint is None:
        return who.id
    card = who.checkpoint.card
    if not card.command:
        return who.checkpoint.digest
    what = [card.agent, card.behaviour, card.config, _training(card.command, *_NOT_THE_RUN), card.seed]
    return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def _training(command: str, *without: str) -> str:
    """A command without the named options and their values."""
    return re.sub(rf"\s--(?:{'|'.join(without)})(?:\s+|=)\S+", "", f" {command}").strip()


def _kind(who: Entrant) -> str:
    """Hash of agent, settings and training but for its seed; the identity where nothing was trained."""
    if who.checkpoint is None:
        return who.id
    card = who.checkpoint.card
    training = _training(card.command, "seed", "out")
    what = [who.entry.key, who.entry.agent.behaviour, who.settings, card.steps, training]
    return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def _kind_labels(who: Mapping[str, Entrant], kinds: Mapping[str, str]) -> dict[str, str]:
    """What was typed before the @; where kinds would else be called the same, also how they were trained otherwise.

    Those are the settings that not all of these kinds have, else the steps of training.
    """
    names = {kinds[text]: text.partition("@")[0] for text in who}
    cards = {kinds[text]: w.checkpoint.card for text, w in who.items() if w.checkpoint}
    often, labels = Counter(names.values()), dict(names)
    for kind, name in names.items():
        if often[name] > 1 and kind in cards:
            configs = [cards[other].config for other, called in names.items() if called == name and other in cards]
            mine = cards[kind].config
            if all(config == mine for config in configs):
                labels[kind] = f"{name}, {short(cards[kind].steps)} steps"
            else:  # a field that is not there is at its default
                own = {field: v for field, v in mine.items() if any(config.get(field) != v for config in configs)}
                said = [f"{field}={json.dumps(v) if isinstance(v, bool) else v}" for field, v in own.items()]
                labels[kind] = ",".join([name, *said])
    return labels


def _checkpoints(pattern: str, root: Path | None = None) -> list[str]:
    """The folders that fit and hold a checkpoint, as the pattern names them, seed-2 before seed-10."""
    folders = glob.glob(pattern, root_dir=root)
    return sorted((name for name in folders if _is_checkpoint((root or Path()) / name)), key=_natural)


def _is_checkpoint(folder: Path) -> bool:
    return (folder / checkpoint.CARD).is_file()


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]
