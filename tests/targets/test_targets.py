import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from hypothesis import assume, example, given, settings
from torch import nn

from rltools import Target, TorchPolicy, input_gradient
from rltools.errors import RltoolsError, TargetError
from rltools.policies.base import Context
from rltools.targets import (
    SCORES,
    available_scores,
    base_head,
    default_target,
    make_target_function,
    parse_target,
    target_labels,
)

quick = settings(deadline=None, max_examples=60)
FEATURES = 4


def policy_with(names, *, heads=("logit",), seed=0):
    """A smooth network with a head of each name, in float64."""
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Linear(FEATURES, 6), nn.Tanh()).double()
    tops = {head: nn.Linear(6, 1 if head == "value" else len(names)).double() for head in heads}
    discrete = heads[0] in ("logit", "q_value")
    return TorchPolicy(
        nn.ModuleList([body, *tops.values()]),
        Box(-np.inf, np.inf, (FEATURES,)),
        Discrete(len(names)) if discrete else Box(-1, 1, (len(names),)),
        {head: lambda x, top=top: top(body(x)) for head, top in tops.items()},
        action_names=names,
        dtype=torch.float64,
    )


def rows(policy, count=5, *, mask=False, seed=0):
    """States, and a context with actions that are not the policy's own."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, FEATURES, dtype=torch.float64, generator=generator)
    k = len(policy.action_names)
    with torch.no_grad():
        scores = policy.head(policy.heads[0], x, Context())
    action = torch.randint(k, (count,), generator=generator)
    allowed = None
    if mask:
        allowed = torch.rand(count, k, generator=generator) < 0.6
        allowed[torch.arange(count), action] = True
        allowed[torch.arange(count), (action + 1) % k] = True
    return x, Context(action=action, scores=scores, mask=allowed)


def values_of(text, policy, x, context):
    return make_target_function(policy, parse_target(text, policy), context)(x)


three = policy_with(["left", "idle", "right"], heads=("logit", "value"))
continuous = policy_with(["steer", "gas"], heads=("action", "mean", "value"))

names_of_actions = st.one_of(
    st.sampled_from(
        [
            "left",
            "right",
            "left - right",
            "chosen",
            "runner_up",
            "all",
            "0",
            "1",
            "a:b",
            "logit:left",
            "value",
            "- ",
            " ",
        ]
    ),
    st.text(min_size=1, max_size=6),
)


class TestGrammar:
    @given(st.lists(names_of_actions, min_size=2, max_size=4, unique=True), st.data())
    @quick
    def test_what_is_parsed_reads_back_as_itself(self, names, data):
        policy = policy_with(names, heads=("logit", "value"))
        action = st.sampled_from([*names, "chosen", "runner_up", "all", "0", "1"])
        score = st.sampled_from(["logit", "centered", "log_probability", "probability", "value", "entropy"])
        text = data.draw(
            st.one_of(
                st.builds("{}:{}".format, score, action),
                st.builds("{}:{} - {}".format, score, action, action),
                st.builds("{}:{} - {}:{}".format, score, action, score, action),
                score,
            )
        )
        try:
            target = parse_target(text, policy)
        except TargetError:
            return
        assert parse_target(str(target), policy) == target
        assert parse_target(target, policy) == target

    @given(st.lists(names_of_actions, min_size=2, max_size=4, unique=True))
    @example(["chosen", "all"])
    @example([" left", "left ", "left", ""])
    @quick
    def test_labels_read_back_as_each_scalar(self, names):
        policy = policy_with(names)
        x, context = rows(policy)
        with torch.no_grad():
            logits = policy.head("logit", x, context)
        for position, name in enumerate(names):
            assert torch.equal(values_of(f"logit:{name}", policy, x, context)[:, 0], logits[:, position])
        assume("all" not in names)
        labels = target_labels(parse_target("logit:all", policy), policy)
        assert len(labels) == len(set(labels)) == len(names)
        for position, label in enumerate(labels):
            assert torch.equal(values_of(label, policy, x, context)[:, 0], logits[:, position])

    @given(st.text(max_size=20))
    @quick
    def test_any_text_is_read_or_refused(self, text):
        try:
            target = parse_target(text, three)
        except TargetError:
            return
        assert target.score in SCORES

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("logit:left", Target("logit", "left")),
            ("  centered:chosen ", Target("centered", "chosen")),
            ("logit:2", Target("logit", "2")),
            ("value", Target("value")),
            ("entropy", Target("entropy")),
            ("logit:chosen - runner_up", Target("logit", "chosen", Target("logit", "runner_up"))),
            ("logit:chosen - logit:runner_up", Target("logit", "chosen", Target("logit", "runner_up"))),
            ("probability:left - logit:1", Target("probability", "left", Target("logit", "1"))),
            ("logit:left - value", Target("logit", "left", Target("value"))),
            ("value - entropy", Target("value", "", Target("entropy"))),
        ],
    )
    def test_meanings(self, text, expected):
        assert parse_target(text, three) == expected

    def test_an_exact_name_wins(self):
        policy = policy_with(["1", "0", "chosen", "all", "logit:1 - 0", "0 - 1"])
        x, context = rows(policy)
        logits = policy.head("logit", x, context)
        for position, name in enumerate(policy.action_names):
            text = f"logit:{name}"
            assert torch.equal(values_of(text, policy, x, context), logits[:, position, None])
            assert target_labels(parse_target(text, policy), policy) == (text,)
        assert parse_target("logit:all - chosen", policy) == Target("logit", "all", Target("logit", "chosen"))

    def test_a_difference_that_reads_like_a_name_is_refused(self):
        policy = policy_with(["left", "right", "left - right"])
        assert parse_target("logit:left - right", policy) == Target("logit", "left - right")
        for ambiguous in ("logit:left - logit:right", Target("logit", "left", Target("logit", "right"))):
            with pytest.raises(TargetError, match=r"two ways.*by their positions, for instance logit:0 - 1"):
                parse_target(ambiguous, policy)
        assert parse_target("logit:0 - 1", policy).minus == Target("logit", "1")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "logit",
            "logit:",
            "logit:up",
            "logit:3",
            "logit:-1",
            "logit:²",
            "q_value:left",
            "action:all",
            "value:left",
            "entropy:chosen",
            "left",
            "logit:left-right",
            "logit:left - up",
            "logit:all - left",
            "logit:left - all",
            "logit:left - right - idle",
            "Logit:left",
            "logit:Left",
        ],
    )
    def test_refused_with_a_list_of_what_there_is(self, text):
        with pytest.raises(TargetError) as error:
            parse_target(text, three)
        for message in (
            repr(text),
            "logit, centered",
            "chosen, runner_up, all",
            "'left', 'idle', 'right'",
            "value, entropy",
        ):
            assert message in str(error.value)

    @pytest.mark.parametrize(
        "text", ["logit:chosen", "centered:chosen", "action:chosen", "action:runner_up", "entropy"]
    )
    def test_continuous_policies_have_no_discrete_targets(self, text):
        with pytest.raises(TargetError, match="action, mean and an action of all, a position below 2 or a name"):
            parse_target(text, continuous)

    def test_defaults(self):
        assert str(default_target(three)) == str(parse_target(None, three)) == "centered:chosen"
        assert str(parse_target(None, continuous)) == "action:all"
        assert target_labels(default_target(continuous), continuous) == ("action:steer", "action:gas")

    def test_scores_follow_from_the_heads(self):
        of_logits = ("centered", "entropy", "kl", "log_probability", "probability")
        assert available_scores(three) == ("logit", "value", *of_logits)
        assert available_scores(policy_with(["a", "b"], heads=("q_value",))) == ("q_value", "centered")
        assert available_scores(continuous) == ("action", "mean", "value")
        assert available_scores(policy_with(["a", "b"], heads=("action", "q_value"))) == ("action", "q_value")

    def test_probabilities_come_from_logits_whichever_head_decides(self):
        policy = policy_with(["a", "b"], heads=("q_value", "logit"))
        x, context = rows(policy)
        logits = policy.head("logit", x, context)
        torch.testing.assert_close(values_of("probability:all", policy, x, context), torch.softmax(logits, 1))
        assert base_head(parse_target("centered:a", policy), policy) == "q_value"


class TestValues:
    @pytest.mark.parametrize("mask", [False, True])
    @given(seed=st.integers(0, 2**16))
    @settings(deadline=None, max_examples=15)
    def test_formulas(self, mask, seed):
        policy = policy_with(["a", "b", "c", "d"], heads=("logit", "value"), seed=seed)
        x, context = rows(policy, mask=mask, seed=seed)
        logits = policy.head("logit", x, context).detach()
        allowed = torch.ones_like(logits, dtype=torch.bool) if context.mask is None else context.mask

        def value(text):
            return values_of(text, policy, x, context).detach()

        close = torch.testing.assert_close
        close(value("logit:all"), logits)
        logs = torch.log_softmax(logits.masked_fill(~allowed, -torch.inf), 1)
        close(value("log_probability:all")[allowed], logs[allowed])
        close(value("probability:all"), logs.exp())
        close(value("probability:all").sum(1), torch.ones(len(x), dtype=torch.float64))
        close((value("centered:all") * allowed).sum(1), torch.zeros(len(x), dtype=torch.float64), atol=1e-12, rtol=0)
        close(value("centered:a - b"), value("logit:a - b"))
        terms = torch.where(allowed, logs.exp() * logs, 0.0)
        close(value("entropy"), -terms.sum(1, keepdim=True))
        close(value("value"), policy.head("value", x, context).detach())
        close(value("logit:chosen"), logits.gather(1, context.action[:, None]))
        best = logits.masked_fill(~allowed, -torch.inf).scatter(1, context.action[:, None], -torch.inf).argmax(1)
        assert not (best == context.action).any()
        close(value("logit:runner_up"), logits.gather(1, best[:, None]))
        close(value("logit:chosen - runner_up"), value("logit:chosen") - value("logit:runner_up"))
        close(value("probability:a - logit:d"), value("probability:a") - value("logit:d"))
        close(value("value - logit:b"), value("value") - value("logit:b"))

    @pytest.mark.parametrize("mask", [False, True])
    @pytest.mark.parametrize(
        "text",
        [
            "logit:all",
            "centered:chosen",
            "log_probability:chosen",
            "probability:all",
            "entropy",
            "value",
            "logit:chosen - runner_up",
            "log_probability:left - value",
        ],
    )
    def test_gradients_against_finite_differences(self, text, mask):
        x, context = rows(three, mask=mask)
        score = make_target_function(three, parse_target(text, three), context)
        weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)[: score.outputs]
        result = input_gradient(lambda states: score(states) @ weights, x)
        for feature in range(FEATURES):
            step = torch.zeros(FEATURES, dtype=torch.float64)
            step[feature] = 1e-6
            with torch.no_grad():
                slope = ((score(x + step) - score(x - step)) / 2e-6) @ weights
            torch.testing.assert_close(result[:, feature], slope, rtol=1e-6, atol=1e-8)

    @given(lead=st.lists(st.integers(1, 3), max_size=3), count=st.integers(0, 4))
    @settings(deadline=None, max_examples=15)
    def test_extra_axes_are_free(self, lead, count):
        x, context = rows(three, count, mask=True)
        for text in ("centered:all", "log_probability:chosen", "logit:chosen - runner_up", "value"):
            score = make_target_function(three, parse_target(text, three), context)
            shifts = torch.randn(*lead, FEATURES, dtype=torch.float64)
            copies = x.reshape(count, *[1] * len(lead), FEATURES) + shifts
            result = score(copies)
            assert result.shape == (count, *lead, score.outputs)
            for index in np.ndindex(*lead):
                alone = score(copies[(slice(None), *index)])
                torch.testing.assert_close(result[(slice(None), *index)], alone)

    def test_rows_take_their_context_with_them(self):
        x, context = rows(three, mask=True)
        index = torch.tensor([3, 0, 0])
        for text in ("logit:chosen", "log_probability:runner_up"):
            score = make_target_function(three, parse_target(text, three), context)
            torch.testing.assert_close(score.rows(index)(x[index]), score(x)[index])

    def test_entropy_where_a_probability_underflows(self):
        policy = TorchPolicy(
            lambda x: torch.stack([x[:, 0] * 1e4, x[:, 0] * 0], 1), Box(-1, 1, (1,)), Discrete(2), dtype=torch.float64
        )
        x = torch.ones(1, 1, dtype=torch.float64)
        score = make_target_function(policy, parse_target("entropy", policy), Context())
        assert score(x) == 0
        assert torch.isfinite(input_gradient(score, x)).all()

    def test_continuous_targets(self):
        x, context = rows(continuous)
        actions = continuous.head("action", x, context)
        torch.testing.assert_close(values_of("action:all", continuous, x, context), actions)
        torch.testing.assert_close(values_of("action:gas", continuous, x, context), actions[:, 1:])
        torch.testing.assert_close(
            values_of("action:steer - 1", continuous, x, context), actions[:, :1] - actions[:, 1:]
        )

    def test_a_network_that_writes_into_its_input(self):
        net = nn.Linear(FEATURES, 2).double()
        policy = TorchPolicy(lambda x: net(x.mul_(2)), Box(-1, 1, (FEATURES,)), Discrete(2), dtype=torch.float64)
        x = torch.ones(3, FEATURES, dtype=torch.float64)
        score = make_target_function(policy, parse_target("logit:all", policy), Context())
        torch.testing.assert_close(score(x), net(2 * x))
        assert torch.equal(x, torch.ones_like(x))
        torch.testing.assert_close(input_gradient(score, x), 2 * net.weight.detach().sum(0).expand(3, FEATURES))


class TestUnknown:
    def test_no_action_is_known(self):
        x, _ = rows(three)
        with pytest.raises(TargetError, match=r"without actions; .* Context\(action=\.\.\.\), .*: left, idle, right"):
            values_of("logit:chosen", three, x, Context())

    def test_no_scores_are_known(self):
        x, context = rows(three)
        with pytest.raises(TargetError, match=r"runner_up is read from the scores .* Context\(scores=\.\.\.\)"):
            values_of("logit:runner_up", three, x, Context(action=context.action))

    def test_a_runner_up_of_one(self):
        policy = policy_with(["only"])
        x, context = rows(policy)
        with pytest.raises(TargetError, match=r"a choice of one action only \(only\); take chosen"):
            values_of("logit:runner_up", policy, x, context)
        assert issubclass(TargetError, RltoolsError)
