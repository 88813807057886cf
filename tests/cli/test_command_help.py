"""The help of every command, and that asking for it loads nothing heavy."""

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from rltools.cards.content import find_content

COMMANDS = ("analyze", "record", "ablate", "explain", "assess", "run", "plot", "replay", "export", "list", "inspect")
HEAVY = {"torch", "stable_baselines3", "sb3_contrib", "matplotlib", "pandas", "pyarrow", "xarray", "scipy", "gymnasium"}
HELP = "import sys\nfrom rltools.cli import main\nsys.argv = ['rltools', '--help']"
LOADED = "import json, sys; print('LOADED', json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.rpartition("LOADED")[2]))


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import rltools") & (HEAVY | {"numpy", "typer", "pydantic"})


def test_the_commands_help_loads_nothing_heavy():
    result = loaded_by(f"{HELP}\ntry: main()\nexcept SystemExit: pass")
    assert "typer" in result
    assert not result & (HEAVY | {"numpy", "pydantic"})


def test_the_help_names_every_command(rltools):
    ran = rltools("--help")
    assert ran.code == 0
    assert not [name for name in COMMANDS if name not in ran.out]


def test_no_command_is_answered_with_the_help(rltools):
    ran = rltools()
    assert ran.code == 2
    assert "analyze" in ran.out
    assert ran.err == ""


def test_the_version_is_said(rltools):
    import rltools as package

    ran = rltools("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"rltools {package.__version__}\n", "")


def test_the_help_of_run_lists_the_keys_of_an_experiment(rltools):
    from rltools.experiments import Experiment

    printed = rltools("run", "--help").out
    for key in Experiment.model_fields:
        assert f"{key}: " in printed


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("analyze", {"env", "episodes", "seed", "method", "target", "references", "normalize", "out"}),
        ("explain", {"method", "target", "references", "normalize"}),
        ("plot", {"method", "target", "episode", "top", "out"}),
        ("replay", {"method", "target", "out"}),
        ("run", {"out"}),
    ],
)
def test_the_help_says_what_holds_where_an_option_is_not_given(rltools, command, options):
    blocks = re.split(r"--(?=[a-z])", rltools(command, "--help").out.partition("Options")[2])
    result = {block.split()[0] for block in blocks[1:] if "[default: " in block}
    assert options <= result


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(rltools, command):
    ran = rltools(command, "--help")
    assert ran.code == 0
    assert examples_of(ran.out)
    assert all(example[0] == command for example in examples_of(ran.out))


def examples_of(printed):
    """What a command's help says to type, whose lines are broken anywhere."""
    text = " ".join(re.split("Examples?: ", printed)[-1].split()).partition(" Keys of")[0]
    return [shlex.split(example) for example in re.split(r"(?:^|, )rltools ", text)[1:]]


def test_every_example_in_the_help_runs(rltools, project, monkeypatch, without_plots):
    # What comparisons draw has tests of its own, too.
    monkeypatch.setattr("rltools.pages.report._experiment.compared_figures", lambda *arguments: [])
    (project / "experiments").mkdir()
    (project / "experiments" / "lunarlander.yaml").write_text(
        "description: x\nagents: [cartpole-ppo]\nmethods: [random]"
    )
    shutil.copy(find_content("agents", "cartpole-ppo") / "model.zip", project / "model.zip")
    # So many episodes as later examples name, and no more work than that takes.
    fewer = {
        "analyze": ("--episodes", "4", "--method", "gradient", "--no-frames", "--seeds", "2", "--max-steps", "40"),
        "explain": ("--references", "2"),
        "replay": ("--no-frames",),
        "run": ("max_steps=3", "--workers", "1"),
    }
    for command in COMMANDS:
        for example in examples_of(rltools(command, "--help").out):
            ran = rltools(*example, *fewer.get(command, ()))
            assert (ran.code, ran.err) == (0, ""), (example, ran.err)


def test_the_defaults_in_the_help_are_those_of_the_functions(rltools):
    from rltools.ablation import ablate
    from rltools.experiments.analyze import analyze
    from rltools.explanation import explain
    from rltools.explanation.choice import EXACT_FEATURES
    from rltools.explanation.references import VISITED
    from rltools.rollout import record

    functions = {"ablate": ablate, "analyze": analyze, "explain": explain, "record": record}
    scripts_only = {"num_envs", "deterministic", "groups"}
    for command, function in functions.items():
        # Boxes and broken lines are how it is drawn.
        printed = " ".join(re.sub("[│╭╮╰╯─]", " ", rltools(command, "--help").out).split())
        for name, parameter in inspect.signature(function).parameters.items():
            default = parameter.default
            if name in scripts_only or not default or default in (parameter.empty, True):
                continue
            block = re.split(r" --(?=[a-z])", printed.partition(f"--{name} ")[2])[0]
            assert f"[default: {default}]" in block, (command, name, block)
    explained, analyzed = (" ".join(rltools(name, "--help").out.split()) for name in ("explain", "analyze"))
    for printed in (explained, analyzed):
        block = re.split(r" --(?=[a-z])", printed.partition("--references ")[2])[0]
        assert f"default: ({VISITED})]" in block
        assert f"shapley up to {EXACT_FEATURES} features" in " ".join(printed.replace("│", " ").split())


def test_every_option_that_explain_has_is_named_where_set_refuses_it():
    from rltools.cli.messages import EXPLAIN_OPTIONS, NO_PARAMETERS
    from rltools.explanation import explain

    own = {name for name, each in inspect.signature(explain).parameters.items() if each.kind is not each.VAR_KEYWORD}
    assert own <= {*EXPLAIN_OPTIONS, *NO_PARAMETERS}


def test_both_ways_to_call_it_are_the_same_command():
    done = subprocess.run([sys.executable, "-m", "rltools", "lst"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "rltools: No such command 'lst'. Did you mean 'list'? See `rltools --help`\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lst",), "'lst'"),
        (("analyze",), "Missing argument"),
        (("analyze", "cartpole-ppo", "--episodes", "0"), "--episodes"),
        (("analyze", "cartpole-ppo", "--episodes", "many"), "--episodes"),
        (("analyze", "cartpole-ppo", "--sed", "3"), "--sed"),
        (("record", "cartpole-ppo", "--seed", "-1"), "--seed"),
        (("analyze", "cartpole-ppo", "--seconds", "0"), "--seconds"),
        (("explain", "runs/x", "cartpole-ppo", "--seconds", "nan"), "--seconds"),
        (("run", "cartpole", "--threads", "0"), "--threads"),
        (("replay", "runs/x"), "'EPISODE'"),
    ],
)
def test_wrong_usage_is_one_line_that_leads_to_the_help(rltools, arguments, message):
    ran = rltools(*arguments)
    assert ran.code == 2
    assert message in ran.fault
    where = f"rltools {arguments[0]}" if len(arguments) > 1 or arguments[0] == "analyze" else "rltools"
    assert ran.fault.endswith(f" See `{where} --help`")


def test_a_file_in_the_place_of_a_command_leads_to_analyze(rltools, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.zip").touch()
    ran = rltools("model.zip")
    assert ran.code == 2
    assert "to analyze the agent in it: rltools analyze model.zip" in ran.fault
