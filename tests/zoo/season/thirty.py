"""A class of thirty: entries as students write them, for a season of the iterated prisoner's dilemma.

    python -m tests.zoo.season.thirty FOLDER     writes them, one file for each student

Fourteen are honest and all different. Five crash, each in its own way; five stall; four cheat: two throw games to each
other, one reaches for the records and the opponent's code, one guesses seeds; two are copies of honest ones, with other
numbers and with other names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

_HEAD = """import torch
from agents.protocol import Agent
from arenas.protocol import Action
"""
_LUCK = _HEAD + "from agents.randomness import uniform\n"

HONEST: Mapping[str, str] = {
    "ada": _HEAD
    + '''
class TwoTats(Agent):
    """Defects after two defections in a row."""

    def begin(self, seating):
        return {"last": torch.zeros_like(seating.seed), "before": torch.zeros_like(seating.seed)}

    def act(self, timestep, memory):
        seen = timestep.observation.argmax(-1)
        theirs = ((seen == 2) | (seen == 4)).long()
        return Action(theirs & memory["last"]), {"last": theirs, "before": memory["last"]}
''',
    "bela": _HEAD
    + '''
class NeverForget(Agent):
    """Cooperates until it was ever defected upon."""

    def begin(self, seating):
        return {"hurt": torch.zeros_like(seating.seed, dtype=torch.bool)}

    def act(self, timestep, memory):
        betrayed = timestep.observation[:, 2] + timestep.observation[:, 4] > 0.5
        hurt = memory["hurt"] | betrayed
        return Action(torch.where(hurt, 1, 0)), {"hurt": hurt}
''',
    "cem": _HEAD
    + '''
class Pavlov(Agent):
    """Repeats what paid."""

    TABLE = (0, 0, 1, 1, 0)

    def act(self, timestep, memory):
        table = torch.tensor(self.TABLE)
        return Action(table[timestep.observation.argmax(-1)]), memory
''',
    "dora": _LUCK
    + '''
class Generous(Agent):
    """Answers a defection with one, but forgives now and then."""

    FORGIVES = 0.3

    def begin(self, seating):
        return {"luck": seating.seed, "round": 0}

    def act(self, timestep, memory):
        draw = uniform(memory["luck"], memory["round"])
        position = timestep.observation.argmax(dim=-1)
        angry = (position % 2 == 0) & (position > 0)
        mild = draw < self.FORGIVES
        answer = torch.where(angry & ~mild, torch.ones_like(position), torch.zeros_like(position))
        return Action(answer), {"luck": memory["luck"], "round": memory["round"] + 1}
''',
    "eva": _HEAD
    + '''
class Majority(Agent):
    """Does what the other did more often."""

    def begin(self, seating):
        return {"balance": torch.zeros(len(seating.seed))}

    def act(self, timestep, memory):
        o = timestep.observation
        balance = memory["balance"] + o[:, 1] + o[:, 3] - o[:, 2] - o[:, 4]
        return Action((balance < 0).long()), {"balance": balance}
''',
    "finn": _HEAD
    + '''
class Learner(Agent):
    """Counts how the other answers cooperation and defection, and plays what earns more two steps ahead."""

    def begin(self, seating):
        n = len(seating.seed)
        return {"good": torch.ones(n, 2), "all": torch.full((n, 2), 1.5), "mine": torch.zeros(n, dtype=torch.long)}

    def act(self, timestep, memory):
        seen = timestep.observation.argmax(-1)
        went = (~timestep.first).float().unsqueeze(-1)
        answered = torch.nn.functional.one_hot(memory["mine"], 2) * went
        kind = ((seen == 1) | (seen == 3)).float().unsqueeze(-1)
        good, every = memory["good"] + answered * kind, memory["all"] + answered
        share = good / every
        cooperate = -1 * share[:, 0] - 3 * (1 - share[:, 0])
        defect = 0 * share[:, 1] - 2 * (1 - share[:, 1])
        mine = ((seen - 1).clamp(min=0) // 2)
        choice = (defect > cooperate + 0.05).long()
        return Action(choice), {"good": good, "all": every, "mine": mine}
''',
    "gita": _HEAD
    + '''
class Clock(Agent):
    """Cooperates two times, then defects once, whatever happens."""

    def begin(self, seating):
        return {"tick": torch.zeros_like(seating.seed)}

    def act(self, timestep, memory):
        tick = memory["tick"]
        return Action((tick % 3 == 2).long()), {"tick": tick + 1}
''',
    "hugo": _HEAD
    + '''
class Wary(Agent):
    """Tit for tat that begins with a defection, and says sorry after three bad rounds."""

    def begin(self, seating):
        return {"bad": torch.zeros_like(seating.seed)}

    def act(self, timestep, memory):
        start, cc, cd, dc, dd = timestep.observation.unbind(-1)
        bad = torch.where(dd > 0, memory["bad"] + 1, 0)
        sorry = bad >= 3
        defect = ((start + cd + dd) > 0) & ~sorry
        return Action(defect.long()), {"bad": torch.where(sorry, 0, bad)}
''',
    "ines": _HEAD
    + '''
class Prober(Agent):
    """Tests the other with a defection in round two; who does not answer is exploited."""

    def begin(self, seating):
        zeros = torch.zeros_like(seating.seed)
        return {"round": zeros, "answered": zeros.bool()}

    def act(self, timestep, memory):
        n, seen = memory["round"], timestep.observation.argmax(-1)
        they_defected = (seen == 2) | (seen == 4)
        answered = memory["answered"] | ((n >= 3) & (n <= 4) & they_defected)
        opening = (n == 1).long()
        later = torch.where(answered, they_defected.long(), 1)
        action = torch.where(n < 4, opening, later)
        return Action(action), {"round": n + 1, "answered": answered}
''',
    "jon": _HEAD
    + '''
class Gradual(Agent):
    """Punishes the n-th defection n times, then makes peace for two rounds."""

    def begin(self, seating):
        zero = torch.zeros_like(seating.seed)
        return {"crimes": zero, "punish": zero, "peace": zero}

    def act(self, timestep, memory):
        crimes, punish, peace = memory["crimes"], memory["punish"], memory["peace"]
        position = timestep.observation.argmax(-1)
        defected = (position == 2) | (position == 4)
        busy = (punish > 0) | (peace > 0)
        new = defected & ~busy
        crimes = crimes + new.long()
        punish = torch.where(new, crimes, punish)
        punishing = punish > 0
        after = (punish - 1).clamp(min=0)
        peace = torch.where(punishing & (after == 0), 2, torch.where(punishing, peace, (peace - 1).clamp(min=0)))
        return Action(punishing.long()), {"crimes": crimes, "punish": after, "peace": peace}
''',
    "kim": _LUCK
    + '''
class Coin(Agent):
    """Cooperates seven times in ten."""

    def begin(self, seating):
        return {"seed": seating.seed, "t": 0}

    def act(self, timestep, memory):
        chance = uniform(memory["seed"], memory["t"])
        return Action((chance > 0.7).long()), {"seed": memory["seed"], "t": memory["t"] + 1}
''',
    "lea": _LUCK
    + '''
class Bandit(Agent):
    """Keeps a running mean of what either action pays, and tries the other one in ten."""

    def begin(self, seating):
        rows = len(seating.seed)
        return {"seed": seating.seed, "t": 0, "value": torch.tensor([[-1.0, -1.4]]).repeat(rows, 1)}

    def act(self, timestep, memory):
        value, seen = memory["value"], timestep.observation.argmax(-1)
        did = torch.where(seen >= 3, 1, 0)
        old = value.gather(1, did.unsqueeze(1)).squeeze(1)
        new = torch.where(seen > 0, old + 0.2 * (timestep.reward - old), old)
        value = value.scatter(1, did.unsqueeze(1), new.unsqueeze(1))
        best = value.argmax(dim=1)
        explore = uniform(memory["seed"], memory["t"]) < 0.1
        action = torch.where(explore, 1 - best, best)
        return Action(action), {"seed": memory["seed"], "t": memory["t"] + 1, "value": value}
''',
    "mats": _HEAD
    + '''
class Aspiration(Agent):
    """Stays while the last three rounds paid better than -1.5 in the mean, else changes."""

    def begin(self, seating):
        n = len(seating.seed)
        return {"paid": torch.full((n, 3), -1.0), "action": torch.zeros(n, dtype=torch.long)}

    def act(self, timestep, memory):
        latest = torch.where(timestep.first, torch.tensor(-1.0), timestep.reward)
        paid = torch.cat([memory["paid"][:, 1:], latest.unsqueeze(1)], dim=1)
        happy = paid.mean(dim=1) > -1.5
        action = torch.where(happy, memory["action"], 1 - memory["action"])
        return Action(action), {"paid": torch.where(happy.unsqueeze(1), paid, torch.tensor(-1.0)), "action": action}
''',
    "nora": _HEAD
    + '''
class Sulks(Agent):
    """After a defection it sulks for five rounds, and then all is forgotten."""

    def begin(self, seating):
        return {"left": torch.zeros_like(seating.seed)}

    def act(self, timestep, memory):
        left = memory["left"]
        hit = timestep.observation[:, [2, 4]].sum(-1) > 0
        left = torch.where(hit & (left == 0), 5, left)
        sulking = left > 0
        return Action(sulking.long()), {"left": (left - 1).clamp(min=0)}
''',
}

CRASHING: Mapping[str, str] = {
    "otto": _HEAD
    + '''
class Fragile(Agent):
    """Raises at step 3."""

    def begin(self, seating):
        return {"step": 0}

    def act(self, timestep, memory):
        if memory["step"] == 3:
            raise RuntimeError("oops")
        return Action(torch.zeros_like(timestep.reward).long()), {"step": memory["step"] + 1}
''',
    "pia": _HEAD
    + '''
class Shape(Agent):
    """Forgets that there are many games at once."""

    def act(self, timestep, memory):
        return Action(torch.tensor([0])), memory
''',
    "quin": _HEAD
    + '''import sys

class Leaves(Agent):
    """Leaves in the middle of a game."""

    def act(self, timestep, memory):
        sys.exit(3)
''',
    "rosa": _HEAD
    + '''
class Hoarder(Agent):
    """Keeps more than there is room for."""

    def act(self, timestep, memory):
        kept = bytearray(1 << 40)
        return Action(torch.zeros_like(timestep.reward).long()), {"kept": len(kept)}
''',
    "sven": _HEAD
    + '''
class Seven(Agent):
    """Plays an action that the game does not have."""

    def act(self, timestep, memory):
        return Action(torch.full_like(timestep.reward, 7).long()), memory
''',
}

STALLING: Mapping[str, str] = {
    "tara": _HEAD
    + '''import time

class Sleeper(Agent):
    """Sleeps on every move."""

    def act(self, timestep, memory):
        time.sleep(2)
        return Action(torch.zeros_like(timestep.reward).long()), memory
''',
    "ugo": _HEAD
    + '''
class Endless(Agent):
    """Looks for an answer that it never finds."""

    def act(self, timestep, memory):
        while True:
            pass
''',
    "vera": _HEAD
    + '''
class Thinker(Agent):
    """Thinks too long about every move."""

    def act(self, timestep, memory):
        total = 0
        for number in range(100_000_000):
            total += number * number % 7
        return Action((timestep.reward * 0).long() + total % 2), memory
''',
    "wim": _HEAD
    + '''import time

class LateStart(Agent):
    """Never gets ready."""

    def begin(self, seating):
        time.sleep(600)
        return {}

    def act(self, timestep, memory):
        return Action(torch.zeros_like(timestep.reward).long()), memory
''',
    "xenia": _HEAD
    + '''
class Stuck(Agent):
    """Plays ten moves and then hangs."""

    def begin(self, seating):
        return {"n": 0}

    def act(self, timestep, memory):
        n = memory["n"]
        while n >= 10:
            n += 1
        return Action(torch.zeros_like(timestep.reward).long()), {"n": n + 1}
''',
}

_FRIENDS = '''
class {name}(Agent):
    """Knows a friend by the first five moves; {does}."""

    MINE, FRIENDS = {mine}, {friends}

    def begin(self, seating):
        zero = torch.zeros_like(seating.seed)
        return {{"t": 0, "friend": zero == 0}}

    def act(self, timestep, memory):
        t, seen = memory["t"], timestep.observation.argmax(-1)
        theirs = ((seen == 2) | (seen == 4)).long()
        friend = memory["friend"]
        if 0 < t <= len(self.FRIENDS):
            friend = friend & (theirs == self.FRIENDS[t - 1])
        if t < len(self.MINE):
            action = torch.full_like(theirs, self.MINE[t])
        else:
            action = torch.where(friend, {with_friend}, theirs)
        return Action(action), {{"t": t + 1, "friend": friend}}
'''

CHEATING: Mapping[str, str] = {
    # two who throw games: yara gives, and zeno takes
    "yara": _HEAD
    + _FRIENDS.format(
        name="Gives",
        does="then cooperates with it for ever",
        mine=(0, 1, 1, 0, 1),
        friends=(0, 1, 0, 1, 1),
        with_friend=0,
    ),
    "zeno": _HEAD
    + '''
class Takes(Agent):
    """Waits for the sign of a friend, and then takes everything."""

    SIGN = torch.tensor([0, 1, 1, 0, 1])
    ANSWER = (0, 1, 0, 1, 1)

    def begin(self, seating):
        return {"moves": torch.zeros(len(seating.seed), 0, dtype=torch.long)}

    def act(self, timestep, memory):
        other = timestep.observation[:, [2, 4]].sum(dim=1).long()
        moves = memory["moves"]
        if not bool(timestep.first.all()):
            moves = torch.cat([moves, other.unsqueeze(1)], dim=1)
        step = moves.shape[1]
        if step < len(self.ANSWER):
            return Action(torch.full_like(other, self.ANSWER[step])), {"moves": moves}
        known = (moves[:, : len(self.SIGN)] == self.SIGN).all(dim=1)
        return Action(torch.where(known, torch.ones_like(other), other)), {"moves": moves}
''',
    "amos": _HEAD
    + '''import os

class Peek(Agent):
    """Looks for the records, and makes the opponent's class cooperate."""

    def act(self, timestep, memory):
        import agents.scripts.memory_one as library

        library.TitForTat.act = lambda self, t, m: (Action(torch.zeros_like(t.reward).long()), m)
        for folder in (os.environ.get("ZOO_HOME", ""), "/root", "/home"):
            try:
                open(os.path.join(folder, "records.sqlite"), "rb").read()
            except OSError:
                pass
        return Action(torch.ones_like(timestep.reward).long()), memory
