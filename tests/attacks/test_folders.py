"""Folders with hostile files beside an honest model: configurations, environments, links."""

import os
import shutil

import pytest

HONEST = "env_wrapper: null\n"
BOMB = "a: &a [x, x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.fixture
def run(saved, tmp_path):
    """Writes a run folder of the zoo around the honest model."""

    def run(config=HONEST, args="env: CartPole-v1\n", **others):
        folder = tmp_path / "CartPole-v1_1"
        (folder / "CartPole-v1").mkdir(parents=True)
        shutil.copyfile(saved, folder / "CartPole-v1.zip")
        texts = {"config.yml": config, "args.yml": args} | {f"{name}.yml": text for name, text in others.items()}
        for name, text in texts.items():
            (folder / "CartPole-v1" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return run


def beside(message, name):
    return f"CartPole-v1_1/CartPole-v1/{name}.yml" in message


def test_an_honest_folder_raises_no_alarm(run, harmless):
    report = harmless(run())
    assert (report["error"], report["notes"]) == (None, [])


@pytest.mark.parametrize("name", ["config", "args", "env_kwargs"])
@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [{sentinel}]",
        "a: !!python/object/apply:os.mkdir [{sentinel}]",
        "a: !!python/object/new:os.mkdir [{sentinel}]",
        "a: !!python/name:os.system",
        "a: !!python/module:hostile",
        "a: !<tag:yaml.org,2002:python/object/apply:os.mkdir> [{sentinel}]",
        "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.mkdir [{sentinel}]",
        "!!python/object/apply:collections.OrderedDict [[[a, !!python/object/apply:os.mkdir [{sentinel}]]]]",
        "a: !!python/object/apply:subprocess.Popen [[touch, x]]",
        "a: !custom x",
        BOMB,
        "a: &a {b: 1}\nc:\n  <<: *a\n",
        "a: &a [*a]",
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 50_000 + "x",
        "a: [" + "x, " * 50_000 + "]",
        "? " * 10_000,
        "a: " + "x" * 1_000_001,
    ],
    ids=lambda text: text[:30],
)
def test_a_configuration_that_is_more_than_data(run, harmless, sentinel, name, text):
    report = harmless(run(**{name: text.replace("{sentinel}", str(sentinel))}))
    assert report["error"] in ("UnsafeFileError", "ModelError")
    assert beside(report["message"], name)
    assert "the model out of this folder" in report["message"] or "Give another file" in report["message"]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"- 1",
        b"1: 2",
        b"a: 1\na: 2",
        b"\xff\xfe\x00",
        b"a: \x00",
        b"",
        b"a: 1" + b"9" * 5000,
        b"%YAML 9.9\n---\n",
        b"--- a\n--- b",
    ],
)
def test_a_configuration_that_says_nothing(run, harmless, text):
    report = harmless(run(config=text))
    assert report["error"] in (None, "UnsafeFileError", "ModelError")
    assert report["error"] is None or beside(report["message"], "config")


@pytest.mark.parametrize(
    "args",
    [
        "env: hostile:Env-v0",
        "env: os:system",
        "env: ../../hostile:Env-v0",
        "env: NoSuch-v0",
        'env: "\\e[2J"',
        "env: GymV26Environment-v0\nenv_kwargs: {env_id: 'hostile:Env-v0'}",
        "env: GymV21Environment-v0\nenv_kwargs: {env_id: 'hostile:Env-v0'}",
        "env: CartPole-v1\nenv_kwargs: {no_such: 1}",
        "env: CartPole-v1\nenv_kwargs: [hostile]",
        "env: CartPole-v1\nenv_kwargs: {1: 2}",
        "env: CartPole-v1\nenv_kwargs: \"__import__('os').mkdir('x')\"",
        "env: CartPole-v1\nenv_kwargs: {a: 2020-01-01}",
    ],
)
def test_an_environment_that_is_not_made_on_a_files_word(run, harmless, args):
    report = harmless(run(args=args))
    assert report["error"] is None
    assert report["notes"][0].startswith("trained on") or "cannot be made here" in report["notes"][0]
    assert all(note.isprintable() for note in report["notes"])


@pytest.mark.parametrize("args", ["env: 3", "env: [hostile]", "env: {a: b}"])
def test_an_environment_that_is_no_id(run, harmless, args):
    report = harmless(run(args=args))
    assert report["error"] == "ModelError"
    assert "env is" in report["message"]


@pytest.mark.parametrize(
    "wrapper",
    [
        "os.mkdir",
        "hostile.Wrapper",
        "rl_zoo3.wrappers.HistoryWrapper",
        "gymnasium.wrappers.RecordVideo",
        "gymnasium.wrappers.TransformObservation",
        "rl_zoo3.wrappers.FrameSkip.__init__.__globals__",
        "{hostile.Wrapper: {a: 1}}",
        "[hostile.Wrapper, gymnasium.wrappers.FlattenObservation]",
    ],
)
def test_a_wrapper_that_is_not_imported_on_a_files_word(run, harmless, wrapper):
    report = harmless(run(config=f"env_wrapper: {wrapper}\n"))
    assert report["error"] is None
    assert "not done just because a file names it" in report["notes"][0]


@pytest.mark.parametrize(
    "fragment", ["vec_env_wrapper: hostile.Wrapper", "frame_stack: 1000000000", "frame_stack: [4]"]
)
def test_what_else_changes_the_environment_is_said(run, harmless, fragment):
    report = harmless(run(config=fragment))
    assert report["error"] is None
    assert "not done just because a file names it" in report["notes"][0]


def test_a_normalization_that_would_be_evaluated(run, harmless, sentinel):
    report = harmless(run(config=f"normalize: \"__import__('os').mkdir('{sentinel}')\""))
    assert report["error"] == "ModelError"
    assert "statistics are missing" in report["message"]


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../../outside.yml"])
@pytest.mark.parametrize("name", ["config.yml", "args.yml", "vecnormalize.pkl"])
def test_a_link_away_from_the_model(run, harmless, tmp_path, name, target):
    folder = run()
    (tmp_path / "outside.yml").write_text(HONEST)
    (folder / "CartPole-v1" / name).unlink(missing_ok=True)
    (folder / "CartPole-v1" / name).symlink_to(target)
    report = harmless(folder)
    assert report["error"] == "UnsafeFileError"
    assert f"{name} is a link to" in report["message"]


def test_a_folder_that_is_a_link_away_from_the_model(run, harmless, tmp_path):
    folder = run()
    (folder / "CartPole-v1").rename(tmp_path / "elsewhere")
    (folder / "CartPole-v1").symlink_to(tmp_path / "elsewhere")
    assert harmless(folder)["error"] == "UnsafeFileError"


@pytest.mark.parametrize("name", ["config.yml", "args.yml", "vecnormalize.pkl"])
def test_a_pipe_beside_the_model_is_not_waited_for(run, harmless, name):
    folder = run()
    (folder / "CartPole-v1" / name).unlink(missing_ok=True)
    os.mkfifo(folder / "CartPole-v1" / name)
    report = harmless(folder)
    assert report["error"] == "UnsafeFileError"
    assert "a pipe or a device" in report["message"]
