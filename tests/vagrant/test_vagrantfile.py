"""The Vagrantfile, without starting anything."""

import os
import subprocess

import pytest
from serving import ROOT


def validate(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["vagrant", "validate"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("vagrant")
    monkeypatch.setenv("VAGRANT_HOME", str(home / "home"))
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", str(home / "dot"))


@pytest.mark.parametrize("given", [{}, {"LAB_HOSTS": "9", "LAB_BOX": "debian/bookworm64", "LAB_ACCEL": "kvm"}])
def test_it_is_valid(given: dict[str, str]) -> None:
    done = validate(**given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Vagrantfile validated successfully." in done.stdout


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"LAB_HOSTS": "many"}, "LAB_HOSTS must be between 1 and 9, not many"),
        ({"LAB_HOSTS": "0"}, "LAB_HOSTS must be between 1 and 9, not 0"),
        ({"LAB_ACCEL": "xen"}, "LAB_ACCEL must be kvm or qemu, not xen"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, str], sentence: str) -> None:
    done = validate(**given)
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
