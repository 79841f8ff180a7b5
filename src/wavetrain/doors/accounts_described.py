"""Accounts' door, described: what does each of the routes about one account take and give?"""

from wavetrain.control import account_features, account_settings, account_view, choices, receipts, reconnects
from wavetrain.decide.permit import Act
from wavetrain.doors.described import Body, Described, Param, Whole, deed, reading
from wavetrain.wire.account_messages import SaySettings
from wavetrain.wire.feature_messages import Choose

ACCOUNT = Param("name", "The account.", required=True)


def _calendar(path: str, name: str, text: str, *params: Param) -> Described:
    return Described(
        method="GET",
        path=f"/v1/accounts/{{name}}/{path}",
        name=name,
        text=text,
        act=Act.SEE_ACCOUNT,
        gives=str,
        media="text/calendar",
        params=(ACCOUNT, *params),
    )


ACCOUNTS = (
    reading(
        "/v1/accounts/{name}/features",
        "feature.account",
        account_features.seen,
        ACCOUNT,
        act=Act.SEE_ACCOUNT,
        refusals=(404,),
    ),
    deed(
        "/v1/accounts/{name}/features/{feature}",
        "feature.choose",
        Act.CHOOSE,
        choices.choose,
        Body(kind=Choose, example={"word": "early"}),
        ACCOUNT,
        Param("feature", "The feature's key.", required=True),
    ),
    reading("/v1/accounts/{name}", "account.show", account_view.seen, ACCOUNT, act=Act.SEE_ACCOUNT),
    reading(
        "/v1/accounts/{name}/settings",
        "account.settings",
        account_settings.seen,
        ACCOUNT,
        act=Act.SEE_ACCOUNT,
    ),
    deed(
        "/v1/accounts/{name}/settings",
        "account.set",
        Act.WISH,
        account_settings.say,
        Body(
            kind=SaySettings,
            example={
                "early": {"pop": True},
                "blackouts": [{"first": "2026-12-24", "last": "2026-12-31"}],
            },
        ),
        ACCOUNT,
        Param(
            "If-Match", "The ETag of the settings that the caller has read.", required=True, is_header=True
        ),
        method="PUT",
        refusals=(412, 428),
    ),
    reading(
        "/v1/accounts/{name}/receipts",
        "receipt.list",
        receipts.listed,
        ACCOUNT,
        Param("limit", f"How many, {receipts.LISTED_MAX} at most.", Whole),
        act=Act.SEE_ACCOUNT,
    ),
    Described(
        method="GET",
        path="/v1/accounts/{name}/receipts.csv",
        name="receipt.table",
        text="The same as a table for a spreadsheet (RFC 4180): a row for each site.",
        act=Act.SEE_ACCOUNT,
        gives=str,
        media="text/csv",
        params=(ACCOUNT, Param("limit", f"How many, {receipts.LISTED_MAX} at most.", Whole)),
    ),
    reading(
        "/v1/accounts/{name}/receipts/{work}",
        "receipt.show",
        receipts.shown,
        ACCOUNT,
        Param("work", "The work, by its id.", required=True),
        act=Act.SEE_ACCOUNT,
        refusals=(404,),
    ),
    reading(
        "/v1/accounts/{name}/reconnects",
        "receipt.drops",
        reconnects.seen,
        ACCOUNT,
        Param("days", f"How far back, {reconnects.DAYS_MAX} at most.", Whole),
        Param("limit", f"How many, {reconnects.LISTED_MAX} at most.", Whole),
        act=Act.SEE_ACCOUNT,
    ),
    _calendar("calendar.ics", "account.calendar", "All work that touches an account, as a calendar."),
    _calendar("maintnote.ics", "account.maintnote", "The work under way or next, as a MAINTNOTE notice."),
    _calendar(
        "maintnotes/{work}.ics",
        "account.maintnote_of",
        "One stretch of work, as a MAINTNOTE notice.",
        Param("work", "The work, by its id.", required=True),
    ),
)
"""Part of the operators' door; `doors/accounts.py` and `doors/features.py` open no other."""
