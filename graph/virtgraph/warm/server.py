"""The warm process: Ansible imported once, a child per Run. process.py runs it as a script: server.py SOCKET.

It reads nothing of any Run itself: a guard is forked for each connection and reads the request. When its
stdin ends (its worker is dead, or has another one) it takes no more Runs and ends after the running ones.
Guards watch a pipe of this process, so that no Run outlives it.
"""

import os
import resource
import signal
import socket
import struct
import sys
import traceback
from pathlib import Path
from select import POLLIN, poll

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from virtgraph.warm import guard, play
from virtgraph.warm.client import PATIENCE
from virtgraph.warm.fingerprint import fingerprint
from virtgraph.warm.request import Broken, receive

MOST = 64  # Runs at once; more go the cold way
STALE = 3  # a guard's exit code when its Run asks for other files or settings than this process has read


class Server:
    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.fingerprint = fingerprint
        self.guards: set[int] = set()
        self.listener: socket.socket | None = _listen(path)
        self.lifeline, _ = os.pipe()  # nobody writes; it hangs up with this process
        self.ended, wake = os.pipe()  # a byte for each ended child
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        while self.listener or self.guards:
            events = poll()
            for fd in (self.ended, *((0, self.listener.fileno()) if self.listener else ())):
                events.register(fd, POLLIN)
            ready = {fd for fd, _ in events.poll()}
            if self.ended in ready:
                os.read(self.ended, 4096)
                self.reap()
            if self.listener and self.listener.fileno() in ready:
                self.accept(self.listener)
            if 0 in ready:
                self.retire()

    def accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            if len(self.guards) >= MOST or _peer(connection) != os.geteuid():
                return
            pid = os.fork()
            if pid:
                self.guards.add(pid)
                return
            code = 1
            try:
                code = self.stand_guard(connection)
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)

    def stand_guard(self, connection: socket.socket) -> int:
        """In the child: one Run from request to exit code."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _close_all_but(connection.fileno(), self.lifeline)
        connection.settimeout(PATIENCE)
        try:
            request = receive(connection)
            if fingerprint(request.environment) != self.fingerprint:
                return STALE
            connection.sendall(b"r")
            if connection.recv(1) != b"g":
                return 0
        except (Broken, OSError):
            return 0
        connection.settimeout(None)
        lifelines = (connection.fileno(), 0, self.lifeline)

        def perform() -> int:
            _close_all_but()
            return play.warm(request)

        code = guard.guard(perform, lifelines)
        guard.forget_if_alone(request.environment.get("VIRTGRAPH_RUN_FOLDER"))
        if code is not None:
            connection.sendall(bytes((ord("x"), code & 255)))
        return 0

    def reap(self) -> None:
        """Children that are no guards are what a killed guard left behind."""
        orphans = False
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                orphans |= pid not in self.guards or os.WIFSIGNALED(status)
                self.guards.discard(pid)
                if os.WIFEXITED(status) and os.WEXITSTATUS(status) == STALE:
                    self.retire()
        except ChildProcessError:
            pass
        if orphans:
            guard.kill(pid for pid in guard.children() if pid not in self.guards)

    def retire(self) -> None:
        if self.listener:
            self.path.unlink(missing_ok=True)
            self.listener.close()
            self.listener = None


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    early = path.with_suffix(".new")  # a socket that can be seen must answer
    listener.bind(str(early))
    listener.listen(MOST)
    early.rename(path)
    return listener


def _peer(connection: socket.socket) -> int:
    """The user at the other end."""
    ucred = struct.Struct("3i")  # pid, uid, gid
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, ucred.size)
    uid: int = ucred.unpack(credentials)[1]
    return uid


def _close_all_but(*keep: int) -> None:
    first = 3
    for fd in (*sorted(keep), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, fd)
        first = fd + 1


def main() -> None:
    path = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    guard.become_subreaper()
    own = fingerprint(os.environ)  # before anything is read
    play.warm_up(path.parent)
    Server(path, own).serve()


if __name__ == "__main__":
    main()
