"""`ansible-playbook` as ansible-runner finds it: asks the warm process, or becomes the ordinary one.

Started with -I -S and with three imports, because it stands on every Run's critical path (13 ms). The
conversation: request and descriptors 0-2 out, "r" (ready) in, "g" (go) out, "x" and the exit code in. Before
"go" nothing has begun, so every trouble up to there ends in a cold run; after it, silence means that nobody
knows: LOST.
"""

import os
import socket
import sys

LOST = 75  # EX_TEMPFAIL; Ansible uses none near it
PATIENCE = 3.0  # seconds for the warm process to say that it is ready


def ready(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    parts = [str(len(sys.argv) - 1), *sys.argv[1:], os.getcwd(), *environment]
    body = "\0".join(parts).encode(errors="surrogateescape")
    try:
        connection.connect(path)
        socket.send_fds(connection, [len(body).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(body)
        if connection.recv(1) == b"r":
            connection.settimeout(None)
            return connection
    except OSError:
        pass
    connection.close()
    return None


def main() -> None:
    path = os.environ.pop("VIRTGRAPH_WARM_SOCKET", "")
    connection = ready(path) if path else None
    if connection is None:
        cold = os.path.join(os.path.dirname(__file__), "cold.py")
        os.execv(sys.executable, [sys.executable, cold, *sys.argv[1:]])
    connection.sendall(b"g")
    answer = connection.recv(2, socket.MSG_WAITALL)
    os._exit(answer[1] if len(answer) == 2 else LOST)


if __name__ == "__main__":
    main()
