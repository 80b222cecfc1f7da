"""The lifecycle's tables, whole: every state with every action."""

from __future__ import annotations

import pytest

from virtgraph.lifecycle import ALLOWED, begun, realized, refusal
from virtgraph.model.states import Action, State

SETTLED = set(State) - {State.DEPLOYING, State.UPDATING, State.DELETING, State.DELETED}
REFUSED = {
    Action.REALIZE: {State.DELETING, State.DELETED},
    Action.REMOVE: set(State) - SETTLED,
    Action.OBSERVE: {State.DELETED},
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_allowed(action: Action, state: State) -> None:
    refused = refusal(action, "VM", "web", state, None)
    assert (refused is not None) == (state in REFUSED[action])


def test_a_refusal_names_state_task_and_what_is_needed() -> None:
    refused = refusal(Action.REMOVE, "VM", "web", State.DEPLOYING, "realize")
    assert refused is not None
    assert refused.message.startswith("VM web is DEPLOYING (task realize); it must be one of ")
    assert (refused.state, refused.task) == ("DEPLOYING", "realize")
    assert set(refused.needed) == ALLOWED[Action.REMOVE] - {State.READY}


BEGUN = {
    (Action.REALIZE, State.VIRTUAL): State.DEPLOYING,
    (Action.REALIZE, State.DEPLOYING): State.DEPLOYING,
    (Action.REALIZE, State.MISSING): State.DEPLOYING,
    (Action.REALIZE, State.RUNNING): State.UPDATING,
    (Action.REALIZE, State.FAILED): State.UPDATING,
    (Action.REMOVE, State.RUNNING): State.DELETING,
    (Action.REMOVE, State.FAILED): State.DELETING,
}


@pytest.mark.parametrize(("before", "during"), BEGUN.items(), ids=str)
def test_begun(before: tuple[Action, State], during: State) -> None:
    assert begun(*before) is during


@pytest.mark.parametrize(
    ("kind", "wanted", "state"),
    [
        ("VM", "running", State.RUNNING),
        ("VM", "stopped", State.STOPPED),
        ("NIC", "attached", State.ATTACHED),
        ("Volume", "allocated", State.ALLOCATED),
        ("Network", "applied", State.APPLIED),
        ("Pool", None, State.READY),
        ("Host", None, State.READY),
    ],
)
def test_realized(kind: str, wanted: str | None, state: State) -> None:
    assert realized(kind, wanted) is state
