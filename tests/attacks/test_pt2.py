"""Hostile programs of torch.export: what `torch.export.load` would unpickle or evaluate, and graphs without end."""

from __future__ import annotations

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

HONEST = Path(__file__).parents[1] / "golden" / "libraries" / "torch_export" / "sb3_ppo" / "policy.pt2"
ENV = "CartPole-v1"
NAME = "policy.pt2"
PROGRAM = "policy/models/model.json"
WEIGHTS, CONSTANTS = (f"policy/data/{kind}/model_{kind}_config.json" for kind in ("weights", "constants"))
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def honest() -> Members:
    """The members of an honest program; not to be changed."""
    with zipfile.ZipFile(HONEST) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def changed(honest: Members) -> Callable[..., Members]:
    """The members with one JSON changed by a function."""

    def changed(change: Callable[[Any], Any], member: str = PROGRAM) -> Members:
        content = json.loads(honest[member])
        return honest | {member: json.dumps(change(content) or content).encode()}

    return changed


def graph(program: Any) -> Any:
    return program["graph_module"]["graph"]


def node(target: str, made: str, *inputs: dict[str, Any]) -> dict[str, Any]:
    """A node whose inputs are named as the operator wants them."""
    named = [{"name": next(iter(part)), "arg": next(iter(part.values())), "kind": 1} for part in inputs]
    return {"target": target, "inputs": named, "outputs": [{"as_tensor": {"name": made}}], "metadata": {}}


def then(*nodes: dict[str, Any]) -> Callable[[Any], None]:
    """Adds nodes at the end; the last one makes the output."""

    def change(program: Any) -> None:
        graph(program)["nodes"] += nodes
        last = nodes[-1]["outputs"][0]
        graph(program)["outputs"] = [last]
        program["graph_module"]["signature"]["output_specs"] = [{"user_output": {"arg": last}}]

    return change


def tensor(name: str) -> dict[str, Any]:
    return {"as_tensor": {"name": name}}


def last(program: Any) -> str:
    name: str = graph(program)["nodes"][-1]["outputs"][0]["as_tensor"]["name"]
    return name


def test_an_honest_program_loads(honest: Members, write: Callable[..., Path], harmless: Callable[..., Any]) -> None:
    assert harmless(write(honest, NAME), env=ENV, head="logit")["error"] is None


def pickled(payload: object) -> bytes:
    saved = io.BytesIO()
    torch.save(payload, saved)
    return saved.getvalue()


def entry(kind: str, **changes: Any) -> Callable[[Any], None]:
    """Changes the first entry of the weights."""
    return lambda config: next(iter(config["config"].values())).update(changes)


def test_pickles_that_nobody_needs_are_not_read(
    honest: Members, payload: object, write: Callable[..., Path], harmless: Callable[..., Any]
) -> None:
    """Sample inputs, custom objects and further files are never opened."""
    more = {
        "policy/data/sample_inputs/model.pt": pickled(payload),
        "policy/data/constants/custom_obj_0": pickle.dumps(payload),
        "policy/extra/run.py": b"import os; os.mkdir('ran')",
        "policy/data/aotinductor/model/x.so": b"\x7fELF",
    }
    assert harmless(write(honest | more, NAME), env=ENV, head="logit")["error"] is None


