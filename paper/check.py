"""Compiles paper.md with its bibliography as the journal's tools do, and checks its form: `make release`."""

import re
import subprocess
import sys
from pathlib import Path

import pypandoc

HERE = Path(__file__).parent
SECTIONS = [
    "Summary",
    "Statement of need",
    "State of the field",
    "Software design",
    "Research impact statement",
    "AI usage disclosure",
    "Acknowledgements",
    "References",
]
"""What the journal requires, https://joss.readthedocs.io/en/latest/paper.html"""
FEWEST, MOST = 750, 1750


def main() -> int:
    """Whether the paper compiles without a warning and has the form of the journal."""
    body = (HERE / "paper.md").read_text(encoding="utf-8").partition("\n---\n")[2]
    words = len(body.split())
    options = ["--citeproc", "--standalone", "--fail-if-warnings", "--to", "latex", "--output", "-"]
    subprocess.run([pypandoc.get_pandoc_path(), "paper.md", *options], cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    sections = re.findall(r"(?m)^# (.*)$", body)
    print(f"{words} words; {', '.join(sections)}")
    if sections != SECTIONS or not FEWEST <= words <= MOST:
        print(f"the journal asks for {FEWEST} to {MOST} words and the sections {', '.join(SECTIONS)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
