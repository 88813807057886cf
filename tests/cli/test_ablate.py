"""`rltools ablate`: of an agent and of a recording, with what it prints and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rltools.ablation import ablate as run_ablation
from rltools.ablation import ablations
from rltools.cli.values import parse_groups
from rltools.errors import ArgumentError
from rltools.policies.load import load_policy
from rltools.recording import open_recording

FEW = ("--seeds", "3", "--most", "3")
POLES = ("--env", "ShortPole-v0", "--import", "poles")


def rows_of(printed: str) -> dict[str, list[str]]:
    """The table by feature: the loss, the seeds, the verdict."""
    block = re.search(r"^  feature +loss of return +seeds +verdict\n((?:.+\n)+)", printed, re.MULTILINE)
    assert block is not None, printed
    parts = [re.split(r"  +", line.strip()) for line in block[1].splitlines()]
    return {name: rest for name, *rest in parts}


def test_an_agent_is_recorded_and_measured(rltools: Any, project: Any) -> None:
    ran = rltools("ablate", "cartpole-ppo", *POLES, *FEW, "--second", "none", "--out", "here")
    assert (ran.code, ran.err) == (0, "")
    rows = rows_of(ran.out)
    assert set(rows) == {"obs[0]", "obs[1]", "obs[2]", "obs[3]"}
    assert all(seeds == "3" for _, seeds, _ in rows.values())
    (ablation,) = ablations(open_recording("here"))
    assert (ablation.replace, ablation.second) == ("resample", None)
    assert f"Saved in {ablation.directory}" in ran.out
    assert "Losses do not add up to the return" in ran.out


def test_a_recording_is_measured_with_its_own_agent(rltools: Any, short: Any) -> None:
    options = ("--import", "poles", *FEW, "--replace", "zero", "--max-steps", "8")
    ran = rltools("ablate", short, *options)
    assert (ran.code, ran.err) == (0, "")
    (ablation,) = ablations(open_recording(short))
    assert (ablation.replace, ablation.second, ablation.spec.max_steps) == ("zero", "mean", 8)
    assert "replaced by 0" in ran.out
    again = rltools("ablate", short, "cartpole-ppo", *options)
    assert again.out == ran.out
    assert len(ablations(open_recording(short))) == 1


def test_only_what_is_missing_is_announced(rltools: Any, short: Any, capsys: pytest.CaptureFixture[str]) -> None:
    recording = open_recording(short)
    policy = load_policy("cartpole-ppo")
    announced = []
    for seeds in (2, 2, 3):
        run_ablation(policy, recording, seeds=seeds, most=seeds, second=None, max_steps=8, progress=True)
        printed = capsys.readouterr()
        announced.append([line for line in (printed.out + printed.err).splitlines() if "features and none" in line])
    assert [len(lines) for lines in announced] == [1, 0, 1]
    assert "10 episodes, about" in announced[0][0]
    assert "15 episodes of which 10 are there, about" in announced[2][0]


def test_every_option_reaches_the_measurement(rltools: Any, short: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import rltools.ablation._ablate as module

    options: dict[str, Any] = {}

    def stop(policy: Any, recording: Any, env: Any, **settings: Any) -> None:
        options.update(settings, env=env, recording=recording)
        raise ArgumentError("enough")

    monkeypatch.setattr("rltools.ablation.ablate", stop, raising=False)
    monkeypatch.setattr(module, "ablate", stop)
    rltools(
        *("ablate", short, "cartpole-ppo", "--import", "poles", "--env", "ShortPole-v0", "--replace", "hold"),
        *("--second", "zero", "--seeds", "5", "--most", "7", "--groups", "cart=obs[0],obs[1]"),
        *("--coalitions", "--leave-out", "0.1", "--num-envs", "4", "--max-steps", "9", "--seed", "2", "--workers", "2"),
        *("--bounds", "any"),
    )
    assert options.pop("recording").directory == short
    assert options == {
        "env": "ShortPole-v0",
        "replace": "hold",
        "second": "zero",
        "seeds": 5,
        "most": 7,
        "groups": {"cart": ["obs[0]", "obs[1]"]},
        "coalitions": True,
        "leave_out": 0.1,
        "directory": None,
        "num_envs": 4,
        "max_steps": 9,
        "seed": 2,
        "workers": 2,
        "bounds": "any",
        "progress": True,
    }


def test_what_can_be_left_out_comes_with_a_line_to_paste(rltools: Any, project: Any) -> None:
    ran = rltools("ablate", "cartpole-ppo", *POLES, *FEW, "--second", "none", "--leave-out", "0.5", "--out", "here")
    assert (ran.code, ran.err) == (0, "")
    ablation = ablations(open_recording("here"))[0]
    assert ablation.certificate is not None
    assert ("env = rltools.SelectFeatures(env, keep=[" in ran.out) == (
        ablation.certificate.holds and bool(ablation.certificate.remaining)
    )
    assert "Only training again without the others would prove that they can be left out" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("cartpole-ppo", "lunarlander-ppo"),
            "cartpole-ppo is no recording, and lunarlander-ppo is given as",
        ),
        (("cartpole-ppo", "--groups", "legs"), "groups is 'legs'; it must be 'variables', 'features', 'card' or"),
        (("cartpole-ppo", "--groups", "a=x", "--groups", "b"), "--groups 'b' is not NAME=FEATURE,FEATURE"),
        (("cartpole-ppo", "--groups", "a=x", "--groups", "a=y"), "--groups gives 'a' twice"),
        (("cartpole-ppo", "--replace", "meen"), "did you mean mean"),
        (("nothing-here",), "nothing-here"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(rltools: Any, project: Any, arguments: Any, message: str) -> None:
    ran = rltools("ablate", *arguments)
    assert ran.code == 1
    assert message in ran.fault
    assert not (project / "runs").exists()


def test_a_recording_keeps_its_folder_and_needs_its_agent(rltools: Any, short: Any, make_policy: Any) -> None:
    from rltools import record

    assert "its folder gets the files; leave out --out" in rltools("ablate", short, "--out", "there").fault
    record(make_policy("CartPole-v1"), "CartPole-v1", episodes=1, max_steps=5, directory="other")
    fault = rltools("ablate", "other").fault
    assert "give it after the folder, for instance `rltools ablate other best_model.zip`" in fault


def test_groups_are_parsed() -> None:
    assert parse_groups(None) is parse_groups([]) is None
    assert parse_groups(["features"]) == "features"
    assert parse_groups(["a=x, y", "b=z"]) == {"a": ["x", "y"], "b": ["z"]}
    with pytest.raises(ArgumentError, match="--groups card says how all features are grouped, and is given alone"):
        parse_groups(["a=x, y", "card"])
