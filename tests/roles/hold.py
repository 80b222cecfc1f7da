"""hold.py ROOT FENCE: a module at work. Says `held` or the refusal's code, and checks at each line that it reads."""

import sys
from pathlib import Path

import module_utils  # noqa: F401
from ansible.module_utils.virtgraph_fence import HostError, Lease, held

INSTALLATION = "11111111-1111-4111-8111-111111111111"

if __name__ == "__main__":
    try:
        with held(Lease(INSTALLATION, 0, int(sys.argv[2]), 60), Path(sys.argv[1])) as check:
            print("held", flush=True)
            for _ in sys.stdin:
                check()
                print("checked", flush=True)
    except HostError as error:
        print(error.code, flush=True)
