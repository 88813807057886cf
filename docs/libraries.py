"""Make the page of other libraries from the cards of layouts and the golden files: `python docs/libraries.py`."""

import json
from pathlib import Path

from rltools.policies.saved.layout import is_fallback, layouts

PAGE = Path(__file__).with_suffix(".md")
GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "libraries"
INTRODUCTION = """# Agents of other libraries

Whatever a library leaves on disk is read without running anything in it: a file of weights, a checkpoint around one, a
folder. `rltools inspect FILE` says what it holds, whose it seems to be, and the command that loads it.

```
rltools inspect model_20.pt
rltools analyze model_20.pt --env Pendulum-v1
```

Weights do not describe their network. Layers are found by their keys and shapes; **which function stands between them
is in no file**. It is the default of the library whose layout the file has, or the one that you give, and it is never
guessed. If you have a few observations with the scores or actions of the network itself, give them as `check`: a
network that was rebuilt otherwise is refused, and the message says with which functions it would agree.

<!-- run by tests/policies/saved/test_libraries_page.py -->
```python
import torch
from torch import nn

import rltools

network = nn.Sequential(nn.Linear(4, 32), nn.ELU(), nn.Linear(32, 2))  # trained elsewhere
torch.save({"actor": network.state_dict(), "iteration": 20}, "agent.pt")
observations = torch.randn(100, 4)
outputs = {"observations": observations, "scores": network(observations).detach()}

policy = rltools.load_policy("agent.pt", "CartPole-v1", activation="elu", check=outputs)
print(policy.source.notes)
recording = rltools.explain(rltools.record(policy, episodes=2), policy)
```

| argument | option | what it says |
|---|---|---|
| `env` | `--env ID` | the environment; its observations and actions must be those of the network |
| `layout` | `--layout NAME` | the library, if several have such keys |
| `activation` | `--activation NAME` | the function between layers: tanh, relu, elu, ... |
| `strides` | `--strides 4,2,1` | of convolutions, which no file says either |
| `head` | `--head NAME` | what the outputs are: logit, q_value, mean or action |
| `normalize` | `--normalize PATH` | statistics of observations: an .npz with `mean` and `var`, ... |
| `check` | `--check PATH` | an .npz with `observations` and `scores` or `actions` of the network |

An image goes into convolutions with its channels first, and its bytes divided by 255. The layers of an LSTM or a GRU
keep their state from step to step.

## Formats

- What `torch.save` wrote, of any version: state dicts, checkpoints with optimizers and logs, and whole modules. Classes
  that such a file names are never looked up; its tensors and plain values are taken, and the rest is left out.
- safetensors, and arrays of NumPy (.npz).
- ONNX and `torch.export` programs (.pt2) describe their networks, and need neither an activation nor a layout: the way
  for a network that is not in the table below. TorchScript is a program, and is run only if its sha256 is given as
  `trust`.
- Models of Stable-Baselines3 describe themselves: see the [README](../README.md).

A network of one's own whose layers do not stand in a row is loaded as it is:
`rltools.TorchPolicy(network, observation_space, action_space)`.

"""
TABLE = """## Libraries

| library | layout | what is read | function between layers | tried with |
|---|---|---|---|---|
"""
REAL = """
## Which files are real

`make libraries` trains a small agent with each library in an environment of its own, and compares scores, values and
actions with those of the library's own code. The files that it saved are part of the tests. What could not be installed
is tested on a file of the same layout, and says so here.

| library | files of the tests | made by |
|---|---|---|
"""


def table() -> str:
    """A row for each layout."""
    rows = []
    for name, layout in sorted(layouts().items(), key=lambda pair: (is_fallback(pair[0]), pair[1].CARD.title.lower())):
        card = layout.CARD
        activation = card.activation or "to be given, if the file does not say"
        rows.append(f"| [{card.title}]({card.source}) | {name} | {card.files} | {activation} | {card.versions} |\n")
    return TABLE + "".join(rows)


def files() -> str:
    """A row for each library with golden files."""
    rows = []
    for folder in sorted(path for path in GOLDEN.iterdir() if path.is_dir()):
        facts = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/expected.json"))]
        if not facts:
            continue
        synthetic = sum(fact["synthetic"] for fact in facts)
        versions = ", ".join(
            sorted({f"{fact['library']} {fact['version']}" for fact in facts if not fact["synthetic"]})
        )
        made_by = versions or "none of them"
        if synthetic:
            made_by += f"; {synthetic} of the same layout only"
        rows.append(f"| {folder.name} | {len(facts)} | {made_by} |\n")
    return REAL + "".join(rows)


def page() -> str:
    """The text of the page."""
    return INTRODUCTION + table() + files()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
