"""What each command does when all is well."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from rltools import open_recording
from rltools.cards.content import find_content
from rltools.targets.scores import target_name

POLES = ("--import", "poles")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of Stable-Baselines3 that nothing describes, trained for no step."""
    from gymnasium.envs.classic_control.cartpole import CartPoleEnv
    from stable_baselines3 import PPO

    path = tmp_path_factory.mktemp("saved") / "mine.zip"
    PPO("MlpPolicy", CartPoleEnv(), seed=0, device="cpu", policy_kwargs={"net_arch": [4]}).save(path)
    return path


def test_a_users_own_model_in_an_environment_of_their_own_module(rltools, project, saved):
    ran = rltools("analyze", saved, "--env", "ShortPole-v0", *POLES, "--episodes", "2", "--out", "here")
    assert ran.code == 0, ran.err
    assert "Of what moves the score" in ran.out
    assert "Open here/index.html" in ran.out
    recording = open_recording("here")
    assert recording.header.environment_id == "ShortPole-v0"
    assert {query.method for query in recording.specs.values()} == {"gradient", "shapley", "decision_change"}


def test_without_out_a_recording_goes_into_runs_under_the_agents_name(rltools, project):
    ran = rltools("record", "cartpole-ppo", "--env", "ShortPole-v0", *POLES, "--episodes", "3", "--seed", "4")
    assert ran.code == 0
    assert "3 episodes, 36 steps, mean return 12.0" in ran.out
    recording = open_recording(project / "runs" / "cartpole-ppo--ShortPole-v0")
    assert recording.outcome(0).seed == 4
    assert len({outcome.seed for outcome in recording.outcomes()}) == 3


def test_the_line_about_a_recording_counts_the_episodes_that_can_be_read(rltools, project):
    command = ("record", "cartpole-ppo", "--env", "ShortPole-v0", *POLES, "--episodes", "3", "--out", "here")
    assert rltools(*command).code == 0
    path = project / "here" / "episodes" / "000001.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 255
    path.write_bytes(content)
    ran = rltools(*command)
    assert ran.code == 0, ran.err
    assert "2 episodes, 24 steps, mean return 12.0" in ran.out
    assert "000001.parquet is damaged" in ran.err


def test_without_out_a_model_without_a_card_goes_by_its_place_and_its_content(rltools, project, saved):
    (project / "first").mkdir()
    (project / "first" / "best_model.zip").write_bytes(saved.read_bytes())
    inputs = ("--env", "ShortPole-v0", *POLES, "--episodes", "1")
    ran = rltools("record", "first/best_model.zip", *inputs)
    assert ran.code == 0, ran.err
    assert "1 episode, 12 steps" in ran.out
    (folder,) = (project / "runs").iterdir()
    assert re.fullmatch("first-best_model-[0-9a-f]{8}--ShortPole-v0", folder.name)


def test_a_page_without_pictures_and_the_command_that_makes_it(rltools, project, without_plots):
    inputs = ("--env", "ShortPole-v0", *POLES, "--episodes", "2", "--out", "here", "--references", "3", "--no-frames")
    ran = rltools("analyze", "cartpole-ppo", *inputs)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert open_recording("here").frames(0) is None
    assert len(open_recording("here").attribution("shapley").references) == 3
    page = (project / "here" / "index.html").read_text()
    assert "--references 3 --out here --no-frames --import=poles" in page


def test_explain_compares_with_as_many_states_as_asked(rltools, short):
    assert rltools("explain", short, "cartpole-ppo", "--method", "shapley", "--references", "2").code == 0
    assert len(open_recording(short).attribution("shapley").references) == 2


def test_a_plot_shows_the_episode_and_as_many_features_as_asked(rltools, short):
    from PIL import Image

    assert rltools("plot", short, "timeline", "--episode", "1", "--top", "2").code == 0
    assert rltools("plot", short, "timeline", "--top", "4").code == 0
    heights = []
    for name in ("timeline-1-2", "timeline-4"):
        with Image.open(short / "plots" / f"{name}.png") as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]


