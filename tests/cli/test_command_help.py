"""The help of every command, and that asking for it loads nothing heavy."""

import json
import re
import subprocess
import sys

import pytest

COMMANDS = ("analyze", "record", "explain", "run", "plot", "replay", "mail", "list", "inspect")
HEAVY = {"torch", "stable_baselines3", "sb3_contrib", "matplotlib", "pandas", "pyarrow", "xarray", "scipy", "gymnasium"}
HELP = "import sys\nfrom rltools.cli import main\nsys.argv = ['rltools', '--help']"
LOADED = "import json, sys; print('LOADED', json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.rpartition("LOADED")[2]))


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import rltools") & (HEAVY | {"numpy", "typer", "pydantic"})


def test_the_commands_help_loads_nothing_heavy():
    found = loaded_by(f"{HELP}\ntry: main()\nexcept SystemExit: pass")
    assert "typer" in found
    assert not found & (HEAVY | {"numpy", "pydantic"})


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
    from rltools.experiment import Experiment

    shown = rltools("run", "--help").out
    for key in Experiment.model_fields:
        assert f"{key}: " in shown


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
    found = {block.split()[0] for block in blocks[1:] if "[default: " in block}
    assert options <= found


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_it(rltools, command):
    ran = rltools(command, "--help")
    assert ran.code == 0
    assert f"Example: rltools {command}" in " ".join(ran.out.split())


def test_both_ways_to_call_it_are_the_same_command():
    done = subprocess.run([sys.executable, "-m", "rltools", "lst"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "rltools: No such command 'lst'. Did you mean 'list'? See `rltools --help`\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lst",), "'lst'"),
        (("analyze",), "Missing argument"),
        (("analyze", "cartpole-ppo", "--episodes", "0"), "--episodes"),
        (("analyze", "cartpole-ppo", "--episodes", "many"), "--episodes"),
        (("analyze", "cartpole-ppo", "--sed", "3"), "--sed"),
        (("record", "cartpole-ppo", "--seed", "-1"), "--seed"),
        (("replay", "runs/x", "first"), "'episode'"),
    ],
)
def test_wrong_usage_is_one_line_that_leads_to_the_help(rltools, arguments, said):
    ran = rltools(*arguments)
    assert ran.code == 2
    assert said in ran.fault
    where = f"rltools {arguments[0]}" if len(arguments) > 1 or arguments[0] == "analyze" else "rltools"
    assert ran.fault.endswith(f" See `{where} --help`")
