"""Tokens of pipelines: one that is good counts, and no forged one does."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey
from tests.adapters.issuing import AUDIENCE, Idp, issuing

from wavetrain.adapters.issuer import Issuer, Pinned, Pipelines, checked
from wavetrain.adapters.issuer_keys import AGAIN_S
from wavetrain.errors import RefusedError, UnreachableError
from wavetrain.model.access import Role

CLAIMS = {"repository_id": "4711", "ref": "refs/heads/main"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    with issuing(tmp_path_factory.mktemp("issuer")) as made:
        yield made


class Steady:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def idp(home: Idp) -> Idp:
    home.keys = {"k1": home.keys.get("k1") or RSAKey.generate_key(2048, {"kid": "k1"}, private=True)}
    home.says, home.status, home.asked = {}, 200, []
    return home


def pinned(idp: Idp, **fields: object) -> Pinned:
    values: dict[str, object] = {
        "name": "github",
        "issuer": idp.url,
        "audience": AUDIENCE,
        "claims": CLAIMS,
        "ca_file": str(idp.ca_file),
    }
    return Pinned(**values | fields)  # type: ignore[arg-type]


def test_a_good_token_is_ci_and_names_its_run_and_commit(idp: Idp) -> None:
    caller = Issuer(pinned(idp)).caller(idp.token())
    assert caller is not None
    assert caller.roles == (Role.CI,)
    assert caller.name == "github run 815 of 0123456789ab"
    assert (
        Pipelines((Issuer(pinned(idp, audience="other")), Issuer(pinned(idp)))).caller(idp.token()) == caller
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"aud": ["other", "another"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": int(time.time()) - 3_600},
        {"exp": None},
        {"iat": None},
        {"nbf": int(time.time()) + 3_600},
        {"iat": int(time.time()) + 3_600},
        {"repository_id": "4712"},
        {"repository_id": None},
        {"ref": "refs/heads/mine"},
        {"ref": None},
        {"exp": "soon"},
    ],
)
def test_a_token_with_another_claim_is_nobodys(idp: Idp, claims: dict[str, Any]) -> None:
    assert Issuer(pinned(idp)).caller(idp.token(**claims)) is None


def part(of: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def test_a_forged_signature_is_nobodys(idp: Idp) -> None:
    issuer = Issuer(pinned(idp))
    public = (
        idp.keys["k1"].raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    forged = {
        "another key": idp.token(key=RSAKey.generate_key(2048, {"kid": "k1"}, private=True)),
        "the public key as a secret": idp.by_secret(public),
        "an algorithm that is not taken": idp.token(
            key=ECKey.generate_key("P-256", {"kid": "k1"}, private=True), alg="ES256"
        ),
    }
    head, body, seal = idp.token().split(".")
    none, more = part({"alg": "none", "kid": "k1"}), part({"admin": True})
    own = part({"alg": "RS256", "kid": "k1", "jwk": idp.keys["k1"].as_dict(private=False)})
    forged |= {
        "no algorithm": f"{none}.{body}.",
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{more}.{seal}",
        "a key of its own": f"{own}.{body}.{seal}",
        "no token": "wt_secret",
        "dots alone": "..",
        "rubbish": "é.\x00.ü",
        "too long": "a" * 20_000 + ".b.c",
    }
    assert issuer.caller(idp.token()) is not None
    assert {name: issuer.caller(token) for name, token in forged.items()} == dict.fromkeys(forged)


def test_keys_that_changed_are_read_anew_but_not_for_everybody_who_asks(idp: Idp) -> None:
    steady = Steady()
    issuer = Issuer(pinned(idp, algorithms=("RS256", "ES256")), steady=steady)
    old = idp.token()
    assert issuer.caller(old) is not None
    idp.rotate("k2")
    new = idp.token("k2", alg="ES256")
    asked = len(idp.asked)
    assert [issuer.caller(new) for _ in range(50)] == [None] * 50
    assert len(idp.asked) == asked, "a name that nobody knows costs the issuer nothing yet"
    steady.at += AGAIN_S + 1
    assert issuer.caller(new) is not None
    assert issuer.caller(old) is None, "its key is gone"
    assert len(idp.asked) == asked + 2


def test_an_issuer_that_is_away_or_speaks_of_another_is_said(idp: Idp) -> None:
    idp.status = 500
    steady = Steady()
    issuer = Issuer(pinned(idp), steady=steady)
    with pytest.raises(UnreachableError, match="answers 500"):
        issuer.caller(idp.token())
    asked = len(idp.asked)
    with pytest.raises(UnreachableError, match="try again"):
        issuer.caller(idp.token())
    assert len(idp.asked) == asked
    idp.status, idp.says, steady.at = 200, {"issuer": "https://evil.example"}, steady.at + 2
    with pytest.raises(UnreachableError, match="calls itself"):
        issuer.caller(idp.token())
    idp.says, steady.at = {"jwks_uri": "http://localhost/keys"}, steady.at + 2
    with pytest.raises(UnreachableError, match="not https"):
        issuer.caller(idp.token())
    with pytest.raises(UnreachableError, match="cannot be read"):
        Issuer(pinned(idp, ca_file="")).caller(idp.token())


def test_what_would_believe_everybody_is_refused(idp: Idp) -> None:
    assert checked(pinned(idp)) == pinned(idp)
    for fields, text in (
        ({"issuer": "http://localhost"}, "not https"),
        ({"algorithms": ("HS256",)}, "HS256"),
        ({"algorithms": ("none",)}, "none"),
        ({"algorithms": ()}, "none"),
        ({"claims": {}}, "repository_id"),
    ):
        with pytest.raises(RefusedError, match=text):
            checked(pinned(idp, **fields))
