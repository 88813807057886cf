"""Which seeds are run: leaders that are raced, ties at the last, fresh seeds of certificates, late coalitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rltools.ablation import Rollouts, ablate
from rltools.ablation._folder import AblationSpec
from rltools.ablation._leave_out import FEWEST_FRESH, FRESH, fresh_seeds, search
from rltools.ablation._run import FIRST_NUMBER, seed_of
from rltools.ablation._runner import AblationRunner
from rltools.ablation._stages import losses, measure_coalitions, measure_curves, measure_losses
from rltools.recording.seeds import SPREAD, episode_seed

PLAYERS = 4


class Played(AblationRunner):
    """An ablation whose returns are drawn from given means and spreads of the losses; nothing is run."""

    def __init__(self, means: Any, spread: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int = 0) -> None:
        names = tuple(f"x{player}" for player in range(len(means)))
        spec = AblationSpec("resample", "", "variables", names, 0, 1, 1, "played", "0" * 64, "", "")
        empty = Rollouts(
            *[np.zeros((0, len(means)) if name == "hidden" else 0, kind) for name, kind in COLUMNS.items()]
        )
        super().__init__(None, spec, tmp_path, "", empty, 1, progress=False)  # type: ignore[arg-type]
        self.means, self.spread, self.chance = np.asarray(means, float), np.broadcast_to(spread, len(means)), seed
        self.batches: list[int] = []
        monkeypatch.setattr("rltools.ablation._runner.run_tasks", self.play)
        monkeypatch.setattr("rltools.ablation._runner.write_batch", lambda *args: None)

    def play(self, setting: Any, tasks: Any, purpose: str, part: float, *rest: Any) -> Rollouts:
        self.batches.append(len(tasks))
        hidden = np.zeros((len(tasks), len(self.means)), bool)
        returns = np.zeros(len(tasks))
        for row, task in enumerate(tasks):
            hidden[row, list(task.hidden)] = True
            noise = np.random.default_rng([self.chance, task.number]).standard_normal(len(self.means))
            returns[row] = 100.0 - hidden[row] @ (self.means + self.spread * noise)
        texts = {
            "replacement": [task.replacement for task in tasks],
            "ended": ["terminated"] * len(tasks),
            "fault": [""] * len(tasks),
            "purpose": [purpose] * len(tasks),
        }
        columns = {name: np.array([*values, None], dtype=object)[:-1] for name, values in texts.items()}
        numbers = np.array([task.number for task in tasks], np.int64)
        return Rollouts(
            hidden=hidden,
            number=numbers,
            seed=numbers,
            total_reward=returns,
            steps=np.ones(len(tasks), np.int64),
            part=np.full(len(tasks), part),
            **columns,
        )


COLUMNS = {
    "replacement": object,
    "hidden": bool,
    "number": np.int64,
    "seed": np.int64,
    "total_reward": np.float64,
    "steps": np.int64,
    "ended": object,
    "fault": object,
    "purpose": object,
    "part": np.float64,
}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def make(means: Any, spread: Any, seed: int = 0) -> Played:
        played = Played(means, spread, monkeypatch, tmp_path, seed)
        played.run([("", ())], range(16), "loss", "nothing hidden")
        return played

    return make


def test_a_certain_leader_is_not_raced(play: Any) -> None:
    played = play([50, 20, 10, 0], 1.0)
    measure_losses(played, 16, 128)
    assert losses(played).seeds.tolist() == [16] * 4
    assert losses(played).leaders == 1


def test_leaders_are_raced_and_the_others_drop_out(play: Any) -> None:
    played = play([50, 47, 10, 0], 6.0)
    measure_losses(played, 16, 512)
    current = losses(played)
    assert (current.order[0], current.leaders) == (0, 1)
    assert current.seeds[2:].tolist() == [16, 16], "they were certainly behind at once"
    assert 16 < current.seeds[0] < 512
    assert current.seeds[0] == current.seeds[1]
    assert (current.seeds[0] - 16) % 16 == 0


def test_a_tie_is_left_at_the_last_seed(play: Any) -> None:
    played = play([50, 50, 10, 0], 6.0, seed=1)
    measure_losses(played, 16, 72)
    current = losses(played)
    assert current.seeds.tolist() == [72, 72, 16, 16]
    assert current.leaders == 2


def test_one_that_comes_back_gets_the_seeds_it_missed(play: Any) -> None:
    """All runs of a raced player begin at its first seed."""
    played = play([50, 49, 48.5, 0], [6.0, 6.0, 6.0, 1.0], seed=3)
    measure_losses(played, 16, 256)
    for player in range(3):
        numbers = sorted(played.returns((player,)))
        assert numbers == list(range(len(numbers)))
    played.run([played.hiding((3,))], range(40), "loss", "again")
    assert sorted(played.returns((3,))) == list(range(40))
    assert sum(played.batches) == len(played.rollouts) == len(played.rollouts.tasks), "nothing is run twice"


def test_a_resumed_race_goes_where_an_uninterrupted_one_does(play: Any) -> None:
    straight = play([50, 48, 10, 0], 6.0)
    measure_losses(straight, 16, 200)
    in_two = play([50, 48, 10, 0], 6.0)
    measure_losses(in_two, 16, 40)
    measure_losses(in_two, 16, 200)
    assert in_two.rollouts.tasks == straight.rollouts.tasks


@pytest.mark.parametrize("seed", range(4))
def test_the_same_race_again_runs_nothing(play: Any, seed: int) -> None:
    """Not even for a player that only the last batch brought back into it."""
    played = play([50, 49, 45, 40, 35, 30], [30.0, 12.0, 12.0, 12.0, 12.0, 12.0], seed=seed)
    measure_losses(played, 8, 24)
    batches = len(played.batches)
    measure_losses(played, 8, 24)
    assert len(played.batches) == batches


def test_curves_of_many_players_follow_the_order_of_all_losses(play: Any) -> None:
    means = np.array([9, 8.5, 8, 7, 6, 5, 4, 3, 2], float)
    played = play(means, 8.0)
    measure_losses(played, 16, 16)
    measure_coalitions(played, 8)
    played.run([played.hiding((player,)) for player in range(9)], range(64), "search", "more")
    measure_curves(played, 8)
    order = tuple(int(player) for player in losses(played).order)
    from rltools.ablation import Ablation

    ablation = Ablation(played.spec, tuple(np.array([player]) for player in range(9)), played.rollouts)
    curves = ablation.curves()
    assert curves.best.order == order
    assert curves.random.order is None
    assert ablation.shapley().seeds == 16
    assert not ablation.shapley().exact
    np.testing.assert_allclose(ablation.shapley().interval.value, means, atol=12)
    assert len(ablation.interactions()) >= 6
    assert ablation.alone() is not None
    count = len(played.rollouts)
    measure_coalitions(played, 8)
    measure_curves(played, 8)
    assert len(played.rollouts) == count


def test_the_largest_set_within_a_part_is_searched(play: Any) -> None:
    """Losses add up: 5 of 100 may be lost, and those of 0, 1 and 3 do; any other three lose more."""
    played = play([0.5, 1.0, 30.0, 2.0, 9.0], 0.5)
    measure_losses(played, 16, 16)

    def measure(conditions: Any, numbers: Any) -> None:
        played.run([played.hiding(each) for each in conditions], numbers, "search", "searching", 0.05)

    hidden = search(losses(played), measure, played.returns, 0.05)
    assert hidden == (0, 1, 3)
    assert played.rollouts.number.max() < FRESH
    assert search(losses(played), measure, played.returns, 0.001) == ()


def test_fresh_seeds_are_as_many_as_will_do(play: Any) -> None:
    baseline = dict.fromkeys(range(64), 100.0)
    sure = dict.fromkeys(range(64), 99.0)
    assert fresh_seeds((0,), {(): baseline, (0,): sure}.__getitem__, 0.05, 500) == range(FRESH, FRESH + FEWEST_FRESH)
    noise = np.random.default_rng(0).normal(0, 12, 64)
    unsure = {number: 99.0 - noise[number] for number in range(64)}
    wanted = fresh_seeds((0,), {(): baseline, (0,): unsure}.__getitem__, 0.05, 5000)
    assert FEWEST_FRESH < len(wanted) < 5000
    assert len(fresh_seeds((0,), {(): baseline, (0,): unsure}.__getitem__, 0.05, 70)) <= 70
    assert len(fresh_seeds((0,), {(): {}, (0,): {}}.__getitem__, 0.05, 5000)) == FEWEST_FRESH


def test_no_seed_is_that_of_a_recorded_episode() -> None:
    own = {seed_of(0, number) for number in [*range(2000), *range(FRESH, FRESH + 2000)]}
    assert len(own) == 4000
    assert own.isdisjoint(episode_seed(SPREAD, 0, number) for number in range(5000))
    assert FIRST_NUMBER >= 1_000_000, "a recording has fewer episodes"


def test_certificates_are_measured_at_seeds_that_nothing_else_has_seen(guess: Any, tmp_path: Path) -> None:
    policy, env = guess(lambda x: x[..., 0] > 0.5, length=6)
    ablation = ablate(
        policy, env=env, directory=tmp_path / "run", replace="zero", second=None, seeds=6, most=20, leave_out=0.1
    )
    rollouts = ablation.rollouts
    certified = rollouts.purpose == "certificate"
    assert set(rollouts.seed[certified]).isdisjoint(rollouts.seed[~certified])
    assert set(rollouts.number[certified]) == set(range(FRESH, FRESH + FEWEST_FRESH))
    assert ablation.certificate.part == 0.1
    assert ablation.certificate.left_out == ablation.players[1:]
    assert ablation.certificate.holds
    from rltools.ablation import open_ablation
    from rltools.recording import open_recording

    recording = open_recording(tmp_path / "run")
    again = ablate(policy, recording, env, replace="zero", second=None, seeds=6, most=20, leave_out=0.2)
    assert again.certificate.part == 0.2
    assert open_ablation(recording).certificate.part == 0.2


def test_what_misleads_is_left_out_too(guess: Any) -> None:
    """Without the feature that misleads, the return is higher; so all but the other one can be left out."""
    policy, env = guess(lambda x: x[..., 0] > 0.5, answers=lambda x: (x[..., 0] > 0.5) ^ (x[..., 2] > 0.5))
    ablation = ablate(policy, env=env, replace="zero", second=None, seeds=8, most=64, leave_out=True)
    certificate = ablation.certificate
    assert certificate.holds
    assert certificate.loss < 0
    assert ablation.players[2] in certificate.left_out
