"""Release commands: submit, list, show and withdraw releases, and raise their floor."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from wavetrain.cli.desk import Desk, Reason, command, text_of
from wavetrain.cli.rollout_commands import Way
from wavetrain.errors import RefusedError

app = typer.Typer(help="What CI has built.", no_args_is_help=True)
Release = Annotated[str, typer.Argument(help="component@number")]


@app.command()
@command
def submit(
    desk: Desk,
    manifest: Annotated[Path, typer.Argument(help="The release's manifest (TOML or JSON).")],
    artifact: Annotated[
        Path | None, typer.Option(help="Its bytes: uploaded first; fills in digest and size.")
    ] = None,
    fixes: Annotated[
        str | None, typer.Option(help="The number of the release that it fixes, instead of the manifest's.")
    ] = None,
    how: Annotated[
        Way | None, typer.Option(help="How it enters while an older release is under way.")
    ] = None,
    wave: Annotated[int | None, typer.Option(help="With restart: the wave to begin with.")] = None,
    pop: Annotated[list[str] | None, typer.Option(help="With affected: a PoP; may be given again.")] = None,
    news: Annotated[
        Path | None,
        typer.Option(
            help="A file with what customers read of it in the weekly notes, instead of the manifest's."
        ),
    ] = None,
) -> None:
    """Submit a release as a candidate."""
    import msgspec

    from wavetrain.wire.release_file import read_release

    text = text_of(manifest)
    if artifact is None:
        candidate = read_release(text, str(manifest))
    else:
        digest, size = _digest(artifact)
        candidate = read_release(text, str(manifest), digest=digest, size=size)
        desk.client.upload(digest, artifact)
    body = msgspec.to_builtins(candidate)
    body |= {"fixes": fixes} if fixes is not None else {}
    body |= {"news": text_of(news)} if news is not None else {}
    said = {"how": how.value if how is not None else None, "wave": wave, "pops": pop}
    body["hotfix"] |= {key: value for key, value in said.items() if value is not None}
    answer = desk.client.post("/v1/releases", body)
    desk.say(answer, answer["text"])


@app.command(name="list")
@command
def list_(desk: Desk) -> None:
    """Every release, the last submitted first."""
    answer = desk.client.get("/v1/releases")
    rows = [
        [
            item["id"],
            item["lane"],
            item["stage"],
            _gates(item),
            item["fixes"] or "-",
            item["submitted_by"],
            item["submitted_at"][:16],
        ]
        for item in answer
    ]
    heads = ("release", "lane", "stage", "gates", "fixes", "by", "submitted")
    desk.table(answer, heads, rows, "there are no releases; submit one: wavetrain release submit MANIFEST")


@app.command()
@command
def show(desk: Desk, release: Release) -> None:
    """One release."""
    from wavetrain.cli.client import at

    answer = desk.client.get(at("releases", release))
    item, tombstone = answer["release"], answer["tombstone"]
    rows = [
        [name, str(item[name])]
        for name in ("id", "lane", "stage", "digest", "size", "submitted_by", "notes", "news")
    ]
    rows.append(["gates", _gates(item)])
    if tombstone is not None:
        rows.append(["tombstone", f"{tombstone['by']}: {tombstone['reason']}"])
    desk.table(answer, ("what", "value"), rows, "")


@app.command()
@command
def withdraw(desk: Desk, release: Release, reason: Reason) -> None:
    """Never offer it again; a rollout of it goes back."""
    from wavetrain.cli.client import at

    answer = desk.client.post(at("releases", release, "withdraw"), {"reason": reason})
    desk.say(answer, f"{release} is withdrawn; a rollout of it under way goes back")


@app.command()
@command
def floor(
    desk: Desk,
    component: Annotated[str, typer.Argument(help="The component.")],
    number: Annotated[str, typer.Argument(help="Its oldest version that may run from now on.")],
    reason: Reason,
) -> None:
    """Let nothing older run again: nodes refuse it, whoever tells them to. A floor is never lowered."""
    from wavetrain.cli.client import at

    answer = desk.client.post(at("components", component, "floor"), {"number": number, "reason": reason})
    desk.say(answer, f"nothing older than {answer['component']} {answer['number']} runs again")


def _gates(item: dict[str, Any]) -> str:
    return (
        ", ".join(f"{gate} {'ok' if passed else 'FAILED'}" for gate, passed in item["gates"].items()) or "-"
    )


def _digest(artifact: Path) -> tuple[str, int]:
    hashed, size = hashlib.sha256(), 0
    try:
        with artifact.open("rb") as file:
            while piece := file.read(1024 * 1024):
                hashed.update(piece)
                size += len(piece)
    except OSError as error:
        raise RefusedError(f"{artifact} cannot be read: {error.strerror}; name a file that can") from None
    return hashed.hexdigest(), size
