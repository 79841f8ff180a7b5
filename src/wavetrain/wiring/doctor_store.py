"""Doctor, store: is what the control plane keeps whole, and does it have what it needs to work?"""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from wavetrain.adapters.sql_schema import REVISION, SCHEMA
from wavetrain.errors import UnreachableError
from wavetrain.model.access import Certificate, Role, Token
from wavetrain.model.fleet import Pop, Reported, Retired
from wavetrain.model.notice import Delivery, Outgoing
from wavetrain.model.policy import CurrentPolicy
from wavetrain.model.release import Release, Stage
from wavetrain.model.standstill import Standstill
from wavetrain.wiring.config import store_place
from wavetrain.wiring.findings import Finding, Installation, failed, listed, skipped, warned, well
from wavetrain.wiring.glance import Glance, TookTooLongError, glance

TOKEN_LEFT = timedelta(days=14)
CLOCK_OFF_S = 10.0
"""Looking takes a while itself; what is meant here is a clock that nothing keeps."""
NOT_SEEN = "the store is not there, or cannot be read"


def place_of(of: Installation) -> str:
    """Where the store is."""
    return str(store_place(of.config, of.folder))


def shown(place: str) -> str:
    """The place without the password that its url may carry."""
    scheme, sign, rest = place.partition("://")
    return f"{scheme}{sign}{rest.rpartition('@')[2]}" if sign else place


def store(of: Installation) -> Iterator[Finding]:
    """It opens, it is ours, its schema is this version's, and its pages are whole."""
    place = place_of(of)
    if _is_absent(place):
        yield warned("store", f"{place} is not there", "the first start makes it", "run: wavetrain up")
        return
    restore = "stop the control plane, and restore the last backup"
    try:
        with glance(place) as look:
            if "meta" not in look.tables():
                yield failed(
                    "store", shown(place), "it holds wavetrain's tables", "name another place for the store"
                )
                return
            yield from _schema(look, shown(place))
            yield from (
                _whole(look, shown(place), restore) if look.is_file else _in_time(look, shown(place), of.now)
            )
    except UnreachableError as error:
        yield failed(
            "store", shown(place), f"it can be opened ({error})", f"see that it can be read; else {restore}"
        )


def _schema(look: Glance, place: str) -> Iterator[Finding]:
    """It is expanded to this version, and not contracted beyond it."""
    found = look.rows("SELECT schema FROM meta")
    schema = found[0][0] if found else None
    seen = look.rows("SELECT version_num FROM alembic_version") if "alembic_version" in look.tables() else ()
    revision = seen[0][0] if seen else f"{schema or 0:04d}"
    if schema is None or schema > SCHEMA or revision < REVISION:
        yield failed(
            "store",
            f"{place} has schema {schema}, expanded to {revision}",
            f"it has schema {SCHEMA}, that of this version",
            "run: wavetrain store migrate, or start the version that wrote it",
        )
    elif schema < SCHEMA:
        yield warned(
            "store",
            f"{place} still keeps what releases of schema {schema} need",
            f"it is contracted to {SCHEMA}, once no older release may come back",
            "run: wavetrain store migrate --contract",
        )


def _in_time(look: Glance, place: str, now: datetime) -> Iterator[Finding]:
    """A server counts time on its own clock, and windows are opened by it."""
    seconds = float(look.rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])
    off_s = seconds - now.timestamp()
    if abs(off_s) > CLOCK_OFF_S:
        yield warned(
            "store",
            f"the clock of {place} is {off_s:+.0f} s off this machine's",
            f"they agree within {CLOCK_OFF_S:g} s",
            "let NTP keep both",
        )
    else:
        yield well("store", f"{place} answers, and its clock agrees with this machine's")


def _whole(look: Glance, place: str, restore: str) -> Iterator[Finding]:
    try:
        said = [str(line) for (line,) in look.rows("PRAGMA quick_check(5)")]
    except TookTooLongError:
        yield warned(
            "store",
            f"{place} is large",
            "its pages can be checked in a few seconds",
            "check it at leisure: wavetrain store check",
        )
        return
    if said == ["ok"]:
        yield well("store", f"{place}, whole")
    else:
        yield failed("store", f"{place}: {'; '.join(said)}"[:500], "its pages are whole", restore)


def fleet(of: Installation) -> Iterator[Finding]:
    """There is one, and its time zones are known here."""
    with _kept(of) as look:
        pops = look.records(Pop) if look is not None else None
    if pops is None:
        yield skipped("fleet", NOT_SEEN)
        return
    if not pops:
        yield warned(
            "fleet", "there is no PoP", "a release needs somewhere to go", "wavetrain fleet apply FILE"
        )
        return
    unknown = sorted({pop.zone for pop in pops if not _is_zone(pop.zone)})
    if unknown:
        yield failed(
            "fleet",
            listed(unknown),
            "every PoP's time zone is known on this machine",
            "install newer time zones (tzdata), or correct the fleet",
        )
    else:
        yield well("fleet", f"{len(pops)} PoPs, {sum(len(pop.nodes) for pop in pops)} nodes")


def policy(of: Installation) -> Iterator[Finding]:
    """Some lane has rules, so that its releases travel."""
    with _kept(of) as look:
        found = look.records(CurrentPolicy) if look is not None else None
    if found is None:
        yield skipped("policy", NOT_SEEN)
    elif not found:
        yield warned(
            "policy", "no lane has rules", "a release needs rules to travel by", "wavetrain policy apply FILE"
        )
    else:
        yield well("policy", f"rules for {listed(sorted(item.lane for item in found))}")


