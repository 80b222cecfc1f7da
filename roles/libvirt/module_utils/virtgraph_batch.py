"""What all modules share: a list of resources in, one result for each out, and a neighbour's failure harms nobody."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.virtgraph_fence import HostError, Lease, held
from ansible.module_utils.virtgraph_input import Unsound, problems, repeated, uuid
from ansible.module_utils.virtgraph_mark import DIRECT, digest
from ansible.module_utils.virtgraph_misspelt import UNKNOWN, refuse_misspelt
from ansible.module_utils.virtgraph_names import checked
from ansible.module_utils.virtgraph_predicted import Predicted
from ansible.module_utils.virtgraph_typed import mistyped, typed

Item = dict[str, Any]
Result = dict[str, Any]


class ResourceError(Exception):
    """One resource cannot be realized: what is wrong, and what a person can do about it."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


@dataclass(frozen=True)
class Done:
    """`after`: what later roles of a play in check mode have to know of it. `diff`: text before and after, without secrets."""

    changed: bool
    facts: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    diff: tuple[str, str] = ("", "")


def argument_spec(**own: Any) -> dict[str, Any]:
    return {
        "resources": RESOURCES,
        "lease": {"type": "dict", "options": LEASE},
        "blocked": {"type": "list", "elements": "str", "default": []},
        "strict": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "predicted": {"type": "dict"},
        "unknown": UNKNOWN,
        **own,
    }


RESOURCES = {"type": "list", "elements": typed, "required": True}
LEASE = {
    "installation": {"type": "str"},
    "slot": {"type": "int"},
    "fence": {"type": "int"},
    "deadline": {"type": "int"},
}


def installation(module: AnsibleModule) -> str:
    """Whose mark the resources get."""
    given = (module.params["lease"] or {}).get("installation")
    try:
        return checked(given) if given else DIRECT
    except ValueError as error:
        module.fail_json(msg=f"The lease is not valid: installation is {error}.", code="invalid")
        raise


def run_batch(
    module: AnsibleModule,
    kind: str | Callable[[Item], str],
    realize_one: Callable[[Item], Done],
    unsound: Unsound,
    predicted: Predicted,
    threads: int = 1,
) -> None:
    """Ends the module. `realize_one` changes nothing in check mode, which is for it to know.

    When the module is strict, one item that is unsound keeps it from touching any.
    """
    refuse_misspelt(module)
    installation(module)  # one that is none is refused
    items: list[Item] = module.params["resources"]
    present = module.params["state"] == "present"
    kind_of = kind if callable(kind) else lambda item: str(kind)
    refused = {item.get("id"): error for item in items if (error := refused_by(kind_of(item), item, present, unsound))}
    if twice := repeated([str(item.get("id")) for item in items]):
        module.fail_json(msg=f"Listed twice: {', '.join(twice)}. Each resource has an id of its own.")
    if refused and module.params["strict"]:
        module.fail_json(msg=" ".join(str(error) for error in refused.values()))

    def take(item: Item) -> Done:
        if item["id"] in refused:
            raise refused[item["id"]]
        if module.check_mode:
            return foresee(kind_of(item), item, present, realize_one, predicted)
        return realize_one(item)

    batch = _Batch(set(module.params["blocked"]), take)
    with claimed(module, batch.results) as check:
        batch.check = check
        with ThreadPoolExecutor(threads) as pool:
            works = [pool.submit(batch.take, item) for item in items]
            try:
                for work in works:
                    work.result()
            except HostError:
                for work in works:
                    work.cancel()
                raise
    _answer(
        module,
        batch.ordered(items),
        [batch.diffs[item["id"]] for item in items if item["id"] in batch.diffs],
        predicted,
    )


def refused_by(kind: str, item: Item, present: bool, unsound: Unsound) -> ResourceError | None:
    reasons = list(mistyped(item)) or [*problems(item, {"id": uuid}, ["id"]), *unsound(item, present)]
    if not reasons:
        return None
    name = described(item) if item.get("id") else item.get("title", "without an id")
    return ResourceError(f"The {kind} {name} cannot be: {'; '.join(reasons)}.", "Correct it, then run again.")


def predicted(module: AnsibleModule) -> Predicted:
    return Predicted(module.params["predicted"] if module.check_mode else None)


