"""ansible-playbook inside this process: after a plain start, or in a child of a process that has it imported.

The warm way resets three private things of ansible-core and of ansible-runner's callback. They were read in
the versions that TESTED names; the warm process does not start with another, and Runs go the cold way.
"""

import os
import random
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from virtgraph.warm import guard
from virtgraph.warm.request import Request

TESTED = ("2.19.",)


def cold(arguments: Sequence[str]) -> int:
    guard_forks()
    return _playbook(arguments)


def warm_up(folder: Path) -> None:
    """Import what plays need and fill Ansible's caches by a play that does nothing."""
    from ansible.release import __version__

    if not __version__.startswith(TESTED):
        raise RuntimeError(f"ansible-core {__version__}: the warm way is tested with {', '.join(TESTED)}")
    inventory, empty = folder / "warm.json", folder / "warm.yml"
    inventory.write_text('{"all": {"hosts": {"warm": {"ansible_connection": "local"}}}}')
    empty.write_text("- {hosts: all, gather_facts: false, tasks: [{meta: noop}]}\n")
    os.environ["AWX_ISOLATED_DATA_DIR"] = str(folder)
    if _playbook(["-i", str(inventory), str(empty)]) != 0:
        raise RuntimeError("an empty play fails")
    _load_plugins()


def warm(request: Request) -> int:
    """In a child of the warm process, with the Run's descriptors in place."""
    guard_forks()
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    random.seed()
    warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
    _forget_the_empty_play()
    return _playbook(request.arguments)


def guard_forks() -> None:
    """Ansible's workers end with the play, also when the guard is killed."""
    parent = 0

    def note() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=note, after_in_child=lambda: guard.die_with(parent))


def _playbook(arguments: Sequence[str]) -> int:
    from ansible.cli.playbook import PlaybookCLI

    try:
        PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _load_plugins() -> None:
    """What Ansible would import in each task's worker."""
    import ansible.executor.task_executor
    import ansible.plugins.strategy.linear  # noqa: F401
    from ansible.plugins.loader import action_loader, become_loader, connection_loader, shell_loader

    for loader, names in (
        (connection_loader, ("ansible.builtin.ssh", "ansible.builtin.local")),
        (action_loader, ("ansible.builtin.normal", "ansible.builtin.copy", "ansible.builtin.set_fact")),
        (become_loader, ("ansible.builtin.sudo",)),
        (shell_loader, ("ansible.builtin.sh",)),
    ):
        for name in names:
            loader.get(name, class_only=True)


def _forget_the_empty_play() -> None:
    from ansible.parsing.vault import VaultSecretsContext
    from ansible.utils.context_objects import GlobalCLIArgs

    VaultSecretsContext._current = None
    GlobalCLIArgs._Singleton__instance = None
    callback = next(module for module in list(sys.modules.values()) if hasattr(module, "IsolatedFileWrite"))
    callback.event_context.cache = callback.IsolatedFileWrite()  # it remembers the folder for events
