"""Two hundred hostile texts wherever a page shows one: none of them runs, none becomes an element."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Text

import rltools
from rltools.recording import Episode, Header, Outcome
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.spaces import Features, space_features
from rltools.testing._recordings import Explained, write_recording

CODE = "window.hurt=1"
BODIES = (
    f"<script>{CODE}</script>",
    f"<img src=x onerror={CODE}>",
    f"<svg onload={CODE}>",
    f"<svg><script>{CODE}</script></svg>",
    f"<iframe srcdoc='<script>parent.{CODE}</script>'></iframe>",
    f"<body onload={CODE}>",
    f"<details open ontoggle={CODE}>",
    f"<input autofocus onfocus={CODE}>",
    f"<a href=javascript:{CODE}>x</a>",
    f"<object data='data:text/html,<script>{CODE}</script>'></object>",
    f"<style>@import 'data:text/css,*{{display:none}}';</style><b style='animation:x' onanimationstart={CODE}>",
    f"<math><mtext><img src=x onerror={CODE}></mtext></math>",
    f"<template><img src=x onerror={CODE}></template>",
    f"<base href=//example.invalid><meta http-equiv=refresh content='0;javascript:{CODE}'>",
    f"${{{CODE}}}",
    f"{{{{ {CODE} }}}}{{% raw %}}",
    f"constructor.constructor('{CODE}')()",
    f"javascript:{CODE}",
    f"data:text/html,<script>{CODE}</script>",
    f"%3Cscript%3E{CODE}%3C/script%3E",
    f"&lt;script&gt;{CODE}&lt;/script&gt;&#60;script&#62;{CODE}",
    f"\\u003cscript\\u003e{CODE}\\x3c/script\\x3e",
    "__proto__",
    f"url(javascript:{CODE});}}*{{background:red",
    "\u202e\u2066\u0000\u001b[31m\u2028\u2029\ufeff\u0338",
)
ENDS = ("", "</script>", "\"'`>", "-->", "</style></title></textarea>", "]]>", "*/;", "\n//")
HOSTILE = [end + body + str(index) for index, (body, end) in enumerate(product(BODIES, ENDS))]
FEATURES = 60


def test_there_are_two_hundred() -> None:
    assert len(set(HOSTILE)) == 200


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with each of the texts somewhere: names, units, actions, texts of an observation, notes, and the rest."""
    texts = iter(HOSTILE)

    def some(count: int) -> tuple[str, ...]:
        return tuple(next(texts) for _ in range(count))

    rng = np.random.default_rng(0)
    names, units, (leaf, *missions) = some(FEATURES), some(FEATURES), some(4)
    space = Dict({"numbers": Box(-9, 9, (FEATURES,)), leaf: Text(500)})
    features = Features((FEATURES,), given_names=names, units=units, leaves=space_features(space).leaves)
    steps, actions = 3, some(36)
    flags = np.zeros(steps, bool)
    fault, policy, library, *notes = some(6)
    version, method, target, *labels = some(34)
    episode = Episode(
        outcome=Outcome(0, 0, steps, 3.0, "fault", fault=fault),
        observations={
            "numbers": rng.normal(size=(steps, FEATURES)).astype(np.float32),
            leaf: np.array(missions, dtype=object),
        },
        actions=np.arange(steps),
        rewards=np.arange(steps, dtype=float),
        scores=rng.normal(size=(steps, len(actions))).astype(np.float32),
        terminated=flags,
        truncated=flags,
        final_observation=None,
        features=features,
    )
    header = Header(
        policy=policy,
        policy_sha256="0" * 64,
        library=library,
        environment="",
        features=features,
        action_names=actions,
        action_start=0,
        score="logit",
        seed=0,
        deterministic=True,
        max_steps=10,
        notes=tuple(notes),
        versions={version: version},
    )
    spec = AttributionSpec(method, target, tuple(labels), "score", {method: target}, "0" * 64)
    values = rng.normal(size=(steps, len(labels), FEATURES)).astype(np.float32)
    result = Attribution(values, values[..., 0], spec, features)
    folder = tmp_path_factory.mktemp("hostile")
    recording = write_recording(folder / "run", header, [episode], {"hostile": Explained(spec, [result])})
    assert next(texts, None) is None
    return rltools.replay(recording, 0, folder / "page.html", title=HOSTILE[0] + HOSTILE[-1])


def test_none_of_them_is_markup_in_the_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    counts = {tag: text.count(f"<{tag}") for tag in ("script", "iframe", "object", "base", "img", "style")}
    assert counts == {"script": 4, "iframe": 0, "object": 0, "base": 0, "img": 1, "style": 1}


def test_none_of_them_runs(browser: Any, page: Path) -> None:
    browser.open(page, width=400)
    for key in ("ArrowRight", "m", "]", "+", "?", "Escape", "d"):
        browser.press(key)
    browser.run(
        "document.getElementById('all-rows').click();"
        "for (const row of document.querySelectorAll('.row, .u-over'))"
        " row.dispatchEvent(new PointerEvent('pointermove', { clientX: 200, clientY: 200, bubbles: true }));"
        "new Promise((done) => setTimeout(done, 50))"
    )
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.resolve().as_uri()]
    assert browser.run("typeof window.hurt") == "undefined"
    # Whatever the texts say, only what the page itself makes is there.
    strange = "script:not(body > script), iframe, object, base, svg:not(#play svg), details, math, b, i"
    strange += ", a:not(#highlight-list a, #pages a)"
    assert browser.run(f"document.querySelectorAll({strange!r}).length") == 0
    assert (
        browser.run(
            "[...document.querySelectorAll('body *')].every((x) => [...x.attributes].every("
            "({ name }) => !name.startsWith('on')))"
        )
        is True
    )
    displayed = browser.run("document.querySelector('main').textContent + document.querySelector('header').textContent")
    assert [text for text in HOSTILE[: 2 * FEATURES] if text not in displayed] == []
    assert browser.run("document.documentElement.scrollWidth") <= 400
