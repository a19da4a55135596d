"""What is deployed fits the code: every variable, command, port, probe, selector and consumer group in it exists.

And each check finds what it is there for: everything that is changed here, one thing at a time, is found.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deploy.checks import CHECKS
from tests.deploy.files import Files, read
from tests.deploy.parts import container, in_dockerfile, pod, put, service, trigger

Check = Callable[[Files], Iterator[str]]
FILES = read()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_is_deployed_fits_the_code(check: Check) -> None:
    assert not list(check(FILES))


HARM: dict[str, tuple[str, Callable[[Files], Any]]] = {
    "a variable of compose that is none": (
        "unknown_variables",
        lambda f: put(service(f, "ingest")["environment"], "TRUEUP_KAFKA_BOOTSTRAPS", "kafka:9092"),
    ),
    "a variable of a pod that is none": (
        "unknown_variables",
        lambda f: container(f, "relay")["env"].append({"name": "TRUEUP_DATABASE"}),
    ),
    "a line of the ConfigMap that is no setting": (
        "unknown_variables",
        lambda f: f.kustomization["configMapGenerator"][0]["literals"].append("TRUEUP_LOG=INFO"),
    ),
    "a value that its setting does not take": (
        "unknown_variables",
        lambda f: f.kustomization["configMapGenerator"][0]["literals"].append("TRUEUP_PARTITIONS=0"),
    ),
    "a variable of the image that is none": (
        "unknown_variables",
        lambda f: in_dockerfile(f, "TRUEUP_HOME=", "TRUEUP_HOUSE="),
    ),
    "a command that is none": ("wrong_commands", lambda f: put(container(f, "projector")["args"], 0, "project")),
    "an option that is none": ("wrong_commands", lambda f: service(f, "relay")["command"].append("--leader")),
    "a job's command that is none": (
        "wrong_commands",
        lambda f: put(
            f.named("Job", "trueup-migrate")["spec"]["template"]["spec"]["containers"][0], "args", ["upgrade"]
        ),
    ),
    "another entry point": ("wrong_commands", lambda f: in_dockerfile(f, '["trueup"]', '["python"]')),
    "a port on which nobody listens": (
        "wrong_ports",
        lambda f: put(container(f, "api")["ports"][0], "containerPort", 8080),
    ),
    "an API that listens elsewhere": (
        "wrong_ports",
        lambda f: put(service(f, "api")["environment"], "TRUEUP_API_PORT", "8080"),
    ),
    "a worker's port": (
        "wrong_ports",
        lambda f: container(f, "ingest")["ports"].append({"name": "http", "containerPort": 8000}),
    ),
    "a probe of a path that is none": (
        "wrong_ports",
        lambda f: put(container(f, "api")["readinessProbe"]["httpGet"], "path", "/ready"),
    ),
    "a probe of a worker at the API's port": (
        "wrong_ports",
        lambda f: put(container(f, "relay")["readinessProbe"], "httpGet", {"path": "/health", "port": "http"}),
    ),
    "metrics that only their container reaches": (
        "wrong_ports",
        lambda f: in_dockerfile(f, "TRUEUP_SIGHT_HOST=0.0.0.0", "TRUEUP_SIGHT_HOST=127.0.0.1"),
    ),
    "metrics at a port that Prometheus is not told": (
        "wrong_ports",
        lambda f: container(f, "relay")["env"].append({"name": "TRUEUP_SIGHT_PORT", "value": "9465"}),
    ),
    "a Prometheus that asks elsewhere": (
        "wrong_ports",
        lambda f: put(
            f.named("Deployment", "trueup-ingest")["spec"]["template"]["metadata"]["annotations"],
            "prometheus.io/port",
            "8000",
        ),
    ),
    "metrics that a service lets everybody see": (
        "wrong_ports",
        lambda f: f.named("Service", "trueup-api")["spec"]["ports"].append(
            {"name": "sight", "port": 9464, "targetPort": "sight"}
        ),
    ),
    "a service's port that no container has": (
        "wrong_ports",
        lambda f: put(f.named("Service", "trueup-api")["spec"]["ports"][0], "targetPort", "web"),
    ),
    "an API that all networks reach": ("wrong_ports", lambda f: put(service(f, "api"), "ports", ["8000:8000"])),
    "another version's tag": ("wrong_images", lambda f: put(f.kustomization["images"][0], "newTag", "0.0.9")),
    "another version's tag in compose": ("wrong_images", lambda f: put(service(f, "api"), "image", "trueup:latest")),
    "another image": ("wrong_images", lambda f: put(container(f, "relay"), "image", "trueup-relay")),
    "a Deployment that selects others": (
        "wrong_selectors",
        lambda f: put(
            f.named("Deployment", "trueup-relay")["spec"]["selector"]["matchLabels"],
            "app.kubernetes.io/component",
            "api",
        ),
    ),
    "pods that are spread by the labels of others": (
        "wrong_selectors",
        lambda f: put(
            pod(f, "ingest")["topologySpreadConstraints"][1]["labelSelector"]["matchLabels"],
            "app.kubernetes.io/component",
            "projector",
        ),
    ),
    "a service of nobody": (
        "wrong_selectors",
        lambda f: put(f.named("Service", "trueup-api")["spec"]["selector"], "app.kubernetes.io/component", "web"),
    ),
    "a budget of nobody": (
        "wrong_selectors",
        lambda f: put(
            f.named("PodDisruptionBudget", "trueup-projector")["spec"]["selector"]["matchLabels"],
            "app.kubernetes.io/component",
            "projection",
        ),
    ),
    "a Deployment without a budget": (
        "wrong_selectors",
        lambda f: f.resources.remove(f.named("PodDisruptionBudget", "trueup-relay")),
    ),
    "a group that is none": ("wrong_scaling", lambda f: put(trigger(f, "ingest"), "consumerGroup", "ingest")),
    "a topic that is another's": ("wrong_scaling", lambda f: put(trigger(f, "projector"), "topic", "usage")),
    "a variable that the pods do not have": (
        "wrong_scaling",
        lambda f: put(trigger(f, "projector"), "bootstrapServersFromEnv", "KAFKA"),
    ),
    "more pods than partitions": (
        "wrong_scaling",
        lambda f: put(f.named("ScaledObject", "trueup-ingest")["spec"], "maxReplicaCount", 9),
    ),
    "a relay that is scaled": (
        "wrong_scaling",
        lambda f: put(f.named("ScaledObject", "trueup-ingest")["spec"]["scaleTargetRef"], "name", "trueup-relay"),
    ),
    "a pod that may be root": (
        "wrong_rights",
        lambda f: put(pod(f, "relay")["securityContext"], "runAsNonRoot", False),
    ),
    "a container that may write anywhere": (
        "wrong_rights",
        lambda f: put(container(f, "api")["securityContext"], "readOnlyRootFilesystem", False),
    ),
    "a mount of nothing": ("wrong_rights", lambda f: pod(f, "ingest")["volumes"].pop()),
    "an image that is root's": ("wrong_rights", lambda f: in_dockerfile(f, "USER 65534:65534", "USER root")),
    "a service with capabilities": ("wrong_rights", lambda f: put(service(f, "ingest"), "cap_drop", [])),
    "a worker that is ready as long as it lives": (
        "wrong_readiness",
        lambda f: put(container(f, "ingest")["readinessProbe"]["httpGet"], "path", "/live"),
    ),
    "a worker that is killed while it waits": (
        "wrong_readiness",
        lambda f: put(container(f, "relay")["livenessProbe"]["httpGet"], "path", "/ready"),
    ),
    "an image that asks whether it lives": ("wrong_readiness", lambda f: in_dockerfile(f, "/ready'", "/live'")),
    "a worker of compose that is always well": (
        "wrong_readiness",
        lambda f: put(service(f, "projector"), "healthcheck", {"disable": True}),
    ),
    "an API that is killed while it answers": (
        "wrong_ends",
        lambda f: put(pod(f, "api"), "terminationGracePeriodSeconds", 8),
    ),
    "an archiver with an option that is none": (
        "wrong_commands",
        lambda f: container(f, "archiver")["args"].insert(2, "--follows"),
    ),
    "an archiver whose image cannot archive": ("wrong_images", lambda f: put(service(f, "archiver"), "build", ".")),
    "a notary without a secret": ("wrong_optional", lambda f: container(f, "notary")["env"].pop()),
    "a notary whose secret is elsewhere": (
        "wrong_optional",
        lambda f: put(service(f, "notary")["environment"], "TRUEUP_CHECKPOINT_SECRET_FILE", "/checkpoint-secret"),
    ),
    "an archive that ends with its pod": (
        "wrong_optional",
        lambda f: put(container(f, "archiver")["args"], -1, "/tmp/archive"),
    ),
    "an archive that ends with its container": (
        "wrong_optional",
        lambda f: put(service(f, "archiver")["command"], -1, "/tmp/archive"),
    ),
    "two archivers at one place": (
        "wrong_optional",
        lambda f: put(f.named("Deployment", "trueup-archiver")["spec"], "replicas", 2),
    ),
    "a notary that nobody has asked for": ("wrong_optional", lambda f: put(service(f, "notary"), "profiles", ["one"])),
    "a secret of which nobody is told": (
        "untold_secrets",
        lambda f: put(container(f, "relay")["env"][0]["valueFrom"]["secretKeyRef"], "key", "postgres-url"),
    ),
}


@pytest.mark.parametrize(("name", "harm"), HARM.values(), ids=HARM.keys())
def test_what_does_not_fit_is_found(name: str, harm: Callable[[Files], Any]) -> None:
    files = FILES.copy()
    changed = harm(files)
    [check] = [check for check in CHECKS if check.__name__ == name]
    assert list(check(changed if isinstance(changed, Files) else files))
