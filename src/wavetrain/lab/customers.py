"""Customers: whose are the sites of a lab, as its fleet file says it?"""

from collections.abc import Sequence

from wavetrain.lab.layout import PopSize, account_of


def text(sizes: Sequence[PopSize]) -> str:
    """The accounts of a lab and their sites, for the end of a fleet file; each site has one tunnel, as in the lab."""
    made: list[str] = []
    for size in sizes:
        made += [f'\n[[account]]\nid = "{account}"\n' for account in size.accounts]
        names = [f"{size.id}-site-{number + 1}" for number in range(size.sites)]
        names += [""] * size.users  # a user is no site
        names += [f"{size.id}-stubborn-{number + 1}" for number in range(size.stubborn)]
        made += [
            f'\n[[site]]\nid = "{name}"\naccount = "{account_of(size.id, number)}"\nprimary = "{size.id}"\n'
            for number, name in enumerate(names)
            if name
        ]
    return "".join(made)
