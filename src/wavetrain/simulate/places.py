"""Places: in which cities of the world would a network of so many PoPs be?"""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from wavetrain.decide import calendar
from wavetrain.errors import RefusedError

_HUBS = (
    "FRA LHR AMS CDG IAD SIN NRT JFK HKG SYD LAX ORD DFW SJC GRU MIA MAD ATL ARN BOM SEA ICN YYZ MXP KIX WAW VIE DUB "
    "ZRH JNB DEL DXB IST MRS MAN HEL CPH OSL BRU PRG LIS FCO ATH OTP SOF BUD TLV MUC HAM DUS BCN QRO MEX BOG SCL EZE "
    "GIG FOR YUL YVR DEN PHX BOS IAH MSP LAS SLC CLT DTW PHL STL MCI MCO PDX MEL PER BNE AKL TPE MNL CGK BKK KUL SGN "
    "HAN MAA HYD BLR CCU PVG PEK CAN CTU FUK CTS OKA RUH DOH BAH KWI JED AMM CAI CPT LOS NBO ACC CMN DKR TUN ALG TXL "
    "LYS VLC EDI GVA STR GOT RIX TLL VNO KBP ZAG BEG SKG ADL LIM UIO PTY SJO GUA SDQ SJU KIN POS MVD ASU LPB REC SSA "
    "POA BSB CWB YYC DAR KGL EBB ADD MRU HRE LUN ALA TAS TBS GYD KTM DAC CMB ISB KHI LHE RGN ULN NGO HNL GUM NOU SUV"
)
HUBS = tuple(_HUBS.split())
"""Where networks meet, by the IATA code of an airport of the city, the greatest first."""

ANCHORS = {
    "us-east": "IAD",
    "us-southeast": "ATL",
    "us-central": "ORD",
    "us-south": "DFW",
    "us-west": "LAX",
    "us-northwest": "SEA",
    "canada-east": "YYZ",
    "mexico": "MEX",
    "andes": "BOG",
    "brazil": "GRU",
    "southern-cone": "EZE",
    "british-isles": "LHR",
    "europe-west": "CDG",
    "europe-central": "FRA",
    "europe-north": "ARN",
    "europe-east": "WAW",
    "europe-south": "FCO",
    "iberia": "MAD",
    "middle-east": "DXB",
    "africa": "NBO",
    "south-asia": "BOM",
    "southeast-asia": "SIN",
    "east-asia": "ICN",
    "oceania": "SYD",
}
"""The 24 regions, each around a city: a metro belongs to the nearest one."""

EARTH_KM = 6_371.0
_SPREAD = 0.5
_FLATTENED = 8
_METROS = 0.85


class Metro(msgspec.Struct, frozen=True, kw_only=True):
    """A city with its PoPs, if any. Degrees north and east."""

    code: str
    city: str
    zone: str
    region: str
    latitude: float
    longitude: float
    pops: int
    """How many PoPs it gets."""

    def km_to(self, other: "Metro") -> float:
        """The great-circle distance."""
        return distance_km(self.latitude, self.longitude, other.latitude, other.longitude)


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The great-circle distance by the haversine formula; degrees."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    turn = math.radians(other_longitude - longitude) / 2
    half = (
        math.sin((other_north - north) / 2) ** 2
        + math.cos(north) * math.cos(other_north) * math.sin(turn) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def metros(pops: int, random: Random) -> list[Metro]:
    """The cities of a network of `pops` PoPs, the greatest first: hubs, then other international airports.

    A city's share of the PoPs falls with the square root of its rank, so that a large network has several in each
    of the great cities and one in each of many small ones.
    """
    import airportsdata  # some 8,000 rows that nothing else needs

    airports = airportsdata.load("IATA")
    codes = _ranked(airports, random)
    codes = codes[: min(len(codes), max(1, round(pops**_METROS)))]
    weights = [1 / (rank + _FLATTENED) ** _SPREAD for rank in range(len(codes))]
    counts = allotted(pops, weights)
    made = []
    for code, count in zip(codes, counts, strict=True):
        if not count:
            continue
        row = airports[code]
        made.append(
            Metro(
                code=code.lower(),
                city=row["city"],
                zone=row["tz"],
                region=_nearest(airports, row["lat"], row["lon"]),
                latitude=row["lat"],
                longitude=row["lon"],
                pops=count,
            )
        )
    return made


def _ranked(airports: Mapping[str, Any], random: Random) -> list[str]:
    """Hubs first, one airport for each city; the rest by chance."""
    others = sorted(code for code, row in airports.items() if "International" in row["name"])
    random.shuffle(others)
    seen: set[tuple[str, str]] = set()
    made = []
    for code in (*HUBS, *others):
        row = airports.get(code)
        if (
            row is None
            or not row["city"]
            or (row["city"], row["country"]) in seen
            or not _is_known(row["tz"])
        ):
            continue
        seen.add((row["city"], row["country"]))
        made.append(code)
    return made


def _is_known(zone: str) -> bool:
    """Whether the zone database that this program uses has it."""
    try:
        calendar.check_zone(zone)
    except RefusedError:
        return False
    return True


def _nearest(airports: Mapping[str, Any], latitude: float, longitude: float) -> str:
    def km(region: str) -> float:
        row = airports[ANCHORS[region]]
        return distance_km(latitude, longitude, row["lat"], row["lon"])

    return min(ANCHORS, key=km)


def allotted(total: int, weights: list[float], least: int = 1) -> list[int]:
    """`total` things by weight, at least `least` for each while there are enough, by the largest remainders."""
    first = min(least, total // len(weights)) if weights else 0
    rest = total - first * len(weights)
    whole = sum(weights)
    exact = [rest * weight / whole for weight in weights]
    made = [first + int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (int(exact[index]) - exact[index], index))
    for index in by_remainder[: total - sum(made)]:
        made[index] += 1
    return made
