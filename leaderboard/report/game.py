"""The game behind the numbers in a terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.layout import clean, number
from leaderboard.report.sheet import Column, Sheet, labels
from leaderboard.views.game import GAMES_WON, EmpiricalGame


def game_view(game: EmpiricalGame) -> RenderableType:
    """A game: title, table, verdict on cycles, and what the columns mean."""
    rows = game.strategies
    spread = max((abs(row.uniform) for row in rows), default=1.0)
    digits = 4 if spread < 10 else 2
    columns = [labels("entrant", [row.label for row in rows])]
    if any(row.side for row in rows):
        columns.append(Column("side", [clean(row.side) for row in rows], left=True, worth=99))
    for title, value, place, worth in (
        (f"clone-proof: {game.clone_proof}", "clone_proof", "place_clone_proof", 97),
        ("against survivors", "survivors", "place_survivors", 96),
        ("against all alike", "uniform", "place_uniform", 95),
    ):
        cells = [f"{number(getattr(row, value), digits)} ({getattr(row, place)})" for row in rows]
        columns.append(Column(title, cells, worth=worth, style="bold" if value == "clone_proof" else ""))
    columns.append(Column("survivors' share", [number(row.share, 3) for row in rows], worth=94))
    columns.append(Column("alpha-rank", [number(row.alpha_rank, 3) for row in rows], worth=93))
    lines = [
        f"Payoff: {game.payoff}. In brackets: the place by each value.",
        "Copies of an entrant move neither the clone-proof rating nor its order; they do move all other columns.",
    ]
    if game.cycles is not None:
        losses = [number(loss, 4) for loss in (game.cycles.scalar, game.cycles.rank2)]
        whom = "Who beats whom" if game.payoff == GAMES_WON else "Who of two earns more"
        lines.append(
            f"{whom}: {game.cycles.verdict}; {100 * game.cycles.triples:.0f} % of triples are circles. "
            f"Held-out {game.cycles.loss}: {losses[0]} with one number per entrant, "
            f"{losses[1]} with a turning part."
        )
    if game.left_out:
        lines.append(f"Left out, as they have not met all others: {', '.join(map(clean, game.left_out))}.")
    heading = Text(f"{clean(game.arena)}: the game behind the numbers", style="bold")
    sheet = Sheet(columns, [row.side for row in rows])
    return Group(heading, sheet, Text(), *(Text(line, style="dim") for line in lines))