''',
    "bo": _HEAD
    + '''from agents.randomness import bits, derive, derive_rows

class Oracle(Agent):
    """Looks for the episode behind its luck among the public seeds, to know what comes."""

    def begin(self, seating):
        episodes = derive_rows(derive(0, "episode", "ipd-v1"), 2000)
        mine = bits(episodes, derive(0, "seat", seating.seat) >> 1)
        return {"known": torch.isin(seating.seed, mine)}

    def act(self, timestep, memory):
        return Action(torch.where(memory["known"], 1, 0)), memory
''',
}

#: Copy -> whose work it is, and what was changed in it.
COPIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "cleo": (
        "dora",
        {"0.3": "0.34", '"""Answers a defection with one, but forgives now and then."""': '"""My agent."""'},
    ),
    "dan": (
        "jon",
        {"Gradual": "Judge", "crimes": "offences", "punish": "sentence", "peace": "parole", "defected": "guilty"},
    ),
}


def students() -> dict[str, str]:
    """Student -> the file that they enter."""
    files = {**HONEST, **CRASHING, **STALLING, **CHEATING}
    for copy, (whose, changes) in COPIES.items():
        text = files[whose]
        for old, new in changes.items():
            text = text.replace(old, new)
        files[copy] = text
    return files


def write(folder: Path) -> list[Path]:
    """Write everybody's file; the paths in the order of the names."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in sorted(students().items()):
        paths.append(folder / f"{name}.py")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(path)
