"""What a play's events say: one result per resource while it runs, and one sentence for the whole."""

from collections.abc import Mapping
from typing import Any

from virtgraph import ssh
from virtgraph.order import HostAccess, Outcome, ResourceResult, Status
from virtgraph.warm.client import LOST

_RESULTS = {"runner_on_ok", "runner_on_failed", "runner_item_on_ok", "runner_item_on_failed"}
_CODES: Mapping[str, tuple[Status, str]] = {
    "fenced": ("fenced", "A newer claim owns {host}: nothing was changed there by this Run."),
    "libvirt": (
        "libvirt",
        "libvirtd on {host} does not answer: {said}. Start it there (systemctl start libvirtd).",
    ),
    "preflight": ("failed", "Host {host} cannot be used. {said}."),
    "deadline": ("deadline", "The work on {host} did not end by its deadline: {said}."),
}


class Reading:
    """Fed with ansible-runner's events in order; says what is known so far."""

    def __init__(self, host: HostAccess) -> None:
        self.host = host
        self.host_facts: Mapping[str, Any] = {}
        self.finished = False
        self._began = False
        self._matched = True
        self._successful = False
        self._refused: Outcome | None = None
        self._failure = ""
        self._last_line = ""

    def take(self, event: Mapping[str, Any]) -> list[ResourceResult]:
        """The resources that this event reports."""
        kind, data = event.get("event"), event.get("event_data") or {}
        if line := (event.get("stdout") or "").strip():
            self._last_line = line.splitlines()[-1]
        result = data.get("res") or {}
        if kind == "playbook_on_stats":
            self._finish(data)
        elif kind == "playbook_on_task_start":
            self._began = True
        elif kind == "playbook_on_no_hosts_matched":
            self._matched = False
        elif kind == "runner_on_unreachable":
            refused = ssh.refusal(self.host, str(result.get("msg", "")))
            self._refused = Outcome(refused.status, str(refused))
        elif kind in _RESULTS:
            return self._result(result, failed=str(kind).endswith("failed") and not data.get("ignore_errors"))
        return []

    def outcome(self, code: int | None) -> Outcome:
        """`code` of the process; None while it is about to end with a finished play."""
        if self._refused:
            return self._refused
        if self.finished and self._successful:
            return Outcome("successful", f"Done on {self.host.where}.", self.host_facts)
        if not self.finished and (self._began or code in (None, LOST)):
            return Outcome(
                "lost",
                f"Ansible was ended while it worked on {self.host.where}: how far it came is not known.",
            )
        why = self._failure or self._last_line or f"ansible-playbook ended with {code}"
        return Outcome("failed", f"The play failed on {self.host.where}: {why}")

    def _result(self, result: Mapping[str, Any], failed: bool) -> list[ResourceResult]:
        if isinstance(host := result.get("host"), Mapping):
            self.host_facts = {**self.host_facts, **host}
        said = str(result.get("msg", ""))
        if known := _CODES.get(str(result.get("code"))):
            status, sentence = known
            self._refused = Outcome(status, sentence.format(host=self.host.where, said=said.rstrip(".")))
        elif failed and "sudo" in said and "password" in said:
            self._refused = self._no_sudo()
        elif failed and int(result.get("rc") or 0) < 0:  # ssh or the module was killed
            self._refused = Outcome("lost", f"The work on {self.host.where} was cut off: it is to be looked up.")
        elif failed:
            self._failure = said
        resources = result.get("resources")
        return [_resource(item) for item in resources] if isinstance(resources, list) else []

    def _no_sudo(self) -> Outcome:
        return Outcome(
            "denied",
            f"{self.host.user} may not use sudo without a password on {self.host.where}. "
            f"Allow it there ({self.host.user} ALL=(ALL) NOPASSWD: ALL), or add the host with user root.",
        )

    def _finish(self, stats: Mapping[str, Any]) -> None:
        self.finished = True
        # To Ansible a play that matched no host ended well.
        self._successful = self._matched and not stats.get("failures") and not stats.get("dark")


def _resource(item: Mapping[str, Any]) -> ResourceResult:
    return ResourceResult(
        id=str(item["id"]),
        changed=bool(item.get("changed")),
        failed=bool(item.get("failed")),
        skipped=bool(item.get("skipped")),
        error=item.get("error"),
        cure=item.get("cure"),
        facts=item.get("facts") or {},
    )
