"""`rltools assess`: which agent it takes, what it prints, and what it says of what it left out."""

import pytest

import rltools as package


@pytest.fixture
def run(project):
    policy = package.load_policy("cartpole-ppo")
    recording = package.record(policy, episodes=6, max_steps=30, directory=project / "runs" / "poles")
    for method in ("gradient", "integrated_gradients"):
        recording = package.explain(recording, policy, method=method)
    return "runs/poles"


def test_the_reference_agent_of_a_run_is_known_by_its_name(rltools, run):
    ran = rltools("assess", run, "--metric", "cascading_randomization", "--steps", "8")
    assert ran.code == 0
    assert "randomization: cascading_randomization, lower is better; random numbers 1.00, std alone 1.00" in " ".join(
        ran.out.split()
    )
    assert "gradient of the score" in ran.out
    assert "Left out" not in ran.out


def test_what_is_left_out_is_said_in_one_line(rltools, run):
    ran = rltools("assess", run, "--metric", "completeness", "--metric", "deletion")
    assert ran.code == 0
    line = " ".join(ran.out.split()).partition("Left out")[2]
    assert "deletion: no losses were measured" in line
    assert "completeness of gradient of centered:chosen: the method does not promise" in line
    assert "integrated gradients of " in ran.out
    # The words of a column stand below each other.
    assert {"random", "numbers", "std", "features", "alone."} <= set(ran.out.split())


def test_another_agent_is_refused(rltools, run):
    ran = rltools("assess", run, "lunarlander-ppo", "--metric", "aim")
    assert ran.code == 1
    assert "lunarlander-ppo takes observations of shape" in ran.fault


def test_an_unknown_metric_names_the_nearest(rltools, run):
    ran = rltools("assess", run, "--metric", "completenes")
    assert ran.code == 1
    assert "did you mean completeness?" in ran.fault
