"""A child process that cannot outlive us, and what can be asked about any process of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path
from typing import IO

STOP_SECONDS = 20.0

# Runs in the child before its program: die with the parent *thread*, and at once if that is gone already.
# By SIGKILL: a server that shuts down in order answers its last clients with errors that no driver retries.
_TETHER = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, {signal.SIGKILL.value})  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


async def spawn(command: list[str], folder: Path, output: IO[bytes], inherited: int) -> Process:
    """Start a command in a folder, with nothing of our environment and one of our open files."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command),
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        cwd=folder,
        env={},
        pass_fds=(inherited,),
        start_new_session=True,  # Ctrl-C is for us: we end the child when we are done with it
    )


async def end(process: Process) -> None:
    """Ask, then insist."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def end_of(pid: int) -> None:
    """Wait until a process has ended, whoever's child it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def parent_of(pid: int) -> int | None:
    """The process that a process is a child of now; None when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[1])
