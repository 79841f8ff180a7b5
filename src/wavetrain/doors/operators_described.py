"""Operators' door, described: what does each of its routes take and give?"""

from typing import Annotated

import msgspec

from wavetrain.control import (
    bans,
    cordons,
    enquire,
    explain,
    feature_verdicts,
    features,
    fleets,
    forecast,
    freeze_calendars,
    freezes,
    hotfixes,
    joins,
    logins,
    measured,
    nodes,
    notes,
    notices,
    policies,
    progress,
    readiness,
    rollouts,
    standstill,
    status_picture,
    submit,
    summary,
    tokens,
    trains,
    verdicts,
    withdraw,
)
from wavetrain.decide.permit import Act
from wavetrain.decide.readiness import LISTED_MAX
from wavetrain.doors.accounts_described import ACCOUNTS
from wavetrain.doors.described import BYTES, Body, Described, Param, Use, Whole, deed, reading
from wavetrain.doors.query import VALUE_CHARACTERS_MAX
from wavetrain.doors.subscriptions_described import SUBSCRIPTIONS
from wavetrain.model.notice import Delivery
from wavetrain.model.release import ARTIFACT_BYTES_MAX
from wavetrain.wire.feature_file import FEATURE_FILE_BYTES_MAX
from wavetrain.wire.feature_messages import ScheduleRamp
from wavetrain.wire.fleet_lines import LINES_BYTES_MAX
from wavetrain.wire.freeze_file import FREEZE_FILE_BYTES_MAX
from wavetrain.wire.messages import (
    NAMES_BYTES_MAX,
    AddFreeze,
    Approve,
    Because,
    Confirm,
    FileText,
    ImportFreezes,
    Kept,
    LetJoin,
    LoginLink,
    MadeToken,
    MakeLoginLink,
    MakeToken,
    Place,
    RaiseFloor,
    Resume,
)
from wavetrain.wire.policy_file import POLICY_BYTES_MAX
from wavetrain.wire.release_file import MANIFEST_BYTES_MAX, Manifest
from wavetrain.wire.toml_table import FILE_BYTES_MAX

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Recent = Annotated[int, msgspec.Meta(ge=0, le=progress.ROLLOUTS_PAGE_MAX)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=enquire.JOURNAL_PAGE_MAX)]
Listed = Annotated[int, msgspec.Meta(ge=1, le=LISTED_MAX)]
Filter = Annotated[str, msgspec.Meta(max_length=VALUE_CHARACTERS_MAX)]

BECAUSE = Body(kind=Because, example={"reason": "alerts are open"})
RELEASE = Param("name", "The release, as `COMPONENT@NUMBER`.", required=True)
ROLLOUT = Param("name", "The rollout.", required=True)
FREEZE = Param("name", "The freeze.", required=True)
WEEK = Param("name", "The week: one of its days, or its ISO number.", required=True)
FEATURE = Param("name", "The feature's key.", required=True)
POP = Param("name", "The PoP.", required=True)
COMPONENT = Param("name", "The component.", required=True)
NODE = Param("name", "The node.", required=True)
TOKEN = Param("name", "The token's id; never its secret.", required=True)
SUBJECT = Param("name", "A PoP, node, site, account, rollout or release.", required=True)
WHOM = Param("name", "A PoP, node, site or account.", required=True)
CAUSE = Param("name", "The cause of the standstill.", required=True)
ALERT = Param("name", "The alert's id.", required=True)
CHANNEL = Param("name", "The channel, as `wavetrain.toml` calls it.", required=True)
DIGEST = Param("name", "The SHA-256 of the bytes, in lower-case hex.", Digest, required=True)


def _off(path: str, name: str, act: Act, use: Use, param: Param) -> Described:
    return deed(path, name, act, use, None, param, method="DELETE")


def _file(limit: int, example: str) -> Body:
    return Body(kind=FileText, limit=limit * 2, example={"text": example})


_FLEET = _file(FILE_BYTES_MAX, '[[region]]\nid = "emea"\n')
_FLEET_LINES = Body(media=BYTES, limit=LINES_BYTES_MAX)
_FEATURES = _file(
    FEATURE_FILE_BYTES_MAX,
    '[[feature]]\nkey = "dark-mode"\nsummary = "Pages for the night"\nowner = "console team"\n',
)
_POLICY = _file(POLICY_BYTES_MAX, 'lane = "pop"\n')
_MANIFEST = Body(
    kind=Manifest,
    also="application/toml",
    limit=MANIFEST_BYTES_MAX,
    example={
        "component": "gateway",
        "number": "2.0.0",
        "lane": "pop",
        "digest": "0" * 64,
        "size": 13,
        "gates": {"build": True, "tests": True},
    },
)
_FREEZE = {
    "starts": "2026-12-20T00:00:00+01:00",
    "ends": "2027-01-02T00:00:00Z",
    "reason": "holidays",
    "scope": ["emea"],
}
_FREEZES = {
    "text": 'name = "operations"\n[[freeze]]\nid = "quarter"\nreason = "quarter end"\nevery = "quarter-end"\n'
}
_TOKEN = {"name": "eve", "roles": ["viewer"], "days": 30}


