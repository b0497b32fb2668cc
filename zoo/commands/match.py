"""`zoo match`: two entrants, one arena, one verdict."""

from __future__ import annotations

import click
from click.core import ParameterSource

from zoo.commands.options import COUNT, SEED, arena_options, arena_settings, typed

EPILOG = """\b
An entrant is NAME[,field=value ...][@CHECKPOINT]: a learner plays the house's
checkpoint for the arena unless another is given.

\b
Examples:
  zoo match lola maddpg --arena coin
  zoo match tit-for-tat always-defect --arena ipd --episodes 100
  zoo match lola@checkpoints/coin-v1/lola/seed-0 greedy --arena coin
  zoo match naive lola --arena ipd --learn --rounds 200
  zoo match random random --arena pettingzoo:classic/connect_four_v3
  zoo match lola greedy --arena coin --seed 7 --json
"""


@click.command(epilog=EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@arena_options
@click.option("--episodes", type=COUNT, help="Episodes in each seating (default: the arena's, 1000 in ours).")
@click.option("--seed", type=SEED, help="Play this seed from episode 0 (default: the next public episodes).")
@click.option("--from", "first", type=click.IntRange(0), help="With --seed: the first episode (default: 0).")
@click.option("--learn", is_flag=True, help="Both learn while they play, from scratch or from @CHECKPOINT.")
@click.option("--rounds", type=COUNT, default=200, show_default=True, help="With --learn: rounds, one update each.")
@click.option("--copies", type=COUNT, default=64, show_default=True, help="With --learn: games played at once.")
@click.option("--length", type=COUNT, help="With --learn: steps of a round (default: one episode).")
@click.option("--runs", type=COUNT, default=3, show_default=True, help="With --learn: independent runs.")
@click.option(
    "--sight",
    type=click.Choice(["own", "actions", "policies"]),
    default="policies",
    show_default=True,
    help="With --learn: what learners see of each other.",
)
@click.option("--workers", type=COUNT, default=1, show_default=True, help="Processes that play blocks.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the screen.")
@click.option("--no-record", is_flag=True, help="Leave records and leaderboard as they are.")
@click.pass_context
def command(
    ctx: click.Context,
    a: str,
    b: str,
    arena: str,
    assignments: tuple[str, ...],
    wrap: tuple[str, ...],
    episodes: int | None,
    seed: int | None,
    first: int | None,
    learn: bool,
    rounds: int,
    copies: int,
    length: int | None,
    runs: int,
    sight: str,
    workers: int,
    as_json: bool,
    no_record: bool,
) -> None:
    """Play a match between entrants A and B and rate it.

    Both play in every seating on paired seeds, against each other, themselves and the arena's panel; they are compared
    by their own returns in the same seats, with the same partners, on the same seeds.
    """
    import json
    import time

    from rich.console import Console

    from leaderboard.store import Store
    from zoo import home
    from zoo.entry.venue import ArenaChoice
    from zoo.matches.match import keep, prepare, public_board, record_match, register, summarise
    from zoo.play.blocks import play_blocks
    from zoo.screen import learning_screen, match_screen, watch
    from zoo.work.pool import limit_threads

    _refuse(ctx, _PLAYING if learn else _LEARNING, "is for matches without --learn" if learn else "needs --learn")
    if first is not None and seed is None:
        raise click.UsageError("--from needs --seed", ctx)
    started = time.process_time()
    limit_threads()
    choice = ArenaChoice(arena, arena_settings(assignments), wrap)
    with Store(":memory:" if no_record else home.records()) as store:
        if learn:
            from zoo.matches.learning import LearningMatch

            match = LearningMatch(choice, (a, b), rounds, copies, length, runs, sight, seed or 0)
            learned = match.play(store, typed(), quiet=as_json, recorded=not no_record)
            figures, screen = learned.to_json(), learning_screen(learned)
        else:
            plan = prepare(
                choice, (a, b), store, episodes=episodes, seed=seed or 0, first=first or 0, onward=seed is None
            )
            before = public_board(store, plan.identity)
            register(plan, store)
            tasks = plan.tasks()
            have = store.has_blocks(tasks)
            todo = [task for key, task in tasks.items() if key not in have]
            for _ in watch(keep(play_blocks(todo, workers), store), len(todo), "blocks", quiet=as_json):
                pass
            record_match(plan, store, typed())
            spent = time.process_time() - started
            summary = summarise(plan, store, before, cpu_s=spent, recorded=not no_record)
            known = "" if not have else "in part from the records" if todo else "from the records, nothing was added"
            figures, screen = summary.to_json(), match_screen(summary, known)
    if as_json:
        click.echo(json.dumps(figures, indent=1, allow_nan=False))
    else:
        Console().print(screen)


_PLAYING = ("episodes", "workers", "first")
_LEARNING = ("rounds", "copies", "length", "runs", "sight")


def _refuse(ctx: click.Context, names: tuple[str, ...], why: str) -> None:
    """Options that would do nothing in this kind of match."""
    for name in names:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{'from' if name == 'first' else name} {why}", ctx)
