"""A cluster through the `kubernetes` client: the REST verbs of JobSets, Workloads and pods."""

import contextlib
import functools
import importlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.launch.gke.cluster import ClusterError, Refused, Seen, Thing
from framework.launch.gke.options import INSTALL, KEY

JOBSETS = ("jobset.x-k8s.io", "v1alpha2", "jobsets")
# Kueue's, the newest first: which one a cluster serves is found by asking.
WORKLOADS = tuple(("kueue.x-k8s.io", version, "workloads") for version in ("v1beta2", "v1beta1"))
_PARTS = ("client", "config")
_SECONDS = 30.0  # for an answer
_LATER = (408, 409, 425, 429, 500, 502, 503, 504)


def connect(namespace: str, context: str | None) -> "KubernetesCluster":
    """The cluster of the current context, of another one, or of the pod that this is.

    Raises:
        InvalidConfig: the client is not installed, or there is no such context.
    """
    if importlib.util.find_spec("kubernetes") is None:
        expected = "the extra gke to be installed"
        raise InvalidConfig(Problem("hydra/launcher", "gke", expected, INSTALL))
    client, config = (importlib.import_module(f"kubernetes.{name}") for name in _PARTS)
    try:
        if context is None:
            config.load_config()
            api = client.ApiClient()
        else:
            api = config.new_client_from_config(context=context)
    except (config.ConfigException, OSError) as error:
        expected = "a context of the kubeconfig"
        hint = f"{error}; gcloud container clusters get-credentials NAME writes one"
        raise InvalidConfig(Problem(f"{KEY}.context", context, expected, hint)) from error
    return KubernetesCluster(api, namespace)


class KubernetesCluster:
    """One namespace, asked through `kubernetes.client`."""

    def __init__(self, api: Any, namespace: str) -> None:
        """Asks nothing yet.

        Args:
            api: a `kubernetes.client.ApiClient`.
        """
        from kubernetes import client

        self._custom: Any = client.CustomObjectsApi(api)
        self._core: Any = client.CoreV1Api(api)
        self._namespace = namespace
        self._workloads: tuple[str, str, str] | None = None

    def create(self, manifest: Thing) -> bool:
        """Makes a JobSet; False where one of its name is there."""
        with _told():
            group, version, plural = JOBSETS
            answer = _unless(409, lambda: self._custom.create_namespaced_custom_object(
                group, version, self._namespace, plural, manifest,
                field_validation="Strict", _request_timeout=_SECONDS,
            ))  # fmt: skip
            return answer is not None

    def get(self, name: str) -> Thing | None:
        """The JobSet of that name."""
        with _told():
            found: Thing | None = _unless(404, lambda: self._custom.get_namespaced_custom_object(
                JOBSETS[0], JOBSETS[1], self._namespace, JOBSETS[2], name,
                _request_timeout=_SECONDS,
            ))  # fmt: skip
            return found

    def look(self, sweep: str) -> Seen:
        """All that there is of a sweep."""
        with _told():
            jobsets = self._list(JOBSETS, sweep)["items"]
            workloads = self._workloads_there()
            pods = self._core.list_namespaced_pod(
                self._namespace, label_selector=f"sweep={sweep}",
                _preload_content=False, _request_timeout=_SECONDS,
            )  # fmt: skip
            return Seen(jobsets, workloads, json.loads(pods.data)["items"])

    def delete(self, name: str, *, at_once: bool = False) -> None:
        """Takes a JobSet away, with its pods."""
        with _told():
            if at_once:
                self._core.delete_collection_namespaced_pod(
                    self._namespace, label_selector=f"jobset.sigs.k8s.io/jobset-name={name}",
                    grace_period_seconds=0, _request_timeout=_SECONDS,
                )  # fmt: skip
            # In the foreground: it is there until its pods are gone.
            _unless(404, lambda: self._custom.delete_namespaced_custom_object(
                JOBSETS[0], JOBSETS[1], self._namespace, JOBSETS[2], name,
                propagation_policy="Foreground", _request_timeout=_SECONDS,
            ))  # fmt: skip

    def activate(self, workload: str) -> None:
        """Has Kueue consider a workload again that it has deactivated."""
        with _told():
            self._workloads_there()  # finds the version
            assert self._workloads is not None
            group, version, plural = self._workloads
            self._custom.patch_namespaced_custom_object(
                group, version, self._namespace, plural, workload, {"spec": {"active": True}},
                _content_type="application/merge-patch+json", _request_timeout=_SECONDS,
            )  # fmt: skip

    def changed(self, sweep: str, seconds: float) -> None:
        """Waits until a JobSet or a pod of a sweep changes, so long at most."""
        watch = importlib.import_module("kubernetes.watch")
        deadline = time.monotonic() + seconds
        with _told():
            before = self._list(JOBSETS, sweep)["metadata"].get("resourceVersion")
            for _ in watch.Watch().stream(
                self._custom.list_namespaced_custom_object,
                JOBSETS[0], JOBSETS[1], self._namespace, JOBSETS[2],
                label_selector=f"sweep={sweep}", resource_version=before,
                timeout_seconds=max(1, int(deadline - time.monotonic())),
                _request_timeout=seconds + _SECONDS,
            ):  # fmt: skip
                return

    def logs(self, pod: str, lines: int) -> str:
        """The last lines of a pod."""
        with _told():
            answer = self._core.read_namespaced_pod_log(
                pod, self._namespace, tail_lines=lines,
                _preload_content=False, _request_timeout=_SECONDS,
            )  # fmt: skip
            text: str = answer.data.decode(errors="replace")
            return text

    def _list(self, kind: tuple[str, str, str], sweep: str | None) -> Thing:
        group, version, plural = kind
        selector = {} if sweep is None else {"label_selector": f"sweep={sweep}"}
        found: Thing = self._custom.list_namespaced_custom_object(
            group, version, self._namespace, plural, _request_timeout=_SECONDS, **selector
        )
        return found

    def _workloads_there(self) -> list[Thing]:
        """Of all versions that Kueue may serve, those of the newest that it does."""
        for kind in (self._workloads,) if self._workloads else WORKLOADS:
            found = _unless(404, functools.partial(self._list, kind, None))
            if found is not None:
                self._workloads = kind
                items: list[Thing] = found["items"]
                return items
        raise Refused("the cluster knows no Workloads (kueue.x-k8s.io): install Kueue")


def _unless(status: int, ask: Callable[[], Any]) -> Any:
    """What is answered; None where the answer is that status."""
    from kubernetes.client import ApiException

    try:
        return ask()
    except ApiException as error:
        if error.status == status:
            return None
        raise


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """While inside, what the client raises becomes a line."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        try:
            said = json.loads(error.body or "")["message"]
        except (ValueError, KeyError, TypeError):
            said = error.reason
        line = f"the cluster answers {error.status}: {said}"
        raise (ClusterError if error.status in (0, None, *_LATER) else Refused)(line) from error
    except (HTTPError, OSError) as error:
        raise ClusterError(f"the cluster cannot be reached: {error}".splitlines()[0]) from error