def test_a_replay_is_drawn_now_where_it_was_not(rltools, short, project):
    assert open_recording(short).frames(1) is None
    ran = rltools("replay", short, "1", *POLES, "--no-frames", "--out", "plain.html")
    assert (ran.code, ran.err) == (0, "")
    assert open_recording(short).frames(1) is None
    ran = rltools("replay", short, "1", *POLES)
    assert (ran.code, ran.err) == (0, "")
    assert len(open_recording(short).frames(1)) == 12


def test_pictures_that_are_kept_are_left_out_where_none_are_wanted(rltools, project, monkeypatch):
    monkeypatch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: ())
    inputs = ("cartpole-ppo", "--env", "ShortPole-v0", *POLES, "--episodes", "1", "--out", "r")
    assert rltools("record", *inputs, "--frames").code == 0
    assert rltools("analyze", *inputs, "--method", "gradient", "--no-frames", "--no-ablate").code == 0
    pages = [Path("r/index.html"), Path("r/replays/episode-000000.html")]
    assert not [page for page in pages if "data:image/webp" in page.read_text()]
    assert "--no-frames" in pages[0].read_text()
    assert rltools("replay", "r", "0", "--no-frames", "--out", "plain.html").code == 0
    assert rltools("replay", "r", "0", "--out", "drawn.html").code == 0
    assert rltools("replay", "r", "0", "--no-frames", "--beside", "r", "--out", "pair.html").code == 0
    printed = {
        name: "data:image/webp" in Path(f"{name}.html").read_text(encoding="utf-8")
        for name in ("plain", "drawn", "pair")
    }
    assert printed == {"plain": False, "drawn": True, "pair": False}
    assert len(open_recording("r").frames(0)) == 12, "and kept all the same"


def test_frames_are_kept_where_they_are_asked_for(rltools):
    ran = rltools(
        "record", "cartpole-ppo", "--env", "ShortPole-v0", *POLES, "--episodes", "1", "--frames", "--out", "r"
    )
    assert ran.code == 0
    assert len(open_recording("r").frames(0)) == 12


@pytest.mark.parametrize(
    ("target", "remaining"),
    [
        (None, "centered:chosen"),
        ("logit:push left", "logit:push left"),
        ("logit:chosen - logit:runner_up", "logit:chosen - runner_up"),
        (" value", "value"),
    ],
)
def test_a_target_is_explained_however_it_is_written(rltools, short, target, remaining):
    inputs = () if target is None else ("--target", target)
    ran = rltools("explain", short, "cartpole-ppo", "--method", "input_x_gradient", *inputs)
    assert ran.code == 0
    assert f"Of what moves {target_name(remaining)}, " in " ".join(ran.out.split())
    values = open_recording(short).attribution("input_x_gradient", remaining).values
    assert values.shape == (24, 1, 4)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_a_plot_goes_where_it_is_asked_for_in_the_format_of_its_name(rltools, short, project, ending):
    ran = rltools("plot", short, "importance", "--out", f"new/shown.{ending}")
    assert ran.code == 0, ran.err
    (drawn,) = (project / "new").iterdir()
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert drawn.name == f"shown.{ending}"
    assert drawn.read_bytes().startswith(begins[ending.lower()])


def test_a_figure_for_a_paper_has_the_width_that_is_asked_for(rltools, short):
    ran = rltools("plot", short, "importance", "--width", "84mm", "--out", "column.pdf")
    assert ran.code == 0, ran.err
    assert "For its caption: What the agent looks at: " in " ".join(ran.out.split())
    box = re.search(rb"/MediaBox ?\[ ?0 0 ([\d.]+)", Path("column.pdf").read_bytes())
    assert box is not None
    assert float(box[1]) == pytest.approx(84 / 25.4 * 72, abs=0.1)
    assert (
        "'1 furlong' is no length; give it as 3.3in" in rltools("plot", short, "importance", "--width", "1 furlong").err
    )
    assert "inches" in rltools("plot", short, "importance", "--width", "84").err


