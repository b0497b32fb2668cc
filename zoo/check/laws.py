"""The laws, in order."""

from __future__ import annotations

from zoo.check import acting, border, games, learning, luck
from zoo.check.subject import Specimen
from zoo.check.verdict import Law
from zoo.entry.venue import Venue

LUCK, BY_LUCK = "5", frozenset({"1", "2", "4", "7", "8", "10"})  # an agent that breaks law 5 breaks these by it
AGENT_LAWS: tuple[Law[Specimen], ...] = (
    Law("0", "It plays legal moves", acting.plays_legally),
    Law("1", "Act sees a seat, learn sees the table", acting.act_sees_a_seat),
    Law("2", "Memory is the only state of play", acting.memory_is_the_only_state),
    Law("3", "Act changes nothing, learn recomputes", learning.act_changes_nothing),
    Law("4", "Always a batch, and rows are strangers", acting.rows_are_strangers),
    Law(LUCK, "Luck is dealt", luck.luck_is_dealt),
    Law("6", "Memory is data", acting.memory_is_data),
    Law("7", "Learning is simultaneous", learning.learning_is_simultaneous),
    Law("8", "Peers are shown or inferred", learning.peers_are_shown_or_inferred),
    Law("9", "Needs are declared, and refusals name them", border.needs_are_declared),
    Law("10", "Only tensors and numbers leave, and survive", border.only_numbers_leave),
)

ARENA_LAWS: tuple[Law[Venue], ...] = (
    Law("1", "What the spec says is true", games.spec_is_true),
    Law("2", "Seeds reproduce", games.seeds_reproduce),
    Law("3", "Rows are independent", games.rows_are_independent),
    Law("4", "Both faces play the same game", games.faces_agree),
    Law("5", "Seats of a side are exchangeable", games.seats_are_exchangeable),
    Law("6", "Snapshots restore", games.snapshots_restore),
    Law("7", "Episodes end, with autoreset and without", games.episodes_end),
    Law("8", "The device is honoured", games.device_is_honoured),
    Law("9", "A twin shares nothing", games.twins_are_strangers),
    Law("10", "An offered value is exact", games.value_is_exact),
)
