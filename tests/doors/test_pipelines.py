"""CI by a token that its own CI has signed: it may submit, the journal says which run, and it may do nothing else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.adapters.issuing import AUDIENCE, Idp, issuing
from tests.control.practice import Practice

from wavetrain.adapters.issuer import Issuer, Pinned, Pipelines
from wavetrain.doors.http import build
from wavetrain.errors import RefusedError
from wavetrain.wiring import config


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    with issuing(tmp_path_factory.mktemp("issuer")) as made:
        yield made


class Doors:
    """A house that believes an issuer."""

    def __init__(self, folder: Path, idp: Idp) -> None:
        self.house = Practice(folder)
        pinned = Pinned(
            name="github",
            issuer=idp.url,
            audience=AUDIENCE,
            claims={"repository_id": "4711"},
            ca_file=str(idp.ca_file),
        )
        self.app = build(
            self.house.store, self.house.artifacts, self.house.trust, pipelines=Pipelines((Issuer(pinned),))
        )

    def ask(self, method: str, path: str, token: str, **body: object) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
                headers = {"authorization": f"Bearer {token}"}
                return await client.request(method, path, headers=headers, json=body or None)

        return asyncio.run(asked())


def test_a_pipeline_reads_and_may_not_do_what_ci_may_not(tmp_path: Path, idp: Idp) -> None:
    doors = Doors(tmp_path, idp)
    assert doors.ask("GET", "/v1/releases", idp.token()).status_code == 200
    refused = doors.ask("POST", "/v1/pops/lis1/cordon", idp.token(), reason="x")
    assert refused.status_code == 403
    assert "github run 815 of 0123456789ab (ci) may not cordon PoPs and nodes" in refused.json()["error"]


def test_a_forged_one_is_a_stranger(tmp_path: Path, idp: Idp) -> None:
    doors = Doors(tmp_path, idp)
    for token in (idp.token(aud="other"), idp.token(repository_id="1"), "a.b.c"):
        assert doors.ask("GET", "/v1/releases", token).status_code == 401
    idp.status = 500
    away = Doors(tmp_path / "away", idp).ask("GET", "/v1/releases", idp.token())
    idp.status = 200
    assert away.status_code == 503
    assert "answers 500" in away.json()["error"]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ('issuer = "http://ci.example"\naudience = "w"\nclaims = {a = "1"}', "is not https"),
        ('issuer = "https://ci.example"\naudience = "w"\nclaims = {}', "pins no claim"),
        (
            'issuer = "https://ci.example"\naudience = "w"\nclaims = {a = "1"}\nalgorithms = ["HS256"]',
            "HS256",
        ),
        ('issuer = "https://ci.example"\nclaims = {a = "1"}', "audience"),
    ],
)
def test_a_configuration_that_believes_too_much_is_refused(tmp_path: Path, lines: str, text: str) -> None:
    file = tmp_path / "wavetrain.toml"
    file.write_text(f'[[ci]]\nname = "x"\n{lines}\n')
    with pytest.raises(RefusedError, match=text):
        config.read(file)


def test_a_configuration_names_its_files_from_its_own_folder(tmp_path: Path) -> None:
    file = tmp_path / "wavetrain.toml"
    file.write_text(
        '[[ci]]\nname = "x"\nissuer = "https://ci.example"\naudience = "w"\nclaims = {a = "1"}\nca_file = "ci.pem"\n'
    )
    found, _ = config.read(file)
    assert config.pinned(found.ci[0]).ca_file == str(tmp_path / "ci.pem")
