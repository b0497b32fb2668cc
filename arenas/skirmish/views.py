"""What units see, what they may do, and what pairs of them know in common: SMAC's layout.

A unit's observation is

    4                       whether it can walk north, south, forward, back
    m x (5 + q)             per foe: attackable, distance, dx, dy, health, and q further
    (n - 1) x (5 + q)       per ally: seen, distance, dx, dy, health, and q further
    1 + q                   its own health, and q further

where q counts the shield (if any unit has one) and the type one-hot (if there are several). Distances are in units of
the sight, dx points forward. Everything of a unit that is dead or out of sight is 0, and so is all that a dead unit
sees.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from arenas.skirmish.battle import SIZE, Army, Units
from arenas.skirmish.orders import FIRST_ATTACK, Sight

ATTACK_RANGE = 6.0  # within which a foe can be chosen as a target, as in SMAC; who is too far off walks towards it


class ViewLayout(NamedTuple):
    """Where the parts of an observation lie."""

    own: int  # n
    foes: int  # m
    further: int  # q

    @property
    def width(self) -> int:
        """Numbers in an observation."""
        return 4 + (self.foes + self.own - 1) * (5 + self.further) + 1 + self.further

    @property
    def health(self) -> int:
        """Where its own health stands; 0 where it is dead."""
        return self.width - 1 - self.further


class Eyes:
    """What one team sees of the other; `us` and `them` number their units.

    Args:
        army: all units.
        types: number of the type of each unit, and how many there are.
        us, them: the team's units, and the others'.
        sight: how far units see; 0 as far as their weapons reach.
        sign: -1 for the team on the right, whose forward is to the left.
    """

    def __init__(self, army: Army, types: tuple[list[int], int], us: slice, them: slice, sight: float, sign: float):
        device = army.reach.device
        self.us, self.them, self._army, self._sign = us, them, army, sign
        self._n, self._m = us.stop - us.start, them.stop - them.start
        self._range = army.reach[us] if sight == 0 else torch.full((self._n,), sight, device=device)
        self._target = self._range.clamp_max(ATTACK_RANGE).clamp_min(0).unsqueeze(1)
        kinds, count = types
        one_hot = torch.eye(count, device=device)[torch.tensor(kinds, device=device)] if count > 1 else None
        shields = bool(army.full[1].any())
        self._kinds, self._shields = one_hot, shields
        self.layout = ViewLayout(self._n, self._m, (count if count > 1 else 0) + shields)
        self._scale = (1 / self._range.clamp_min(1e-6)).unsqueeze(1)
        everybody = [tuple(range(self._n))] if self._n > 2 else []
        self.groups = [*combinations(range(self._n), 2), *everybody]
        self._edge = army.stride[us].unsqueeze(0)
        self._full = army.full.clamp_min(1)

    def look(self, units: Units, sight: Sight) -> tuple[Tensor, Tensor]:
        """Observations [B, n, O] and masks bool [B, n, A]."""
        us, them, alive, n, m = self.us, self.them, sight.alive, self._n, self._m
        mine = alive[:, us].unsqueeze(2)
        distance = sight.distance[:, us]
        seen = mine & alive.unsqueeze(1) & (distance <= self._range.unsqueeze(1))
        target = seen[:, :, them] & (distance[:, :, them] <= self._target)
        width = 5 + self.layout.further
        # every column is written where it stands: many small tensors put together cost more than all the arithmetic
        table = torch.empty(*distance.shape, width, device=distance.device)
        there = seen.float()
        scaled = there * self._scale
        table[:, :, us, 0] = there[:, :, us]
        table[:, :, them, 0] = target.float()
        torch.mul(distance, scaled, out=table[..., 1])
        torch.mul(sight.across[:, us], scaled * self._sign, out=table[..., 2])
        torch.mul(sight.up[:, us], scaled, out=table[..., 3])
        torch.mul((units.health / self._full[0]).unsqueeze(1), there, out=table[..., 4])
        if self._shields:
            torch.mul((units.shield / self._full[1]).unsqueeze(1), there, out=table[..., 5])
        if self._kinds is not None:
            torch.mul(there.unsqueeze(3), self._kinds, out=table[..., width - self._kinds.shape[1] :])
        view = torch.empty(len(alive), n, self.layout.width, device=distance.device)
        allies = table[:, :, us]
        walks = self._walks(units) & mine
        view[..., :4] = walks
        view[..., 4 : 4 + m * width] = table[:, :, them].flatten(2)
        if n > 1:  # a square without its diagonal is one that is a column wider, read from its second place on
            others = allies.flatten(1, 2)[:, 1:].view(-1, n - 1, n + 1, width)[:, :, :-1]
            view[..., 4 + m * width : self.layout.health] = others.reshape(-1, n, (n - 1) * width)
        view[..., self.layout.health :] = allies.diagonal(dim1=1, dim2=2).transpose(1, 2)[..., 4:]
        mask = torch.cat((~mine, mine, walks, target), dim=2)
        return view, mask

    def _walks(self, units: Units) -> Tensor:
        """Whether a unit can walk in each direction, bool [B, n, 4]."""
        x, y = units.place[:, self.us].unbind(2)
        ahead, back = (x + self._edge <= SIZE, x - self._edge >= 0)[:: int(self._sign)]
        return torch.stack((y + self._edge <= SIZE, y - self._edge >= 0, ahead, back), dim=2)

    def common(self, sight: Sight, members: Tensor, masks: Tensor) -> Tensor:
        """What groups of units know in common, as `TimeStep.common` has it: float32 [B, P, K] for P groups.

        Units that all see each other know in common what all of them see, and any others nothing (lemma 4.4.1 of
        Schroeder de Witt et al. 2019). What they may do follows: they know where each of them stands on the map, and
        who may attack whom of the foes that they know of. Then per foe and per further ally, relative to each member in
        turn: known, distance, dx, dy; -1 all through where it is not common knowledge. Each can work it out by itself.

        Args:
            sight: what is known of everybody.
            members: numbers of the units of each group, long [B, P, G].
            masks: what each unit of the team may do, bool [B, n, A].
        """
        copies, groups, size = members.shape
        row, mine = torch.arange(copies, device=members.device).view(-1, 1, 1), members - self.us.start
        far = self._range[mine].unsqueeze(3)
        distance = sight.distance[row, members]  # [B, P, G, U]
        seen = sight.alive.view(copies, 1, 1, -1) & sight.alive[row, members].unsqueeze(3) & (distance <= far)
        meet = seen.gather(3, members.unsqueeze(2).expand(-1, -1, size, -1)).flatten(2).all(2, keepdim=True)
        known = seen.all(2) & meet
        across, up = sight.across[row, members] / far * self._sign, sight.up[row, members] / far
        columns = torch.stack((torch.ones_like(distance), distance / far, across, up), dim=4)
        table = columns.transpose(2, 3).flatten(3).where(known.unsqueeze(3), -1.0)  # [B, P, U, 4 G]
        aimed = torch.ones_like(masks[:, :1]).repeat(1, groups, 1)
        aimed[..., FIRST_ATTACK:] = known[..., self.them]
        able = masks[row, mine] & (aimed & meet).unsqueeze(2)
        allies = torch.arange(self.us.start, self.us.stop, device=members.device).expand(copies, groups, -1)
        member = (allies.unsqueeze(2) == members.unsqueeze(3)).any(2)
        further = (allies + member * 1000).sort(2).values[..., : self._n - size]
        others = table.gather(2, further.unsqueeze(3).expand(-1, -1, -1, table.shape[3]))
        told = torch.cat((table[:, :, self.them], others), dim=2).flatten(2)
        return torch.cat((meet.float(), able.flatten(2).float(), told), dim=2)

    def told(self, members: int) -> int:
        """K of a group of so many units."""
        entities: int = self._m + self._n - members
        return 1 + members * (FIRST_ATTACK + self.layout.foes) + 4 * members * entities
