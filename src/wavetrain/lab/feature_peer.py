"""Feature peer: how long do other feature flags' libraries take for the work that ours does?

Run with the Python of the peers' environment, which has none of Wavetrain in it: each line on stdin, a peer's name and
how many accounts to ask for, is answered by the nanoseconds of a flag. The work: 100 flags of one account that was
never seen before, each with a share of the accounts; a fifth of them need another flag, and a twentieth are for
accounts whose gateway is new. Each library is asked in the way that its documents show, with variant and reason where
it has them.
"""

import hashlib
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from typing import Any

FLAGS = 100
_HASHED = 2**32
Ask = Callable[[str], int]
"""All flags of an account; how many were told."""


def share(number: int) -> int:
    """Percent of the accounts that have a flag."""
    return number * 37 % 101


def needed(number: int) -> int | None:
    """The flag that a flag needs."""
    return number - 1 if number % 5 == 4 else None


def is_covered(number: int) -> bool:
    """Whether a flag is only for accounts whose gateway is new."""
    return number % 20 == 7


def open_feature() -> Ask:
    """OpenFeature's own provider in memory, whose flags are rules written by its user."""
    api = importlib.import_module("openfeature.api")
    memory = importlib.import_module("openfeature.provider.in_memory_provider")
    evaluation = importlib.import_module("openfeature.flag_evaluation")
    context = importlib.import_module("openfeature.evaluation_context")

    def is_on(number: int, who: Any) -> bool:
        digest = hashlib.blake2b(f"flag-{number}/{who.targeting_key}".encode(), digest_size=4).digest()
        before = needed(number)
        return (
            int.from_bytes(digest, "little") < share(number) * _HASHED // 100
            and (not is_covered(number) or who.attributes["gateway"] == "new")
            and (before is None or is_on(before, who))
        )

    def rule(number: int) -> Callable[[Any, Any], Any]:
        def decide(flag: Any, who: Any) -> Any:
            name = "on" if is_on(number, who) else "off"
            return evaluation.FlagResolutionDetails(
                value=flag.variants[name], variant=name, reason=evaluation.Reason.SPLIT
            )

        return decide

    flags = {
        f"flag-{number}": memory.InMemoryFlag(
            "off", {"on": True, "off": False}, context_evaluator=rule(number)
        )
        for number in range(FLAGS)
    }
    api.set_provider(memory.InMemoryProvider(flags))
    client = api.get_client()

    def ask(account: str) -> int:
        who = context.EvaluationContext(account, {"gateway": "old"})
        return len([client.get_boolean_details(key, False, who) for key in flags])

    return ask


def growthbook() -> Ask:
    """GrowthBook, with conditions on other features."""
    library = importlib.import_module("growthbook")
    features: dict[str, Any] = {}
    for number in range(FLAGS):
        made: dict[str, Any] = {"force": True, "coverage": share(number) / 100, "hashAttribute": "id"}
        if is_covered(number):
            made["condition"] = {"gateway": "new"}
        before = needed(number)
        if before is not None:
            made["parentConditions"] = [{"id": f"flag-{before}", "condition": {"value": True}}]
        features[f"flag-{number}"] = {"defaultValue": False, "rules": [made]}
    loaded = library.GrowthBook(features=features)

    def ask(account: str) -> int:
        loaded.set_attributes({"id": account, "gateway": "old"})
        return len([loaded.eval_feature(key) for key in features])

    return ask


def launch_darkly() -> Ask:
    """LaunchDarkly's client, all flags at once and with reasons.

    Its test data come from a file: those that are made by calls know neither shares nor flags that need others.
    """
    client_of = importlib.import_module("ldclient.client").LDClient
    config = importlib.import_module("ldclient.config").Config
    context = importlib.import_module("ldclient").Context
    files = importlib.import_module("ldclient.integrations").Files
    flags: dict[str, Any] = {}
    for number in range(FLAGS):
        weight = share(number) * 1_000
        split = {
            "variations": [{"variation": 0, "weight": weight}, {"variation": 1, "weight": 100_000 - weight}]
        }
        clause = {
            "contextKind": "user",
            "attribute": "gateway",
            "op": "in",
            "values": ["old"],
            "negate": False,
        }
        before = needed(number)
        flags[f"flag-{number}"] = {
            "key": f"flag-{number}",
            "version": 1,
            "on": True,
            "salt": f"salt-{number}",
            "variations": [True, False],
            "offVariation": 1,
            "fallthrough": {"rollout": split},
            "prerequisites": [{"key": f"flag-{before}", "variation": 0}] if before is not None else [],
            "rules": [{"id": "r", "variation": 1, "clauses": [clause]}] if is_covered(number) else [],
            "targets": [],
        }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"flags": flags}, file)
        file.flush()
        source = files.new_data_source(paths=[file.name])
        client = client_of(config("sdk", update_processor_class=source, send_events=False), 5)

    def ask(account: str) -> int:
        who = context.builder(account).set("gateway", "old").build()
        return len(client.all_flags_state(who, with_reasons=True).to_values_map())

    return ask


