import contextlib
import math
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from rltools._util.yaml import MAX_BYTES, MAX_DEPTH, parse_yaml, read_yaml, validate
from rltools.errors import ConfigError


def nested(levels: int) -> str:
    return "a: " + "[" * (levels - 1) + "]" * (levels - 1)


def test_it_reads_yaml_1_2():
    message = parse_yaml("a: no\nb: 1e-3\nc: [1, 2.5, null, true]\nd: 012\ne: 1:30\nf: {g: off}", "x")
    assert message == {"a": "no", "b": 0.001, "c": [1, 2.5, None, True], "d": 12, "e": "1:30", "f": {"g": "off"}}
    assert isinstance(message["b"], float)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &x 1\n", "line 1: the anchor &x"),
        ("a: 1\nb: *x", "line 2: the alias [*]x"),
        ("a: 1\n<<: {b: 1}", "line 2: the merge key"),
        ("%YAML 1.1\n---\na: no", "directives"),
        ("%TAG ! tag:x,1:\n---\na: 1", "directives"),
        ("a: 1\nb: !!python/object/apply:os.system [echo]", "line 2: the tag tag:yaml.org,2002:python/object/apply"),
        ("a: !mine 1", "the tag !mine"),
        ("a: !!binary aGk=", "the tag tag:yaml.org,2002:binary"),
        ("a: !!set {b}", "the tag tag:yaml.org,2002:set"),
        ("a: 1\nb: 2\na: 3", "line 3: .*duplicate key"),
        ("a: {b: 1, b: 1}", "line 1: .*duplicate key"),
        ("a: 1\nb: [1", "line 2: expected"),
        ("a: 1\n---\nb: 2", "line 2: a second document"),
        ("a: \0", "unacceptable character"),
        ("a: 2024-13-45", "month"),
        ("a: !!int ''", "index"),
        ("a: !!bool maybe", "maybe"),
        ("? [{}]\n: 1", "."),
        ("", "holds nothing"),
        ("- a", "holds list"),
        ("just words", "holds str"),
        (nested(MAX_DEPTH + 1), "more than 20 levels"),
        ("a: " + "x" * MAX_BYTES, "larger than 200,000 bytes"),
    ],
)
def test_what_is_not_plain_data_is_refused(text, fault):
    with pytest.raises(ConfigError, match=f"^card.yaml.*{fault}"):
        parse_yaml(text, "card.yaml")


def test_core_tags_and_the_deepest_nesting_are_data():
    assert parse_yaml("a: !!str 1\nb: !!float 2", "x") == {"a": "1", "b": 2.0}
    assert "a" in parse_yaml(nested(MAX_DEPTH), "x")


def test_a_quoted_merge_key_is_a_string():
    assert parse_yaml("a: '<<'", "x") == {"a": "<<"}


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="ab01:-?[]{},&*!|>'\"%#\n .<~_", max_size=30))
def test_any_text_is_a_mapping_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_yaml(text, "x"), dict)


def test_a_file_is_read_as_utf8(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("a: m/step²".encode())
    assert read_yaml(path) == {"a": "m/step²"}
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(path)


def test_a_missing_or_a_large_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml cannot be read: No such file"):
        read_yaml(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * MAX_BYTES)
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml(large)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Part(Strict):
    length: float
    width: float | None = None


def valid(name: str) -> str:
    raise ValueError(f"no name {name!r}; did you mean 'left'?" if name else "must be known")


class Whole(Strict):
    count: Annotated[int, Field(ge=0)]
    parts: Annotated[tuple[Part, ...], Field(strict=False)] = ()
    best: Part | None = None
    named: dict[str, Part] = {}
    side: Literal["left", "right"] = "left"
    called: Annotated[str, AfterValidator(valid)] = ""
    ends: Annotated[tuple[float, float], Field(strict=False)] = (0, 1)
    title: Annotated[str, Field(min_length=1)] = "x"
    listed: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (1,)
    sure: bool = True
    beside: dict[str, JsonValue] = {}


HERE = Path("whole.yaml")


def test_what_is_right_is_returned():
    data = {"count": 3, "parts": [{"length": 1}], "best": {"length": 2.5}}
    assert validate(Whole, data, HERE) == Whole(count=3, parts=(Part(length=1),), best=Part(length=2.5))


def test_all_faults_come_at_once_with_key_value_and_nearest_key():
    data = {
        "cuont": 3,
        "count": -1,
        "parts": [{"length": "1"}, {"length": math.nan, "widht": 2}, {}],
        "named": {"a": {"length": True}},
    }
    with pytest.raises(ConfigError) as refusal:
        validate(Whole, data, HERE)
    first, *faults = str(refusal.value).splitlines()
    assert first == "whole.yaml: 7 faults"
    assert sorted(fault.strip() for fault in faults) == [
        "count: must be at least 0, not -1",
        "cuont: unknown key; did you mean 'count'?",
        "named.a.length: must be a number, not True",
        "parts[0].length: must be a number, not '1'",
        "parts[1].length: must be a finite number, not nan",
        "parts[1].widht: unknown key; did you mean 'width'?",
        "parts[2].length: missing",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("count: 2.5", "count: must be a whole number, not 2.5"),
        ("count: '3'", "count: must be a whole number, not '3'"),
        ("count: true", "count: must be a whole number, not True"),
        ("best: 3", "best: must be `key: value`s, not 3"),
        ("named: [1]", "named: must be `key: value`s, not [1]"),
        ("parts: 3", "parts: must be a list, not 3"),
        ("parts: [x]", "parts[0]: must be `key: value`s, not 'x'"),
        ("side: up", "side: must be 'left' or 'right', not 'up'"),
        ("called: lefft", "called: no name 'lefft'; did you mean 'left'?"),
        ("called: ''", "called: must be known, not ''"),
        ("called: 1", "called: must be a text, not 1"),
        ("ends: [1, 2, 3]", "ends: must have no more than 2 entries, not [1, 2, 3]"),
        ("title: ''", "title: must not be empty, not ''"),
        ("listed: []", "listed: must not be empty, not []"),
        ("sure: no", "sure: must be true or false, not 'no'"),
        ("beside: {at: 2024-01-01}", "beside.at: must be a text, a number, true, false, null, a list or"),
    ],
)
def test_a_fault_is_said_in_plain_words_and_once(line, message):
    with pytest.raises(ConfigError) as refusal:
        validate(Whole, {"count": 1} | parse_yaml(line, "x"), HERE)
    assert str(refusal.value).startswith(f"whole.yaml: {message}")
    assert "`key: value`s" in message or "beside" in message or str(refusal.value) == f"whole.yaml: {message}"


def test_one_fault_is_one_line():
    with pytest.raises(ConfigError, match=r"^whole.yaml: count: missing$"):
        validate(Whole, {}, HERE)


def test_an_unknown_key_far_from_all_lists_the_known_ones_of_its_place():
    with pytest.raises(ConfigError, match=r"best\.zzz: unknown key; there are length, width$"):
        validate(Whole, {"count": 1, "best": {"length": 1, "zzz": 1}}, HERE)


def test_a_long_value_is_shortened():
    with pytest.raises(ConfigError, match=r"not 'x{60,76}\.\.\.$"):
        validate(Whole, {"count": "x" * 1000}, HERE)


def test_something_other_than_a_mapping_is_said():
    with pytest.raises(ConfigError, match="the whole file: "):
        validate(Whole, [1], HERE)
