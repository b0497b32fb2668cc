"""What a board says of itself: what it ranks by, and how its figures were computed."""

from typing import Any

from leaderboard.records import ArenaRecord, PanelRecord
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
