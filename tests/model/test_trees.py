"""Facts are trees: none can hold itself, so the search for rubbish that does leaves them out."""

import gc
import importlib
import pkgutil

import msgspec
import pytest
from tests.adapters.kind_samples import SAMPLES

from wavetrain import model
from wavetrain.model.fleet import Fleet, Pop
from wavetrain.model.record import Record

REMEMBERING = {Pop, Fleet}
"""They keep what they have once worked out about themselves, which msgspec lets only those do that are looked at."""


def structs() -> list[type[msgspec.Struct]]:
    """Every struct that a module of the model defines."""
    modules = [
        importlib.import_module(f"{model.__name__}.{found.name}")
        for found in pkgutil.iter_modules(model.__path__)
    ]
    named = [(module.__name__, value) for module in modules for value in vars(module).values()]
    return [
        value
        for name, value in named
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == name
    ]


def test_no_fact_is_looked_through_for_rubbish_save_those_that_remember() -> None:
    assert {kind for kind in structs() if kind.__struct_config__.gc} == REMEMBERING


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_that_comes_from_a_store_is_left_out(record: Record) -> None:
    """A fleet of 400 PoPs x 100 nodes has 40,000 reports: a tick that looks through them takes ten times as long."""
    kind = type(record)
    read = msgspec.json.decode(msgspec.json.encode(record), type=kind)
    assert gc.is_tracked(read) is (kind in REMEMBERING)
