"""Where the files that are not Python lie: beside the package when it is installed, in the checkout else."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def ansible() -> Path:
    """The folder that holds ansible.cfg, playbooks/ and roles/."""
    installed = _PACKAGE / "_ansible"
    return installed if installed.is_dir() else _PACKAGE.parents[1]


def playbooks() -> Path:
    return ansible() / "playbooks"