def foresee(kind: str, item: Item, present: bool, realize_one: Callable[[Item], Done], predicted: Predicted) -> Done:
    """What the next run would do, after what the play would have done by then."""
    before, wanted = predicted.made(kind, item["id"]), digest(item)
    gone = predicted.gone(kind, item["id"])
    if (present and before and before["digest"] == wanted) or (gone and not present):
        return Done(False)
    done = realize_one(item)
    predicted.record(kind, item["id"], {**done.after, "digest": wanted} if present else None)
    return replace(done, changed=done.changed or before is not None or gone)


@contextlib.contextmanager
def claimed(module: AnsibleModule, results: dict[str, Result] | None = None) -> Iterator[Callable[[], None]]:
    """Within the fence, before the deadline, and while somebody listens.

    A HostError inside ends the module with its code and the `results`.
    """
    done = {} if results is None else results
    try:
        lease = Lease.of(module.params["lease"])
    except (ValueError, TypeError) as error:
        module.fail_json(msg=f"the lease is not valid: {error}", code="invalid")
    try:
        with _heard(), _deadline(module, lease.deadline if lease else 0, done):
            if module.check_mode:
                yield lambda: None
            else:
                with held(lease) as check:
                    yield check
    except HostError as error:
        module.fail_json(msg=str(error), code=error.code, resources=list(done.values()))


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Ends this process when nobody reads its answer any more: its Run was cancelled, or is dead.

    sshd closes the pipe with the connection, and leaves the process alone.
    """
    over = threading.Event()

    def listen() -> None:
        answer = select.poll()
        answer.register(1, 0)  # POLLERR and POLLHUP always come
        answer.poll()
        if not over.is_set():
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield
    finally:
        over.set()


@contextlib.contextmanager
def _deadline(module: AnsibleModule, seconds: float, done: dict[str, Result]) -> Iterator[None]:
    """A thread and not SIGALRM: a signal waits until the call into libvirt returns, which may be never."""

    def end() -> None:
        try:
            sentence = f"not done after {seconds:g} s"
            module.fail_json(msg=sentence, code="deadline", resources=list(done.values()))
        finally:
            sys.stdout.flush()
            os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Batch:
    def __init__(self, blocked: set[str], realize_one: Callable[[Item], Done]) -> None:
        self.blocked = blocked
        self.realize_one = realize_one
        self.results: dict[str, Result] = {}
        self.diffs: dict[str, dict[str, str]] = {}
        self.check: Callable[[], None] = lambda: None

    def take(self, item: Item) -> None:
        result = self._result(item)
        if result.get("failed"):
            self.blocked.add(item["id"])
        self.results[item["id"]] = {"id": item["id"], "changed": False, "failed": False, **result}

    def ordered(self, items: list[Item]) -> list[Result]:
        return [self.results[item["id"]] for item in items]

    def _result(self, item: Item) -> Result:
        if missing := self.blocked.intersection(item.get("needs") or ()):
            return {"skipped": True, "error": f"What it needs was not realized: {', '.join(sorted(missing))}."}
        self.check()
        try:
            done = self.realize_one(item)
        except HostError:
            raise
        except ResourceError as error:
            return {"failed": True, "error": str(error), "cure": error.cure}
        except Exception as error:  # one resource's failure is not its neighbours', whatever it is
            return {"failed": True, "error": _sentence(item, error), "cure": "Apply again, or look into the Run's log."}
        before, after = done.diff
        if before != after:
            headers = {"before_header": described(item), "after_header": described(item)}
            self.diffs[item["id"]] = {"before": before, "after": after, **headers}
        return {"changed": done.changed, "facts": done.facts}


def described(item: Item) -> str:
    """How sentences name a resource."""
    return f"{item['title']} ({item['id']})" if item.get("title") else item["id"]


def _sentence(item: Item, error: Exception) -> str:
    said = str(error) if type(error).__name__ == "libvirtError" else f"{type(error).__name__}: {error}"
    return f"{described(item)}: {said.rstrip('.')}."


def _answer(module: AnsibleModule, results: list[Result], diffs: list[dict[str, str]], predicted: Predicted) -> None:
    answer = {"changed": any(result["changed"] for result in results), "resources": results}
    if module._diff:
        answer["diff"] = diffs
    if module.check_mode:
        answer["predicted"] = predicted.told()
    failures = [result["error"] for result in results if result["failed"]]
    if failures and module.params["strict"]:
        module.fail_json(msg=" ".join(failures), **answer)
    module.exit_json(**answer)
