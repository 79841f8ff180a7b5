"""Account page: what does an account read of its own PoPs, sites, wishes and features?"""

from typing import Any

from wavetrain.control.account_view import AccountView
from wavetrain.control.status_picture import StatusPicture
from wavetrain.doors import maintnote, statuspage
from wavetrain.doors.status_written import at_door, environment, style
from wavetrain.doors.statuspage import Page
from wavetrain.model.maintenance import OPEN

WORKS_MAX = 40
SITES_MAX = 40
"""So many sites, or stretches of work, stand on the page; the calendar and the API have all."""
FEATURES_MAX = 100


def written(view: AccountView, picture: StatusPicture, page: Page, secret: str) -> str:
    """The page for whoever has the secret of the address it stands at."""
    values = parts_of(view, picture, page, f"/feeds/{secret}/calendar.ics")
    return (
        environment().get_template("status/account.html").render(style=style(), links=at_door(page), **values)
    )


def parts_of(view: AccountView, picture: StatusPicture, page: Page, calendar: str) -> dict[str, Any]:
    """What `status/account_body.html` shows; `calendar` is where the account has its calendar."""
    works = [one for one in view.work.works if one.work.state in OPEN]
    past = [one for one in view.work.works if one.work.state not in OPEN]
    places = [picture.places[pop] for pop in view.work.pops if pop in picture.places]
    return {
        "page": page,
        "there": at_door(page),
        "picture": picture,
        "view": view,
        "calendar": calendar,
        "places": [(place, statuspage.state_of(place, picture)) for place in places],
        "works": [(one, maintnote.expected(one)) for one in works[:WORKS_MAX]],
        "works_more": max(0, len(works) - WORKS_MAX),
        "past": [(one, "") for one in past[:WORKS_MAX]],
        "hurt": view.readiness.listed[:SITES_MAX],
        "hurt_more": max(0, view.readiness.hurt - SITES_MAX),
        "features": view.features[:FEATURES_MAX],
    }
