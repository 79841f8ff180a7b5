"""Retelling: what of a feature's announcement says something else now, and which date did not come?"""

from datetime import datetime

from wavetrain.model.feature import MOVES_MAX, Feature, Moved


def retold(known: Feature, made: Feature, now: datetime) -> Feature:
    """The feature as it is made of the known one, remembering what customers were told before.

    A beginning that lay ahead and is another one now, or none, is kept as given up, so that notes which announced it
    can say so. Nothing else than what customers read counts as told otherwise.
    """
    moves = [
        Moved(now, what, was)
        for what, was, becomes in (
            ("ramp", _begins(known), _begins(made)),
            ("early", _since(known), _since(made)),
        )
        if was is not None and was > now and was != becomes
    ]
    told_at = now if _told(known) != _told(made) else known.told_at
    return made.changed(moves=(*known.moves, *moves)[-MOVES_MAX:], told_at=told_at)


def _begins(feature: Feature) -> datetime | None:
    return feature.ramp.begins if feature.ramp is not None else None


def _since(feature: Feature) -> datetime | None:
    return feature.early.since if feature.early is not None else None


def _told(feature: Feature) -> tuple[object, ...]:
    return (
        feature.summary,
        feature.domain,
        feature.needs,
        feature.early,
        feature.ramp,
        feature.killed,
        feature.notes,
    )
