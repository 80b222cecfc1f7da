"""The states of resources and operations, and the kinds of event: the words that clients see."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a resource is in now. A VM goes VIRTUAL, DEPLOYING, RUNNING."""

    VIRTUAL = "VIRTUAL"  # in the graph only
    DEPLOYING = "DEPLOYING"  # being made for the first time
    UPDATING = "UPDATING"  # being changed
    DELETING = "DELETING"
    DELETED = "DELETED"
    FAILED = "FAILED"  # the last operation on it failed; its error says why
    RUNNING = "RUNNING"  # a VM
    STOPPED = "STOPPED"  # a VM
    MISSING = "MISSING"  # realized once, and then gone from its host behind our back
    ATTACHED = "ATTACHED"  # a NIC
    ALLOCATED = "ALLOCATED"  # a volume
    APPLIED = "APPLIED"  # a network
    READY = "READY"  # a host or a pool


class Action(StrEnum):
    """What an operation does, which is also the playbook that does it."""

    REALIZE = "realize"
    REMOVE = "remove"
    OBSERVE = "observe"


class OperationState(StrEnum):
    """PENDING until a worker claims it; the last five are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"  # what it needs first failed
    SUPERSEDED = "SUPERSEDED"  # a newer generation of its resource is realized instead
    CANCELLED = "CANCELLED"


class EventType(StrEnum):
    SCHEDULED = "SCHEDULED"  # the scheduler's decision: which host
    REQUESTED = "REQUESTED"  # what a host was asked to do, with the whole tree
    WAITING = "WAITING"  # for which fact of which resource
    RETRYING = "RETRYING"  # the host did not answer; tried again later
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"
    APPLIED = "APPLIED"  # every operation of a revision succeeded
    OBSERVED = "OBSERVED"  # seen on the host, not done by us