OPERATORS = (
    reading(
        "/v1/status",
        "status",
        progress.status,
        Param(
            "recent", f"How many finished rollouts are shown, {progress.ROLLOUTS_PAGE_MAX} at most.", Whole
        ),
    ),
    reading(
        "/v1/journal",
        "journal",
        enquire.journal,
        Param("after", "Entries whose number is greater; without it: the last ones.", Whole),
        Param("limit", f"How many entries, from 1 to {enquire.JOURNAL_PAGE_MAX}; 50 without it.", Limit),
        *(Param(name, f"Entries whose `{name}` is this.", Filter) for name in enquire.JOURNAL_FILTERS),
    ),
    reading("/v1/why/{name}", "why", explain.why, SUBJECT),
    reading("/v1/when/{name}", "when", forecast.when, WHOM),
    reading(
        "/v1/readiness",
        "readiness",
        readiness.readiness,
        Param("account", "Only the sites of this account.", Filter),
        Param("pop", "Only sites whose primary PoP this is.", Filter),
        Param("rollout", "Only sites whose primary PoP this rollout has still to do.", Filter),
        Param("skip", "How many sites are left out before those listed.", Whole),
        Param(
            "limit",
            f"How many sites are listed, from 1 to {LISTED_MAX}; {readiness.LISTED} without it.",
            Listed,
        ),
        refusals=(404,),
    ),
    reading(
        "/v1/trains/{name}",
        "train.show",
        trains.show,
        ROLLOUT,
        Param("number", "The number of an earlier timetable; without it the one that holds.", Whole),
        Param("sight", "1 to be told what each wave can see by the fleet's pre-periods.", Whole),
        refusals=(404, 409),
    ),
    deed(
        "/v1/artifacts/{name}",
        "artifact.keep",
        Act.SUBMIT,
        submit.keep,
        Body(media=BYTES, limit=ARTIFACT_BYTES_MAX),
        DIGEST,
        method="PUT",
        gives=Kept,
        status=201,
    ),
    reading("/v1/releases", "release.list", enquire.releases),
    deed("/v1/releases", "release.submit", Act.SUBMIT, submit.submit, _MANIFEST, status=201),
    reading("/v1/releases/{name}", "release.show", enquire.release, RELEASE),
    deed(
        "/v1/releases/{name}/withdraw", "release.withdraw", Act.WITHDRAW, withdraw.withdraw, BECAUSE, RELEASE
    ),
    reading("/v1/measured", "checks.measured", measured.measured),
    reading("/v1/rollouts", "rollout.list", progress.rollouts),
    reading("/v1/rollouts/{name}", "rollout.show", progress.rollout, ROLLOUT),
    reading("/v1/rollouts/{name}/verdict", "verdict", verdicts.verdict, ROLLOUT),
    deed("/v1/rollouts/{name}/pause", "rollout.pause", Act.STEER, rollouts.pause, BECAUSE, ROLLOUT),
    deed("/v1/rollouts/{name}/abort", "rollout.abort", Act.STEER, rollouts.abort, BECAUSE, ROLLOUT),
    deed("/v1/rollouts/{name}/revert", "rollout.revert", Act.STEER, rollouts.revert, BECAUSE, ROLLOUT),
    deed(
        "/v1/rollouts/{name}/resume",
        "rollout.resume",
        Act.STEER,
        rollouts.resume,
        Body(kind=Resume, example={"reason": "the alerts are closed"}),
        ROLLOUT,
    ),
    deed(
        "/v1/rollouts/{name}/approve",
        "rollout.approve",
        Act.APPROVE,
        rollouts.approve,
        Body(kind=Approve, example={"consent": "general"}),
        ROLLOUT,
    ),
    deed(
        "/v1/rollouts/{name}/place",
        "rollout.place",
        Act.STEER,
        hotfixes.place,
        Body(kind=Place, limit=NAMES_BYTES_MAX, example={"how": "behind", "reason": "it can wait"}),
        ROLLOUT,
    ),
    reading("/v1/standstills", "standstill.list", standstill.seen),
    deed(
        "/v1/standstills/{name}/confirm",
        "standstill.confirm",
        Act.APPROVE,
        standstill.confirm,
        Body(kind=Confirm, example={"reason": "the clock is right"}),
        CAUSE,
    ),
    reading("/v1/freezes", "freeze.list", enquire.freezes),
    deed(
        "/v1/freezes",
        "freeze.add",
        Act.FREEZE,
        freezes.add,
        Body(kind=AddFreeze, limit=NAMES_BYTES_MAX, example=_FREEZE),
        status=201,
        refusals=(404,),
    ),
    deed(
        "/v1/freezes/import",
        "freeze.import",
        Act.FREEZE,
        freeze_calendars.bring,
        Body(kind=ImportFreezes, limit=FREEZE_FILE_BYTES_MAX * 2, example=_FREEZES),
        refusals=(404,),
    ),
    _off("/v1/freezes/{name}", "freeze.remove", Act.THAW, freezes.remove, FREEZE),
    deed("/v1/pops/{name}/cordon", "pop.cordon", Act.CORDON, cordons.cordon, BECAUSE, POP),
    _off("/v1/pops/{name}/cordon", "pop.uncordon", Act.CORDON, cordons.uncordon, POP),
    deed("/v1/nodes/{name}/cordon", "node.cordon", Act.CORDON, cordons.cordon, BECAUSE, NODE),
    _off("/v1/nodes/{name}/cordon", "node.uncordon", Act.CORDON, cordons.uncordon, NODE),
    deed("/v1/nodes/{name}/retire", "node.retire", Act.TEND, nodes.retire, BECAUSE, NODE),
    deed("/v1/nodes/{name}/rebuild", "node.rebuild", Act.TEND, nodes.rebuild, BECAUSE, NODE),
    deed(
        "/v1/nodes/{name}/join",
        "node.join",
        Act.ENROL,
        joins.make,
        Body(kind=LetJoin, example={"minutes": 60}),
        NODE,
        status=201,
    ),
    deed("/v1/nodes/{name}/revoke", "node.revoke", Act.ENROL, joins.revoke, BECAUSE, NODE),
    deed(
        "/v1/components/{name}/floor",
        "floor.raise",
        Act.WITHDRAW,
        bans.raise_floor,
        Body(kind=RaiseFloor, example={"number": "2.1.0", "reason": "CVE-2027-1234"}),
        COMPONENT,
    ),
    reading(
        "/v1/fleet",
        "fleet.show",
        summary.part,
        Param("pop", "This PoP alone."),
        Param("region", "The PoPs of this region alone."),
        refusals=(404,),
    ),
    reading("/v1/fleet/summary", "fleet.summary", summary.summary),
    deed("/v1/fleet", "fleet.apply", Act.DESCRIBE, fleets.apply, _FLEET),
    deed("/v1/fleet/check", "fleet.check", Act.READ, fleets.check, _FLEET),
    deed("/v1/fleet/lines", "fleet.apply_lines", Act.DESCRIBE, fleets.apply, _FLEET_LINES),
    deed("/v1/fleet/lines/check", "fleet.check_lines", Act.READ, fleets.check, _FLEET_LINES),
    deed("/v1/fleet/adopt", "fleet.adopt", Act.DESCRIBE, fleets.adopt, None),
    reading("/v1/policy", "policy.show", policies.current),
    deed("/v1/policy", "policy.apply", Act.RULE, policies.apply, _POLICY),
    deed("/v1/policy/check", "policy.check", Act.READ, policies.check, _POLICY),
    reading("/v1/maintenance", "maintenance.list", status_picture.seen),
    reading("/v1/notes", "notes.list", notes.read),
    reading("/v1/notes/{name}", "notes.show", notes.read_one, WEEK, refusals=(404,)),
    reading("/v1/features", "feature.list", features.listed),
    deed("/v1/features", "feature.add", Act.ANNOUNCE, features.add, _FEATURES),
    reading("/v1/features/{name}", "feature.show", features.show, FEATURE, refusals=(404,)),
    reading(
        "/v1/features/{name}/verdict", "feature.verdict", feature_verdicts.verdict, FEATURE, refusals=(404,)
    ),
    deed(
        "/v1/features/{name}/ramp",
        "feature.ramp",
        Act.STEER,
        features.schedule,
        Body(kind=ScheduleRamp, example={"days": 14}),
        FEATURE,
    ),
    deed("/v1/features/{name}/pause", "feature.pause", Act.STEER, features.pause, BECAUSE, FEATURE),
    deed("/v1/features/{name}/resume", "feature.resume", Act.STEER, features.resume, BECAUSE, FEATURE),
    deed("/v1/features/{name}/off", "feature.off", Act.STEER, features.off, BECAUSE, FEATURE),
    *ACCOUNTS,
    reading("/v1/tokens", "token.list", tokens.seen, act=Act.ADMIT),
    deed(
        "/v1/tokens",
        "token.create",
        Act.ADMIT,
        tokens.create,
        Body(kind=MakeToken, example=_TOKEN),
        gives=MadeToken,
        status=201,
    ),
    deed(
        "/v1/logins",
        "login.link",
        Act.VISIT,
        logins.begin,
        Body(kind=MakeLoginLink, example={"next": "/console"}),
        gives=LoginLink,
        status=201,
    ),
    _off("/v1/tokens/{name}", "token.revoke", Act.ADMIT, tokens.revoke, TOKEN),
    *SUBSCRIPTIONS,
    reading("/v1/alerts", "alert.list", notices.listed, Param("state", "Messages in this state.", Delivery)),
    deed("/v1/alerts/retry", "alert.retry_dead", Act.ALERT, notices.retry_dead, None),
    reading("/v1/alerts/{name}", "alert.show", notices.shown, ALERT),
    deed("/v1/alerts/{name}/retry", "alert.retry", Act.ALERT, notices.retry, None, ALERT),
    reading("/v1/channels", "channel.list", notices.channels),
    deed("/v1/channels/{name}/test", "channel.test", Act.ALERT, notices.test, None, CHANNEL, status=201),
)
"""All of them; `doors/operators.py` opens no other."""
