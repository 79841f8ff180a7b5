"""Scraped nodes: real nodes, and a real Prometheus that scrapes them, started once for many tests."""

from pathlib import Path

import pytest
from tests.adapters.metrics_node import Node

from wavetrain.adapters.prometheus import PrometheusSource, Settings
from wavetrain.adapters.promql import Labels
from wavetrain.adapters.promql_call import Place
from wavetrain.lab.processes import Processes
from wavetrain.lab.prometheus import Prometheus, program
from wavetrain.model.fleet import NodeId

N1, N2, N3 = NodeId("n1"), NodeId("n2"), NodeId("n3")
INTERVAL_S = 0.25
BY_ADDRESS = Labels(node="instance", node_is="address")


class ScrapedNodes:
    """Nodes `n1`, `n2`, and `n3`, which serves its histogram in the native form."""

    def __init__(self, folder: Path) -> None:
        found = program()
        if found is None:
            pytest.skip("Prometheus is not installed: apt-get install prometheus")
        self.processes = Processes()
        self.nodes = {N1: Node(), N2: Node(), N3: Node(native=True)}
        self.server = Prometheus(found, folder, INTERVAL_S, ("--enable-feature=native-histograms",))
        try:
            self.server.start([node.address for node in self.nodes.values()], self.processes)
            self.server.wait(len(self.nodes))
        except BaseException:
            self.close()
            raise

    def reset(self) -> None:
        """The nodes as they were made, scraped again."""
        for node in self.nodes.values():
            node.reset()
        self.server.wait(len(self.nodes))

    def source(self, labels: Labels = BY_ADDRESS, timeout_s: float = 5.0) -> PrometheusSource:
        """A source of its own for one test."""
        return PrometheusSource(
            Settings(place=Place(url=self.server.url, timeout_s=timeout_s), labels=labels)
        )

    def close(self) -> None:
        self.processes.stop_all()
        self.server.close()
        for node in self.nodes.values():
            node.close()
