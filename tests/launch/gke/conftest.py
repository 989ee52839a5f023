"""An order as of a small sweep, and a cluster that is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.options import GkeOptions
from framework.launch.gke.order import Order, make_order
from framework.launch.trial import Trial
from tests.launch.gke.fake_cluster import FakeCluster
from tests.launch.gke.fake_server import FakeServer, served

IMAGE = f"europe-docker.pkg.dev/project/images/trainer@sha256:{'0123456789abcdef' * 4}"


def make(
    slice: str = "v6e:4x4", slices: int = 1, *, sweep: str = "digits-a1b2c3", max_tries: int = 3,
    **options: Any,
) -> Order:  # fmt: skip
    """An order with these options."""
    given = {"storage": "gs://my-bucket/sweeps", "poll_seconds": 0.2, **options}
    return make_order(sweep, slice, slices, IMAGE, "multislice", max_tries, GkeOptions(**given))


def trial(number: int, sweep: Path, *words: str) -> Trial:
    """A trial of a sweep in this directory."""
    run = sweep / "trials" / str(number)
    return Trial(number, {}, (*words, f"run.dir={run}"), run)


@pytest.fixture
def fake() -> FakeCluster:
    """The controllers."""
    return FakeCluster()


@pytest.fixture
def server(fake: FakeCluster) -> Iterator[FakeServer]:
    """Their REST verbs."""
    with served(fake) as server:
        yield server


@pytest.fixture
def cluster(server: FakeServer) -> KubernetesCluster:
    """The real client of the fake."""
    client = pytest.importorskip("kubernetes.client", reason="the extra gke is not installed")
    configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    configuration.retries = 0
    return KubernetesCluster(client.ApiClient(configuration), "default")