@pytest.mark.parametrize("member", [WEIGHTS, CONSTANTS])
def test_pickled_tensors(
    member: str, honest: Members, payload: object, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    config = {
        "config": {"latent.0.weight": {"path_name": "w", "is_param": True, "use_pickle": True, "tensor_meta": None}}
    }
    folder = member.rpartition("/")[0]
    members = honest | {member: json.dumps(config).encode(), f"{folder}/w": pickled(payload)}
    refused(write(members, NAME), "a pickled tensor of another class", env=ENV)


def test_programs_of_an_older_form_hold_pickles(
    honest: Members, payload: object, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    old = {name: content for name, content in honest.items() if name != WEIGHTS}
    refused(
        write(old | {"policy/data/weights/model.pt": pickled(payload)}, NAME), "lacks .*config", "ModelError", env=ENV
    )
    older = {"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": pickled(payload), "version": b"8"}
    refused(write(older, NAME), "folders|archive_format", "ModelError|UnsafeFileError", env=ENV)


EVIL = "__import__('os').mkdir('ran')"


def test_texts_that_sympy_would_evaluate(
    changed: Callable[..., Members],
    write: Callable[..., Path],
    harmless: Callable[..., Any],
    refused: Callable[..., str],
) -> None:
    def change(program: Any) -> None:
        for meta in graph(program)["tensor_values"].values():
            meta["sizes"][0] = {"as_expr": {"expr_str": EVIL, "hint": {"as_int": 2}}}
        program["guards_code"] = [EVIL]
        program["range_constraints"] = {EVIL: {"min_val": 1, "max_val": 4}}

    assert harmless(write(changed(change), NAME), env=ENV, head="logit")["error"] is None
    expression = [{"as_expr": {"expr_str": EVIL}}, {"as_int": 4}]
    meta = {"dtype": 7, "sizes": expression, "strides": [{"as_int": 4}, {"as_int": 1}], "storage_offset": {"as_int": 0}}
    members = changed(entry("weights", tensor_meta=meta), WEIGHTS)
    refused(write(members, NAME), "Field required", "ModelError", env=ENV)


def metas(**changes: Any) -> dict[str, Any]:
    sizes = {"sizes": [8, 4], "strides": [4, 1]} | changes
    numbers = {name: [{"as_int": size} for size in sizes[name]] for name in ("sizes", "strides")}
    return {"dtype": sizes.get("dtype", 7), "storage_offset": {"as_int": sizes.get("offset", 0)}} | numbers


LYING = {
    "more numbers than bytes": metas(sizes=[800, 400]),
    "sizes that overflow": metas(sizes=[2**47, 2**47], strides=[0, 0]),
    "a number without end": metas(sizes=[10**6, 10**6], strides=[0, 0]),
    "negative": metas(sizes=[-8, 4]),
    "strides beyond the end": metas(strides=[2**40, 1]),
    "an offset beyond the end": metas(offset=10**12),
    "fewer strides": metas(strides=[1]),
    "many axes": metas(sizes=[1] * 500, strides=[1] * 500),
    "an unknown type": metas(dtype=44),
    "texts": metas() | {"sizes": "84"},
}


@pytest.mark.parametrize("name", LYING)
def test_weights_that_are_not_what_they_say(
    name: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    members = changed(entry("weights", tensor_meta=LYING[name]), WEIGHTS)
    refused(write(members, NAME), "numbers|type 44|config.* has at", "ModelError", env=ENV)


@pytest.mark.parametrize(
    "place", ["../../secret", "/etc/passwd", "a/b", "", "nowhere", "x" * 5000, "\x1b[2J"], ids=ascii
)
def test_weights_anywhere_else(
    place: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    members = changed(entry("weights", path_name=place), WEIGHTS)
    refused(write(members, NAME), "no plain name|damaged at", "ModelError|UnsafeFileError", env=ENV)


def test_many_names_for_the_same_large_weight(
    honest: Members, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    weight = {
        "path_name": "w",
        "is_param": True,
        "use_pickle": False,
        "tensor_meta": metas(sizes=[2**18, 16], strides=[16, 1]),
    }
    config = {"config": {f"weight {number}": weight for number in range(3000)}}
    members = honest | {WEIGHTS: json.dumps(config).encode(), "policy/data/weights/w": bytes(2**24)}
    refused(write(members, NAME), "bytes of weights", env=ENV)


def scalars(**values: Any) -> list[dict[str, Any]]:
    kinds = {int: "as_int", float: "as_float", str: "as_string", list: "as_ints"}
    return [{name: value if isinstance(value, dict) else {kinds[type(value)]: value}} for name, value in values.items()]


def aten(name: str, made: str, **values: Any) -> dict[str, Any]:
    return node(f"torch.ops.aten.{name}", made, *scalars(**values))


FORBIDDEN = {
    "a file": aten("from_file.default", "y", filename="/etc/passwd"),
    "a command": node("os.system", "y", *scalars(command="mkdir ran")),
    "an import": node("builtins.__import__", "y", *scalars(name="os")),
    "eval": node("builtins.eval", "y", *scalars(source=EVIL)),
    "operator": node("_operator.methodcaller", "y", *scalars(name="mkdir")),
    "torch": node("torch.load", "y", *scalars(f="/etc/passwd")),
    "a higher order": node("torch.ops.higher_order.cond", "y"),
    "another library's": node("torch.ops.evil.run.default", "y"),
    "attributes": aten("linear.__class__", "y"),
    "memory": aten("as_strided.default", "y", self=tensor("obs"), size=[10**6], stride=[1]),
    "storage": aten("set_.source_Storage", "y", self=tensor("obs")),
    "in place": aten("relu_.default", "y", self=tensor("obs")),
    "the overload of a pickle": aten("_pickle.loads", "y"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_functions_that_are_not_of_a_network(
    name: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    members = changed(then(FORBIDDEN[name]))
    message = refused(write(members, NAME), "without support here", "ModelError", env=ENV)
    assert FORBIDDEN[name]["target"].removeprefix("torch.ops.aten.") in message


LARGE = [10**6, 10**6]
COSTLY = {
    "ones of any size": [aten("ones.default", "c", size=LARGE), aten("sum.default", "y", self=tensor("c"))],
    "filled": [aten("full.default", "c", size=LARGE, fill_value=1), aten("sum.default", "y", self=tensor("c"))],
    "repeated": [aten("repeat.default", "y", self=tensor("obs"), repeats=LARGE)],
    "a range": [aten("arange.default", "c", end=10**13), aten("sum.default", "y", self=tensor("c"))],
    "padded": [aten("constant_pad_nd.default", "y", self=tensor("obs"), pad=[10**12, 0], value=0)],
    "expanded": [
        aten("unsqueeze.default", "c", self=tensor("obs"), dim=0),
        aten("expand.default", "d", self=tensor("c"), size=[10**9, -1, -1]),
        aten("exp.default", "y", self=tensor("d")),
    ],
    "pooled into more": [
        aten("unsqueeze.default", "c", self=tensor("obs"), dim=0),
        aten("unsqueeze.default", "d", self=tensor("c"), dim=0),
        aten("adaptive_avg_pool2d.default", "y", self=tensor("d"), output_size=LARGE),
    ],
    "products without end": [aten("ones.default", "m0", size=[4000, 4000])]
    + [aten("mm.default", f"m{i + 1}", self=tensor(f"m{i}"), mat2=tensor(f"m{i}")) for i in range(40)]
    + [aten("sum.default", "y", self=tensor("m40"))],
}


@pytest.mark.parametrize("name", COSTLY)
def test_work_and_memory_without_end(
    name: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(write(changed(then(*COSTLY[name])), NAME), "would need", env=ENV)


def recurrent(kind: str, gates: int, sizes: list[list[int]], hidden: list[int], **changes: Any) -> list[dict[str, Any]]:
    """A recurrent layer of weights of these sizes, which torch itself does not check."""
    nodes = [aten("ones.default", f"p{i}", size=size) for i, size in enumerate(sizes)]
    nodes += [aten("ones.default", "h", size=hidden), aten("unsqueeze.default", "s", self=tensor("obs"), dim=0)]
    names = {"as_tensors": [{"name": f"p{i}"} for i in range(len(sizes))]}
    states = {"as_tensors": [{"name": "h"}, {"name": "h"}]} if kind == "lstm" else tensor("h")
    flags = {name: {"as_bool": name in changes} for name in ("train", "bidirectional", "batch_first")}
    settings = {"has_biases": {"as_bool": True}, "num_layers": changes.get("layers", 1), "dropout": 0.0} | flags
    layer = node(f"torch.ops.aten.{kind}.input", "y", *scalars(input=tensor("s"), hx=states, params=names, **settings))
    layer["outputs"] = [tensor(name) for name in ("y", "h1", "c1")[: 3 if kind == "lstm" else 2]]
    return [*nodes, layer]


BEYOND = {
    "biases of no size": recurrent("lstm", 4, [[24, 4], [24, 6], [0], [0]], [1, 3, 6]),
    "weights that are too small": recurrent("gru", 3, [[2, 4], [2, 6], [2], [2]], [1, 3, 6]),
    "no weights": recurrent("lstm", 4, [], [1, 3, 6]),
    "states that are too small": recurrent("gru", 3, [[18, 4], [18, 6], [18], [18]], [1, 1, 1]),
    "layers that are not there": recurrent("lstm", 4, [[24, 4], [24, 6], [24], [24]], [1, 3, 6], layers=-1),
    "a million layers": recurrent("lstm", 4, [[24, 4], [24, 6], [24], [24]], [1, 3, 6], layers=10**6),
    "another direction": recurrent("lstm", 4, [[24, 4], [24, 6], [24], [24]], [1, 3, 6], bidirectional=True),
    "the least integer divided by -1": [
        aten("full.default", "a", size=[3, 2], fill_value=-(2**63)),
        aten("full.default", "b", size=[3, 2], fill_value=-1),
        aten("div.Tensor_mode", "c", self=tensor("a"), other=tensor("b"), rounding_mode="trunc"),
        aten("add.Tensor", "y", self=tensor("c"), other=tensor("obs")),
    ],
    "statistics of another size": [
        aten("ones.default", "w", size=[1]),
        node(
            "torch.ops.aten._native_batch_norm_legit_no_training.default",
            "y",
            *scalars(
                input=tensor("obs"),
                weight=tensor("w"),
                bias=tensor("w"),
                running_mean=tensor("w"),
                running_var=tensor("w"),
                momentum=0.1,
                eps=1e-5,
            ),
        ),
    ],
}


@pytest.mark.parametrize("name", BEYOND)
def test_sizes_with_which_torch_would_read_beyond_its_memory(
    name: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(write(changed(then(*BEYOND[name])), NAME), "cannot be computed", "ModelError", env=ENV)


def without(*path: str) -> Callable[[Any], None]:
    def change(program: Any) -> None:
        for key in path[:-1]:
            program = program[key]
        del program[path[-1]]

    return change


def as_value(value: Any, *path: str) -> Callable[[Any], Any]:
    def change(program: Any) -> Any:
        if not path:
            return value
        inner = program
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = copy.deepcopy(value)
        return program

    return change


MISSHAPEN = {
    "a list": as_value([1, 2]),
    "a text": as_value("x"),
    "no graph": without("graph_module", "graph"),
    "no version": without("schema_version"),
    "another version": as_value({"major": 99, "minor": 0}, "schema_version"),
    "nodes are numbers": as_value([1, 2], "graph_module", "graph", "nodes"),
    "outputs of nothing": as_value([], "graph_module", "signature", "output_specs"),
    "inputs of two kinds": as_value([{"user_input": {}, "parameter": {}}], "graph_module", "signature", "input_specs"),
    "a custom object": as_value(
        [{"custom_obj": {"arg": {"name": "x", "class_fqn": "os.system"}}}], "graph_module", "signature", "input_specs"
    ),
    "names are lists": as_value(
        [{"user_output": {"arg": {"as_tensor": {"name": ["x"]}}}}], "graph_module", "signature", "output_specs"
    ),
    "a weight that is written": as_value(
        [{"buffer_mutation": {"arg": {"name": "obs"}, "buffer_name": "b"}}], "graph_module", "signature", "output_specs"
    ),
    "a cycle": then(aten("relu.default", "a", self=tensor("b")), aten("relu.default", "b", self=tensor("a"))),
    "the same name again": then(aten("relu.default", "obs", self=tensor("obs"))),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_json_that_is_not_a_program(
    name: str, changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(
        write(changed(MISSHAPEN[name]), NAME),
        "program|version|outputs|needs|twice|changes its own",
        "ModelError",
        env=ENV,
    )


RAW = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "cut": b'{"graph_module": {"graph"',
    "nothing": b"",
    "not UTF-8": b"\xff\xfe{}",
    "a number of a million digits": b"9" * 10**6,
    "NaN": b"NaN",
    "nine megabytes": b" " * (9 * 2**20),
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("member", [PROGRAM, WEIGHTS])
def test_texts_that_are_no_json(
    name: str, member: str, honest: Members, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(
        write(honest | {member: RAW[name]}, NAME),
        "JSON|has at|above|has too deep",
        "ModelError|UnsafeFileError",
        env=ENV,
    )


def test_thousands_of_operators(
    changed: Callable[..., Members], write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    nodes = [aten("relu.default", f"r{i + 1}", self=tensor(f"r{i}" if i else "obs")) for i in range(6000)]
    refused(write(changed(then(*nodes)), NAME), "operators, above", env=ENV)


ARCHIVES: dict[str, Callable[[Members], Any]] = {
    "members twice": lambda members: [*members.items(), (PROGRAM, b"{}")],
    "two folders": lambda members: members | {"other/models/model.json": b"{}"},
    "a path upwards": lambda members: members | {"policy/../../x": b"x"},
    "two programs": lambda members: members | {"policy/models/other.json": b"{}"},
    "no program": lambda members: {name: content for name, content in members.items() if name != PROGRAM},
    "another format": lambda members: members | {"policy/archive_format": b"pickle"},
    "no format": lambda members: {name: content for name, content in members.items() if "format" not in name},
    "big-endian": lambda members: members | {"policy/byteorder": b"big"},
    "many members": lambda members: members | {f"policy/extra/{number}": b"" for number in range(5000)},
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_torch_does_not_write(
    name: str, honest: Members, write: Callable[..., Path], refused: Callable[..., str]
) -> None:
    refused(write(ARCHIVES[name](honest), NAME), ".", "ModelError|UnsafeFileError", env=ENV)


def test_a_bomb(honest: Members, write: Callable[..., Path], refused: Callable[..., str]) -> None:
    members = honest | {"policy/data/weights/weight_0": bytes(100 * 2**20)}
    refused(write(members, NAME, compression=zipfile.ZIP_DEFLATED), "would unpack", env=ENV)
