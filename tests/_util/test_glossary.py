"""The terms that users see are in the glossary, and no page, plot, video or command defines or spells one itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import rltools
from rltools._util.glossary import ACTIONS, ENDINGS, TERMS
from rltools.cli import main
from rltools.pages.report import write_report
from rltools.targets.scores import find_score, score_names, target_meaning

PACKAGE = Path(rltools.__file__).parent
ROOMS = ("summary", "plots", "pages", "videos", "cli")
LONGEST_COMMON = 5
"""Words of a meaning that may stand elsewhere: "do not add up to" is also plain English."""
MARKUP = re.compile(r"<[^>]*>|\{[{%].*?[%}]\}", re.DOTALL)
SPELLED = re.compile(
    r"\(control\)|(?:\{\}|%|: no) intervals?\b|^references'|^attribution: |\bshare of mean \||the same order, 0"
)
"""Labels with a term of one word, which is also plain English."""


def sources(*suffixes):
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*")):
            if path.suffix in suffixes and "vendor" not in path.parts:
                yield path, path.read_text(encoding="utf-8")


def python_texts(source):
    """The texts of a Python file, without its docstrings; f-strings with {} for what is put in."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def texts_for_users():
    """The path and the text of all that may be seen: texts in Python and JavaScript, and text between tags."""
    for path, source in sources(".py"):
        yield from ((path, text) for text in python_texts(source))
    for path, source in sources(".js"):
        yield from ((path, match[0][1:-1]) for match in re.finditer(r'"[^"\n]*"|`[^`]*`', source))
    for path, source in sources(".html"):
        yield path, MARKUP.sub(" ", source)
        yield from ((path, title) for title in re.findall(r'title="([^"]*)"', source))


def test_every_term_that_is_asked_for_is_in_the_glossary():
    requested = re.compile(r"terms\.(\w+)\.(?:name|meaning)|TERMS\[[\"'](\w+)[\"']\]|term(?:Name|Meaning)\(\"(\w+)\"\)")
    texts = [text for _, text in sources(".py", ".js", ".html")]
    keys = {key for text in texts for match in requested.finditer(text) for key in match.groups() if key}
    assert {"share", "std", "references", "residual", "interval", "control", "target"} <= keys
    assert keys <= TERMS.keys()


def words(text):
    return re.findall(r"[\w'-]+", text.lower())


def definitions(text):
    """Runs of words in a text that are part of a meaning."""
    spoken = f" {' '.join(words(text))} "
    for term in (*TERMS.values(), *ACTIONS.values(), *ENDINGS.values()):
        meaning = words(term.meaning)
        length = min(LONGEST_COMMON + 1, max(len(meaning), 4))
        runs = (" ".join(meaning[start : start + length]) for start in range(len(meaning) - length + 1))
        yield from (run for run in runs if f" {run} " in spoken)


def spellings(text):
    """Names of terms in a text: all that no sentence in plain English would have."""
    for term in TERMS.values():
        name = term.name.removesuffix(" {}").lower()
        if " " in name and name in text.lower():
            yield term.name
    yield from (match[0] for match in SPELLED.finditer(text))


def test_nothing_defines_a_term_on_its_own():
    copies = [(path.name, run) for path, text in texts_for_users() for run in definitions(text)]
    assert copies == []


def test_nothing_spells_a_term_on_its_own():
    copies = [(path.name, name) for path, text in texts_for_users() for name in spellings(text)]
    assert copies == []


@pytest.mark.parametrize(
    "source",
    [
        'axes.set_xlabel(f"share of mean |{name}| of {target}")',
        'label = f"{method} × std"',
        'note = f"{level} % interval"',
        'interval_note(low, episodes, level, "bands: {} interval")',
        'name = f"{method} (control)"',
        'rows.append(("left unexplained", rest))',
        'unit = "score per standard deviation"',
        'typer.Option(help="How many visited states that features are compared with.")',
        'note = "how alike two orders of the features are"',
        'say(f"Rank agreement over {count} features")',
    ],
)
def test_a_term_of_its_own_is_noticed(source):
    assert [hit for text in python_texts(source) for hit in (*definitions(text), *spellings(text))]


def test_a_definition_on_a_page_takes_its_text_from_the_glossary():
    for path, text in sources(".html"):
        for title in re.findall(r'class="term"[^>]* title="([^"]*)"', text):
            assert re.match(r"\{\{ terms\.\w+\.meaning \}\}", title), path
        for name, following in re.findall(r"<dfn>(\w+)</dfn> is (\S+ \S+ \S+)", text):
            assert following.startswith(f"{{{{ terms.{name}.meaning"), path


def test_a_report_shows_the_meanings(make_policy, tmp_path, without_plots):
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, episodes=2, max_steps=5, directory=tmp_path / "run")
    page = (
        write_report(rltools.explain(recording, policy, method="gradient"))
        .read_text(encoding="utf-8")
        .replace("&#39;", "'")
    )
    assert TERMS["share"].meaning in page
    assert TERMS["std"].meaning in page
    assert target_meaning("centered:chosen") in page


def test_a_plot_and_a_command_show_the_terms(make_policy, tmp_path, capsys, monkeypatch):
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, episodes=2, max_steps=5, directory=tmp_path / "run")
    axes = rltools.plots.importance(rltools.explain(recording, policy, method="gradient"), method="gradient")
    measure = f"|gradient {TERMS['std'].name}|"
    assert axes.get_xlabel().startswith(TERMS["share_of_mean"].name.format(measure))
    plt.close(axes.figure)
    monkeypatch.setattr("sys.argv", ["rltools", "explain", "--help"])
    with pytest.raises(SystemExit):
        main()
    text = " ".join(re.findall(r"[^\s│]+", capsys.readouterr().out))
    assert TERMS["references"].meaning in text
    assert TERMS["target"].meaning in text


@pytest.mark.parametrize("terms", [TERMS, ACTIONS, ENDINGS])
def test_a_meaning_is_a_phrase_and_leads_to_a_page(terms):
    for term in terms.values():
        assert term.name
        assert not term.meaning.endswith(".")
        assert (Path(__file__).parents[2] / term.link).is_file()


def test_every_score_of_a_target_has_a_meaning():
    assert all(find_score(name).meaning for name in score_names())
