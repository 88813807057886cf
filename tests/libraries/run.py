"""Trains a tiny agent with each library, and compares its scores and actions with those of rltools.

Each `tests/libraries/<library>.py` is a script with its dependencies in it (PEP 723). It gets an environment of its own
in `.venv-libraries`, where rltools is not installed, trains, saves its agents as the library does, and writes
what the library itself makes of some observations (`tests/helpers/library_cases.py`). Then the saved files are loaded
here, where the libraries are not installed.

    python tests/libraries/run.py                  # all libraries, into a temporary folder
    python tests/libraries/run.py skrl rsl_rl      # some
    python tests/libraries/run.py skrl --golden    # into tests/golden/libraries/skrl, to be committed
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HELPERS = HERE.parent / "helpers"
GOLDEN = HERE.parent / "golden" / "libraries"
ENVIRONMENTS = ROOT / ".venv-libraries"

# Scripts have the names of their libraries, which Python must not import from this folder.
sys.path[:] = [str(HELPERS), *(entry for entry in sys.path if Path(entry or ".").resolve() != HERE)]

from library_cases import compare_case, read_expected  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402


def main() -> int:
    """Run the libraries of the command line; 1 if rltools differs from any of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = sorted(path.stem for path in HERE.glob("*.py") if path != Path(__file__).resolve())
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"some of {', '.join(names)}; by default all")
    parser.add_argument("--golden", action="store_true", help="write the cases that `make test` loads")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.libraries) - set(names)):
        parser.error(f"there is no script for {', '.join(unknown)}; there is {', '.join(names)}")
    table = Table("library", "version", "case", "rows", "scores", "values", "actions", "")
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.libraries or names:
            cases = GOLDEN / name if arguments.golden else Path(temporary) / name
            try:
                produce(name, cases)
            except subprocess.CalledProcessError as error:
                table.add_row(name, "", "", "", "", "", "", f"the script ended with {error.returncode}")
                failed += 1
                continue
            for case in sorted(path.parent for path in cases.glob("*/expected.json")):
                row, fits = compared(case)
                table.add_row(name, *row)
                failed += not fits
    Console(width=120).print(table)
    return 1 if failed else 0


def produce(name: str, cases: Path) -> None:
    """Train with a library and save into `cases`, which is emptied before."""
    script = HERE / f"{name}.py"
    shutil.rmtree(cases, ignore_errors=True)
    cases.mkdir(parents=True)
    for needed in dependencies(script.read_text(encoding="utf-8")):
        run_script(script, environment(name, needed), cases)


def run_script(script: Path, python: Path, cases: Path) -> None:
    """Let the Python of an environment run a script, which writes into `cases`."""
    settings = {"PYTHONPATH": str(HELPERS), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "WANDB_MODE": "offline"}
    with tempfile.TemporaryDirectory() as work:  # what the library writes beside its models is left there
        command = [python, "-P", script, cases]  # -P: see above
        subprocess.run([str(part) for part in command], cwd=work, env=os.environ | settings, check=True)


def dependencies(script: str) -> list[list[str]]:
    """The dependencies in a script's metadata (PEP 723), and again with each of its `also` in the place of a pin.

    >>> lines = "# /// script", '# dependencies = ["a==2", "b"]', "# [tool.rltools]", '# also = ["a==1"]', "# ///"
    >>> dependencies(chr(10).join(lines))
    [['a==2', 'b'], ['a==1', 'b']]
    """
    match = re.search(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", script)
    if match is None:
        raise ValueError("a script needs its dependencies in a block `# /// script`")
    metadata = tomllib.loads(re.sub(r"(?m)^# ?", "", match["content"]))
    newest = [str(each) for each in metadata["dependencies"]]
    others = [str(each) for each in metadata.get("tool", {}).get("rltools", {}).get("also", [])]
    return [newest, *([pin if _package(pin) == _package(each) else each for each in newest] for pin in others)]


def _package(pin: str) -> str:
    return pin.partition("==")[0]


def environment(name: str, needed: list[str]) -> Path:
    """The Python of an environment with these packages, which is made if there is none yet."""
    key = hashlib.sha256("\n".join(needed).encode()).hexdigest()[:8]
    folder = ENVIRONMENTS / f"{name}-{key}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "installed").is_file():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), *needed], check=True)
        (folder / "installed").write_text("\n".join(needed), encoding="utf-8")
    return python


def compared(case: Path) -> tuple[list[str], bool]:
    """A row of the table for a case, and whether rltools computes the same."""
    version = read_expected(case)["version"]
    try:
        difference = compare_case(case)
    except Exception as error:  # whatever it is, the other cases are compared
        return [version, case.name, "", "", "", "", f"{type(error).__name__}: {error}"], False
    value = "" if difference.value is None else f"{difference.value:.0e}"
    figures = [str(difference.rows), f"{difference.scores:.0e}", value, f"{difference.actions:.0%} differ"]
    return [version, case.name, *figures, "same" if difference.fits else "DIFFERS"], difference.fits


if __name__ == "__main__":
    raise SystemExit(main())
