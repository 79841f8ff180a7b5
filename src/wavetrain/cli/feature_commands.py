"""Feature commands: announce features, see how far they are, and steer their ramps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, Reason, command, instant, text_of
from wavetrain.errors import RefusedError
from wavetrain.model.feature_verb import Verb

app = typer.Typer(help="What is activated account by account.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="The feature's key.")]
VERDICT_HEADS = ("check", "log e", "with it", "without", "ratio", "95 %", "accounts differ by")
_CONSEQUENCE = {"pause": "is paused", "off": "is switched off"}
HEADS = ("feature", "status", "accounts", "everywhere", "needs", "owner", "what")


@app.command()
@command
def add(desk: Desk, file: Annotated[Path, typer.Argument(help="A feature file (TOML).")]) -> None:
    """Announce features, or say otherwise what is known of them; the same file again changes nothing."""
    answer = desk.client.post("/v1/features", {"text": text_of(file)})
    parts = [f"{word} {', '.join(answer[word])}" for word in ("added", "changed") if answer[word]]
    desk.say(answer, "; ".join(parts) or f"nothing changes, {len(answer['same'])} features stay")


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every feature, and how far it is."""
    answer = desk.client.get("/v1/features")
    desk.table(
        answer, HEADS, map(_row, answer), "no feature is announced; announce one: wavetrain feature add FILE"
    )


@app.command()
@command
def show(desk: Desk, feature: Key) -> None:
    """One feature, with its schedule."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("features", feature))
    desk.say(answer, "\n".join(_lines(answer)))


@app.command()
@command
def check(desk: Desk, file: Annotated[Path, typer.Argument(help="A feature file (TOML).")]) -> None:
    """Read a feature file and list every fault. Needs no control plane."""
    import time
    from datetime import UTC, datetime

    from wavetrain.wire.feature_file import read_features

    found = read_features(text_of(file), datetime.fromtimestamp(time.time(), UTC), str(file))
    keys = [one.id for one in found]
    desk.say({"good": True, "features": keys}, f"{file} is good: {', '.join(keys)}")


@app.command()
@command
def ramp(
    desk: Desk,
    feature: Key,
    begins: Annotated[str, typer.Option("--from", help="When it begins, ISO 8601; now when left out.")] = "",
    days: Annotated[int | None, typer.Option(min=1, max=100, help="A step a day, for so many days.")] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="HOURS:PERCENT, e.g. 0:1 and 24:10; repeat it. The last one is 100 percent."),
    ] = None,
) -> None:
    """Give a feature its ramp, or one under way another schedule; nobody loses it by that."""
    from wavetrain.cli.client import at

    body: dict[str, Any] = {"steps": [_step(one) for one in step or ()]}
    if days is not None:
        body["days"] = days
    if begins:
        body["begins"] = instant("--from", begins)
    answer = desk.client.post(at("features", feature, "ramp"), body)
    desk.say(answer, _said(answer))


@app.command()
@command
def pause(desk: Desk, feature: Key, reason: Reason) -> None:
    """Let its ramp stand still; who has the feature keeps it."""
    _steer(desk, feature, "pause", reason)


@app.command()
@command
def resume(desk: Desk, feature: Key, reason: Reason) -> None:
    """Let its ramp grow on, also after it was switched off."""
    _steer(desk, feature, "resume", reason)


@app.command()
@command
def off(desk: Desk, feature: Key, reason: Reason) -> None:
    """Switch it off for everybody, at once."""
    _steer(desk, feature, "off", reason)


@app.command()
@command
def verdict(desk: Desk, feature: Key) -> None:
    """What the accounts that have it say, against those that do not, check by check."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("features", feature, "verdict"))
    desk.table(answer, VERDICT_HEADS, map(_judged, answer["checks"]), "")
    if not desk.as_json:
        log_e, least = answer["log_e"], answer["log_threshold"]
        desk.console.print(
            f"{answer['verdict']}: log e {log_e:.2f}, at {least:.2f} it {_CONSEQUENCE[answer['on_fail']]}; "
            f"{answer['text']}"
        )
        if answer["fell_at"]:
            desk.console.print(f"it fell {answer['fell_at'][:16]} UTC")


def _judged(check: dict[str, Any]) -> list[str]:
    ratio = "-" if check["ratio"] is None else f"{check['ratio']:.2f}"
    low, high = check["ratio_low"], check["ratio_high"]
    between = "-" if low is None else f"{low:.3g} to {'any' if high is None else format(high, '.3g')}"
    return [
        check["name"],
        f"{check['log_e']:.2f}",
        f"{check['on_events']:,.0f} of {check['on_exposure']:,.0f}",
        f"{check['off_events']:,.0f} of {check['off_exposure']:,.0f}",
        ratio,
        between,
        f"{check['tau']:.2f}",
    ]


