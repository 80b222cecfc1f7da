"""Engine tests work on real lab hosts, each test with a dispatcher of its own, once warm and once cold."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from lab_hosts import WHY_NOT, LabHosts, lab_hosts

from virtgraph.dispatch import Dispatcher

PLAYBOOKS = Path(__file__).with_name("dispatch") / "playbooks"


@pytest.fixture(scope="session")
def lab() -> Iterator[LabHosts]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = Path(os.environ.get("LAB_DIR", "/var/tmp/virtgraph-lab-engine"))
    prefix, net = os.environ.get("LAB_PFX", "vge"), os.environ.get("LAB_NET", "10.99.41")
    with lab_hosts(folder, prefix, net) as hosts:
        yield hosts


@pytest.fixture(params=["warm", "cold"])
def way(request: pytest.FixtureRequest) -> str:
    """How ansible-playbook is started."""
    return str(request.param)


@pytest_asyncio.fixture
async def dispatcher(tmp_path: Path, way: str) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(tmp_path, warm=way == "warm", playbooks=PLAYBOOKS)
    await dispatcher.start()
    yield dispatcher
    await dispatcher.close()
