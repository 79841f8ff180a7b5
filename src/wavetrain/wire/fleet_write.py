"""Fleet write: how does a fleet stand in a file?"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import msgspec

from wavetrain.model.fleet import Account, Fleet, Group, Pop, Region, Serves, Site, SiteKind

_encode = msgspec.json.Encoder().encode
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def fleet_lines(fleet: Fleet) -> Iterator[bytes]:
    """The fleet as JSON lines, one at a time, each with its end."""
    for kind, values in _tables(fleet):
        yield _encode({kind: values}) + b"\n"


def fleet_toml(fleet: Fleet) -> str:
    """The fleet as a TOML text."""
    made = []
    for kind, values in _tables(fleet):
        made.append(f"[[{kind}]]\n")
        made += [f"{key} = {_toml(value)}\n" for key, value in values.items()]
        made.append("\n")
    return "".join(made)


def _tables(fleet: Fleet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table with the keys that are not at their defaults, in the order of a file."""
    parts: Iterable[tuple[str, Iterable[Any], Any]] = (
        ("region", fleet.regions.values(), _region),
        ("pop", fleet.pops.values(), _pop),
        ("group", fleet.groups.values(), _group),
        ("account", fleet.accounts.values(), _account),
        ("site", fleet.sites.values(), _site),
    )
    for kind, records, table_of in parts:
        for record in records:
            yield kind, table_of(record)


def _region(region: Region) -> dict[str, Any]:
    return {"id": region.id, "name": region.name}


def _pop(pop: Pop) -> dict[str, Any]:
    made: dict[str, Any] = {"id": pop.id, "region": pop.region, "place": pop.place, "zone": pop.zone}
    if pop.latitude is not None and pop.longitude is not None:
        made |= {"latitude": pop.latitude, "longitude": pop.longitude}
    made["window"] = {"rule": pop.window.rule, "starts": pop.window.starts, "minutes": pop.window.minutes}
    made |= {"load": pop.load, "capacity": pop.capacity}
    made |= {"hours": pop.hours} if pop.hours else {}
    made |= {"dedicated": pop.dedicated} if pop.dedicated else {}
    made |= {"serves": pop.serves.value} if pop.serves is not Serves.EDGE else {}
    made["nodes"] = pop.nodes
    made |= {"hardware": pop.hardware} if pop.hardware else {}
    return made


def _group(group: Group) -> dict[str, Any]:
    return {"id": group.id, "kind": group.kind, "members": group.members}


def _account(account: Account) -> dict[str, Any]:
    made: dict[str, Any] = {"id": account.id}
    made |= {"name": account.name} if account.name else {}
    made |= {"early": True} if account.early else {}
    made |= {"licences": account.licences} if account.licences else {}
    made |= {"appliance": account.appliance} if account.appliance else {}
    made |= {"client": account.client} if account.client else {}
    if account.blackouts:
        made["blackouts"] = [{"first": span.first, "last": span.last} for span in account.blackouts]
    return made


def _site(site: Site) -> dict[str, Any]:
    made: dict[str, Any] = {"id": site.id, "account": site.account, "primary": site.primary}
    made |= {"secondary": site.secondary} if site.secondary else {}
    made |= {"kind": site.kind.value} if site.kind is not SiteKind.APPLIANCE else {}
    made["zone"] = site.zone
    made |= {"users": site.users} if site.users else {}
    made |= {"ha": True} if site.ha else {}
    made |= {"detection_s": site.detection_s} if site.detection_s else {}
    return made


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def _text(value: str) -> str:
    """JSON's escapes are TOML's, which wants one more."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.issuperset(key) else _text(key)
