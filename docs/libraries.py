"""Make the page of other libraries' agents from the cards of their layouts: `python docs/libraries.py`."""

import importlib
import json
from inspect import getdoc
from pathlib import Path

from rltools.policies.saved.layout import PLACE, is_fallback, layouts

PAGE = Path(__file__).with_suffix(".md")
GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "libraries"
INTRODUCTION = """# Agents of other libraries

Files of weights are read without executing anything in them, the networks in them are rebuilt in PyTorch, and then
everything works as for a model of Stable-Baselines3: `analyze`, `record`, `explain`, named features, gradients.

<!-- run by tests/policies/saved/test_page_of_libraries.py -->
```python
import rltools

policy = rltools.load_policy("ppo.cleanrl_model", "CartPole-v1")
print(policy.source.notes)
```

On the command line it is `rltools analyze ppo.cleanrl_model --env CartPole-v1`. `rltools inspect ppo.cleanrl_model`
says of which library a file is, which networks it holds and what has to be given. The environment has to be, except
for a run of Sample Factory, whose settings name it. A file that several layouts fit, or that none recognizes, needs
`layout=` (`--layout`).

## What no file says

Weights are numbers with names. What stands between two layers, how far the kernels of convolutions move, or what
follows the last layer is in the code that trained them. It is never guessed: it is in settings beside the weights
(Sample Factory, d3rlpy), the library's own default, or you are asked for it, and a caveat in every recording says
which.

- `activation="tanh"` (`--activation`): the function between layers. The table below has each library's default.
- `strides=(4, 2, 1)` (`--strides`): of convolutions, unless the library has them fixed.
- `head="q_value"` (`--head`): what the outputs are, if neither names nor the library say.
- `check="outputs.npz"` (`--check`) settles all of them at once: a file of `observations` and of the `scores` or
  `actions` that your own code computes for them. The rebuilt network is compared with these, and where it differs the
  error says which activation would agree.

```py
import numpy as np
import torch

with torch.no_grad():
    np.savez("outputs.npz", observations=observations, scores=actor(torch.as_tensor(observations)).numpy())
```

## Statistics of observations

RSL-RL, skrl, rl-games and others keep the statistics of their normalization in the checkpoint, and they are used.
CleanRL, and scripts of one's own that train behind Gymnasium's `NormalizeObservation`, do not: save them beside the
model, and give the file as `normalize="obs_rms.npz"` (`--normalize`):

```py
rms = env.get_wrapper_attr("obs_rms")
np.savez("obs_rms.npz", mean=rms.mean, var=rms.var, epsilon=1e-8, clip=10.0)
```

The network then sees `clip((observation - mean) / sqrt(var + epsilon), -clip, clip)`. `epsilon` is 1e-8 and `clip`
infinite unless the file has them; CleanRL's script clips at 10. In Python, `normalize=` also takes a mapping of these
arrays, or the wrapper itself. `normalize=False` says that observations were not normalized, and leaves the caveat out.
"""
OUTRO = """
## Models of a hub

`hf:ORGANIZATION/NAME` (also with `/FILE` and `@REVISION`) fetches a model of the Hugging Face hub; it needs
`pip install "rltools-attribution[hub]"`. Which files are fetched follows from the library in its model card:
Stable-Baselines3, SBX, CleanRL, Sample Factory, ML-Agents (ONNX), RLlib, or whatever weights there are if it names
none. The environment is the one that the card names under `model-index`, unless a file says more or you give another.
It is an id and nothing else: no card makes a package be imported, and if the id is not registered here, a caveat says
which package has it.

## Formats

- What `torch.save` wrote, of any version: state dicts, checkpoints with optimizers and logs, and whole modules. Classes
  that such a file names are never looked up; its tensors and plain values are taken, and the rest is left out.
- safetensors, arrays of NumPy (`.npz`), and what libraries of their own write: the folders of RLlib and TorchRL, the
  parameters of flax.
- ONNX and `torch.export` (`.pt2`) have the whole network in them, and need neither a layout nor an activation: the way
  for a network that is not in the table. TorchScript has it, too, but is a program, and is run only if you trust it by
  its sha256 (`trust=`, `--trust`).

An image goes into convolutions with its channels first, and its bytes divided by 255. The state of an LSTM or a GRU is
kept from step to step, and explained as one more variable. Where the environment gives several arrays (Isaac Lab's
`{"policy": ...}`), a network of vectors sees them joined, in the order of the space.

Any other network: build it, load its weights, and give `rltools.TorchPolicy(network, env)`. A layout for your own
library is one file, see [CONTRIBUTING](../CONTRIBUTING.md#weights-of-another-library).
"""


def page() -> str:
    """The text of the page."""
    names = sorted(
        (name for name in layouts() if not is_fallback(name)), key=lambda name: layouts()[name].CARD.title.lower()
    )
    rows = ["| library | between layers | tried with | golden files |", "|---|---|---|---|"]
    rows += [_row(name) for name in [*names, *filter(is_fallback, layouts())]]
    sections = [
        INTRODUCTION,
        "## Libraries\n",
        "Golden files are small agents in the tests, whose scores, actions, values and gradients are compared with\n"
        "those of the library itself; `make libraries` trains, saves and compares them anew. Some networks would be\n"
        "trained for too long: these are the library's network, saved its own way, with random weights.\n",
        "\n".join(rows),
    ]
    return "\n".join([*sections, *map(_section, names), OUTRO.rstrip("\n")]) + "\n"


def _row(name: str) -> str:
    card = layouts()[name].CARD
    default = card.activation or ("that of the algorithm" if card.by_network else "to be given")
    title = card.title if is_fallback(name) else f"[{card.title}](#{_anchor(card.title)})"
    return f"| {title} | {default} | {card.versions} | {_golden(name)} |"


def _golden(name: str) -> str:
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*/*/expected.json"))]
    own = [case["synthetic"] for case in cases if case.get("layout") == name]
    parts = [(own.count(False), "trained by the library"), (own.count(True), "with random weights")]
    return ", ".join(f"{count} {kind}" for count, kind in parts if count) or "none"


def _section(name: str) -> str:
    card = layouts()[name].CARD
    told = (getdoc(importlib.import_module(f"{PLACE}.{name}")) or "").split("\n\n")[1:]
    lines = [
        f"\n### {card.title}\n",
        f"{card.files[0].upper() if card.files[0] != '`' else '`'}{card.files[1:]}. [Source]({card.source}).",
    ]
    return "\n".join([*lines, *(f"\n{' '.join(text.split())}" for text in told)])


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
