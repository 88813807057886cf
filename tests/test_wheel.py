"""What people install: the wheel, built from the sdist as package indexes do."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = """
import sys
from pathlib import Path
import rltools
from rltools.cards.content import content_folders, list_content
assert Path(rltools.__file__).is_relative_to(sys.argv[1]), rltools.__file__
assert content_folders("envs")[-1].is_relative_to(sys.argv[1])
policy = rltools.load_policy("cartpole-ppo")
assert policy.features.names[2] == "pole angle"
print(sorted(list_content("agents")), sorted(list_content("experiments")), len(list_content("envs")))
"""


def run(*command, **options):
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder, *patterns):
    """The files of the checkout that match, relative to `folder`'s parent."""
    return {
        str(path.relative_to(folder.parent))
        for pattern in patterns
        for path in folder.rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_everything_and_works_outside_the_checkout(tmp_path):
    # One test, because building takes seconds: sdist, wheel from it, its content, an installation of it.
    run("-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT))
    (sdist,) = tmp_path.glob("*.tar.gz")
    (wheel,) = tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        remaining = {name.partition("/")[2] for name in archive.getnames()}
    assert files(ROOT / "agents", "train.py", "model.zip") <= remaining
    assert {"tests/test_wheel.py", "README.md", "LICENSE", "Makefile", "constraints.txt"} <= remaining
    assert {"CHANGELOG.md", "CITATION.cff", "SECURITY.md", "paper/paper.md", "docs/trust.md"} <= remaining

    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    code = files(
        ROOT / "rltools", "*.py", "py.typed", "*.js", "*.css", "*.html", "*.ttf", "*.woff2", "LICENSE", "OFL.txt"
    )
    assert {"rltools/py.typed", "rltools/pages/report/page/run.html", "rltools/pages/replay/page/page.js"} <= code
    assert any(name.startswith("rltools/pages/replay/vendor/uPlot") for name in code)
    assert {f"rltools/_util/font/{name}" for name in ("regular.ttf", "semibold.woff2", "OFL.txt")} <= code
    content = files(ROOT / "agents", "model.zip", "agent.yaml", "vecnormalize.pkl")
    content |= files(ROOT / "envs", "*.yaml") | files(ROOT / "experiments", "*.yaml")
    assert {"agents/cartpole-ppo/model.zip", "envs/cartpole.yaml", "experiments/cartpole.yaml"} <= content
    expected = code | {f"rltools/_content/{name}" for name in content}
    assert not expected - shipped
    rest = {name for name in shipped - expected if ".dist-info/" not in name}
    assert {Path(name).name for name in rest} <= {"README.md"}
    assert not [name for name in shipped if name.endswith("train.py")]
    assert {name.partition("/")[0] for name in shipped if ".dist-info/" not in name} == {"rltools"}
    assert [name for name in shipped if name.endswith(".dist-info/licenses/LICENSE")]

    target = tmp_path / "installed"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    message = run(
        "-c", OUTSIDE, str(target), cwd=elsewhere, env={"PYTHONPATH": str(target), "PATH": "", "HOME": str(elsewhere)}
    )
    assert "cartpole-ppo" in message
    assert "cartpole" in message.partition("]")[2]
