"""The ordinary ansible-playbook under a guard, for when no warm process answers. client.py runs it.

ansible-runner ends a Run by killing this process's group. The guard is in another, and watches a pipe of this
process.
"""

import os
import sys
from collections.abc import Sequence

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from virtgraph.warm import guard, play
from virtgraph.warm.client import LOST


def main(arguments: Sequence[str]) -> int:
    lifeline, hold = os.pipe()
    pid = os.fork()
    if pid:
        os.close(lifeline)
        _, status = os.waitpid(pid, 0)
        return LOST if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
    code = LOST
    try:
        os.close(hold)
        os.setpgid(0, 0)
        code = _stand_guard(arguments, lifeline)
    finally:
        os._exit(code)


def _stand_guard(arguments: Sequence[str], lifeline: int) -> int:
    folder = os.environ.get("VIRTGRAPH_RUN_FOLDER")
    code = guard.guard(lambda: play.cold(arguments), lifelines=(lifeline, 0))
    guard.forget_if_alone(folder)
    return LOST if code is None else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
