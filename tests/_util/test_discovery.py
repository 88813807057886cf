"""Entry points of other people's packages: broken ones are named and left out, and no name is taken from another."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import rltools
from rltools import plots
from rltools._util import discovery
from rltools._util.discovery import PluginWarning
from rltools.attributions import find_method, method_names
from rltools.cli.commands.list import listing
from rltools.cli.commands.plot import draw
from rltools.errors import ArgumentError, MethodError, PluginError, UnknownNameError

METHOD = '''
from rltools.attributions import Result, method


@method(unit="score", cost=1)
def {name}(score, x):
    """Whatever {name} is."""
    return Result(x)
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package: its name, the code of its module, and its entry points by group."""

    def install(name: str, code: str, **groups: str) -> None:
        folder = tmp_path / "site"
        info = folder / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        points = [f"[rltools.{group}]\n{lines}\n" for group, lines in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(points))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another test, with other code
        discovery._offered.cache_clear()

    yield install
    discovery._offered.cache_clear()


def warned(do: Callable[[], object]) -> list[str]:
    """The warnings of plug-ins, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        do()
    return sorted({str(entry.message) for entry in caught if entry.category is PluginWarning})


def test_a_method_and_a_plot_of_another_package_are_found(install: Install) -> None:
    install("guest1", METHOD.format(name="quiet"), attributions="quiet = guest1:quiet", plots="calm = guest1:quiet")
    assert find_method("quiet").name == "quiet"
    assert {"quiet"} <= set(method_names())
    assert plots.find_plot("calm") is plots.calm is find_method("quiet")
    assert "Whatever quiet is." in listing("methods")
    assert warned(lambda: listing(None)) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError"),
        ("raise ValueError('a\\nb')", "ValueError: a b"),
        ("class Stop(BaseException): ...\nraise Stop", "Stop"),
        ("other = 1", "AttributeError: module 'guest2' has no attribute 'thing'"),
    ],
)
def test_what_is_broken_is_named_and_only_what_needs_it_fails(install: Install, code: str, fault: str) -> None:
    lines = "broken = guest2:thing"
    install("guest2", code, attributions=lines, plots=lines, policies=lines)
    named = r"broken, which is guest2:thing of the package guest2 1\.2 \(rltools\.{}\), cannot be loaded: "
    with pytest.raises(PluginError, match=named.format("attributions")) as refusal:
        find_method("broken")
    assert fault in str(refusal.value)
    assert "uninstall that package" in str(refusal.value)
    with pytest.raises(PluginError, match=named.format("plots")):
        plots.find_plot("broken")
    with pytest.raises(AttributeError, match=named.format("plots")):
        plots.broken  # noqa: B018
    for room in ("methods", "plots"):
        listed = " ".join(listing(room).split())
        assert "cannot be read: broken, which is guest2:thing of the package guest2 1.2 (rltools." in listed
        assert "  importance " in listing("plots")
    assert find_method("gradient").name == "gradient"
    warning = warned(lambda: rltools.load_policy("cartpole-ppo"))
    assert len(warning) == 1
    assert "broken, which is guest2:thing of the package guest2 1.2 (rltools.policies)" in warning[0]
    assert warning[0].endswith("It is left out")


def test_ctrl_c_while_a_package_is_imported_is_heard(install: Install) -> None:
    install("guest3", "raise KeyboardInterrupt", attributions="stopped = guest3:thing")
    with pytest.raises(KeyboardInterrupt):
        find_method("stopped")


def test_the_name_of_a_built_in_stands(install: Install) -> None:
    install(
        "thief",
        METHOD.format(name="gradient"),
        attributions="gradient = thief:gradient",
        plots="importance = thief:gradient\ndrawing = thief:gradient",
        policies="sb3 = thief",
    )
    assert find_method("gradient").function.__module__ == "rltools.attributions.gradient"
    assert plots.importance.__module__ == "rltools.plots._importance"
    (warning,) = warned(method_names)
    assert warning.startswith(
        "'gradient' is rltools.attributions.gradient of rltools itself, and thief:gradient of the"
    )
    assert "thief 1.2 offers the same name" in warning
    assert [text.split(" of rltools itself")[0] for text in warned(plots.plot_names)] == [
        "'drawing' is rltools.plots.drawing",
        "'importance' is rltools.plots._importance",
    ]
    (warning,) = warned(lambda: rltools.load_policy("cartpole-ppo"))
    assert "'sb3' is rltools.policies.sb3" in warning


def test_of_two_strangers_with_one_name_neither_is_used(install: Install) -> None:
    for name in ("first", "second"):
        install(name, METHOD.format(name="mine"), attributions=f"mine = {name}:mine", plots=f"sketch = {name}:mine")
    both = r"'{}' is offered by first:mine of the package first 1\.2 and second:mine of the package second 1\.2"
    with pytest.warns(PluginWarning, match=both.format("mine")), pytest.raises(PluginError, match=both.format("mine")):
        find_method("mine")
    with pytest.warns(PluginWarning), pytest.raises(PluginError, match=both.format("sketch")):
        plots.find_plot("sketch")
    with pytest.warns(PluginWarning):
        assert "mine" not in method_names()


def test_things_of_a_wrong_kind_are_refused(install: Install) -> None:
    code = METHOD.format(name="honest") + "\nnumber = 3\n"
    install(
        "guest4",
        code,
        attributions="number = guest4:number\nalias = guest4:honest",
        plots="number = guest4:number",
    )
    with pytest.raises(MethodError, match=r"number \(guest4:number of the package guest4 1\.2\) is a int; declare it"):
        find_method("number")
    with pytest.raises(MethodError, match="is the method 'honest', offered as 'alias'; use the same name for both"):
        find_method("alias")
    with pytest.raises(PluginError, match=r"the plot number, which is guest4:number .* is a int, not a function"):
        plots.find_plot("number")
    assert "number" in listing("methods")


def test_names_that_are_none(install: Install) -> None:
    install("guest5", "thing = 1", attributions="captum:Mine = guest5:thing\n\x1b[31mred = guest5:thing")
    with pytest.warns(PluginWarning, match="is not a valid name"):
        assert not {"captum:Mine", "\x1b[31mred"} & set(method_names())


def test_a_policy_library_that_fails_is_named(install: Install, tmp_path: Path) -> None:
    code = """
