"""`rltools export --to` and `rltools explain --data`: out to another tool, and in from one, with a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from rltools import open_recording

pytest.importorskip("minari")
pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def _minari(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(project / "minari"))


def test_a_data_set_is_explained_by_another_policy(rltools, short, project, without_plots):
    assert (
        rltools("export", "short", "--to", "minari", "--out", "poles/short-v0").out == "Wrote minari:poles/short-v0\n"
    )
    ran = rltools("explain", "--data", "minari:poles/short-v0", "cartpole-ppo", "--method", "shapley")
    assert (ran.code, ran.err) == (0, "")
    folder = Path("runs/cartpole-ppo-on-poles-short-v0")
    assert f"Open {folder}/index.html" in ran.out
    assert "at every step cartpole-ppo would choose the same" in " ".join(ran.out.split())
    recording = open_recording(folder)
    assert recording.header.data == "minari:poles/short-v0"
    assert [outcome.total_reward for outcome in recording.outcomes()] == [12.0, 12.0]
    page = (folder / "index.html").read_text("utf-8")
    assert "those of minari:poles/short-v0" in page
    assert '<p class="trust-line warning">The episodes are those of minari:poles/short-v0' in page
    assert "What is explained is the score of the recorded action" in page
    assert "rltools explain --data minari:poles/short-v0 cartpole-ppo --method shapley" in page
    assert "those of the data set" in page
    assert len(list((folder / "replays").glob("*.html"))) == 2
    # Another method goes into the same folder, without reading the data set again.
    assert rltools("explain", folder, "--method", "gradient").code == 0
    assert len(open_recording(folder).specs) == 2
    assert rltools("replay", folder, "0").code == 0
    assert open_recording(folder).frames(0) is None
    assert f"{folder} holds episodes of the data set" in rltools("ablate", folder, "cartpole-ppo").fault
    assert "with other settings" in rltools("record", "cartpole-ppo", "--out", folder).fault


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("explain", "runs/x", "cartpole-ppo", "--data", "minari:x-v0"),
            "is explained by one agent, not by runs/x and",
        ),
        (("explain", "runs/x", "cartpole-ppo", "--episodes", "3"), "--episodes is for --data"),
        (("explain", "runs/x", "cartpole-ppo", "--out", "there"), "--out is for --data"),
        (("explain", "runs/x", "cartpole-ppo", "--overwrite"), "--overwrite is for --data"),
        (("explain", "cartpole-ppo", "--data", "minari:poles/none-v0"), "no data set poles/none-v0 in"),
        (
            ("explain", "cartpole-ppo", "--data", "minry:none-v0"),
            "no format to import from 'minry'; did you mean minari",
        ),
        (("export", "runs/x", "--to", "minari"), "no recording in runs/x"),
        (("export", "runs/x", "--set", "fps=3"), "--set fps=3 is an option of a format; say which one with --to"),
    ],
)
def test_a_mistake_is_one_line(rltools, arguments, message):
    ran = rltools(*arguments)
    assert ran.code == 1
    assert message in ran.fault
