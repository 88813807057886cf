"""Processes that begin at once, because they are forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PRELOADED = ["rltools.experiments._distribute", "rltools.policies.sb3", "rltools.cli.commands.run"]


def fork_server() -> ForkServerContext:
    """The context; its server is started by the first call, so that nobody else says what it imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()
    return context


def start(function: Callable[..., Any], *args: Any) -> BaseProcess:
    """Start a function in a process of its own."""
    process = fork_server().Process(target=function, args=args)
    process.start()
    return process


def command(folder: Path, log: Path, arguments: list[str]) -> None:
    """Be the command `rltools` in a folder, with its output in a file."""
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.argv = ["rltools", *arguments]
    from rltools.cli import main

    main()
