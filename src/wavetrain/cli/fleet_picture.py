"""Fleet picture: how does a fleet look in lines and tables?"""

from collections.abc import Mapping
from typing import Any

Table = tuple[tuple[str, ...], list[list[str]]]


def summed(answer: dict[str, Any]) -> str:
    """A large fleet in numbers."""
    fleet = answer["fleet"]
    lines = [
        f"{len(fleet['regions'])} regions, {fleet['pops']} PoPs, {fleet['nodes']} nodes, {fleet['accounts']} accounts",
        f"hardware: {_tally(fleet['hardware'])}",
        f"releases: {_tally(answer['releases'])}; {answer['silent']} silent",
        f"{answer['cordons']} cordons, {answer['retired']} retired, {answer['quarantined']} quarantined",
        f"sites: {_tally(fleet['sites'])}; {fleet['single_homed']} single-homed, {fleet['pairs']} pairs of PoPs",
        f"redundancy groups: {_tally(fleet['groups'])}; dedicated PoPs: {fleet['dedicated']}",
        f"accounts that go early: {fleet['early']}, with black-outs: {fleet['blackouts']}",
        "",
        f"{'REGION':<20} {'POPS':>6} {'NODES':>8} {'SITES':>8}",
    ]
    lines += [
        f"{item['id']:<20} {item['pops']:>6} {item['nodes']:>8} {item['sites']:>8}"
        for item in fleet["regions"]
    ]
    return "\n".join([*lines, "", "one of them: wavetrain fleet show --region ID, or --pop ID"])


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def pops(answer: dict[str, Any]) -> Table:
    """A line for each PoP."""
    heads = (
        "PoP",
        "place",
        "zone",
        "window",
        "nodes",
        "silent",
        "load",
        "sites",
        "single-homed",
        "second for",
    )
    rows = []
    for pop in answer["fleet"]["pops"].values():
        used = answer["sites_of"].get(pop["id"], {})
        silent = sum(node not in answer["reported"] for node in pop["nodes"])
        rows.append(
            [pop["id"], pop["place"], pop["zone"], _window(pop), str(len(pop["nodes"])), str(silent)]
            + [f"{pop['load']:.0%}"]
            + [str(used.get(key, 0)) for key in ("primary", "single_homed", "secondary")]
        )
    return heads, rows


def head(answer: dict[str, Any], name: str) -> str:
    """What there is to say of one PoP beside its nodes."""
    pop, used = answer["fleet"]["pops"][name], answer["sites_of"][name]
    hardware = _tally({kind: len(nodes) for kind, nodes in pop["hardware"].items()})
    groups = (
        ", ".join(f"{item['id']} ({item['kind']})" for item in answer["fleet"]["groups"].values()) or "none"
    )
    own = f", {pop['dedicated']}'s alone" if pop["dedicated"] else ""
    return "\n".join(
        [
            f"{name}: {pop['place']}, region {pop['region']}{own}; "
            f"{len(pop['nodes'])} nodes, capacity {pop['capacity']:g}",
            f"window: {_window(pop)}, {pop['zone']}; load at most {pop['load']:.0%}",
            f"hardware: {hardware}; redundancy groups: {groups}",
            f"sites: {used['primary']} ({used['single_homed']} single-homed); second PoP of {used['secondary']}",
            "",
        ]
    )


def nodes(answer: dict[str, Any]) -> Table:
    """A line for each node."""
    rows = [
        [pop["id"], pop["region"], pop["zone"], _window(pop), node, *_said(answer, pop["id"], node)]
        for pop in answer["fleet"]["pops"].values()
        for node in pop["nodes"]
    ]
    return ("PoP", "region", "zone", "window", "node", "release", "phase", "remarks"), rows


def _window(pop: dict[str, Any]) -> str:
    return f"{pop['window']['rule']} {pop['window']['starts']} {pop['window']['minutes']} min"


def _said(answer: dict[str, Any], pop: str, node: str) -> tuple[str, str, str]:
    said = answer["reported"].get(node)
    remarks = [
        *("cordoned" for item in answer["cordons"] if item["subject"] in (pop, node)),
        *("retired" for item in answer["retired"] if item["node"] == node),
        *("quarantined" for item in answer["quarantined"] if item["node"] == node),
    ]
    if said is None:
        return "-", "silent", ", ".join(remarks)
    return said["release"] or "-", said["phase"], ", ".join(remarks)
