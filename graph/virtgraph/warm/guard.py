"""Stands over one play: runs it in a child and sees to it that nothing of it outlives its Run.

Ansible's workers call setsid and ssh may daemonize, so neither a process group nor a session holds them; a
subreaper does: whatever loses its parent becomes the guard's child, and is ended.
"""

import ctypes
import os
import select
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER: Final = 36
_STUBBORN = 10.0  # seconds; what sits longer in the kernel is left there

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(parent: int) -> None:
    """End this process when its parent ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def guard(play: Callable[[], int], lifelines: Sequence[int]) -> int | None:
    """The play's exit code. None when it was killed, or a lifeline (a descriptor) hung up."""
    become_subreaper()
    me = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_with(me)
            code = play()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    for line in lifelines:
        poll.register(line, select.POLLRDHUP)  # POLLHUP and POLLERR always come
    broken = any(fd != ended for fd, _ in poll.poll())
    if broken:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    end_children()
    return None if broken or os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def forget_if_alone(folder: str | None) -> None:
    """A Run's private folder goes with the Run. When its worker is dead (the terminal that it gave us as
    stdin hung up), nobody else removes it."""
    poll = select.poll()
    poll.register(0, 0)
    if folder and any(event & select.POLLHUP for _, event in poll.poll(0)):
        shutil.rmtree(folder, ignore_errors=True)


def end_children() -> None:
    """End this process's children, then what they leave behind, until there is none."""
    give_up = time.monotonic() + _STUBBORN
    while _reap() and time.monotonic() < give_up:
        kill(children())
        time.sleep(0.002)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)  # children of ours that nobody else reaps: the ids are still theirs


def _reap() -> bool:
    """Whether children are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def children() -> Iterator[int]:
    me = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name, which may hold anything) state ppid …
            if stat.read_text().rpartition(")")[2].split()[1] == me:
                yield int(stat.parent.name)
        except OSError:
            continue
