"""Rules of seasons: every mistake in the file is one line with its number and the cure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from zoo.errors import UserError
from zoo.season.rules import EXAMPLE, parse_rules

PLAIN = 'name = "spring"\narena = "ipd"\ndeadline = 2027-03-01T12:00:00Z\n'


def test_the_example_is_a_file_of_rules() -> None:
    rules = parse_rules(EXAMPLE, "spring.toml")
    assert (rules.name, rules.arena, rules.settings) == ("spring", "ipd", ("max_steps=100",))
    assert rules.deadline == datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert (rules.rounds, rules.episodes, rules.entries_a_day, rules.isolation) == (2, 20, 5, "strict")


def test_what_is_not_said_has_a_default() -> None:
    rules = parse_rules(PLAIN, "spring.toml")
    assert (rules.hidden, rules.partners, rules.settings, rules.minutes) == ((), (), (), 0)


def test_a_deadline_elsewhere_is_turned_into_utc() -> None:
    rules = parse_rules(PLAIN.replace("12:00:00Z", "12:00:00+02:00"), "spring.toml")
    assert rules.deadline == datetime(2027, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "line", "cure"),
    [
        (("2027-03-01T12:00:00Z", "2027-03-01T12:00:00"), 3, "names no time zone; write 2027-03-01T12:00:00Z for UTC"),
        (("2027-03-01T12:00:00Z", '"soon"'), 3, "write 2027-03-01T12:00:00Z, without quotes"),
        (("2027-03-01T12:00:00Z", "2027-03-01"), 3, "no date with a time"),
        (('"spring"', '"Spring 27"'), 1, "small letters, digits and dashes"),
        (('"ipd"', "7"), 2, "no text"),
        (('"ipd"', "ipd"), 2, "texts need quotes"),
        (('"ipd"\n', '"ipd"\nrounds = 0\n'), 3, "no whole number from 1 to 1,000"),
        (('"ipd"\n', '"ipd"\nrounds = 2.5\n'), 3, "no whole number"),
        (('"ipd"\n', '"ipd"\nhidden = "grim"\n'), 3, 'write one such as ["grim", "tit-for-tat"]'),
        (('"ipd"\n', '"ipd"\nhidden = ["grim", "grim"]\n'), 3, "'grim' stands there twice"),
        (('"ipd"\n', '"ipd"\nisolation = "strikt"\n'), 3, "did you mean strict?"),
        (('"ipd"\n', '"ipd"\nisolation = "trusted"\n'), 3, "no level of isolation"),
        (('"ipd"\n', '"ipd"\ndedline = 3\n'), 3, "no such setting; did you mean deadline?"),
        (('"ipd"\n', '"ipd"\nhidden = ["grim"\n'), 4, "lists brackets"),
        (('name = "spring"', 'name = "spring"\nname = "autumn"'), 2, "overwrite"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_its_cure(change: tuple[str, str], line: int, cure: str) -> None:
    with pytest.raises(UserError) as told:
        parse_rules(PLAIN.replace(*change), "spring.toml")
    assert str(told.value).startswith(f"spring.toml, line {line}: ")
    assert cure in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("value", "words"), [("[" * 5000, "too deep"), ("1" * 5000, "too long")])
def test_a_file_that_no_reader_reads_is_one_line(value: str, words: str) -> None:
    with pytest.raises(UserError, match=f"spring.toml: .*{words}; `zoo season new --example`"):
        parse_rules(f"name = {value}", "spring.toml")


def test_what_is_missing_is_told_with_a_line_to_add() -> None:
    with pytest.raises(UserError, match="deadline is missing; add a line such as `deadline = 2027-03-01T12:00:00Z`"):
        parse_rules('name = "spring"\narena = "ipd"\n', "spring.toml")
