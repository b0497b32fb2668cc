"""Certificates of exact figures: an independent file checks them, and a wrong digit fails."""

from __future__ import annotations

import ast
import copy
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.command_line import Refused, Zoo
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.exploit import check_certificate
from zoo.exploit.certificate import certificate, verify_certificate
from zoo.exploit.check_certificate import faults

ENTRANTS = [("tit-for-tat", "ipd"), ("win-stay-lose-shift", "ipd"), ("lola", "coin"), ("random", "imp")]


def made(entrant: str, arena: str) -> dict[str, Any]:
    venue = Venue(ArenaChoice(arena))
    found: dict[str, Any] = json.loads(json.dumps(certificate(venue, venue.entrant(entrant))))
    return found


@pytest.mark.parametrize(
    ("entrant", "arena"),
    [pytest.param(*pair, marks=pytest.mark.slow if pair == ("lola", "coin") else ()) for pair in ENTRANTS],
)
def test_every_claim_holds_and_is_checked_within_a_second(entrant: str, arena: str) -> None:
    proof = made(entrant, arena)
    spent = -time.process_time()
    assert faults(proof) == []
    assert spent + time.process_time() < 1
    assert len(proof["claims"]) == 6  # three figures in two seats


def test_the_known_figures_of_win_stay_lose_shift_are_claimed() -> None:
    claims = {claim["name"]: claim["value"] for claim in made("win-stay-lose-shift", "ipd")["claims"]}
    assert claims["exploiter_gain in row"] == pytest.approx(0.020408, abs=1e-6)
    assert claims["worst_case in column"] == pytest.approx(-2.510204, abs=1e-6)


def test_a_wrong_digit_anywhere_fails() -> None:
    proof = made("win-stay-lose-shift", "ipd")

    def spoiled(change: Any) -> list[str]:
        other = copy.deepcopy(proof)
        change(other)
        return faults(other)

    def add(at: list[float], number: int, amount: float = 1e-4) -> None:
        at[number] += amount

    exploiting = 1  # the problem after the one without a choice
    assert "off" in spoiled(lambda c: c["claims"][0].update(value=c["claims"][0]["value"] + 1e-6))[-1]
    for solution in range(3):
        values = spoiled(lambda c, s=solution: add(c["problems"][exploiting]["solutions"][s]["value"], 2))
        assert any("values" in fault for fault in values)
    assert len(spoiled(lambda c: add(c["problems"][exploiting]["probability"], 3, -1e-4))) > 1
    assert len(spoiled(lambda c: add(c["problems"][exploiting]["pay"][3], 1))) > 1
    assert len(spoiled(lambda c: c.update(gamma=0.95))) > 1
    assert len(spoiled(lambda c: c["problems"][exploiting]["solutions"][0]["choice"].__setitem__(1, 0))) > 1
    assert spoiled(lambda c: add(c["problems"][exploiting]["pay"][4], 0)) == ["something was changed"]  # no claim's
    assert spoiled(lambda c: c["problems"][exploiting]["solutions"][0]["value"].__setitem__(0, float("nan")))


def test_an_edited_shape_or_index_is_a_fault_or_an_error_that_the_file_tells_in_a_line() -> None:
    proof = made("tit-for-tat", "ipd")
    keys = ("states", "actions", "start", "pay", "row", "column", "probability", "solutions")
    for key, new in itertools.product(keys, (-7, 10**11, None, "x", [], [[1], 2])):  # no room is made for 10**11 states
        other = copy.deepcopy(proof)
        other["problems"][1][key] = new
        try:
            assert "something was changed" in faults(other)
        except (ValueError, TypeError, LookupError):
            continue


def test_a_worse_policy_with_its_own_values_is_not_the_best() -> None:
    proof = made("always-cooperate", "ipd")
    problem = proof["problems"][1]
    best, victim = problem["solutions"][:2]
    best["choice"] = [0] * problem["states"]  # to cooperate, which pays -1 for ever
    best["value"] = [-1 / (1 - proof["gamma"])] * problem["states"]
    victim |= {"choice": best["choice"], "value": best["value"]}
    assert "against row, best response: another action is better" in faults(proof)


def test_the_checking_file_is_short_and_needs_numpy_alone() -> None:
    text = Path(check_certificate.__file__).read_text()
    assert len(text.splitlines()) <= 40
    tree = ast.walk(ast.parse(text))
    names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    assert names - set(sys.stdlib_module_names) == {"numpy"}


def test_the_command_writes_one_and_it_is_verified(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    said = zoo("exploit", "grim", "--arena", "ipd", "--certificate", proof, "--no-record")
    assert "certificate" in said.out
    assert verify_certificate(proof)[0] == "grim in ipd-v1"
    proof.write_text(proof.read_text().replace("-2.04", "-2.05"))
    with pytest.raises(UserError, match="does not hold"):
        verify_certificate(proof)
    by_itself = subprocess.run([sys.executable, check_certificate.__file__, proof], capture_output=True, text=True)
    assert by_itself.returncode == 1
    assert "worst_case" in by_itself.stderr
    for edited in ("{", "{}", "[]", proof.read_text().replace('"states"', '"stages"')):
        proof.write_text(edited)
        by_itself = subprocess.run([sys.executable, check_certificate.__file__, proof], capture_output=True, text=True)
        assert by_itself.returncode == 1
        assert by_itself.stderr.startswith("this is no certificate: ") and by_itself.stderr.count("\n") == 1
    proof.write_text("{}")
    with pytest.raises(UserError, match="no certificate"):
        verify_certificate(proof)
    assert "no exact response" in refused("exploit", "random", "--arena", "coin-two", "--certificate", proof)