def test_without_out_plots_and_replays_lie_beside_the_recording(rltools, short):
    assert rltools("plot", short, "timeline").code == 0
    assert (short / "plots" / "timeline.png").is_file()
    ran = rltools("replay", short, "1")
    assert "Open short/replays/episode-000001.html" in ran.out
    assert (short / "replays" / "episode-000001.html").is_file()


def test_episodes_go_by_a_name(rltools, short, project):
    ran = rltools("replay", short, "worst", "--no-frames")
    assert "Open short/replays/episode-000000.html" in ran.out, ran.err
    ran = rltools("replay", short, "worst", "best", "median", "--no-frames")
    assert "Open short/replays/episodes-000000-000001.html" in ran.out, ran.err
    assert "Open short/plots/timeline-best.png" in rltools("plot", short, "timeline", "--episode", "best").out
    ran = rltools("replay", short, "first")
    assert "'first' is no episode: give a number from 0, or worst, median, best" in ran.fault


def test_several_episodes_are_one_page_and_two_agents_stand_side_by_side(rltools, short, project):
    ran = rltools("replay", short, "0", "1", "--no-frames")
    assert "Open short/replays/episodes-000000-000001.html" in ran.out
    ran = rltools("replay", short, "1", "--beside", short, "--no-frames", "--out", "pair.html")
    assert "Open pair.html" in ran.out, ran.err
    assert (project / "pair.html").is_file()


def test_a_run_in_its_usual_place_is_recognized(rltools, short, project):
    (project / "runs").mkdir(exist_ok=True)
    shutil.copytree(short, project / "runs" / "lander")
    ran = rltools("replay", "lander", "0")
    assert "no recording in lander: recording.json is missing; did you mean runs/lander?" in ran.err


def test_an_episode_is_filmed(rltools, short, project):
    ran = rltools("replay", short, "1", "--no-frames", "--video", "poles.gif", "--speed", "4")
    assert ran.out.endswith("Open poles.gif\n"), ran.err
    assert (project / "poles.gif").read_bytes().startswith(b"GIF89a")
    assert not (short / "replays" / "episode-000001.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("0", "1", "--video", "x.gif"), "--video shows one episode, not 2"),
        (("0", "--video", "x.gif", "--beside", "short"), "--video shows one agent"),
        (("0", "--video", "x.gif", "--out", "x.html"), "leave one of them out"),
        (("0", "--video", "x.avi"), "does not end in .mp4, .webm or .gif"),
        (("0", "--speed", "2"), "--speed is for --video"),
    ],
)
def test_what_a_video_cannot_be_is_said(rltools, short, project, arguments, message):
    before = set(project.rglob("*"))
    ran = rltools("replay", short, *arguments)
    assert ran.code == 1
    assert message in ran.err
    assert set(project.rglob("*")) == before


def test_a_page_becomes_one_file_to_send(rltools, short, project):
    from rltools.pages.report import write_report
    from rltools.recording import open_recording

    write_report(open_recording(short))
    ran = rltools("export", short, "--out", "sent.html")
    assert re.fullmatch(r"Send sent.html \(\d+\.\d MB\)\n", ran.out), ran.err
    assert 'src="plots/' not in (project / "sent.html").read_text(encoding="utf-8")


def test_statistics_of_observations_are_given_or_denied_by_name(rltools, project, saved):
    from gymnasium.envs.classic_control.cartpole import CartPoleEnv
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    wrapped = VecNormalize(DummyVecEnv([CartPoleEnv]))
    wrapped.obs_rms.mean[:] = 3.0
    wrapped.save(str(project / "vecnormalize.pkl"))
    inputs = ("record", saved, "--env", "ShortPole-v0", *POLES, "--episodes", "1", "--out")
    scores = {}
    for query in ("vecnormalize.pkl", "none"):
        assert rltools(*inputs, query[:4], "--normalize", query).code == 0
        scores[query] = open_recording(query[:4]).episode(0).scores[0]
    assert not np.allclose(scores["none"], scores["vecnormalize.pkl"])


