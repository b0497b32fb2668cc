"""What agents share that play by policies which others may see."""

from __future__ import annotations

from collections.abc import Mapping

from agents.protocol import Agent, DifferentiablePolicy, Memory, Seating, State
from arenas.protocol import Action, TimeStep


class PolicyAgent(Agent):
    """An agent with a policy for each of its seats; `build` makes `policies`.

    A memory holds the seat's number, `seat`, where the agent has several.
    """

    policies: Mapping[str, DifferentiablePolicy]

    def begin(self, seating: Seating) -> Memory:
        """The memory of the seat's policy."""
        return self.policies[seating.seat].begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Act by the seat's policy."""
        return self.policies[self.seats[memory.get("seat", 0)]].act(timestep, memory)

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The seat's policy."""
        return self.policies[seat]

    def acting_state(self) -> State:
        """The policies' parameters."""
        return {f"{seat}/{name}": p for seat, policy in self.policies.items() for name, p in policy.parameters.items()}
