"""Documents and typed mutations end in the same call: one series of revisions, the same specs, the same events."""

from __future__ import annotations

import re
from typing import Any

import follow
from served import Api
from showing import SUBNETS, shown

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")

SPECS = """
    MATCH (s:Stack {name: $stack})-[:OWNS]->(r:Resource)
    RETURN r.kind AS kind, r.key AS key, r.spec AS spec, r.generation AS generation, r.wanted AS wanted
    ORDER BY key
"""


def network(vlan: int) -> dict[str, Any]:
    return {"type": "resource/network/vlan", "parameters": {"vlan_id": vlan}, "subnets": SUBNETS}


def written_vm(network: str) -> dict[str, Any]:
    """As a document has it."""
    attached = {"r": "n0stack/n0core/vm/attachments"}
    on = {"object": {"id": network}, "property": {"r": "n0stack/n0core/port/network"}}
    nic = {"type": "resource/nic", "dependencies": [on]}
    volume = {"type": "resource/volume/file", "size": "1gb"}
    return {
        "type": "resource/vm/kvm",
        "vcpus": 2,
        "dependencies": [{"object": nic, "property": attached}, {"object": volume, "property": attached}],
    }


def neutral(value: object, stack: str, vlan: int) -> str:
    """Without what differs between any two."""
    text = MAC.sub("MAC", ID.sub("ID", str(value)))
    return text.replace(stack, "STACK").replace(str(vlan), "VLAN")


def told(api: Api, after: int, stack: str) -> list[dict[str, Any]]:
    """The events of one of the stacks, as a subscriber has them. What several resources are listed in has no order."""
    events = [event for event in follow.events(api.service, after) if event["stack"] == stack]
    for event in events:
        event["message"] = sorted(re.split(r"[ ,.]+", event["message"]))
        for some in event["data"].values():
            if isinstance(some, list):
                some.sort(key=lambda one: (one["kind"], one["name"]))
    names = ("type", "message", "kind", "name", "host", "revision", "data")
    return [{name: event[name] for name in names} for event in events]


def test_one_series_of_revisions(api: Api) -> None:
    api.host()
    first = api.apply({"net": network(100)})
    numbers = [first["revision"]["number"]]
    nic = api.change("createNIC", input={"network": shown(api, "network", name="net")["id"]})
    volume = api.change("createVolume", input={"name": "data", "size": "1gb"})
    second = api.apply({"net": network(100), "more": network(101)})
    gone = api.change("deleteNIC", id=nic["id"])
    numbers += [answer["revision"]["number"] for answer in (nic, volume, second, gone)]
    assert numbers == [1, 2, 3, 4, 5]
    again = api.apply({"net": network(100), "more": network(101)})
    assert again["revision"] == gone["revision"], "what changes nothing has no number"
    assert second["leftOut"] == [], "no document has named what typed mutations made"
    revisions = shown(api, "stack", name="default")["revisions"]["nodes"]
    assert [revision["number"] for revision in revisions] == [5, 4, 3, 2, 1]


def test_one_story(api: Api) -> None:
    """The same VM by a document and by typed mutations: what is stored, and what is told until it runs."""
    api.host()
    api.make("createVolume", name="first", size="1gb", stack="before")
    api.work()  # the host has its pool
    after = api.census().events
    api.apply({"net": network(100)}, stack="by-document")
    id = shown(api, "network", name="net")["id"]
    api.apply({"net": network(100), "web": written_vm(id)}, stack="by-document")
    id = api.make("createNetwork", name="net", vlanId=101, subnets=SUBNETS, stack="by-mutation")
    vm = {"name": "web", "vcpus": 2, "nics": [{"network": id}], "volumes": [{"size": "1gb"}]}
    api.make("createVM", stack="by-mutation", **vm)
    api.work()
    stacks = (("by-document", 100), ("by-mutation", 101))
    specs = [[neutral(row, *of) for row in api.rows(SPECS, stack=of[0])] for of in stacks]
    assert specs[0] == specs[1] and len(specs[0]) == 4
    stories = [sorted(neutral(event, *of) for event in told(api, after, of[0])) for of in stacks]
    assert stories[0] == stories[1]
    types = {event["type"] for event in told(api, after, "by-mutation")}
    assert types == {"SCHEDULED", "WAITING", "SUCCEEDED", "APPLIED"}
