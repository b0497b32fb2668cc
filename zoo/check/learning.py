"""Laws of learning: no graph and no change while acting (3), all at once (7), peers shown or inferred (8)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from agents.protocol import DifferentiablePolicy, Trajectory
from zoo.check.data import clone, difference, leaves
from zoo.check.stranger import Stranger
from zoo.check.subject import COPIES, STEPS, Specimen, follow, unlike
from zoo.check.verdict import Faults, NotApplicable, one_line

#: What each sight shows, and what to do where a learner fails with it.
_SIGHT = {
    "own": ("only its own trajectory", "where it needs the others', say so: needs_to_learn = frozenset({'joint'})"),
    "actions": ("what the others did, not their policies", "where it needs them: needs_to_learn with 'policies'"),
    "policies": ("policies of another type as peers", "use only what agents.protocol.DifferentiablePolicy has"),
}


def act_changes_nothing(subject: Specimen) -> Faults:
    """3: `act` builds no graph and changes no parameter, and `learn` needs nothing else of such play."""
    team, game = subject.team(), subject.game(10, training=True)
    before = {seat: clone(agent.learning_state()) for seat, agent in team.items()}
    with torch.enable_grad():
        play = follow(team, game)
    for path, leaf in leaves([play.actions, play.memories[1:]]):
        if isinstance(leaf, Tensor) and leaf.requires_grad:
            yield f"act returned {path} with a graph: decorate it with @torch.no_grad(), and recompute in learn"
    for seat, agent in team.items():
        if where := difference(before[seat], agent.learning_state()):
            yield f"act in seat {seat} changed the weights {where}: only learn may"
    if subject.rounds:  # learns from segments that carry no graph, as every segment does
        subject.teach(team, 1)


def learning_is_simultaneous(subject: Specimen) -> Faults:
    """7: `learn` changes neither other agents nor trajectories nor peers; who learns first does not matter."""
    if reason := subject.does_not_learn():
        yield NotApplicable(reason)
    table = subject.singles()
    for lesson in subject.lessons(table, subject.rounds, seed=13):
        others = {seat: agent.learning_state() for seat, agent in table.items() if agent is not lesson.agent}
        peers = {seat: peer.parameters for seat, peer in lesson.context.peers.items()}
        kept = clone([lesson.seen, others, peers])
        lesson.learn()
        who = f"learn in seat {lesson.agent.seats[0]}"
        if where := difference(kept[0], lesson.seen):
            yield f"{who} wrote into the joint trajectory ({where}), from which others learn too"
        if where := difference(kept[1], others):
            yield f"{who} changed the weights of another agent of its class ({where}): share nothing"
        if where := difference(kept[2], peers):
            yield f"{who} changed a peer's parameters ({where}): use peer.with_parameters(...)"
    learned = []
    for order in (1, -1):
        table = subject.singles()
        subject.teach(table, subject.rounds, seed=14, order=order)
        learned.append({seat: agent.learning_state() for seat, agent in table.items()})
    if where := difference(*learned):
        yield f"the weights {where} depend on who learns first"


def peers_are_shown_or_inferred(subject: Specimen) -> Faults:
    """8: it learns from the least and the most that its needs allow, with peers of any type; its policy is its play."""
    shown = [seat for seat, agent in subject.team().items() if agent.policy(seat) is not None]
    for seat in shown:
        for fault in _shows_itself(subject, seat):
            yield f"policy({seat!r}) {fault}"
    reason = subject.does_not_learn()
    if reason and not shown:
        yield NotApplicable(f"{reason}, and shows no policy")
    first = next(iter(subject.spec.seats))
    for sight in () if reason else subject.sights():
        table = {seat: Stranger(subject.spec, seat, 5) for seat in subject.spec.seats} | {first: subject.make((first,))}
        try:
            subject.teach(table, max(2, subject.rounds), sight=sight)
        except Exception as error:
            what, mend = _SIGHT[sight]
            yield f"learn is shown {what}, and fails: {one_line(error)}; {mend}"


def _shows_itself(subject: Specimen, seat: str) -> Iterator[str]:
    """What is wrong with the policy that an agent shows of itself."""
    agent = subject.make((seat,))
    policy = agent.policy(seat)
    if not isinstance(policy, DifferentiablePolicy):
        yield f"is {type(policy).__name__}, expected an agents.protocol.DifferentiablePolicy or None"
        return
    game = subject.game(15)
    if where := unlike(follow({seat: agent}, game), follow({seat: policy}, game)):
        yield f"does not play what the agent plays ({where})"
    yield from _differentiable(policy, subject.round(subject.team(), 16).seats[seat])
    kept = clone(agent.learning_state())
    for name, parameter in policy.frozen().parameters.items():
        if parameter.requires_grad:
            yield f"has frozen() parameters that carry a graph ({name})"
        parameter.add_(1)
    if where := difference(kept, agent.learning_state()):
        yield f"shares memory with its frozen() copy ({where}): clone in frozen()"


def _differentiable(policy: DifferentiablePolicy, trajectory: Trajectory) -> Iterator[str]:
    """What is wrong with a policy's outputs and log-probabilities, and their gradients."""
    theta = {name: p.detach().requires_grad_() for name, p in policy.parameters.items()}
    reading = policy.with_parameters(theta)
    what, depends = "outputs", reading.outputs(trajectory)
    if depends.shape != (STEPS + 1, COPIES, depends.shape[-1]):
        yield f"gives outputs {list(depends.shape)} for {STEPS} steps, expected [{STEPS + 1}, {COPIES}, actions]"
    if policy.stochastic:
        what, depends = "log_prob", reading.log_prob(trajectory)
        if depends.shape != (STEPS, COPIES):
            yield f"gives log_prob {list(depends.shape)} for {STEPS} steps, expected [{STEPS}, {COPIES}]"
        idle = ~trajectory.timesteps.active[:-1] | trajectory.timesteps.last[:-1]
        if not depends.isfinite().all() or depends[idle].count_nonzero():
            yield "gives log_prob that is not finite, or not 0 where the seat was inactive or the episode was over"
    if theta:
        gradients = torch.autograd.grad(depends.sum(), list(theta.values()), allow_unused=True)
        if all(g is None for g in gradients):
            yield f"gives {what} that does not depend on the parameters of with_parameters"
