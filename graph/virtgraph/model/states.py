"""The states of resources and operations, and the kinds of event: the words that clients see."""

from __future__ import annotations

from virtgraph.model.word import Word


class State(Word):
    """What a resource is in now. A VM goes VIRTUAL, DEPLOYING, RUNNING."""

    VIRTUAL = "VIRTUAL", "In the graph only: nothing of it was made on a host yet."
    DEPLOYING = "DEPLOYING", "Being made for the first time, or anew after it was missing."
    UPDATING = "UPDATING", "Being changed."
    DELETING = "DELETING", "Being removed: it cannot be changed or used any more."
    DELETED = "DELETED", "Gone from a host; what is deleted itself is not found any more."
    FAILED = "FAILED", "The last operation on it failed, was skipped or cancelled, and its `error` says why."
    RUNNING = "RUNNING", "A VM that runs."
    STOPPED = "STOPPED", "A VM that does not run."
    MISSING = "MISSING", "It was made, and then it went from its host without being asked to here."
    ATTACHED = "ATTACHED", "A NIC that is made as it is wanted."
    ALLOCATED = "ALLOCATED", "A volume that is made as it is wanted."
    APPLIED = "APPLIED", "A network that is made as it is wanted."
    READY = "READY", "A host that was probed and takes resources, or a pool that is made."


class Action(Word):
    """What an operation does, which is also the playbook that does it."""

    REALIZE = "realize", "Make or change a resource as it is wanted."
    REMOVE = "remove", "Take a resource from its host."
    OBSERVE = "observe", "Probe a host: what it has, and whether it can be used."


class OperationState(Word):
    """PENDING until a worker claims it; the last five are final."""

    PENDING = "PENDING", "It waits for other operations, for a worker, or for its next try."
    RUNNING = "RUNNING", "A run does it."
    SUCCEEDED = "SUCCEEDED", "It is done."
    FAILED = "FAILED", "It did not work and is not tried again: `error` says why, `cure` what helps."
    SKIPPED = "SKIPPED", "What it needs first failed, or was cancelled."
    SUPERSEDED = "SUPERSEDED", "A newer change of its resource is realized instead."
    CANCELLED = "CANCELLED", "Somebody asked to stop it."


class EventType(Word):
    SCHEDULED = "SCHEDULED", "A VM or volume was given a host."
    REQUESTED = "REQUESTED", "A host was asked to do something; `data` has the whole tree of it."
    WAITING = "WAITING", "An operation waits for facts of other resources, which `data` names."
    RETRYING = "RETRYING", "An operation could not be done yet, as where its host did not answer; it is tried again."
    SUCCEEDED = "SUCCEEDED", "An operation succeeded; `data` has the facts that it found. Or a host was removed."
    FAILED = "FAILED", "An operation failed; `data` has the error and its cure."
    SKIPPED = "SKIPPED", "An operation was skipped, since what it needs first failed or was cancelled."
    SUPERSEDED = "SUPERSEDED", "A newer change replaced an operation."
    CANCELLED = "CANCELLED", "An operation was cancelled."
    APPLIED = "APPLIED", "Everything that a revision led to is done."
    OBSERVED = "OBSERVED", "Something was seen on a host that nobody asked for here."
