"""Memory-one strategies by their probabilities, and the extortioners' linear relation."""

import numpy as np
import pytest

from agents.scripts.memory_one import Extort, ExtortConfig, Given, GivenConfig, TitForTat, extortion
from arenas.matrix import IteratedPrisonersDilemma
from arenas.tables.response import earned


@pytest.mark.parametrize("factor", [1.5, 2, 3, 5])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_an_extortioner_takes_its_share_from_everybody(factor, slope):
    rng = np.random.default_rng(1)
    for gamma in (0.9, 0.96, 0.999):
        game = IteratedPrisonersDilemma(gamma=gamma)
        mine = Extort.make(game.spec, ("row",), ExtortConfig(factor, slope)).policy("row")
        for _ in range(5):
            other = Given.make(game.spec, ("column",), GivenConfig(*rng.uniform(size=5).tolist())).policy("column")
            value = earned(game, {"row": mine, "column": other})
            # the probabilities are in single precision, and the future multiplies their error
            assert value["row"] + 2 == pytest.approx(factor * (value["column"] + 2), abs=1e-7 / (1 - gamma))


def test_press_and_dysons_example():
    found = extortion(ExtortConfig(3, 0.5, 5, 3, 1, 0), gamma=1.0)
    assert found == pytest.approx((0, 11 / 13, 1 / 2, 7 / 26, 0))


def test_given_probabilities_are_the_strategy():
    game = IteratedPrisonersDilemma()
    given = Given.make(game.spec, ("row", "column"), GivenConfig(1, 1, 0, 1, 0)).policy("row")
    tft = TitForTat.make(game.spec, ("row", "column")).policy("row")
    other = Given.make(game.spec, ("row", "column"), GivenConfig(0.3, 0.9, 0.2, 0.6, 0.1)).policy("row")
    assert earned(game, {"row": given, "column": other}) == earned(game, {"row": tft, "column": other})


def test_what_is_no_strategy_is_refused():
    with pytest.raises(ValueError, match=r"cd must be in \[0, 1\], got 1\.5"):
        GivenConfig(cd=1.5)
    with pytest.raises(ValueError, match="factor must be at least 1"):
        ExtortConfig(factor=0.5)
    with pytest.raises(ValueError, match="no prisoner's dilemma"):
        ExtortConfig(temptation=-2)
    with pytest.raises(ValueError, match="no strategy extorts by the factor"):
        extortion(ExtortConfig(1.1), gamma=0.5)


def test_the_extortioners_summary_says_whose_payoffs_they_are():
    first = Extort.__doc__.splitlines()[0]
    assert "payoffs its config holds" in first and "no other game" in first
