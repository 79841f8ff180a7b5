"""Account page: what does an account read of its own PoPs, sites, wishes and features?"""

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
    """The page; `secret` is that of the address it stands at."""
    works = [one for one in view.work.works if one.work.state in OPEN]
    past = [one for one in view.work.works if one.work.state not in OPEN]
    places = [picture.places[pop] for pop in view.work.pops if pop in picture.places]
    return (
        environment()
        .get_template("status/account.html")
        .render(
            page=page,
            links=at_door(page),
            picture=picture,
            style=style(),
            view=view,
            calendar=f"/feeds/{secret}/calendar.ics",
            places=[(place, statuspage.state_of(place, picture)) for place in places],
            works=[(one, maintnote.expected(one)) for one in works[:WORKS_MAX]],
            works_more=max(0, len(works) - WORKS_MAX),
            past=[(one, "") for one in past[:WORKS_MAX]],
            hurt=view.readiness.listed[:SITES_MAX],
            hurt_more=max(0, view.readiness.hurt - SITES_MAX),
            features=view.features[:FEATURES_MAX],
        )
    )
