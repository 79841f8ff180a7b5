"""People by an identity provider: who left comes back as who they are, and nothing forged, replayed or bent counts."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import RSAKey
from tests.adapters.issuing import Idp, issuing

from wavetrain.adapters.oidc import Known, Oidc, checked, person
from wavetrain.errors import ForbiddenError, RefusedError, UnreachableError, WavetrainError
from wavetrain.model.access import Role

CLIENT, ADDRESS = "wavetrain-pages", "https://updates.example.net"
OPERATORS = {"netops": (Role.OPERATOR, Role.VIEWER), "leads": (Role.APPROVER,)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    with issuing(tmp_path_factory.mktemp("provider")) as made:
        yield made


@pytest.fixture
def idp(home: Idp) -> Idp:
    home.says, home.status, home.codes = {}, 200, {}
    home.signs = lambda nonce, client: signed(home, nonce, client)
    return home


def signed(idp: Idp, nonce: str, client: str, /, **claims: Any) -> str:
    made: dict[str, Any] = {"aud": client, "nonce": nonce, "sub": "u-7", "groups": ["netops"]}
    return idp.token(**made | claims)


def known(idp: Idp, **fields: object) -> Known:
    values: dict[str, object] = {
        "issuer": idp.url,
        "client_id": CLIENT,
        "address": ADDRESS,
        "roles": OPERATORS,
        "ca_file": str(idp.ca_file),
    }
    return Known(**values | fields)  # type: ignore[arg-type]


def come(idp: Idp, provider: Oidc, nonce: str = "n1", verifier: str = "v" * 43) -> object:
    back = idp.consent(provider.leave("s1", "n1", "v" * 43))
    assert back["state"] == "s1"
    return provider.arrive(back["code"], nonce, verifier)


@pytest.mark.parametrize("secret", ["", "s3cret:with/signs"])
def test_who_left_comes_back_with_the_roles_of_their_groups(idp: Idp, secret: str) -> None:
    provider = Oidc(known(idp, secret=secret))
    address = provider.leave("s1", "n1", "v" * 43)
    asked = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{idp.url}/authorize?")
    assert asked["redirect_uri"] == f"{ADDRESS}/login/arrived"
    assert (asked["scope"], asked["nonce"], asked["client_id"]) == ("openid", "n1", CLIENT)
    found = provider.arrive(idp.consent(address)["code"], "n1", "v" * 43)
    assert (found.subject, found.name) == (f"{idp.url} u-7", "u-7")
    assert found.roles == (Role.OPERATOR, Role.VIEWER)


FORGED: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": int(time.time()) - 3_600},
    "no end": {"exp": None},
    "not yet": {"nbf": int(time.time()) + 3_600},
    "another nonce": {"nonce": "n2"},
    "no nonce": {"nonce": None},
    "for another program": {"azp": "other"},
    "nobody": {"sub": ""},
    "no name": {"sub": None},
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_does_not_count_lets_nobody_in(idp: Idp, name: str) -> None:
    idp.signs = lambda nonce, client: signed(idp, nonce, client, **FORGED[name])
    with pytest.raises(RefusedError):
        come(idp, Oidc(known(idp)))


def test_a_token_of_another_key_or_algorithm_lets_nobody_in(idp: Idp) -> None:
    public = idp.keys["k1"].as_pem(private=False)
    forged = [
        lambda nonce, client: signed(idp, nonce, client, key=RSAKey.generate_key(2048, private=True)),
        lambda nonce, client: idp.by_secret(public, aud=client, nonce=nonce),
        lambda nonce, client: signed(idp, nonce, client, alg="PS256"),
        lambda nonce, client: "x.y.z",
        lambda nonce, client: "",
    ]
    for signs in forged:
        idp.signs = signs
        with pytest.raises(RefusedError):
            come(idp, Oidc(known(idp)))


def test_a_code_counts_once_and_with_its_own_verifier_alone(idp: Idp) -> None:
    provider = Oidc(known(idp))
    with pytest.raises(RefusedError, match="takes no such code"):
        come(idp, provider, verifier="w" * 43)
    code = idp.consent(provider.leave("s1", "n1", "v" * 43))["code"]
    provider.arrive(code, "n1", "v" * 43)
    for again in (code, "", "c" * 5_000):
        with pytest.raises(RefusedError):
            provider.arrive(again, "n1", "v" * 43)


def test_a_provider_that_is_away_or_bends_its_addresses_is_said(idp: Idp) -> None:
    idp.status = 500
    with pytest.raises(UnreachableError):
        Oidc(known(idp)).leave("s", "n", "v")
    idp.status = 200
    for bent in ({"issuer": "https://evil.example"}, {"authorization_endpoint": "http://plain.example"}):
        idp.says = bent
        with pytest.raises(UnreachableError):
            Oidc(known(idp)).leave("s", "n", "v")


CLAIMS: dict[str, Any] = {"sub": "u-7", "groups": ["netops"]}


def test_what_claims_make_of_somebody() -> None:
    made = Known(
        issuer="https://idp.example", client_id="c", address="https://a", roles=OPERATORS, account_claim="org"
    )
    assert person(CLAIMS | {"groups": "leads"}, made).roles == (Role.APPROVER,)
    customer = person({"sub": "u-8", "org": "acme"}, made)
    assert (customer.roles, customer.account) == ((Role.ACCOUNT,), "acme")
    both = person(CLAIMS | {"org": "acme"}, made)
    assert both.account == "", "an operator is no customer"
    for claims in (
        {"sub": "u-9"},
        {"sub": "u-9", "groups": ["others", 7, None, {"netops": 1}]},
        {"sub": "u-9", "groups": {"netops": True}, "org": ["acme"]},
    ):
        with pytest.raises(ForbiddenError, match="may do nothing here"):
            person(claims, made)
    hostile = person(CLAIMS | {"sub": "a\r\nb\u202ec"}, made)
    assert hostile.name.isprintable()


def test_an_address_of_mail_counts_as_a_name_only_when_it_is_verified() -> None:
    made = Known(issuer="https://i", client_id="c", address="https://a", roles=OPERATORS, name_claim="email")
    assert person(CLAIMS | {"email": "o@example.net", "email_verified": True}, made).name == "o@example.net"
    for claims in ({"email": "o@example.net"}, {"email": "o@example.net", "email_verified": "true"}, {}):
        with pytest.raises(RefusedError):
            person(CLAIMS | claims, made)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"issuer": "http://plain.example"}, "not https"),
        ({"algorithms": ("HS256",)}, "HS256"),
        ({"algorithms": ("none",)}, "none"),
        ({"scopes": ("profile",)}, "lack openid"),
        ({"roles": {"all": (Role.NODE,)}}, "no person's role"),
        ({"roles": {}}, "gives nobody a role"),
    ],
)
def test_what_cannot_be_believed_is_refused_at_the_start(fields: dict[str, object], said: str) -> None:
    values: dict[str, object] = {
        "issuer": "https://i",
        "client_id": "c",
        "address": "https://a",
        "roles": OPERATORS,
    }
    with pytest.raises(WavetrainError, match=said):
        checked(Known(**values | fields))  # type: ignore[arg-type]
