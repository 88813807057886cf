"""What a release says of itself: one version, and a paper whose numbers and citations can be looked up."""

import re
import runpy
from pathlib import Path

import pytest

import rltools
from rltools.attributions import find_method, is_control, method_names

ROOT = Path(__file__).parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_stands_in_one_place_and_elsewhere_alike():
    assert 'dynamic = ["version"]' in read("pyproject.toml")
    assert re.findall(r"(?m)^version: (\S+)$", read("CITATION.cff")) == [rltools.__version__]
    assert re.findall(r"(?m)^## \[(\d[\w.]*)\] - ", read("CHANGELOG.md"))[0] == rltools.__version__


def test_every_citation_of_the_paper_is_in_its_bibliography_and_the_reverse():
    body = read("paper/paper.md").partition("\n---\n")[2]
    keys = set(re.findall(r"(?m)^@\w+\{(\w+),", read("paper/paper.bib")))
    assert keys == set(re.findall(r"@(\w+)", body))


def test_every_figure_of_the_paper_is_drawn_by_make_paper(tmp_path):
    names = re.findall(r"\]\((\w+)\.pdf\)", read("paper/paper.md"))
    script = read("paper/figures.py")
    assert names
    assert [name for name in names if f'"{name}.pdf"' in script] == names
    assert "paper/figures.py" in read("Makefile")
    out = runpy.run_path(str(ROOT / "paper" / "figures.py"))["agreement"](tmp_path / "agreement.pdf")
    assert out.read_bytes().startswith(b"%PDF")


# A number of the paper's evidence, and the sentence or row of the documentation that it is from.
NUMBERS = {
    "53 trained agents": (
        "docs/methods/decisions.md",
        r"For 23 real agents with .*On 30 real agents",
    ),
    ".74 for discrete": ("docs/methods/decisions.md", r"\| changes of the decision \| \.74 \|"),
    ".57 for continuous": ("docs/methods/decisions.md", r"On 30 real agents with continuous actions [^.]* it is \.57"),
    "28 agents in 12 environments": ("docs/trust.md", r"28 agents in 12 environments"),
    "12 of the 25 agents": ("docs/trust.md", r"Only in 12 of 25 agents some method is certainly better than both"),
    "36 of 36 intervals": ("docs/trust.md", r"36 of 36 intervals hold the exact value"),
    "46 such claims in publications, 3 were": ("docs/trust.md", r"of 46 claims [^.]* 3 were tested"),
}


@pytest.mark.parametrize("claim", NUMBERS)
def test_a_number_of_the_paper_stands_in_the_documentation(claim):
    page, pattern = NUMBERS[claim]
    assert claim in " ".join(read("paper/paper.md").split())
    assert re.search(pattern, " ".join(read(page).split()))


def test_the_paper_counts_the_methods():
    units = [find_method(name).unit for name in method_names()]
    controls = sum(is_control(unit) for unit in units)
    assert (len(units) - controls - 2, controls) == (14, 2)  # beside gradient and shapley
    assert "gradients, Shapley values and fourteen further methods, per named feature, beside two controls" in read(
        "paper/paper.md"
    )


def test_the_paper_has_no_other_numbers():
    body = read("paper/paper.md").partition("\n---\n")[2]
    for claim in NUMBERS:
        body = body.replace(claim, "")
    body = re.sub(r"@\w+", "", body)
    assert not re.findall(r"(?<!\w)\.?\d[\d.,]*", body)
