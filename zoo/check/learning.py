"""Laws of learning: no graph and no change while acting (3), all at once (7), peers shown or inferred (8)."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.protocol import Agent, DifferentiablePolicy, Trajectory
from agents.randomness import derive
from zoo.check.data import clone, difference, leaves
from zoo.check.stranger import Stranger
from zoo.check.subject import COPIES, STEPS, Specimen, follow, unlike
from zoo.check.verdict import NotApplicable, Verdict, judge, one_line
from zoo.play.table import SIGHTS, Sight

#: What each sight shows, and what to do where a learner fails with it.
_SIGHT = {
    "own": ("only its own trajectory", "where it needs the others', say so: needs_to_learn = frozenset({'joint'})"),
    "actions": ("what the others did, not their policies", "where it needs them: needs_to_learn with 'policies'"),
    "policies": ("policies of another type as peers", "use only what agents.protocol.DifferentiablePolicy has"),
}


def act_changes_nothing(subject: Specimen) -> Verdict:
    """3: `act` builds no graph and changes no parameter, and `learn` needs nothing else of such play."""
    team, game = subject.team(), subject.game(10, training=True)
    before = {seat: clone(agent.learning_state()) for seat, agent in team.items()}
    with torch.enable_grad():
        play = follow(team, game)
    for path, leaf in leaves([play.actions, play.memories[1:]]):
        if isinstance(leaf, Tensor) and leaf.requires_grad:
            return judge(f"act returned {path} with a graph: decorate it with @torch.no_grad(), and recompute in learn")
    for seat, agent in team.items():
        if where := difference(before[seat], agent.learning_state()):
            return judge(f"act in seat {seat} changed the weights {where}: only learn may")
    if subject.rounds:  # learns from segments that carry no graph, as every segment does
        subject.teach(team, 1)
    return judge(None)


def learning_is_simultaneous(subject: Specimen) -> Verdict:
    """7: `learn` changes neither other agents nor trajectories nor peers; who learns first does not matter."""
    if reason := subject.does_not_learn():
        return NotApplicable(reason)
    return judge(_keeps_to_itself(subject) or _any_order(subject))


def _keeps_to_itself(subject: Specimen) -> str | None:
    table = subject.singles()
    for update in range(subject.rounds):
        seed = derive(13, update)
        joint = subject.round(table, seed)
        for seat, agent in table.items():
            context = subject.context((seat,), seed, update, table, SIGHTS[-1])
            seen = subject.cut(joint, (seat,), SIGHTS[-1])
            others = {other: a.learning_state() for other, a in table.items() if other != seat}
            peers = {other: peer.parameters for other, peer in context.peers.items()}
            kept = clone([seen, others, peers])
            agent.learn(seen, context)
            if where := difference(kept[0], seen):
                return f"learn in seat {seat} wrote into the joint trajectory ({where}), from which others learn too"
            if where := difference(kept[1], others):
                return (
                    f"learn in seat {seat} changed the weights of another agent of its class ({where}): share nothing"
                )
            if where := difference(kept[2], peers):
                return f"learn in seat {seat} changed a peer's parameters ({where}): use peer.with_parameters(...)"
    return None


def _any_order(subject: Specimen) -> str | None:
    learned: list[dict[str, dict[str, Tensor]]] = []
    for backwards in (False, True):
        table = subject.singles()
        for update in range(subject.rounds):
            seed = derive(14, update)
            joint = subject.round(table, seed)
            contexts = {seat: subject.context((seat,), seed, update, table, SIGHTS[-1]) for seat in table}
            for seat in sorted(table, reverse=backwards):
                table[seat].learn(subject.cut(joint, (seat,), SIGHTS[-1]), contexts[seat])
        learned.append({seat: agent.learning_state() for seat, agent in table.items()})
    where = difference(*learned)
    return f"the weights {where} depend on who learns first" if where else None


def peers_are_shown_or_inferred(subject: Specimen) -> Verdict:
    """8: it learns from the least and the most that its needs allow, with peers of any type; its policy is its play."""
    shown = {seat: agent.policy(seat) for seat, agent in subject.team().items()}
    policies = {seat: policy for seat, policy in shown.items() if policy is not None}
    for seat in policies:
        if fault := _shows_itself(subject, seat):
            return judge(f"policy({seat!r}) {fault}")
    reason = subject.does_not_learn()
    if reason and not policies:
        return NotApplicable(f"{reason}, and shows no policy")
    faults = () if reason else (_fails_with(subject, sight) for sight in subject.sights())
    return judge(next((fault for fault in faults if fault), None))


def _fails_with(subject: Specimen, sight: Sight) -> str | None:
    """Why it cannot learn in one seat among strangers when shown so much, or None."""
    seat = next(iter(subject.spec.seats))
    table = {other: Stranger(subject.spec, other, 5) for other in subject.spec.seats} | {seat: subject.make((seat,))}
    try:
        subject.teach(table, max(2, subject.rounds), sight=sight)
    except Exception as error:
        what, mend = _SIGHT[sight]
        return f"learn is shown {what}, and fails: {one_line(error)}; {mend}"
    return None


def _shows_itself(subject: Specimen, seat: str) -> str | None:
    """What is wrong with the policy that an agent shows of itself, or None."""
    agent = subject.make((seat,))
    policy = agent.policy(seat)
    if not isinstance(policy, DifferentiablePolicy):
        return f"is {type(policy).__name__}, expected an agents.protocol.DifferentiablePolicy or None"
    game = subject.game(15)
    if where := unlike(follow({seat: agent}, game), follow({seat: policy}, game)):
        return f"does not play what the agent plays ({where})"
    trajectory = subject.round(subject.team(), 16).seats[seat]
    return _is_differentiable(policy, trajectory, subject) or _is_apart(agent, seat, policy)


def _is_differentiable(policy: DifferentiablePolicy, trajectory: Trajectory, subject: Specimen) -> str | None:
    theta = {name: p.detach().requires_grad_() for name, p in policy.parameters.items()}
    reading = policy.with_parameters(theta)
    outputs = reading.outputs(trajectory)
    if outputs.shape != (STEPS + 1, COPIES, outputs.shape[-1]):
        return f"gives outputs {list(outputs.shape)} for {STEPS} steps, expected [{STEPS + 1}, {COPIES}, actions]"
    what, depends = "outputs", outputs
    if policy.stochastic:
        what, depends = "log_prob", reading.log_prob(trajectory)
        if depends.shape != (STEPS, COPIES):
            return f"gives log_prob {list(depends.shape)} for {STEPS} steps, expected [{STEPS}, {COPIES}]"
        steps = trajectory.timesteps
        idle = ~steps.active[:-1] | steps.last[:-1]
        if not depends.isfinite().all() or depends[idle].count_nonzero():
            return "gives log_prob that is not finite, or not 0 where the seat was inactive or the episode was over"
    if theta:
        gradients = torch.autograd.grad(depends.sum(), list(theta.values()), allow_unused=True)
        if all(g is None for g in gradients):
            return f"gives {what} that does not depend on the parameters of with_parameters"
    return None


def _is_apart(agent: Agent, seat: str, policy: DifferentiablePolicy) -> str | None:
    """Frozen parameters carry no graph and share no memory with the agent's."""
    kept = clone(agent.learning_state())
    for name, parameter in policy.frozen().parameters.items():
        if parameter.requires_grad:
            return f"has frozen() parameters that carry a graph ({name})"
        parameter.add_(1)
    where = difference(kept, agent.learning_state())
    return f"shares memory with its frozen() copy ({where}): clone in frozen()" if where else None
