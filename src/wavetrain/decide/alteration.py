"""Alteration: what does one fleet change of another, and whom does that touch?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from wavetrain.model.fleet import Account, Fleet, Group, NodeId, Pop, PopId, Region, Site
from wavetrain.model.record import Record

KINDS: tuple[type[Record], ...] = (Region, Pop, Group, Account, Site)
CONSEQUENCES_MAX = 100
"""Lines about people; what is beyond them is counted."""
VALUE_CHARACTERS_MAX = 60
_UNSEEN = ("id", "version")


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """The records that are new, different (before and after) or gone, by kind in the order of `KINDS`."""

    added: tuple[Record, ...]
    changed: tuple[tuple[Record, Record], ...]
    removed: tuple[Record, ...]

    @property
    def empty(self) -> bool:
        """Whether the fleets are the same."""
        return not (self.added or self.changed or self.removed)


class Altered(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a record: what it was, what it becomes, both for people."""

    subject: str
    field: str
    before: str
    after: str


def compare(before: Fleet, after: Fleet) -> Alteration:
    """What `after` changes. Versions are not looked at: records of a store are compared with those of a file."""
    added: list[Record] = []
    changed: list[tuple[Record, Record]] = []
    removed: list[Record] = []
    for kind in KINDS:
        known, wanted = part(before, kind), part(after, kind)
        for name, record in wanted.items():
            old = known.get(name)
            if old is None:
                added.append(record)
            elif old != record and old != record.changed(version=old.version):
                changed.append((old, record))
        removed += [known[name] for name in sorted(known.keys() - wanted.keys())]
    return Alteration(added=tuple(added), changed=tuple(changed), removed=tuple(removed))


def part(fleet: Fleet, kind: type[Record]) -> Mapping[str, Record]:
    """The records of one kind."""
    parts: dict[type[Record], Mapping[Any, Record]] = {
        Region: fleet.regions,
        Pop: fleet.pops,
        Group: fleet.groups,
        Account: fleet.accounts,
        Site: fleet.sites,
    }
    return parts[kind]


def subject(record: Record) -> str:
    """A record for people: its kind and its id."""
    return f"{noun(record)} {record.key[0]}"


def noun(record: Record) -> str:
    """What people call its kind."""
    return "PoP" if isinstance(record, Pop) else type(record).__name__.lower()


def homes(fleet: Fleet) -> dict[NodeId, PopId]:
    """In which PoP each node is."""
    return {node: pop.id for pop in fleet.pops.values() for node in pop.nodes}


def fields(old: Record, new: Record) -> list[Altered]:
    """Field by field, what one changed record says otherwise."""
    made = []
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if name not in _UNSEEN and before != after:
            said, then = _difference(before, after)
            made.append(Altered(subject=subject(old), field=name, before=said, after=then))
    return made


def _difference(before: Any, after: Any) -> tuple[str, str]:
    """Of long lists only what differs."""
    if isinstance(before, tuple) and isinstance(after, tuple) and before and isinstance(before[0], str):
        gone, come = (
            [item for item in before if item not in after],
            [item for item in after if item not in before],
        )
        if gone or come:
            return _shown(gone), _shown(come)
        return "in another order", "in another order"
    return _shown(before), _shown(after)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        text = ", ".join(value[:8]) + (f", {len(value) - 8} more" if len(value) > 8 else "")
    elif isinstance(value, dict):
        text = ", ".join(f"{name} {len(members)}" for name, members in value.items())
    elif isinstance(value, msgspec.Struct):
        text = " ".join(str(item) for item in msgspec.structs.astuple(value))
    elif isinstance(value, tuple):
        text = ", ".join(_shown(item) for item in value)
    else:
        text = str(value)
    return (text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}...") or "-"


def consequences(alteration: Alteration, before: Fleet, after: Fleet) -> tuple[str, ...]:
    """What it means for people, each as a sentence: PoPs and nodes that come or go, sites that change PoP."""
    said = [*_of_pops(alteration), *_of_nodes(before, after), *_of_sites(alteration)]
    more = len(said) - CONSEQUENCES_MAX
    return (*said[:CONSEQUENCES_MAX], f"and {more} more") if more > 0 else tuple(said)


def _of_pops(alteration: Alteration) -> list[str]:
    joins = [pop for pop in alteration.added if isinstance(pop, Pop)]
    leaves = [pop for pop in alteration.removed if isinstance(pop, Pop)]
    said = [f"PoP {pop.id} joins region {pop.region} with {_count(len(pop.nodes), 'node')}" for pop in joins]
    said += [f"PoP {pop.id} leaves with {_count(len(pop.nodes), 'node')}" for pop in leaves]
    for old, new in alteration.changed:
        if not (isinstance(old, Pop) and isinstance(new, Pop)):
            continue
        if old.window != new.window:
            said.append(f"PoP {old.id} is worked on at {_window(new)} instead of {_window(old)}")
        if old.dedicated != new.dedicated:
            whom = (
                f"belongs to account {new.dedicated} alone" if new.dedicated else "is shared by all accounts"
            )
            said.append(f"PoP {old.id} {whom}")
    return said


def _window(pop: Pop) -> str:
    window = pop.window
    return f"{window.starts} for {window.minutes} min, {window.rule}, {window.zone}"


def _of_nodes(before: Fleet, after: Fleet) -> list[str]:
    """Of PoPs that stay."""
    said = []
    old, new = homes(before), homes(after)
    for name, pop in after.pops.items():
        known = before.pops.get(name)
        if known is None or known.nodes == pop.nodes:
            continue
        come = [node for node in pop.nodes if node not in old]
        gone = [node for node in known.nodes if node not in new]
        moved = [node for node in pop.nodes if node in old and old[node] != name]
        said += [f"PoP {name}: {_named(come, 'node')} joins"] if come else []
        said += [f"PoP {name}: {_named(gone, 'node')} leaves"] if gone else []
        said += [f"PoP {name}: {_named(moved, 'node')} comes from {old[moved[0]]}"] if moved else []
    return said


def _of_sites(alteration: Alteration) -> list[str]:
    """Moves are counted by their two PoPs, the most first."""
    moves: Counter[str] = Counter()
    for old, new in alteration.changed:
        if not (isinstance(old, Site) and isinstance(new, Site)):
            continue
        if old.primary != new.primary:
            moves[f"from {old.primary} to {new.primary} as primary PoP"] += 1
        if old.secondary != new.secondary:
            if not new.secondary:
                moves[f"to {new.primary} alone: single-homed"] += 1
            else:
                moves[f"from {old.secondary or 'none'} to {new.secondary} as secondary PoP"] += 1
    said = [f"{_count(number, 'site')} {_verb(number)} {way}" for way, number in moves.most_common()]
    joins = [site for site in alteration.added if isinstance(site, Site)]
    leaves = [site for site in alteration.removed if isinstance(site, Site)]
    said += _summed("joins", joins) + _summed("leaves", leaves)
    return said


def _verb(number: int) -> str:
    return "moves" if number == 1 else "move"


def _summed(verb: str, sites: Iterable[Site]) -> list[str]:
    found = list(sites)
    single = sum(not site.secondary for site in found)
    if not found:
        return []
    plural = verb if len(found) == 1 else {"joins": "join", "leaves": "leave"}[verb]
    return [f"{_count(len(found), 'site')} {plural}, {single} of them single-homed"]


def _named(names: list[NodeId], what: str) -> str:
    """One by its name, several by their number."""
    return f"{what} {names[0]}" if len(names) == 1 else f"each of {len(names)} {what}s ({names[0]} ...)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
