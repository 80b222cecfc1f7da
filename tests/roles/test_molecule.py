"""molecule's scenarios of every role, on a lab host of their own: converge, idempotence, verify, and nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lab_hosts import LabHosts

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = ROOT / "extensions" / "molecule"
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/tasks/main.yml"))


@pytest.fixture(scope="module")
def surroundings(lab: LabHosts, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment that molecule needs: a lab's inventory, the tiny guest, what virtgraph requires as wheels."""
    guest = tmp_path_factory.mktemp("guest")
    subprocess.run([ROOT / "scripts" / "build-tiny", guest], check=True)
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MOLECULE_LAB_INVENTORY": str(lab.folder / "inventory.yml"),
        "MOLECULE_GUEST": str(guest),
        "MOLECULE_WHEELS": str(wheels),
        "ANSIBLE_HOME": str(tmp_path_factory.mktemp("ansible")),  # where molecule remembers which scenario is prepared
    }


def test_every_role_has_the_smallest_scenario_and_the_largest() -> None:
    found = {path.parent.relative_to(LAYOUT).as_posix() for path in LAYOUT.glob("*/*/molecule.yml")}
    assert found == {f"{role}/{scenario}" for role in ROLES for scenario in ("default", "alternative")}


@pytest.mark.parametrize("role", ROLES)
def test_scenarios(role: str, surroundings: dict[str, str]) -> None:
    names = [f"{role}/{scenario}" for scenario in ("default", "alternative")]
    chosen = [option for name in names for option in ("-s", name)]
    done = subprocess.run(
        [Path(sys.executable).with_name("molecule"), "test", *chosen],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, failures(done.stdout + done.stderr)


def failures(said: str) -> str:
    """What each failed task said, without the rest of its play."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return (
        "\n".join(re.findall(r"(?:fatal|failed|FAILED|ERROR).*(?:\n(?!.*(?:TASK|PLAY) ).*){,40}", plain))
        or plain[-6000:]
    )
