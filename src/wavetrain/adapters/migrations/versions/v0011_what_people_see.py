"""What people see: maintenance and incidents, receipts, subscriptions and what goes out by them, settings, logins."""

from wavetrain.adapters.migrations import keyed_table

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """The tables; each is empty until the first timetable, report or login."""
    keyed_table.create("maintenance", "id", index=("rollout", "pop", "state"))
    keyed_table.create("incident", "id", index=("state",))
    keyed_table.create("reconnects", "account", "day", "pop")
    keyed_table.create("receipt", "account", "maintenance", index=("rollout",))
    keyed_table.create("subscription", "account", "name")
    keyed_table.create("dispatch", "id", "account", "name", index=("state",))
    keyed_table.create("heard", "maintenance", "account")
    keyed_table.create("account_settings", "account")
    keyed_table.create("login", "id", index=("subject",))
