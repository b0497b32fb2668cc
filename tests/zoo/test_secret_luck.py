"""Luck of matches: a secret seed gives nothing away of what it deals, and the home keeps it whatever happens."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import stat
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import torch

from agents.randomness import bits, derive
from leaderboard.seeds import PUBLIC_SEED, SECRET_SEEDS, seed_number
from tests.zoo import foresees
from tests.zoo.command_line import contents
from tests.zoo.foresees import foreseen, seed_behind
from zoo import home
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play import luck
from zoo.play.blocks import Task, play_block, play_blocks

IDENTITY = "imp-v1"
SEATS = {"row": 0, "column": 1}


@dataclass(frozen=True)
class Somebody:
    stranger: bool
    confined: bool = True
    isolation: str = "strict"


SHIPS, STRANGER = Somebody(False), Somebody(True)


def secret_seed() -> int:
    return luck.rated_seed([SHIPS, STRANGER])


def test_public_luck_can_be_run_backwards_and_secret_luck_cannot() -> None:
    for seed, known in ((PUBLIC_SEED, True), (secret_seed(), False)):
        episodes = luck.episode_seeds(IDENTITY, seed, 5, 100)
        dealt = luck.seatings(SEATS, episodes, seed)
        for kind in ("seed", "team_seed"):
            word = {"seed": "seat", "team_seed": "team"}[kind]
            recovered = seed_behind(getattr(dealt["row"], kind), derive(0, word, "row") >> 1)
            assert torch.equal(recovered, episodes) is known
            assert bool((recovered == episodes).any()) is known
        _, others = foreseen(dealt["row"], "column")
        assert torch.equal(others, dealt["column"].seed) is known
        # from one episode of a plain seed follow all others of the match
        parent = seed_behind(episodes[:1], 5)
        assert torch.equal(bits(parent.expand(100), torch.arange(5, 105)), episodes) is known


def test_an_agent_that_foresees_luck_gains_on_the_public_seed_alone() -> None:
    venue, peek = Venue(ArenaChoice("imp", ("max_steps=50",))), f"{foresees.__file__}:Foresees"
    home.keep_once(home.secrets_folder() / "seed-1.key", "5e" * 32)  # the same coins in every run
    earned = {}
    for seed in (PUBLIC_SEED, secret_seed()):
        low, high = sorted((peek, "random"), key=venue.id)
        block = play_block(venue, Task((low, high), seed, 0, 40))
        earned[seed] = torch.cat(
            [torch.tensor(r.returns) / 50 for r in block.results if r.entrant == venue.id(peek)]
        ).mean()
    assert earned[PUBLIC_SEED] > 0.99  # wins every step
    assert abs(earned[secret_seed()]) < 0.08  # 5 standard errors of 4,000 fair coins


def test_secret_luck_is_hmac_of_episode_and_seat() -> None:
    seed, key = secret_seed(), luck.present().key

    def dealt(message: bytes) -> int:
        return int.from_bytes(hmac.digest(key, message, hashlib.sha256)[:8], "little", signed=True)

    episodes = luck.episode_seeds(IDENTITY, seed, 3, 2)
    assert episodes.tolist() == [dealt(b"episode\0" + n.to_bytes(8, "little") + IDENTITY.encode()) for n in (3, 4)]
    seated = luck.seatings({"row": 0, "column": 0}, episodes, seed)
    first = int(episodes[0]) % 2**64
    assert int(seated["column"].seed[0]) == dealt(b"seat\0" + first.to_bytes(8, "little") + b"column")
    assert int(seated["column"].team_seed[0]) == dealt(b"team\0" + first.to_bytes(8, "little") + b"row")
    assert seated["row"].team_seed.tolist() == seated["column"].team_seed.tolist()
    assert luck.fresh_seed(seed) == dealt(b"fresh\0" + bytes(8)) % 2**63


def test_nothing_that_is_dealt_is_dealt_twice() -> None:
    seed = secret_seed()
    episodes = luck.episode_seeds(IDENTITY, seed, 0, 500)
    seated = luck.seatings(SEATS, episodes, seed)
    parts = [episodes, *(s.seed for s in seated.values()), *(s.team_seed for s in seated.values())]
    assert len(torch.cat(parts).unique()) == 5 * 500
    assert not set(episodes.tolist()) & set(luck.episode_seeds("imp-v2", seed, 0, 500).tolist())
    assert torch.equal(luck.episode_seeds(IDENTITY, seed, 100, 50), episodes[100:150])


def test_blocks_on_a_secret_seed_are_the_same_with_any_number_of_workers() -> None:
    venue = Venue(ArenaChoice("coin", ("max_steps=10",)))
    low, high = sorted(("greedy", "random"), key=venue.id)
    tasks = [Task((low, high), secret_seed(), first, 20) for first in (0, 20)]
    here = contents(list(play_blocks(venue, tasks)))
    assert contents(list(play_blocks(venue, tasks, workers=2))) == here
    public = contents([play_block(venue, Task((low, high), PUBLIC_SEED, 0, 20))])
    assert list(public.values()) != list(here.values())[:1]


# What the home keeps


def test_secrets_are_kept_private_and_are_the_same_again() -> None:
    number = secret_seed()
    made = luck.present()
    (file,) = home.secrets_folder().iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert made.commitment == hashlib.sha256(bytes.fromhex(file.read_text())).hexdigest()
    assert number == made.number == seed_number(made.commitment)
    assert SECRET_SEEDS <= number < 2**63
    assert secret_seed() == number
    assert luck.rated_seed([SHIPS, SHIPS]) == PUBLIC_SEED


def test_revealing_a_secret_makes_a_new_one() -> None:
    old = luck.present()
    assert luck.reveal(old.name).revealed
    new = luck.present()
    assert new.number != old.number
    assert luck.reveal(old.name).key == old.key
    assert [one.revealed for one in luck.epochs()] == [True, False]
    assert set(luck.secrets()) == {old.number, new.number}


def test_those_that_ship_play_the_public_seed_beside_strangers() -> None:
    seed = secret_seed()
    assert luck.seed_of([SHIPS, STRANGER], seed) == seed
    assert luck.seed_of([SHIPS, SHIPS], seed) == PUBLIC_SEED
    assert luck.seed_of([SHIPS, SHIPS], 7) == luck.seed_of([SHIPS, STRANGER], 7) == 7


def test_a_stranger_that_could_read_the_secret_plays_the_public_seed() -> None:
    loose = Somebody(stranger=True, confined=False, isolation="process")
    assert luck.rated_seed([STRANGER, loose]) == PUBLIC_SEED
    assert not luck.is_rated([SHIPS, loose], PUBLIC_SEED)
    with pytest.raises(UserError, match="at isolation process could read the secret seed"):
        luck.check(secret_seed(), [SHIPS, loose])
    luck.check(secret_seed(), [SHIPS, STRANGER])
    luck.check(7, [SHIPS, loose])


def test_nothing_more_is_played_on_a_revealed_seed() -> None:
    seed = secret_seed()
    luck.reveal(luck.present().name)
    with pytest.raises(UserError, match="was revealed, so nothing more is played on it: leave out --seed"):
        luck.check(seed, [SHIPS, STRANGER])
    assert luck.is_rated([STRANGER], seed)  # what was played before stays
    assert len(luck.episode_seeds(IDENTITY, seed, 0, 3)) == 3  # and can be played again


def test_the_number_of_an_unknown_secret_is_refused_and_a_damaged_one_named() -> None:
    with pytest.raises(UserError, match=r"secret that this home does not hold; plain seeds are below 2\^62"):
        luck.episode_seeds(IDENTITY, SECRET_SEEDS + 5, 0, 1)
    home.secret("seed-1")
    (home.secrets_folder() / "seed-1.key").write_text("abc\n")
    with pytest.raises(UserError, match=r"seed-1\.key holds no secret any more"):
        luck.present()


MANY = """
    import sys
    from zoo import home
    sys.stdin.readline()
    print(home.secret("seed-1").hex())
"""


def test_processes_at_once_make_one_secret() -> None:
    command = [sys.executable, "-c", textwrap.dedent(MANY)]
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        crowd = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(6)]
        said = {one.communicate("now\n", timeout=60)[0].strip() for one in crowd}
    assert said == {home.secret("seed-1").hex()}
    assert [path.name for path in home.secrets_folder().iterdir()] == ["seed-1.key"]


@pytest.mark.parametrize("moment", ["fsync", "link"])
def test_a_process_killed_while_it_makes_a_secret_leaves_none_or_a_whole_one(moment: str) -> None:
    code = f"""
        import os, signal
        from zoo import home
        os.{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        home.secret("seed-1")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert luck.secrets() == {}
    assert len(home.secret("seed-1")) == 32
    assert os.environ["ZOO_HOME"] in str(home.secrets_folder())
