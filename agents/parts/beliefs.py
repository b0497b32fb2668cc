"""Public beliefs over hidden cards: by hints alone, self-consistent, by what actions said, and Bayes by enumeration.

Foerster et al. 2019, "Bayesian Action Decoder", section 4; chapter 7 of Foerster's thesis. f[i] is the card in slot i,
C(f) how many cards f nobody has seen on the table, HM the mask of the hints, L the likelihood of what was done.

    V0   B(f[i]) ~ C(f) HM(f[i])
    V1   B(f[i]) ~ (C(f) - sum_{j != i} B(f[j])) HM(f[i]),
         a fixed point
    BB   B(f[i]) ~ (C(f) - sum_{j != i} B(f[j])) HM(f[i]) L(f[i])
    V2   (1 - alpha) BB + alpha V1
    L    L(f[i]) <- L(f[i]) E[1{f[i]} 1{plan(f^a) = u}] / E[1{f[i]}],
         hands f^a that seat a saw drawn from B

A plan says what the seat on turn does for each of the X hands that it may see; the expectation is a sum over them, and
hands that the deck does not hold are left out.

Departure: the fixed point is approached by steps of `DAMPING`. Undamped, as in the paper, the iteration has the factor
-(slots - 1) / (cards in the deck + 1) and oscillates when few cards are left.

Shapes: B copies, N seats, S slots, V values, m slots that a seat sees, X = V^m hands, J = V^S deals.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.hands import Hands, Public
from arenas.protocol import ArenaSpec

DAMPING = 0.35
ITERATIONS = 12  # of the damped fixed point; then beliefs are within .01 of it
MOST_HANDS, MOST_DEALS = 256, 20_000
_NOTHING = 1e-20  # probabilities below count as 0


def readable(kind: str, spec: ArenaSpec) -> Hands:
    """The hands of an arena that offers "hands", of which a belief of this kind (`v0` ...) can know something.

    Raises:
        ValueError: it never could: there are neither hints nor a deck that cards are dealt from.
    """
    hands = spec.hands
    assert hands is not None
    if kind in ("v0", "v1") and hands.own and not hands.hints:
        raise ValueError(
            f"{spec.name} has neither hints nor a common deck, by which a belief of kind {kind} could tell cards apart;"
            " set belief=none, v2 or exact"
        )
    if kind == "v1" and hands.own:
        raise ValueError(f"in {spec.name} no card says anything about another, so that v1 is v0; set belief=v0")
    return hands


class TooMany(ValueError):
    """There are more hands than can be gone through."""


def normalised(weight: Tensor, otherwise: Tensor | None = None) -> Tensor:
    """Weights [..., V] that add up to 1; where all are 0, `otherwise`, or even chances."""
    total = weight.sum(-1, keepdim=True)
    even = torch.full_like(weight, 1 / weight.shape[-1]) if otherwise is None else otherwise
    return torch.where(total > _NOTHING, weight / total.clamp_min(_NOTHING), even)


def by_hints(public: Public) -> Tensor:
    """V0, float32 [B, S, V]."""
    return normalised(public.left.unsqueeze(-2) * public.hinted)


def consistent(
    public: Public,
    likelihood: Tensor | float = 1.0,
    *,
    own: bool = False,
    iterations: int = ITERATIONS,
    damping: float = DAMPING,
) -> Tensor:
    """V1, or BB with a likelihood [..., B, S, V]: float32 [..., B, S, V].

    Args:
        public: what everybody has seen.
        likelihood: of what was done, given each card.
        own: slots say nothing about each other, so that there is nothing to be consistent with.
        iterations: steps towards the fixed point.
        damping: how far each step goes; 1 is undamped.
    """
    allowed = public.hinted * likelihood
    left = public.left.unsqueeze(-2)
    belief = normalised(left * allowed, normalised(left * public.hinted))
    for _ in range(0 if own else iterations):
        weight = (left - belief.sum(-2, keepdim=True) + belief).clamp_min(0) * allowed
        total = weight.sum(-1, keepdim=True)
        # where nothing is left of a slot's chances, they stay as they are
        step = torch.where(total > _NOTHING, damping, 0.0)
        belief = torch.lerp(belief, weight / total.clamp_min(_NOTHING), step)
    return belief


class Enumeration:
    """The hands that a seat may see, and all deals, one by one.

    Args:
        hands: of the arena.
        actions: A.
        device: where the tables live.

    Attributes:
        digits: the card in each slot of a hand, long [X, m].
        allowed: what who sees a hand may ask, bool [X, A].
        sees: the slots that each seat sees, long [N, m].
        order: of each seat the slots that it sees, and then the others, long [N, S].

    Raises:
        TooMany: there are more than `MOST_HANDS` hands.
    """

    def __init__(self, hands: Hands, actions: int, device: str = "cpu") -> None:
        self.hands, self.device = hands, device
        v, slots = hands.values, [*hands.sees.values()]
        self.width = len(slots[0])
        self.count = v**self.width
        if self.count > MOST_HANDS:
            raise TooMany(
                f"a belief goes through all {v}^{self.width} = {self.count:,} hands that a seat may see, and"
                f" {MOST_HANDS} are the most it can: set fewer colours, ranks or cards in a hand,"
                " as variant=mini does"
            )
        self.sees = torch.tensor(slots, device=device)
        rest = [[s for s in range(hands.slots) if s not in mine] for mine in slots]
        self.order = torch.tensor([[*mine, *other] for mine, other in zip(slots, rest, strict=True)], device=device)
        self.digits = _digits(self.count, v, self.width, device)
        self._hot = torch.nn.functional.one_hot(self.digits, v).float()  # [X, m, V]
        self._counts = self._hot.sum(1)  # [X, V]
        self.allowed = torch.ones(self.count, actions, dtype=torch.bool, device=device)
        for action, values in hands.asks.items():
            self.allowed[:, action] = torch.isin(self.digits, torch.tensor(values, device=device)).any(1)
        self._powers = v ** torch.arange(self.width - 1, -1, -1, device=device)

    def number(self, cards: Tensor) -> Tensor:
        """The number long [...] of hands float32 [..., m, V], one-hot; no cards at all are hand 0."""
        return (cards.argmax(-1) * self._powers).sum(-1)

    def chances(self, belief: Tensor, left: Tensor, actor: Tensor) -> Tensor:
        """How likely it is that the actor [B] sees each hand, up to a factor, float32 [B, X]."""
        seen = belief.gather(1, self.sees[actor].unsqueeze(-1).expand(-1, -1, belief.shape[-1]))  # [B, m, V]
        chance = torch.ones_like(left[:, :1])
        for slot in range(self.width):
            chance = (chance.unsqueeze(-1) * seen[:, slot].unsqueeze(1)).flatten(1)
        if self.hands.own:
            return chance
        return chance * (self._counts <= left.unsqueeze(1)).all(-1)

    def ratio(self, belief: Tensor, left: Tensor, actor: Tensor, agrees: Tensor) -> Tensor:
        """E[1{f[i]} 1{agrees}] / E[1{f[i]}] of the slots that the actor sees, float32 [B, m, V].

        1 where no hand agrees, so that an action which the plan gives to nobody says nothing.
        """
        chance = self.chances(belief, left, actor)
        hot = self._hot.flatten(1)
        before, after = chance @ hot, (chance * agrees) @ hot
        ratio = torch.where(before > _NOTHING, after / before.clamp_min(_NOTHING), 1.0)
        heard = ((chance * agrees).sum(1, keepdim=True) > _NOTHING) & agrees.any(1, keepdim=True)
        return torch.where(heard, ratio, 1.0).view(len(ratio), self.width, -1)

    def learn(
        self, likelihood: Tensor, belief: Tensor, plan: Tensor, actor: Tensor, left: Tensor, public: Public
    ) -> Tensor:
        """L after one more action, float32 [B, S, V].

        Args:
            likelihood: L before it.
            belief: B before it, by which hands are weighed.
            plan: what the actor would do for each hand, long [B, X].
            actor: who was on turn, long [B].
            left: C before it, float32 [B, V].
            public: what everybody sees now; `last` says what was done, `came` where the cards lie now.
        """
        acted = public.last.any(-1)
        agrees = (plan == public.last.argmax(-1, keepdim=True)) | ~acted.unsqueeze(1)
        ratio = self.ratio(belief, left, actor, agrees)
        index = self.sees[actor].unsqueeze(-1).expand_as(ratio)
        told = likelihood.scatter(1, index, likelihood.gather(1, index) * ratio)
        # what counts is the ratio between values; kept off 0 / 0 in long games
        told = told / told.amax(-1, keepdim=True).clamp_min(_NOTHING)
        fresh = 1 - public.came.sum(-1, keepdim=True)
        return public.came @ told + fresh


class Deals:
    """Bayes' rule over all deals at once: the exact public belief, where they can be listed.

    Args:
        known: the hands that a seat may see.

    Raises:
        TooMany: there are more than `MOST_DEALS` deals.
    """

    def __init__(self, known: Enumeration) -> None:
        hands = known.hands
        self.values, self.slots, self.known = hands.values, hands.slots, known
        self.count = hands.values**hands.slots
        if self.count > MOST_DEALS:
            raise TooMany(
                f"an exact belief goes through all {hands.values}^{hands.slots} = {self.count:,} deals, and"
                f" {MOST_DEALS:,} are the most it can: use belief=v2"
            )
        self.digits = _digits(self.count, self.values, self.slots, known.device)  # [J, S]
        hot = torch.nn.functional.one_hot(self.digits, self.values)
        self._hot, self._counts = hot.float(), hot.sum(1)  # [J, S, V], [J, V]
        self._powers = self.values ** torch.arange(self.slots - 1, -1, -1, device=known.device)
        # the number of the hand that each seat sees in a deal, long [N, J]
        self._seen = torch.stack([(self.digits[:, s] * known._powers).sum(1) for s in known.sees])

    def prior(self, public: Public) -> Tensor:
        """How likely deals are by hints and deck, up to a factor, float32 [B, J]."""
        chance = torch.ones_like(public.left[:, :1])
        for slot in range(self.slots):
            chance = (chance.unsqueeze(-1) * public.hinted[:, slot].unsqueeze(1)).flatten(1)
        if self.known.hands.own:
            return chance
        ways = [torch.ones_like(public.left)]  # of drawing n cards of a value one after another
        for n in range(self.slots):
            ways.append(ways[-1] * (public.left - n).clamp_min(0))
        table = torch.stack(ways, dim=-1)  # [B, V, S + 1]
        for value in range(self.values):
            chance = chance * table[:, value, self._counts[:, value]]
        return chance

    def learn(self, likelihood: Tensor, plan: Tensor, actor: Tensor, before: Public, public: Public) -> Tensor:
        """The likelihood of all deals after one more action, float32 [B, J]; see `Enumeration.learn`."""
        did = public.last.argmax(-1, keepdim=True)
        agrees = plan.gather(1, self._seen[actor]) == did
        heard = ((self.prior(before) * likelihood * agrees).sum(1) > _NOTHING) & public.last.any(-1)
        told = torch.where(heard.unsqueeze(1), likelihood * agrees, likelihood)
        # of each deal now, where the cards lay before: those that went to the table were seen there
        stayed = public.came.sum(1)  # [B, S]
        was = torch.einsum("bso,js->bjo", public.came, self.digits.float())
        was = was + ((1 - stayed) * public.gone.argmax(-1, keepdim=True)).unsqueeze(1)
        return told.gather(1, (was.long() * self._powers).sum(-1))

    def belief(self, likelihood: Tensor, public: Public) -> Tensor:
        """P(f[i]) of every slot, float32 [B, S, V]."""
        posterior = self.posterior(likelihood, public)
        return (posterior @ self._hot.flatten(1)).view(len(posterior), self.slots, -1)

    def posterior(self, likelihood: Tensor, public: Public) -> Tensor:
        """P(deal), float32 [B, J]."""
        prior = self.prior(public)
        return normalised(prior * likelihood, normalised(prior))


def _digits(count: int, base: int, width: int, device: str) -> Tensor:
    """Numbers 0 .. count - 1 to a base, the first digit slowest, long [count, width]."""
    powers = base ** torch.arange(width - 1, -1, -1, device=device)
    return torch.arange(count, device=device).unsqueeze(1) // powers % base


def surprise(belief: Tensor, cards: Tensor) -> Tensor:
    """-log B(the card that lies in a slot), in nats, float32 [..., S]; its mean is the belief's cross entropy.

    Args:
        belief: float32 [..., S, V].
        cards: what lies there, one-hot [..., S, V].
    """
    return -((belief * cards).sum(-1).clamp_min(1e-6)).log()


def alike(some: list[Tensor], others: list[Tensor]) -> bool:
    """Whether what two beliefs come from is the same, or equal."""
    return all(a is b or (a.shape == b.shape and torch.equal(a, b)) for a, b in zip(some, others, strict=True))
