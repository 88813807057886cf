import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rltools.wrappers import _attribution as _single
from rltools.wrappers import _vector

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "live.py"

needs_agent = pytest.mark.skipif(
    not (ROOT / "agents" / "cartpole-ppo" / "model.zip").is_file(), reason="agents/cartpole-ppo is not there"
)


@needs_agent
def test_the_script_prints_named_attributions(tmp_path):
    ran = subprocess.run([sys.executable, SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = [ast.literal_eval(line) for line in ran.stdout.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert list(line) == ["cart position", "cart velocity", "pole angle", "pole angular velocity"]
        assert all(re.fullmatch(r"[+-]\d+\.\d{3}", value) for value in line.values())


def test_the_script_is_ten_lines():
    code = [line for line in SCRIPT.read_text().splitlines() if line and not line.startswith('"""')]
    assert len(code) <= 10


@needs_agent
@pytest.mark.parametrize("module", [_single, _vector])
def test_the_examples_in_the_docstrings_run(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted >= 5
    assert outcome.failed == 0
