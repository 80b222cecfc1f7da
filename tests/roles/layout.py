"""Importing this gives the action plugins of role virtgraph, which Ansible finds by their role."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[2] / "roles" / "virtgraph" / "action_plugins"


def plugin(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


virtgraph_layout = plugin("virtgraph_layout")
virtgraph_play_hosts = plugin("virtgraph_play_hosts")
