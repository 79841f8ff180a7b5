"""Protobuf metrics: the few messages of Prometheus' exposition format that a native histogram takes.

https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
"""

import struct
from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4


def plain(name: str, kind: int, labels: Mapping[str, str], value: float) -> bytes:
    """A counter or gauge with one set of labels, length first."""
    field = {GAUGE: 2, COUNTER: 3}[kind]
    return _family(name, kind, labels, field, _double(1, value))


def native(
    name: str, labels: Mapping[str, str], schema: int, first: int, counts: Sequence[int], total: float
) -> bytes:
    """A histogram whose buckets begin at an index of its schema, one after the other; zeros are not in it."""
    deltas = [count - before for before, count in zip([0, *counts], counts, strict=False)]
    body = _varint(1, sum(counts)) + _double(2, total) + _varint(5, _zigzag(schema)) + _double(6, 1e-9)
    body += _varint(7, 0)
    body += _bytes(12, _varint(1, _zigzag(first)) + _varint(2, len(counts)))
    body += b"".join(_varint(13, _zigzag(delta)) for delta in deltas)
    return _family(name, HISTOGRAM, labels, 7, body)


def _family(name: str, kind: int, labels: Mapping[str, str], field: int, value: bytes) -> bytes:
    pairs = b"".join(
        _bytes(1, _bytes(1, key.encode()) + _bytes(2, text.encode())) for key, text in labels.items()
    )
    body = _bytes(1, name.encode()) + _varint(3, kind) + _bytes(4, pairs + _bytes(field, value))
    return _number(len(body)) + body


def _number(value: int) -> bytes:
    told = bytearray()
    while value > 0x7F:
        told.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*told, value))


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _double(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value
