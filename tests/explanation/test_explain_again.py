import signal

import numpy as np
import pytest

import rltools
from rltools.errors import (
    RecordingError,
)
from rltools.explanation import _explainer
from rltools.explanation import batches as _batches

METHODS = ["gradient", "input_x_gradient", "integrated_gradients", "shapley"]


class TestResuming:
    def test_a_second_time_does_nothing(self, recording, policy, files_of):
        rltools.explain(recording, policy, method="integrated_gradients", references=8)
        before = files_of(recording)
        rltools.explain(recording, policy, method="integrated_gradients", references=8)
        assert files_of(recording) == before
        assert len(before) == 5

    @pytest.mark.parametrize("name", METHODS)
    def test_only_what_is_missing(self, recording, policy, name, files_of):
        rltools.explain(recording, policy, method=name)
        before = files_of(recording)
        (gone,) = (path for path in before if path.name == "000002.parquet")
        (recording.directory / gone).unlink()
        rltools.explain(recording, policy, method=name)
        after = files_of(recording)
        assert after[gone][1] == before[gone][1]
        assert after[gone][0] != before[gone][0]
        assert {path: entry for path, entry in after.items() if path != gone} == {
            path: entry for path, entry in before.items() if path != gone
        }

    def test_episodes_that_were_added_use_the_same_references(self, recording, policy, Walk):
        first = rltools.explain(recording, policy, method="shapley", references=3).attribution()
        more = rltools.record(policy, Walk, episodes=6, directory=recording.directory)
        second = rltools.explain(more, policy, method="shapley", references=3).attribution()
        np.testing.assert_array_equal(first.references, second.references)
        np.testing.assert_array_equal(first.values, second.values[: len(first)])
        assert len(second) == 42

    def test_other_questions_do_not_mix(self, recording, policy):
        for options in (
            {},
            {"seed": 1},
            {"references": 2},
            {"references": np.zeros(4)},
            {"every": 2},
            {"tolerance": 0.5},
        ):
            rltools.explain(recording, policy, method="integrated_gradients", **options)
        rltools.explain(recording, policy, method="gradient", seed=1)
        rltools.explain(recording, policy, method="gradient", seed=2)
        assert len(recording.specs) == 7

    def test_references_are_visited_states_drawn_with_the_seed(self, recording, policy, observations_of):
        states = {state.tobytes() for state in observations_of(recording)}
        stored_references = {}
        for seed in (0, 1):
            rltools.explain(recording, policy, method="shapley", references=8, seed=seed)
        for key in recording.specs:
            references = recording.attribution_of(key).references
            assert len({state.tobytes() for state in references}) == 8
            assert {state.tobytes() for state in references} <= states
            stored_references[key] = references
        first, second = stored_references.values()
        assert not np.array_equal(first, second)

    def test_an_interrupt_keeps_what_is_finished(self, recording, policy, monkeypatch, files_of):
        done = []

        def interrupted(*arguments, **options):
            if len(done) == 2:
                signal.raise_signal(signal.SIGINT)
            done.append(1)
            return explained(*arguments, **options)

        explained = _explainer.explained_rows
        monkeypatch.setattr(_explainer, "explained_rows", interrupted)
        monkeypatch.setattr(_batches, "MOST_COPIES", 7)  # one episode in a batch
        with pytest.raises(KeyboardInterrupt):
            rltools.explain(recording, policy, method="gradient")
        assert [path.name for path in files_of(recording)] == ["000000.parquet", "000001.parquet"]
        assert not list(recording.directory.rglob(".unfinished*"))
        monkeypatch.undo()
        before = files_of(recording)
        rltools.explain(recording, policy, method="gradient")
        assert before.items() <= files_of(recording).items()
        assert len(recording.attribution()) == 28

    def test_a_question_that_failed_is_not_there(self, recording, policy, offering):
        def failing(score, x):
            raise RuntimeError("out of luck")

        offering(failing)
        with pytest.raises(RuntimeError, match="out of luck"):
            rltools.explain(recording, policy, method="failing")
        assert recording.specs == {}
        with pytest.raises(RecordingError, match="nothing yet"):
            recording.attribution()


class TestWhatWasThereBefore:
    def test_more_episodes_than_an_old_question_has(self, recording, policy, Walk):
        rltools.explain(recording, policy, target="logit:chosen", method="integrated_gradients", references=8)
        more = rltools.record(policy, Walk, episodes=6, directory=recording.directory)
        rltools.explain(more, policy, method="gradient")
        old, new = (more.find(name) for name in ("integrated_gradients", "gradient"))
        assert (more.is_complete(old), more.is_complete(new)) == (False, True)
        assert more.find() == new
        with pytest.raises(rltools.errors.RecordingError, match=r"method integrated_gradients \(--method\) and target"):
            more.attribution("integrated_gradients")
        assert rltools.replay(more, 5, more.directory / "page.html").is_file()

    def test_another_policy_is_refused_though_nothing_is_left_to_do(self, recording, policy, make_policy):
        rltools.explain(recording, policy, method="gradient")
        rltools.explain(recording, policy, method="gradient")
        with pytest.raises(rltools.errors.MismatchError, match="is not the policy that was recorded"):
            rltools.explain(recording, make_policy(seed=5), method="gradient")