def nodes(of: Installation) -> Iterator[Finding]:
    """Every node of the fleet has said something, and its clock agrees with ours."""
    with _kept(of) as look:
        if look is None:
            yield skipped("nodes", NOT_SEEN)
            return
        retired = {item.node for item in look.records(Retired)}
        homes = {node for pop in look.records(Pop) for node in pop.nodes} - retired
        reports = {item.node: item for item in look.records(Reported)}
    silent = sorted(homes - reports.keys())
    if silent:
        yield warned(
            "nodes",
            f"{listed(silent)}: never heard of",
            "every node's agent reports",
            "start its agent, and on the node run: wavetrain doctor --agent agent.toml",
        )
    off = sorted(f"{name} ({item.clock_off_s:+.0f} s)" for name, item in reports.items() if item.clock_off_s)
    if off:
        yield warned(
            "nodes", listed(off), "a node's clock agrees with the store's", "set it, and keep it by NTP"
        )
    if not silent and not off:
        yield well("nodes", f"{len(homes)} nodes, all heard of")


def node_certificates(of: Installation) -> Iterator[Finding]:
    """Every node that has spoken has a certificate that is good now."""
    with _kept(of) as look:
        if look is None:
            yield skipped("node certificates", NOT_SEEN)
            return
        known = {item.node for item in look.records(Reported)} - {item.node for item in look.records(Retired)}
        given = look.records(Certificate)
    good = {item.node for item in given if not item.revoked and item.not_before <= of.now < item.not_after}
    lost = sorted(known - good)
    if lost and given:
        yield warned(
            "node certificates",
            f"{listed(lost)}: none that is good now",
            "a node that has spoken has a certificate to speak with",
            "see the node's log; let it join again: wavetrain node join NODE",
        )
    else:
        yield well("node certificates", f"{len(good)} nodes have one")


def standstill(of: Installation) -> Iterator[Finding]:
    """Nothing keeps everything at a stand."""
    with _kept(of) as look:
        found = look.records(Standstill) if look is not None else None
    if found is None:
        yield skipped("standstill", NOT_SEEN)
        return
    for item in found:
        yield warned(
            "standstill",
            f"{item.cause.value} since {item.since:%Y-%m-%d %H:%M} UTC: {item.detail}",
            "nothing moves while this is so",
            "wavetrain standstill show",
        )
    if not found:
        yield well("standstill", "nothing keeps the fleet at a stand")


def alerts(of: Installation) -> Iterator[Finding]:
    """No alert to operators was given up."""
    with _kept(of) as look:
        found = look.records(Outgoing) if look is not None else None
    if found is None:
        yield skipped("alerts", NOT_SEEN)
        return
    dead = [item for item in found if item.state is Delivery.DEAD]
    if dead:
        last = max(dead, key=lambda item: item.settled_at)
        yield warned(
            "alerts",
            f"{len(dead)} were given up by {listed(sorted({item.channel for item in dead}))}: {last.answer}"[
                :500
            ],
            "what operators should hear reaches them",
            f"see that the receiver answers, then: wavetrain alert retry {last.id}",
        )
    else:
        waiting = sum(item.state is Delivery.WAITING for item in found)
        yield well("alerts", f"none was given up, {waiting} wait")


def tokens(of: Installation) -> Iterator[Finding]:
    """Somebody may still make tokens, and none ends by surprise."""
    with _kept(of) as look:
        found = look.records(Token) if look is not None else None
    if found is None:
        yield skipped("tokens", NOT_SEEN)
        return
    good = [
        item for item in found if not item.revoked and (item.expires_at is None or item.expires_at > of.now)
    ]
    if found and not any(Role.ADMIN in item.roles for item in good):
        yield failed(
            "tokens",
            "no admin's token is good",
            "somebody may make tokens",
            "restore a backup in which an admin's token was good",
        )
    ending = sorted(
        f"{item.name}'s {item.id} on {item.expires_at:%Y-%m-%d}"
        for item in good
        if item.expires_at is not None and item.expires_at - of.now < TOKEN_LEFT
    )
    if ending:
        way_out = "wavetrain token create, hand it over, then revoke the old one"
        yield warned("tokens", listed(ending), f"a token is good for more than {TOKEN_LEFT.days} d", way_out)
    elif any(Role.ADMIN in item.roles for item in good) or not found:
        yield well("tokens", f"{len(good)} good tokens")


def artifacts(of: Installation) -> Iterator[Finding]:
    """The bytes of every release that may still travel are there, in their size."""
    with _kept(of) as look:
        releases = look.records(Release) if look is not None else None
    if releases is None:
        yield skipped("artifacts", NOT_SEEN)
        return
    wanted = [item for item in releases if item.stage is not Stage.WITHDRAWN]
    missing = sorted(item.id for item in wanted if not _is_kept(of.folder, item))
    if missing:
        yield failed(
            "artifacts",
            f"{listed(missing)}: not in {of.folder / 'artifacts'}",
            "the bytes of every release are kept under their digest, in their size",
            "submit the release again with --artifact, or withdraw it",
        )
    else:
        yield well("artifacts", f"the bytes of {len(wanted)} releases")


@contextlib.contextmanager
def _kept(of: Installation) -> Iterator[Glance | None]:
    """A look into the store, or None when it cannot be had: the check `store` says why."""
    place = place_of(of)
    with contextlib.ExitStack() as opened:
        look = None
        if not _is_absent(place):
            with contextlib.suppress(UnreachableError):
                found = opened.enter_context(glance(place))
                look = found if "meta" in found.tables() else None
        yield look


def _is_absent(place: str) -> bool:
    return "://" not in place and not Path(place).exists()


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except Exception:
        return False
    return True


def _is_kept(folder: Path, release: Release) -> bool:
    file = folder / "artifacts" / release.digest[:2] / release.digest
    return file.is_file() and file.stat().st_size == release.size