def claims(source):
    if source == 7:
        raise KeyError("seven")
    return source in ("eight", 8, 9)

def load(source, known):
    if source == 9:
        return object()
    raise ZeroDivisionError("no")
"""
    install("guest6", code, policies="odd = guest6")
    with (
        pytest.warns(PluginWarning, match=r"the policy library odd \(guest6 of .*\) cannot say .*KeyError: 'seven'"),
        pytest.raises(ArgumentError, match=r"a builtins\.int; tried: odd, onnx"),
    ):
        rltools.load_policy(7)
    with pytest.raises(PluginError, match=r"the policy library odd \(guest6 .* failed to load 8: ZeroDivisionError"):
        rltools.load_policy(8)
    with pytest.raises(PluginError, match="made a object of 9, which lacks act, action_names"):
        rltools.load_policy(9)


def test_one_broken_plot_does_not_stop_another(install: Install, cartpole: object, tmp_path: Path) -> None:
    install("guest7", "import nowhere_to_be_found", plots="broken = guest7:thing")
    recording = rltools.record(cartpole, "CartPole-v1", episodes=1, max_steps=5, directory=tmp_path / "run")  # type: ignore[arg-type]
    rltools.explain(recording, cartpole, method="gradient")  # type: ignore[arg-type]
    assert draw(tmp_path / "run", "importance", tmp_path / "plot.png", {})[0].is_file()
    with pytest.raises(ArgumentError, match="the plot importance has no --episode; these have: "):
        draw(tmp_path / "run", "importance", None, {"episode": 0})
    with pytest.raises(UnknownNameError, match="did you mean importance"):
        draw(tmp_path / "run", "importanc", None, {})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("run", "rltools.run_experiment"),
        ("analyse", "rltools.analyze"),
        ("load", "rltools.load_policy"),
        ("load_polcy", "rltools.load_policy"),
        ("explian", "rltools.explain"),
        ("Callback", "rltools.AttributionCallback"),
        ("check_policy", "rltools.testing.check_policy"),
        ("importance", "rltools.plots.importance"),
    ],
)
def test_an_unknown_attribute_names_what_may_be_meant(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=rf"module 'rltools' has no attribute '{name}'; did you mean {meant}\b"):
        getattr(rltools, name)
    package, attribute = meant.rsplit(".", 1)
    assert hasattr(rltools if package == "rltools" else getattr(rltools, package.removeprefix("rltools.")), attribute)


def test_an_attribute_that_is_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"'xyzzy'; there are Ablation, Attribution, .* load_policy, .* video$"):
        rltools.xyzzy  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        rltools.__wrapped__  # noqa: B018


def test_what_a_policy_lacks_is_named(cartpole: object) -> None:
    class Nearly:
        """A policy but for one method and one attribute."""

    policy = Nearly()
    wanted = "features observation_space action_space action_names branches heads state_size masked source dtype"
    for name in [*wanted.split(), "encode", "head", "choose", "act"]:
        if name not in ("masked", "choose"):
            setattr(policy, name, getattr(cartpole, name))
    with pytest.raises(AssertionError, match=r"Nearly lacks choose, device, masked of rltools\.policies\.base\.Policy"):
        rltools.testing.check_policy(policy)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"Nearly, which lacks choose, device, masked of a Policy; tried:"):
        rltools.load_policy(policy)
    with pytest.raises(ArgumentError, match=r"an array \(ndarray\)"):
        rltools.load_policy(np.zeros(3))
