"""ssh to hosts: pinned host keys, and one long-lived master connection per host that Runs share.

The masters are children of this process and no part of any Run, so ending a Run's processes leaves them; they
end with this process (PDEATHSIG). A host added again with another key, user or port gets another master.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from virtgraph.order import HostAccess, Status

CONNECT_TIMEOUT = 8  # seconds
FRESH = 5.0  # a master used so short a time ago is taken to be alive
IDLE = 900.0  # one unused for so long is closed
_OTHER_HOST_KEY = ("HOST IDENTIFICATION HAS CHANGED", "Host key verification failed", "no matching host key")
_ALIAS = "virtgraph-host"  # stands for the address in known_hosts: free of brackets, ports and IPv6


class Refused(Exception):
    """No connection; `status` tells why, the text is a sentence with its cure."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


def refusal(host: HostAccess, said: str) -> Refused:
    """What ssh's own words mean. Nothing else tells these cases apart: ssh exits with 255 in each."""
    last = said.strip().splitlines()[-1].strip() if said.strip() else "no answer"
    if any(words in said for words in _OTHER_HOST_KEY):
        return Refused(
            "host_key",
            f"{host.where} does not show the ssh host key that was recorded. If the host was made anew, "
            "add it again with its new key (virtgraph host add … --host-key); if not, somebody may be in its place.",
        )
    if "Permission denied" in said or "Too many authentication failures" in said:
        key = f"with the key {host.key_file}" if host.key_file else "with any key of this service"
        return Refused(
            "denied",
            f"{host.where} does not let {host.user} in {key}. Put its public half into {host.user}'s "
            "~/.ssh/authorized_keys there, or give the host another key file.",
        )
    return Refused(
        "unreachable",
        f"{host.where} does not answer: {last}. Check that it is up, that sshd listens there and that no "
        "firewall is between.",
    )


@dataclass
class _Master:
    process: asyncio.subprocess.Process
    used: float


class Masters:
    def __init__(self, folder: Path) -> None:
        self.folder = folder  # short: a socket's path holds 108 bytes, of which ssh takes 17 for a temporary name
        self._masters: dict[str, _Master] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def options(self, host: HostAccess) -> list[str]:
        """For every ssh to this host, Ansible's too. Writes the known_hosts file that they name."""
        key = _digest(host)
        known = self.folder / f"{key}.known_hosts"
        if not known.exists():
            known.write_text(f"{_ALIAS} {host.host_key}\n")
        settings = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "HostKeyAlias": _ALIAS,
            "HostKeyAlgorithms": _algorithms(host.host_key or ""),
            "ConnectTimeout": str(CONNECT_TIMEOUT),
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
            "ControlMaster": "no",
            "ControlPath": str(self.folder / key),
        }
        if host.key_file:
            settings["IdentitiesOnly"] = "yes"
        return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]

    async def open(self, host: HostAccess) -> None:
        """A live master for this host, or Refused. A stale one costs CONNECT_TIMEOUT before it is replaced."""
        if not host.host_key:
            raise Refused("host_key", f"No ssh host key is recorded for {host.where}. Add the host again with its key.")
        key = _digest(host)
        async with self._locks.setdefault(key, asyncio.Lock()):
            master = self._masters.get(key)
            if master and await self._alive(host, master):
                master.used = time.monotonic()
                return
            if master:
                await _end(self._masters.pop(key).process)
            self._masters[key] = _Master(await self._connect(host, key), time.monotonic())
        await self._close_idle()

    async def close(self) -> None:
        masters, self._masters = list(self._masters.values()), {}
        await asyncio.gather(*(_end(master.process) for master in masters))

    async def _alive(self, host: HostAccess, master: _Master) -> bool:
        if master.process.returncode is not None:
            return False
        if time.monotonic() - master.used < FRESH:
            return True
        # `ssh -O check` asks only the local master, which does not know yet that its host has died.
        probe = await _spawn("ssh", *self.options(host), *_target(host), "true")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await probe.wait() == 0
        except TimeoutError:
            return False
        finally:
            await _end(probe)

    async def _connect(self, host: HostAccess, key: str) -> asyncio.subprocess.Process:
        control, said = self.folder / key, self.folder / f"{key}.log"
        control.unlink(missing_ok=True)
        options = self.options(host)
        with said.open("wb") as log:
            # setpriv: asyncio has no safe way to set PDEATHSIG itself in a process with threads.
            process = await _spawn(
                *("setpriv", "--pdeathsig", "KILL", "ssh", "-N", "-o", "ControlMaster=yes"),
                *(*options, *_target(host)),
                stderr=log,
            )
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT):
                while process.returncode is None and not control.exists():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await _end(process)
            raise refusal(
                host, f"it accepts connections but did not log us in within {2 * CONNECT_TIMEOUT} s"
            ) from None
        except BaseException:
            await _end(process)
            raise
        if process.returncode is not None:
            raise refusal(host, said.read_text(errors="replace"))
        return process

    async def _close_idle(self) -> None:
        now = time.monotonic()
        for key in [key for key, master in self._masters.items() if now - master.used > IDLE]:
            await _end(self._masters.pop(key).process)


def _digest(host: HostAccess) -> str:
    identity = "\0".join(map(str, (host.address, host.port, host.user, host.key_file, host.host_key)))
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _algorithms(host_key: str) -> str:
    """Only what fits the recorded key, so that a host with several keys shows this one."""
    kind = host_key.split(" ", 1)[0]
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind


def _target(host: HostAccess) -> list[str]:
    key = ["-i", host.key_file] if host.key_file else []
    return [*key, "-p", str(host.port), "-l", host.user, "--", host.address or ""]


async def _spawn(*command: str, stderr: object = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
    null = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*command, stdin=null, stdout=null, stderr=stderr)  # type: ignore[arg-type]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(1):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
