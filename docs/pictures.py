"""Draws the documentation's pictures anew, and runs its notebooks: `python docs/pictures.py [NAME ...]`.

A name is that of a picture (`training`, `shapley`, `replay`) or of a notebook (`first-look`); all of them by default.
A page's picture needs Chromium, notebooks the extra `notebooks`. Tests fail where a picture is not what is drawn now;
`episodes.json`, which is written along with the pictures, tells them whether this machine plays the same episodes.
"""

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
SCREENSHOTS = ("lunarlander-ppo", "replay")


def commands() -> dict[str, list[str]]:
    """What makes each picture and each notebook."""
    scripts = sorted([*DOCS.glob("gallery/*.py"), *DOCS.glob("methods/*.py")])
    noting = str(DOCS / "episodes.py")
    makers = {script.stem: [noting, str(script)] for script in scripts}
    makers |= {name: [noting, str(DOCS / "screenshots.py"), name] for name in SCREENSHOTS}
    run = str(DOCS / "notebooks" / "run.py")
    return makers | {path.stem: [run, str(path)] for path in sorted(DOCS.glob("notebooks/*.ipynb"))}


def main(names: list[str]) -> int:
    """Make those of these names; returns how many failed."""
    known = commands()
    if wrong := [name for name in names if name not in known]:
        raise SystemExit(f"nothing is called {', '.join(wrong)}; there are {', '.join(known)}")
    failed = []
    for name in names or known:
        print(name, flush=True)
        # On one thread, as the tests run: a training on two is another training.
        done = subprocess.run([sys.executable, *known[name]], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
        failed += [name] if done.returncode else []
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
