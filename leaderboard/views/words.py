"""What a board says of itself: what it ranks by, how its figures were computed, and what a difference means."""

from typing import Any

from leaderboard.records import ArenaRecord, PanelRecord
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.tally import is_head_to_head, sides_of


def words(arena: ArenaRecord, panel: PanelRecord | None) -> dict[str, Any]:
    """What the board ranks by, as a name, in a sentence, and how that was computed."""
    return {"headline": _headline(arena, panel), "rule": _rule(arena, panel), "method": _method(arena, panel)}


def _headline(arena: ArenaRecord, panel: PanelRecord | None) -> str:
    if is_head_to_head(arena):
        return "mu"
    return "own_return" if panel else ""


def _rule(arena: ArenaRecord, panel: PanelRecord | None) -> str:
    """What the board ranks by."""
    if is_head_to_head(arena):
        band = f"a difference within {arena.draw_band:g}" if arena.draw_band else "an equal return"
        return f"Ranked by mu, a rating of all games; the higher own return wins a game, {band} is a draw."
    if panel is None:
        return "Unranked: no panel was met here, so returns with different partners stand side by side."
    partners = "the weighted panel" if panel.id else "everybody on the board"
    within = " within each side" if len(sides_of(arena)) > 1 else ""
    return f"Ranked{within} by own return per episode over {partners}; mu is the same number on TrueSkill's scale."


def _method(arena: ArenaRecord, panel: PanelRecord | None) -> str:
    """How the figures were computed, in full."""
    if is_head_to_head(arena):
        return (
            "Ratings are one order-free fit of Thurstone's model with draws (spread and draw margin fitted, tau = 0), "
            "on TrueSkill's scale, centred on the mean. An episode counts once, however many rotations it was played "
            "in. Rank intervals are sampled from the joint distribution. All intervals are 95 %."
        )
    if panel is None:
        return ""
    oneself = " A member is its own partner, too." if panel.id else " Nobody is its own partner."
    scale = (
        "mu is 25 + 25/3 x (own return - mean of the members) / (their standard deviation), frozen with the panel."
        if panel.scale
        else "mu is 25 + 25/3 x (own return - mean of the members) / (their standard deviation), as they stand here."
    )
    return (
        "Own return: the panel's members are met in the same seats under the same luck, so the weighted mean over them "
        "is taken per episode, and entrants are compared episode by episode (Student's t, 95 %); a stranger and one "
        "that ships were dealt different luck, so their means are compared as two separate ones. Who has not met all "
        f"members has no rank.{oneself} {scale} Classical TrueSkill takes one result per pair and series of episodes; "
        "it depends on their order and on who else entered."
    )


def verdict(names: tuple[str, str], difference: Estimate, unit: str, how: str) -> str:
    """What a paired difference says, in words that claim no more than its interval."""
    first, second = names
    if difference.low is None or difference.high is None:
        return f"one {unit} cannot tell {first} and {second} apart"
    if difference.low <= 0 <= difference.high:
        return f"{first} and {second} cannot be told apart: the interval of their difference holds 0"
    better, worse = (first, second) if difference.mean > 0 else (second, first)
    return f"{better} earned more than {worse} {how}"


def duplicates(*, paired: bool) -> str:
    """How two entrants were compared: paired by episode, or dealt no episode in common."""
    seeds = "on the same seeds" if paired else "each on a seed of its own"
    return f"with the same partners, in the same seats, {seeds}"
