"""Importing this gives the action plugin virtgraph_layout, which Ansible finds by its role."""

import importlib.util
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "roles" / "virtgraph" / "action_plugins" / "virtgraph_layout.py"
_spec = importlib.util.spec_from_file_location("virtgraph_layout", FILE)
assert _spec is not None and _spec.loader is not None
virtgraph_layout = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = virtgraph_layout
_spec.loader.exec_module(virtgraph_layout)