def test_inspect_says_what_a_model_an_agent_and_a_recording_are(rltools, short):
    model = rltools("inspect", find_content("agents", "cartpole-ppo") / "model.zip")
    agent = rltools("inspect", "cartpole-ppo")
    recording = rltools("inspect", short)
    assert (model.code, agent.code, recording.code) == (0, 0, 0)
    assert "Discrete(2)" in model.out
    assert re.search(r"return +500\.0 ± 0\.0 over 100 episodes", agent.out)
    assert "gradient of centered:chosen" in recording.out
    assert re.search(r"steps +24", recording.out)
    for result, name in ((model, "model.zip --env ID"), (agent, "cartpole-ppo")):
        terms = [line.split("  ")[0] for line in result.out.splitlines() if line[:1].strip()]
        assert terms.index("observations") < terms.index("weights") < terms.index("settings") < terms.index("load it")
        assert terms[-1] == "load it"
        assert " ".join(result.out.split()).endswith(name)


def test_inspect_of_a_folder_of_runs_names_them(rltools, short, project):
    (project / "damaged").mkdir()
    (project / "damaged" / "recording.json").write_text("{")
    (project / "paper").mkdir()
    (project / "paper" / "experiment.json").write_text("{}")
    ran = rltools("inspect", project)
    printed = " ".join(ran.out.split())
    assert ran.code == 0
    assert "short 2 episodes of cartpole-ppo in ShortPole-v0, explained: gradient of centered:chosen" in printed
    assert "damaged cannot be read: " in printed
    assert "paper an experiment; `rltools status " in printed
    assert "look into one rltools inspect " in printed


def test_list_shows_a_line_for_everything_and_the_users_own_first(rltools, project):
    (project / "experiments").mkdir()
    (project / "experiments" / "mine.yaml").write_text("description: my question\nagents: [cartpole-ppo]\nmethods: [x]")
    (project / "agents" / "broken").mkdir(parents=True)
    (project / "agents" / "broken" / "agent.yaml").write_text("name: broken")
    printed = rltools("list").out
    for word in ("cartpole-ppo", "LunarLander-v3", "shapley", "beeswarm"):
        assert word in printed
    assert not re.search(r"\b1 (actions|features)", printed)
    assert re.search(r"mine cannot be read: .*no method 'x'", " ".join(printed.split()))
    assert re.search(r"broken +cannot be read", printed)
    assert "cartpole-ppo" in rltools("list", "agents").out
    assert "shapley" not in rltools("list", "agents").out


def test_an_experiment_is_run_from_a_file_with_changes_also_where_nothing_can_be_drawn(rltools, project, monkeypatch):
    monkeypatch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: ())
    (project / "asked.yaml").write_text(
        "description: what matters?\nagents: [cartpole-ppo]\nmethods: [gradient]\nepisodes: 9\n"
        "environment: {id: BlindPole-v0}\n"
    )
    ran = rltools("run", "asked.yaml", "episodes=2", *POLES, "--out", "found")
    assert ran.code == 0
    assert ran.err == ""  # it declares that it has no images, so their lack is no news
    assert "cartpole-ppo, gradient of the score of the action taken (centered): " in ran.out
    assert "Open found/index.html" in ran.out
    assert len(open_recording("found/cartpole-ppo-seed-0")) == 2
    assert (project / "found" / "cartpole-ppo-seed-0" / "replays").is_dir()


def test_faults_of_an_experiment_are_listed_below_its_path(rltools, project):
    (project / "asked.yaml").write_text("description: x\nagents: [cartpole]\nmethods: [gradients]\nepisodes: 0\n")
    ran = rltools("run", "asked.yaml", "sedes=[1]")
    assert ran.code == 1
    first, *faults = ran.err.splitlines()
    assert first == "rltools: asked.yaml: 4 faults"
    assert [fault.split(":")[0].strip() for fault in faults] == ["agents[0]", "methods[0]", "episodes", "sedes"]
    assert not (project / "runs").exists()
