"""How far an answer is to be trusted, in a line: on the first feature and on the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ablated import ablated, noise

from rltools.summary import compare_ranks, find_trust_line, find_trust_of_methods, summarize
from rltools.testing import example_recording


def worth(*losses: float) -> Any:
    """Each player loses so much, not quite the same at every seed."""

    def returned(name: str, hidden: tuple[int, ...], number: int) -> float:
        return 100 - sum(losses[player] * (1 + 0.1 * noise(number + 50 * player)) for player in hidden)

    return returned


def recorded(folder: Path, *sizes: float) -> Any:
    """A recording in which each feature always has the same size."""
    values = [np.tile(np.array(sizes, float), (6, 1, 1)) for _ in range(6)]
    return example_recording(folder, values, unit="score", method="shapley")


def line(folder: Path, losses: tuple[float, ...], sizes: tuple[float, ...], **options: Any) -> Any:
    recording = recorded(folder, *sizes)
    table = compare_ranks(recording, ablated(worth(*losses)), [recording.find()])
    return find_trust_line(table, **({"certain": True} | options))


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (
            (1, 3, 2),
            "Trust: high on what is needed most (b, by the losses). In attributions: high on the first (Shapley values "
            "put b first too), high on the rest.",
        ),
        (
            (3, 2, 1),
            "Trust: high on what is needed most (b, by the losses). In attributions: low on the first (Shapley values "
            "put a first), low on the rest (Shapley values rank 3 of 3 features otherwise).",
        ),
    ],
)
def test_of_measured_losses(tmp_path: Path, sizes: tuple[float, ...], text: str) -> None:
    assert str(line(tmp_path / "r", (10, 50, 30), sizes)) == text


def test_another_replacement_or_no_certain_loss_lowers_trust_on_the_first(tmp_path: Path) -> None:
    second = line(tmp_path / "r", (10, 50, 30), (1, 3, 2), second="c")
    assert str(second).startswith(
        "Trust: low on what is needed most (b by the losses, and c with another replacement). "
    )
    uncertain = line(tmp_path / "s", (10, 50, 30), (1, 3, 2), certain=False)
    assert str(uncertain).startswith("Trust: low on what is needed most (no loss is certain). ")


def test_ranks_that_may_be_anything_agree_with_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = [np.tile(rng.uniform(0, 2, 3) * (1, 1.1, 1.05), (6, 1, 1)) for _ in range(6)]
    recording = example_recording(tmp_path / "r", values, unit="score", method="shapley")
    table = compare_ranks(recording, ablated(worth(10, 50, 30)), [recording.find()])
    assert (table.columns[0].best, table.columns[0].worst) == ((1, 1, 1), (3, 3, 3))
    assert str(find_trust_line(table, certain=True)).endswith(
        "In attributions: open on the first (Shapley values leave it open: b, a or c), open on the rest (too few "
        "differences are certain)."
    )


def test_attributions_that_name_different_features_first_are_never_trusted_highly_on_it(tmp_path: Path) -> None:
    right, wrong = (
        compare_ranks(each, ablated(worth(10, 50, 30)), [each.find()])
        for each in (recorded(tmp_path / "a", 1, 3, 2), recorded(tmp_path / "b", 1, 2, 3))
    )
    both = dataclasses.replace(
        right, columns=(dataclasses.replace(right.columns[0], method="decision_change"), wrong.columns[0])
    )
    assert str(find_trust_line(both, certain=True)).startswith(
        "Trust: high on what is needed most (b, by the losses). In attributions: fair on the first (decision change "
        "puts b first too; Shapley values put c first), fair on the rest"
    )
    alone = find_trust_line(dataclasses.replace(right, columns=()), certain=True)
    assert str(alone) == "Trust: high on what is needed most (b, by the losses)."


def test_a_single_feature_leaves_nothing_to_trust(tmp_path: Path) -> None:
    single = example_recording(tmp_path / "s", [np.ones((4, 1, 1))] * 6, unit="score")
    table = compare_ranks(single, ablated(worth(50), ("a",)), [single.find()])
    assert find_trust_line(table, certain=True) is None


def summary(folder: Path, *sizes: float, method: str = "shapley") -> Any:
    rng = np.random.default_rng(len(method))
    values = [np.tile(np.array(sizes) * rng.uniform(0.95, 1.05, len(sizes)), (5, 1, 1)) for _ in range(8)]
    return summarize(example_recording(folder, values, unit="score", method=method))


def test_without_losses_agreement_is_fair_at_best(tmp_path: Path) -> None:
    main = summary(tmp_path / "a", 9, 4, 2, 1)
    same = summary(tmp_path / "b", 9, 4, 2, 1, method="occlusion")
    text = str(find_trust_of_methods(main, [main, same]))
    assert text.startswith("Trust: fair on the first (obs[0], by Shapley values and occlusion), fair on the rest (")
    assert text.endswith("; nothing was measured).")
    other = summary(tmp_path / "c", 1, 2, 4, 9, method="occlusion")
    text = str(find_trust_of_methods(main, [main, other]))
    assert text.startswith("Trust: low on the first (obs[0], by Shapley values; occlusion puts obs[3] first), low on ")
    assert find_trust_of_methods(main, [main]) is None
