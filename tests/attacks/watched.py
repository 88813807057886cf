"""Loads the files it is told of, one per line of its input, and says what happened meanwhile; run as a script.

An audit hook cannot be taken away again, so the watching is done in this process of its own.
"""

import contextlib
import importlib
import json
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path

ALARMING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "subprocess.", "socket.")
ALARMING += ("pickle.find_class", "ctypes.", "shutil.", "webbrowser.", "urllib.", "ftplib.", "smtplib.", "pty.")
ALARMING += ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate")
EXPECTED = {"rltools", "torch", "numpy", "gymnasium", "stable_baselines3", "sb3_contrib", "ruamel", "pydantic", "cv2"}
EXPECTED |= set(sys.stdlib_module_names)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PLACES = tuple({sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parents[2] / "rltools"), "<frozen"})

HERE = Path.cwd()
noticed_events: list[str] = []


def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if (mode and set(mode) & set("wax+")) or (flags or 0) & WRITING:
            noticed_events.append(f"open {path}")
    elif event == "import":
        if str(arguments[0]).partition(".")[0] not in EXPECTED:
            noticed_events.append(f"import {arguments[0]}")
    elif event in ("exec", "compile"):
        name = getattr(arguments[0], "co_filename", "<string>") if event == "exec" else str(arguments[1])
        if not name.startswith(PLACES):
            noticed_events.append(f"{event} {name}")
    elif event.startswith(ALARMING):
        noticed_events.append(event)


def highest():
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def watched(task):
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the highest use of memory starts again from here
    before, started, error, policy, notes = highest(), time.process_time(), None, None, ()
    noticed_events.clear()
    try:
        if task["do"] == "unpickle":
            pickle.loads(Path(task["path"]).read_bytes())
        elif task["do"] == "inspect":
            inspection(task["path"])
        elif task["do"] == "experiment":
            read_experiment(task["path"], task["arguments"].get("changes", ()))
        elif task["do"] == "list":
            os.chdir(task["path"])
            listing(None)
        elif task["do"] == "card":
            os.chdir(task["path"])
            environment_card(environment_spec("CartPole-v1"))
        elif task["do"] == "model card":
            _, notes = environment_of_card(Path(task["path"]), "me/agent")
        else:
            policy = load_policy(task["path"], **task["arguments"])
    except BaseException as caught:
        error = caught
    events, seconds = list(noticed_events), time.process_time() - started
    os.chdir(HERE)  # cards are looked up in the working directory, and the next task has another one
    return {
        "error": type(error).__name__ if error else None,
        "ours": isinstance(error, RltoolsError),
        "message": str(error) if error else "",
        "notes": policy.source.notes if policy else notes,
        "events": events,
        "seconds": seconds,
        "memory": highest() - before,
    }


import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(1)

import sb3_contrib  # noqa: E402, F401
import stable_baselines3  # noqa: E402, F401

from rltools.attributions import find_method, method_names  # noqa: E402
from rltools.cards import environment_card  # noqa: E402
from rltools.cli.commands.inspect import inspection  # noqa: E402
from rltools.cli.commands.list import listing  # noqa: E402
from rltools.envs import environment_spec  # noqa: E402
from rltools.errors import RltoolsError  # noqa: E402
from rltools.experiments import read_experiment  # noqa: E402
from rltools.policies._model_card import environment_of_card  # noqa: E402
from rltools.policies.load import load_policy  # noqa: E402

# So that whatever is imported late is there.
load_policy(sys.argv[1], "CartPole-v1", normalize=False)
for module in ("msgpack",):
    importlib.import_module(module)
GRAPHS = ("onnx/sb3_ppo/model.onnx", "torch_export/sb3_ppo/policy.pt2")
for case in ("rllib/ppo", "flax/dqn/agent.cleanrl_model", "sbx/ppo/model.zip", *GRAPHS):
    load_policy(Path(__file__).parents[1] / "golden" / "libraries" / case, "CartPole-v1")
inspection(sys.argv[1])
listing(None)
with tempfile.TemporaryDirectory() as folder:
    weights, path = {"0.weight": torch.zeros(2, 4)}, Path(folder) / "agent"
    check = {"observations": torch.zeros(1, 4), "scores": torch.zeros(1, 2)}
    np.savez(f"{folder}/arrays.npz", np.zeros(2))
    inspection(f"{folder}/arrays.npz")
    for write in (torch.save, save_file):
        write(weights, path)
        inspection(str(path))
        with contextlib.suppress(RltoolsError):
            load_policy(path, "CartPole-v1", head="logit", check=check, normalize={"mean": [0] * 4, "var": [1] * 4})
    with contextlib.suppress(RltoolsError):
        inspection(folder)
for name in method_names():
    find_method(name).settings(dict(find_method(name).defaults))  # evaluates their annotations
sys.addaudithook(hook)
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(watched(json.loads(line))), flush=True)
