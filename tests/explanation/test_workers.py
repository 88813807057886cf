"""Explaining in several processes: the same bytes, whatever is explained and whoever does it."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import rltools
from rltools.errors import ArgumentError, MismatchError
from rltools.explanation._read import groups

CHOICES = {
    "references, of which a damaged episode has none": {"method": "shapley", "references": 3, "every": 2},
    "draws": {"method": "smooth_grad", "samples": 4, "seed": 7},
    "sampled orders": {"method": "sampled_shapley", "permutations": 3, "references": 2, "seed": 5, "every": 3},
    "several episodes together": {"method": "gradient", "target": "logit:all"},
}


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("[!.]*.*"))}


@pytest.fixture
def copies(tmp_path, policy, Walk):
    """The same recording in three folders."""
    first = rltools.record(policy, Walk, episodes=13, directory=tmp_path / "0")
    path = first.episode_path(4)
    path.write_bytes(path.read_bytes()[:1500] + bytes(40) + path.read_bytes()[1540:])
    return [first, *(rltools.open_recording(shutil.copytree(tmp_path / "0", tmp_path / f"{n}")) for n in (1, 2))]


@pytest.mark.filterwarnings("ignore::rltools.recording.DamagedFileWarning")
@pytest.mark.parametrize("choice", CHOICES)
def test_the_same_bytes_whoever_explains(copies, policy, choice):
    with ThreadPoolExecutor(1) as executor:
        for recording, workers in zip(copies, (1, 2, executor), strict=True):
            if choice.startswith("references"):
                with pytest.warns(rltools.recording.DamagedFileWarning, match="000004"):
                    rltools.explain(recording, policy, max_batch=16, workers=workers, **CHOICES[choice])
            else:
                rltools.explain(recording, policy, max_batch=16, workers=workers, **CHOICES[choice])
    expected, *others = (files(recording.directory / "attributions") for recording in copies)
    assert len([name for name in expected if name.split("/")[1].startswith("0000")]) == 12
    for other in others:
        assert other == expected


def test_what_is_explained_together_fills_a_batch():
    steps = {0: 7, 1: 7, 2: 7, 5: 40, 6: 0, 7: 1, 8: 1}
    assert groups(steps, 1, 14) == [[0, 1], [2, 5], [6, 7, 8]]
    assert groups(steps, 2, 14) == [[0, 1, 2, 5], [6, 7, 8]]
    assert groups({}, 1, 14) == []


def test_errors_come_from_wherever_they_happen(copies, make_policy, Walk):
    other = make_policy(seed=3)
    with pytest.raises(MismatchError, match="is not the policy that was recorded"):
        rltools.explain(copies[0], other, method="gradient", max_batch=1, workers=2)

    class Unsendable(nn.Linear):
        def __reduce__(self):
            raise TypeError("not this one")

    torch.manual_seed(0)
    unsendable = make_policy(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), Unsendable(8, 3)))
    recording = rltools.record(unsendable, Walk, episodes=4)
    with pytest.raises(ArgumentError, match=r"cannot be sent to another process \(TypeError: not this one"):
        rltools.explain(recording, unsendable, method="gradient", max_batch=1, workers=2)
