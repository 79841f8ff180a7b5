"""Main: the `wavetrain` command and its groups."""

import typer

from wavetrain.cli import (
    account_commands,
    alert_commands,
    api_command,
    ask_commands,
    bench_command,
    blame_command,
    check_commands,
    doctor_command,
    feature_commands,
    fleet_commands,
    freeze_commands,
    history_commands,
    lab_command,
    login_command,
    notes_command,
    place_commands,
    policy_commands,
    readiness_command,
    receipt_commands,
    rehearse_command,
    release_commands,
    rollout_commands,
    run_commands,
    scorecard_command,
    simulate_command,
    standstill_commands,
    status_commands,
    store_commands,
    subscription_commands,
    token_commands,
    train_commands,
    verdict_command,
)

app = typer.Typer(
    name="wavetrain",
    help="The rollout control plane of a global network edge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(run_commands.up)
app.command()(run_commands.agent)
app.command()(run_commands.demo)
app.command()(doctor_command.doctor)
app.command()(api_command.api)
app.command()(simulate_command.simulate)
app.command()(rehearse_command.rehearse)
app.command()(scorecard_command.scorecard)
app.add_typer(lab_command.app, name="lab")
app.add_typer(fleet_commands.app, name="fleet")
app.add_typer(policy_commands.app, name="policy")
app.add_typer(release_commands.app, name="release")
app.add_typer(rollout_commands.app, name="rollout")
app.add_typer(train_commands.app, name="train")
app.add_typer(freeze_commands.app, name="freeze")
app.add_typer(feature_commands.app, name="feature")
app.add_typer(account_commands.app, name="account")
app.add_typer(standstill_commands.app, name="standstill")
app.add_typer(status_commands.app, name="status")
app.add_typer(store_commands.app, name="store")
app.add_typer(bench_command.app, name="bench")
app.add_typer(place_commands.pops, name="pop")
app.add_typer(place_commands.nodes, name="node")
app.command()(ask_commands.why)
app.command()(ask_commands.when)
app.command()(readiness_command.readiness)
app.command()(login_command.login)
app.command()(ask_commands.journal)
app.command()(notes_command.notes)
app.command()(verdict_command.verdict)
app.add_typer(check_commands.app, name="checks")
app.command()(history_commands.record)
app.command()(history_commands.backtest)
app.command()(history_commands.placebo)
app.command()(blame_command.blame)
app.add_typer(alert_commands.app, name="alert")
app.add_typer(receipt_commands.app, name="receipt")
app.add_typer(subscription_commands.app, name="subscription")
app.add_typer(token_commands.app, name="token")


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
