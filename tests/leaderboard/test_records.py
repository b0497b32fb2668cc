"""Records refuse what would poison a table later, and identities depend on what decides the outcome only."""

import subprocess
import sys

import numpy as np
import pytest

from leaderboard.records import STATUSES, ArenaRecord, BlockRecord, SeatResult, Status, block_id, canonical

GAME = ("coin-v1", ("a", "b"), "play", 7, 0, 4, 1)


def test_block_id_is_a_hash_of_everything_that_decides_the_outcome():
    assert len(block_id(*GAME)) == 64
    assert block_id(*GAME) == block_id("coin-v1", ("b", "a"), "play", 7, 0, 4, 1)
    others = [("coin-v2", *GAME[1:]), ("coin-v1", ("a", "a"), *GAME[2:]), (*GAME[:2], "learn", *GAME[3:])]
    others += [(*GAME[:i], GAME[i] + 1, *GAME[i + 1 :]) for i in (3, 4, 5, 6)]
    assert len({block_id(*what) for what in [GAME, *others]}) == len(others) + 1


def test_block_id_never_changes():
    assert block_id(*GAME) == "bb1ab62dacd956bbe7e02dd98e50fa5bc03e6e3f53573dcc45210760d04ed3eb"


def test_canonical_is_one_text_for_equal_values():
    assert canonical({"b": (1, 2.5), "a": None}) == canonical({"a": None, "b": [1, 2.5]}) == '{"a":null,"b":[1,2.5]}'
    with pytest.raises(ValueError):
        canonical(float("nan"))


def test_status_codes_are_their_order():
    assert [status.code for status in STATUSES] == [0, 1, 2, 3, 4, 5]
    assert [str(status) for status in STATUSES] == ["DONE", "FORFEIT", "INVALID", "TIMEOUT", "CRASH", "MEMORY"]


def test_seat_result_takes_lists_keeps_dtypes_and_forbids_writing():
    result = SeatResult(0, "s", "a", [1, 2], [3, 4], [0, Status.CRASH.code])
    assert [result.returns.dtype, result.lengths.dtype, result.statuses.dtype] == ["<f8", "<i4", "u1"]
    with pytest.raises(ValueError, match="read-only"):
        result.returns[0] = 5.0


def test_seat_results_are_equal_if_the_game_was():
    one = SeatResult(0, "s", "a", [1.0], [3], [0], {"coop": (0.5, 0.1, 3)}, cpu_s=1.0, isolation="strict")
    assert one == SeatResult(0, "s", "a", [1.0], [3], [0], {"coop": (0.5, 0.1, 3)}, cpu_s=9.0)
    assert one != SeatResult(0, "s", "a", [1.0], [3], [0], {"coop": (0.6, 0.1, 3)})
    assert one != SeatResult(0, "s", "a", [1.1], [3], [0], {"coop": (0.5, 0.1, 3)})


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (([1.0, 2.0], [3], [0, 0]), "lengths has shape"),
        (([1.0, np.nan], [3, 3], [0, 0]), "not finite"),
        (([1.0], [3], [6]), "status code 6"),
        (([[1.0]], [[3]], [[0]]), "one number per episode"),
    ],
)
def test_seat_result_refuses_nonsense(arrays, words):
    with pytest.raises(ValueError, match=words):
        SeatResult(0, "s", "a", *arrays)


def test_block_refuses_unsorted_pairings_strangers_and_other_lengths():
    result = SeatResult(0, "s", "a", [1.0], [3], [0])
    with pytest.raises(ValueError, match="sorted order"):
        BlockRecord("id", "coin-v1", ("b", "a"), "play", 0, 0, 1, 1, (result,))
    with pytest.raises(ValueError, match="not a result of 2 episodes"):
        BlockRecord("id", "coin-v1", ("a", "b"), "play", 0, 0, 2, 1, (result,))
    with pytest.raises(ValueError, match="not a result"):
        BlockRecord("id", "coin-v1", ("b", "c"), "play", 0, 0, 1, 1, (result,))
    with pytest.raises(ValueError, match="each once"):
        BlockRecord("id", "coin-v1", ("a", "b"), "play", 0, 0, 1, 1, (result, result))
    with pytest.raises(ValueError, match="each once"):
        BlockRecord("id", "coin-v1", ("a", "b"), "play", 0, 0, 1, 1, ())
    with pytest.raises(ValueError, match="at least one episode"):
        BlockRecord("id", "coin-v1", ("a", "b"), "play", 0, 0, 0, 1, ())


def test_arena_refuses_unknown_kinds():
    with pytest.raises(ValueError, match="'zero-sum' is not one of competitive, cooperative, mixed"):
        ArenaRecord("x-v1", "x-v1", "zero-sum", (("s", "player"),), 0.0, 0.0, 1.0, 1)


def test_records_load_neither_database_nor_statistics():
    heavy = "{'sqlalchemy', 'scipy', 'rich', 'trueskill', 'torch'}"
    code = f"import sys, leaderboard.records; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_boards_and_reports_can_be_made_without_a_database():
    modules = (
        "leaderboard.views.board, leaderboard.report.tables, leaderboard.report.terminal, leaderboard.views.crossplay"
    )
    code = f"import sys, {modules}; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_module_loads_torch_or_trueskill():
    modules = "views.board statistics.field views.crossplay statistics.rating records store.store report.terminal"
    names = ", ".join(f"leaderboard.{name}" for name in [*modules.split(), "report.tables"])
    code = f"import sys, {names}; print(*{{'torch', 'trueskill', 'scipy.stats', 'sqlalchemy.orm'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
