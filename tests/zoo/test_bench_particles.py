"""`zoo bench` measures the particle worlds beside mpe2's own loop, and the battle beside PettingZoo's."""

from __future__ import annotations

import pytest

from zoo.bench import speed as bench


@pytest.mark.parametrize("loop", [bench.mpe2_parallel_loop, bench.mpe2_aec_loop])
@pytest.mark.parametrize("module", bench.PARTICLES.values())
def test_mpe2s_loops_go_on_after_an_episode(loop, module, monkeypatch: pytest.MonkeyPatch) -> None:
    import mpe2._mpe_utils.simple_env as simple_env

    resets, steps = [], []
    reset, played = simple_env.SimpleEnv.reset, simple_env.SimpleEnv._execute_world_step
    monkeypatch.setattr(simple_env.SimpleEnv, "reset", lambda *a, **k: (resets.append(1), reset(*a, **k))[1])
    monkeypatch.setattr(simple_env.SimpleEnv, "_execute_world_step", lambda env: (steps.append(1), played(env))[1])
    step = loop(module)
    before = len(resets)
    for _ in range(60):
        step()
    assert len(steps) == 60
    assert len(resets) == before + 2


def test_the_lines_tell_how_many_times_faster() -> None:
    clock = bench.Clock(1, 0.0)
    first, *ours = bench._particles("tag", clock)
    assert first.name in ("simple_tag_v3, AEC", "simple_tag_v3, parallel") and first.figures["times mpe2"] == 1
    assert [line.figures["copies"] for line in ours] == list(bench.PARTICLE_COPIES)
    for line in (first, *ours):
        rate, call = line.figures["agent-steps / CPU s"], line.figures["us / call"]
        assert rate == pytest.approx(4 * line.figures["copies"] / call * 1e6)
        assert line.figures["times mpe2"] == pytest.approx(rate / first.figures["agent-steps / CPU s"])
    assert ours[-1].figures["times mpe2"] > 20 * ours[0].figures["times mpe2"]


@pytest.mark.slow
def test_comas_training_is_measured_beside_a_librarys() -> None:
    figures = bench._coma(bench.Clock(1, 0.0)).figures
    assert figures["times EPyMARL"] == pytest.approx(figures["environment steps / CPU s"] / figures["EPyMARL's"])


@pytest.mark.slow
def test_training_is_measured_beside_the_plain_one() -> None:
    plain, ours = bench._training(bench.Clock(1, 0.0))
    assert plain.figures["times plain"] == 1
    rates = [line.figures["environment steps / CPU s"] for line in (ours, plain)]
    assert ours.figures["times plain"] == pytest.approx(rates[0] / rates[1])


def test_the_battle_is_measured_beside_its_own_loop() -> None:
    face, one, many = bench._battle(bench.Clock(1, 0.0))
    assert face.figures["times PettingZoo"] == 1
    assert [line.figures["copies"] for line in (face, one, many)] == [1, *bench.BATTLE_COPIES]
    rate = many.figures["environment steps / CPU s"]
    assert rate == pytest.approx(bench.BATTLE_COPIES[-1] / many.figures["us / call"] * 1e6)
    assert many.figures["times PettingZoo"] == pytest.approx(rate / face.figures["environment steps / CPU s"])
