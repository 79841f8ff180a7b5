"""One browser and one house for the pages of a module.

No longer: as long as the browser is driven, its loop counts as running in this thread, and no other test could run one.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.pages import browser as browsers
from tests.pages.site import Where, furnished


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browsers.needed()
    with browsers.running() as made:
        yield made


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Where]:
    with furnished(tmp_path_factory.mktemp("pages")) as made:
        yield made