@app.command()
@command
def choose(
    desk: Desk,
    feature: Key,
    account: Annotated[str, typer.Argument(help="The account's id.")],
    word: Annotated[Verb, typer.Argument(help="What is said of it.")],
    until: Annotated[str, typer.Option(help="With defer: until when, ISO 8601.")] = "",
    reason: Annotated[str, typer.Option(help="Why; hold needs one.")] = "",
) -> None:
    """Have it early or leave that, put it off, give it back or take it; operators hold it back and release it."""
    from wavetrain.cli.client import at

    body = {"word": word.value, "reason": reason}
    if until:
        body["until"] = instant("--until", until)
    answer = desk.client.post(at("accounts", account, "features", feature), body)
    desk.say(answer, "\n".join(_told(answer)))


@app.command()
@command
def account(desk: Desk, account: Annotated[str, typer.Argument(help="The account's id.")]) -> None:
    """Every feature for one account: what it has, from when on it has the others, and what moved that."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("accounts", account, "features"))
    used = ", ".join([*answer["pops"], *(f"{pop} (visited)" for pop in answer["visited"])])
    lines = [f"{answer['account']} uses {used or 'no PoP'}"]
    for one in answer["features"]:
        lines += _told(one)
    desk.say(answer, "\n".join(lines))


def _told(one: dict[str, Any]) -> list[str]:
    """A feature for an account, in a few lines."""
    lines = [f"{one['feature']}: {one['status']}{_when(one)}"]
    if one["early"] == "open" and one["status"] in ("announced", "rolling out"):
        lines.append("  may be had early")
    lines += [f"  moved   {what}" for what in one["moved"]]
    lines += [f"  waits   {what}" for what in one["waits"]]
    return lines


def _when(one: dict[str, Any]) -> str:
    if one["is_on"]:
        return ""
    first, last = one["earliest"], one["latest"]
    if first is None:
        return ", nobody can say from when on"
    if last is None:
        return f", not before {first[:16]} UTC"
    if first == last:
        return f", from {first[:16]} UTC on"
    return f", from between {first[:16]} and {last[:16]} UTC on"


def _steer(desk: Desk, feature: str, deed: str, reason: str) -> None:
    from wavetrain.cli.client import at

    answer = desk.client.post(at("features", feature, deed), {"reason": reason})
    desk.say(answer, _said(answer))


def _said(answer: dict[str, Any]) -> str:
    return f"feature {answer['feature']['id']}: {answer['status']}, {answer['share']:.0%} of the accounts"


def _row(item: dict[str, Any]) -> list[str]:
    feature, needs = item["feature"], item["feature"]["needs"]
    asked = [f"{name} {least}" for name, least in sorted(needs["releases"].items())]
    asked += [f"{name} {needs[name]}" for name in ("appliance", "client") if needs[name]]
    asked += [*needs["licences"], *needs["features"]]
    whole = item["whole_at"][:16] if item["whole_at"] else "-"
    return [
        feature["id"],
        item["status"],
        f"{item['share']:.0%}",
        whole,
        ", ".join(asked) or "-",
        feature["owner"],
        feature["summary"],
    ]


def _lines(item: dict[str, Any]) -> list[str]:
    feature = item["feature"]
    _, status, share, whole, needs, owner, what = _row(item)
    lines = [f"{feature['id']}: {what}", f"  status  {status}, {share} of the accounts", f"  owner   {owner}"]
    if feature["domain"]:
        lines.append(f"  domain  {feature['domain']}")
    lines.append(f"  needs   {needs}")
    if feature["early"]:
        lines.append(
            f"  early   from {feature['early']['since'][:16]} UTC: {feature['early']['terms'] or 'no terms'}"
        )
    known = feature["ramp"]
    if known:
        steps = ", ".join(f"{one['hours']:g} h {one['share_ppm'] / 10_000:g} %" for one in known["steps"])
        lines.append(f"  ramp    from {known['begins'][:16]} UTC: {steps}; everywhere {whole} UTC")
        lines += [
            f"  paused  {one['since'][:16]} to {(one['until'] or 'now')[:16]} by {one['by']}: {one['reason']}"
            for one in known["pauses"]
        ]
    if feature["killed"]:
        killed = feature["killed"]
        lines.append(f"  off     since {killed['at'][:16]} UTC by {killed['by']}: {killed['reason']}")
    if feature["expires"]:
        lines.append(f"  expires {feature['expires'][:10]}: take its key out of the programs by then")
    lines += [f"  notes   {link}" for link in feature["notes"]]
    return lines


def _step(text: str) -> dict[str, float]:
    hours, _, percent = text.partition(":")
    try:
        return {"hours": float(hours), "percent": float(percent)}
    except ValueError:
        raise RefusedError(f"--step {text} is no step; give HOURS:PERCENT, e.g. 24:10") from None
