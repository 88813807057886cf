"""How commands end: interrupted, terminated, with nowhere to write to, in places that are not there."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools
import rltools.cli
from rltools import plots
from rltools.cli import signals

SLOW_DRAWING = """
import os
import pathlib
import time
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv


class Slow(CartPoleEnv):
    def step(self, action):
        if self.seconds:
            pathlib.Path(f"stepping-{os.getppid()}").touch()
        time.sleep(self.seconds)
        return super().step(action)

    def __init__(self, render_mode=None, seconds=0.0):
        super().__init__(render_mode=render_mode)
        self.seconds = seconds

    def render(self):
        time.sleep(0.2)
        return super().render()


gymnasium.register("SlowPole-v0", Slow, max_episode_steps=100)
gymnasium.register("SlowStep-v0", "slowly:Slow", max_episode_steps=100, kwargs={"seconds": 0.1})
"""


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER", "PYGAME_HIDE_SUPPORT_PROMPT", "MPLBACKEND"):
        monkeypatch.setenv(name, os.environ.get(name, "dummy" if name.startswith("SDL") else "Agg"))


def ended(monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> int:
    """The exit code of a command that does what `run` does."""
    monkeypatch.setattr(rltools.cli, "_run_app", run)
    with pytest.raises(SystemExit) as caught:
        rltools.cli.main()
    return int(caught.value.code or 0)


def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)


def importing() -> None:
    """What some libraries make of Ctrl-C while they are imported."""
    try:
        interrupted()
    except KeyboardInterrupt:
        raise ImportError("numpy.core.multiarray failed to import") from None


def swallowing() -> object:
    try:
        interrupted()
    except KeyboardInterrupt:
        return 0
    return 0


@pytest.mark.parametrize("run", [interrupted, importing, swallowing])
def test_ctrl_c_is_one_line_whatever_is_made_of_it(
    run: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, run) == 130
    out, err = capsys.readouterr()
    assert err == "rltools: interrupted; what was saved is kept, and the same command continues from there\n"
    assert out == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung")]
)
def test_other_signals_that_end_a_process(
    number: signal.Signals,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # `nohup` starts a process with one of them ignored
    try:
        assert ended(monkeypatch, lambda: signal.raise_signal(number)) == code
        assert capsys.readouterr().err.startswith(f"rltools: {word}")
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_an_interrupt_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def early() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signals, "catch_signals", early)
    with pytest.raises(SystemExit) as caught:
        rltools.cli.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "rltools: interrupted before the command began\n"


def test_nothing_is_imported_before_main_can_say_that_it_was_interrupted() -> None:
    code = "import sys; before = set(sys.modules); import rltools.cli; print(*sorted(set(sys.modules) - before))"
    where = os.environ | {"PYTHONPATH": str(Path(rltools.__file__).parents[1])}  # -S leaves site-packages out
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=where)
    light = {"__future__", "errno", "importlib", "importlib._bootstrap", "importlib._bootstrap_external", "warnings"}
    light |= {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc"}
    assert set(done.stdout.split()) <= light | {"rltools", "rltools.cli", "rltools._util", "rltools._util.notebook"}


def script(body: str, tmp_path: Path) -> subprocess.Popen[str]:
    code = f"import rltools.cli, time, pathlib\nfolder = pathlib.Path({str(tmp_path)!r})\n{body}\nrltools.cli.main()"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not path.exists() and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.02)


STUBBORN = """
def run():
    from rltools._util.files import atomic_write
    with atomic_write(folder / "page.html") as temporary:
        temporary.write_text("half")
        (folder / "ready").touch()
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass
rltools.cli._run_app = run
"""


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_does_not_end_by_itself_is_ended_and_leaves_nothing(
    number: signal.Signals, code: int, times: int, tmp_path: Path
) -> None:
    """Once asked it has a while; asked again, it has none."""
    with script(STUBBORN, tmp_path) as running:
        wait_for(tmp_path / "ready", running)
        for _ in range(times):
            running.send_signal(number)
            time.sleep(0.1)
        _, err = running.communicate(timeout=60)
    assert running.returncode == code
    assert len(err.splitlines()) == 1
    assert err.startswith("rltools: ")
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


def test_an_interrupt_while_analyze_draws_writes_no_page(tmp_path: Path) -> None:
    (tmp_path / "slowly.py").write_text(SLOW_DRAWING)
    command = [sys.executable, "-m", "rltools", "analyze", "cartpole-ppo", "--env", "SlowPole-v0", "--import", "slowly"]
    command += ["--episodes", "1", "--method", "gradient", "--no-ablate", "--max-steps", "40", "--out", "run"]
    frames = tmp_path / "run" / "frames"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        wait_for(frames, running)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert sum(line.startswith("rltools: ") for line in err.splitlines()) == 1
    assert not (tmp_path / "run" / "index.html").exists()
    # The process that draws ends with the one that began it, and gives its lock back.
    policy = rltools.load_policy("cartpole-ppo")
    rltools.record(policy, episodes=1, max_steps=5, directory=tmp_path / "run", overwrite=True)
    assert not list(tmp_path.rglob(".unfinished*"))


def test_an_interrupt_ends_the_other_processes(tmp_path: Path) -> None:
    (tmp_path / "slowly.py").write_text(SLOW_DRAWING)
    command = [sys.executable, "-m", "rltools", "record", "cartpole-ppo", "--env", "SlowStep-v0", "--import", "slowly"]
    command += ["--episodes", "4", "--workers", "2", "--out", "run"]
    pipes: dict[str, Any] = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **pipes) as running:
        wait_for(tmp_path / f"stepping-{running.pid}", running)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert [line[:20] for line in err.splitlines() if line[:7] not in ("record ", "    fro")] == [
        "rltools: interrupted"
    ]
    until = time.monotonic() + 60
    while _has_processes(running.pid):
        assert time.monotonic() < until
        time.sleep(0.05)
    policy = rltools.load_policy("cartpole-ppo")
    rltools.record(policy, episodes=1, max_steps=5, directory=tmp_path / "run", overwrite=True)
    assert not list(tmp_path.rglob(".unfinished*"))


def _has_processes(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def raising(error: BaseException) -> Callable[[], object]:
    def run() -> object:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, "Input/output error", "/data/runs"), "cannot use /data/runs: Input/output error"),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000),
            f"cannot use {'x' * 200}...: File name too long",
        ),
        (PermissionError(errno.EACCES, "Permission denied", b"/data/\xff"), "cannot use /data/\\udcff: Permission"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write the output: No space left on device"),
        (OSError("odd"), "the system refuses something that the command needs: odd"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    error: OSError, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = (
        f"import rltools.cli\ndef run():\n    raise {type(error).__name__}{error.args!r}\n"
        if error.filename is None
        else f"import rltools.cli\ndef run():\n    raise {type(error).__name__}{(*error.args, error.filename)!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}rltools.cli._run_app = run\nrltools.cli.main()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"rltools: {message}")
    assert len(done.stderr.splitlines()) == 1


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        env=os.environ
        | {"RLTOOLS": f"{sys.executable} -m rltools", "PYTHONPATH": str(Path(rltools.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("$RLTOOLS list plots > /dev/full", 1, "rltools: cannot write the output: No space left on device"),
        ("$RLTOOLS list plots >&-", 0, ""),
        ("$RLTOOLS inspect nothing 2>&-", 1, ""),
        ("$RLTOOLS inspect nothing 2>/dev/full", 1, ""),
        (
            "mkdir gone; cd gone; rmdir ../gone; $RLTOOLS list plots",
            1,
            "rltools: the working directory no longer exists",
        ),
        ("$RLTOOLS plot $'run\\xff' importance", 1, "rltools: no recording in run\\udcff"),
    ],
)
def test_odd_streams_and_places(line: str, code: int, message: str, tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == bool(message), done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_in_a_folder_whose_name_is_no_text(
    rltools: Any, short: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = project / os.fsdecode(b"odd-\xff")
    short.rename(odd)
    for command in (
        ("inspect", odd),
        ("explain", odd, "cartpole-ppo", "--method", "input_x_gradient"),
        ("plot", odd, "importance"),
        ("replay", odd, "0", "--no-frames"),
    ):
        ran = rltools(*map(str, command))
        assert (ran.code, ran.err) == (0, ""), command
    monkeypatch.setattr("rltools.pages.report._run.report_plots", lambda *arguments: plots.report_plots(*arguments)[:1])
    shot = ("--env", "ShortPole-v0", "--import", "poles", "--episodes", "2", "--method", "gradient")
    analyzed = rltools("analyze", "cartpole-ppo", *shot, "--seeds", "2", "--out", odd)
    assert analyzed.code == 0, analyzed.err
    assert (odd / "index.html").is_file()


def test_names_of_5000_letters(rltools: Any, project: Path) -> None:
    long = "x" * 5000
    for command in (
        ("inspect", long),
        ("plot", long, "importance"),
        ("replay", long, "0"),
        ("export", long),
        ("analyze", long),
        ("run", long),
        ("explain", long, "cartpole-ppo"),
        ("record", "cartpole-ppo", "--out", long),
        ("record", "cartpole-ppo", "--env", long),
    ):
        ran = rltools(*command)
        assert ran.code != 0
        assert "unexpected" not in ran.fault, command
        assert len(ran.fault) < 7000