def unleash() -> Ask:
    """Unleash's client from a file, its variants with what they depend on."""
    library = importlib.import_module("UnleashClient")
    cache = importlib.import_module("UnleashClient.cache").FileCache("wavetrain-bench")
    features = []
    for number in range(FLAGS):
        limit = (
            [{"contextName": "gateway", "operator": "IN", "values": ["new"]}] if is_covered(number) else []
        )
        before = needed(number)
        features.append(
            {
                "name": f"flag-{number}",
                "type": "release",
                "enabled": True,
                "strategies": [
                    {
                        "name": "flexibleRollout",
                        "parameters": {
                            "rollout": str(share(number)),
                            "stickiness": "userId",
                            "groupId": f"flag-{number}",
                        },
                        "constraints": limit,
                        "variants": [
                            {
                                "name": "rich",
                                "weight": 1000,
                                "stickiness": "userId",
                                "payload": {"type": "string", "value": "x"},
                            }
                        ],
                    }
                ],
                "variants": [],
                "dependencies": [{"feature": f"flag-{before}", "enabled": True}]
                if before is not None
                else [],
            }
        )
    cache.bootstrap_from_dict({"version": 2, "features": features})
    client = library.UnleashClient(
        url="http://127.0.0.1:1/api",
        app_name="bench",
        disable_metrics=True,
        disable_registration=True,
        cache=cache,
    )
    client.initialize_client(fetch_toggles=False)
    names = [one["name"] for one in features]

    def ask(account: str) -> int:
        who = {"userId": account, "properties": {"gateway": "old"}}
        return len([client.get_variant(name, who) for name in names])

    return ask


def flagsmith() -> Ask:
    """Flagsmith's engine, a segment of the identities for each feature; none of them can need another."""
    evaluated = importlib.import_module("flag_engine.engine").get_evaluation_result
    features, segments = {}, {}
    for number in range(FLAGS):
        name = f"flag-{number}"
        features[name] = {"key": str(number), "name": name, "enabled": False, "value": None}
        split = {"property": "$.identity.key", "operator": "PERCENTAGE_SPLIT", "value": str(share(number))}
        gateway = {"property": "gateway", "operator": "EQUAL", "value": "new"}
        segments[name] = {
            "key": f"segment-{number}",
            "name": name,
            "rules": [{"type": "ALL", "conditions": [split, gateway] if is_covered(number) else [split]}],
            "overrides": [{**features[name], "enabled": True}],
        }

    def ask(account: str) -> int:
        identity = {"identifier": account, "key": account, "traits": {"gateway": "old"}}
        asked = {
            "environment": {"key": "bench", "name": "bench"},
            "identity": identity,
            "features": features,
            "segments": segments,
        }
        return len(evaluated(asked)["flags"])

    return ask


PEERS: dict[str, Callable[[], Ask]] = {
    "launchdarkly": launch_darkly,
    "unleash": unleash,
    "growthbook": growthbook,
    "flagsmith": flagsmith,
    "openfeature in memory": open_feature,
}


def main() -> None:
    """Answer line by line until stdin ends."""
    asks = {name: make() for name, make in PEERS.items()}
    for ask in asks.values():
        ask("warm")
    sys.stdout.write(json.dumps(list(asks)) + "\n")
    sys.stdout.flush()
    fresh = count()
    for line in sys.stdin:
        name, _, rounds = line.strip().rpartition(" ")
        names = [f"account-{next(fresh)}" for _ in range(int(rounds))]
        begun = time.perf_counter()
        told = sum(map(asks[name], names))
        took = time.perf_counter() - begun
        if told != FLAGS * len(names):
            raise SystemExit(f"{name} told {told} flags of {FLAGS * len(names)}")
        sys.stdout.write(json.dumps(took / told * 1e9) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
