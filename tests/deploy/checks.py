"""What must be so of what is deployed. Each check yields a line for whatever is not."""

import json
from collections.abc import Iterator
from typing import Any

import click

from events.topics import EVENTS, USAGE
from services.api.cli import GRACE_SECONDS
from services.ingest.cli import GROUP as INGEST_GROUP
from services.projector.cli import GROUP as PROJECTOR_GROUP
from services.run.cli import trueup
from services.run.server_settings import PREFIX
from services.run.settings import Settings, SettingsError, load_settings
from services.sight.port import PATHS
from tests.deploy.files import IMAGE, KUBERNETES, OPTIONAL, ROOT, Document, Files, version

#: Who scales by lag -> what it reads, and as whom.
LAG = {"trueup-ingest": (INGEST_GROUP, USAGE), "trueup-projector": (PROJECTOR_GROUP, EVENTS)}
OPEN_PORT, SIGHT_PORT, UNPRIVILEGED = "8000", "9464", "no-new-privileges:true"


def unknown_variables(files: Files) -> Iterator[str]:
    """Every TRUEUP_ variable is a setting, and has a value that the setting takes."""
    given = [*((run.where, run.variables) for run in files.containers()), ("Dockerfile", files.variables_of_image())]
    for where, variables in given:
        ours = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
        fields = {name.removeprefix(PREFIX).lower(): value for name, value in ours.items()}
        for name in fields.keys() - Settings.model_fields.keys():
            yield f"{where}: there is no setting {name}"
        try:
            # A secret's file is there in its container alone.
            load_settings(**{name: value for name, value in fields.items() if value and not name.endswith("_file")})
        except SettingsError as error:
            yield f"{where}: {error}"


def wrong_commands(files: Files) -> Iterator[str]:
    """What a container is started with is a command of ours with options that it has."""
    if files.instructions("ENTRYPOINT") != ['["trueup"]']:
        yield "Dockerfile: the entry point is not the command"
    group = click.Context(trueup)
    for container in files.containers():
        command = trueup.get_command(group, container.arguments[0])
        if command is None:
            yield f"{container.where}: there is no command {container.arguments[0]}"
            continue
        try:
            given = command.make_context(container.arguments[0], list(container.arguments[1:]))
            if isinstance(command, click.Group):
                name, inner, rest = command.resolve_command(given, list(container.arguments[1:]))
                assert inner is not None
                inner.make_context(name, rest, parent=given)
        except click.UsageError as error:
            yield f"{container.where}: {error.message}"


def wrong_ports(files: Files) -> Iterator[str]:
    """A port is one that something listens on; what is asked over HTTP is a path that is answered there."""
    if files.instructions("EXPOSE") != [f"{OPEN_PORT} {SIGHT_PORT}"]:
        yield "Dockerfile: EXPOSE"
    for described in files.containers():
        if described.arguments[0] == "api" and described.variables.get("TRUEUP_API_PORT") != OPEN_PORT:
            yield f"{described.where}: listens elsewhere"
        told = {**files.variables_of_image(), **described.variables}
        if (told.get("TRUEUP_SIGHT_HOST"), told.get("TRUEUP_SIGHT_PORT")) != ("0.0.0.0", SIGHT_PORT):
            yield f"{described.where}: metrics and probes are elsewhere"
    answered = {"http": set(json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]), "sight": set(PATHS)}
    for deployment in files.of("Deployment"):
        [container] = _containers(deployment)
        wanted = {"sight": SIGHT_PORT} | ({"http": OPEN_PORT} if container["args"][0] == "api" else {})
        ports = {port["name"]: str(port["containerPort"]) for port in container.get("ports", ())}
        if ports != wanted:
            yield f"{deployment['metadata']['name']}: {ports}, not {wanted}"
        for probe in (container[name] for name in ("readinessProbe", "livenessProbe")):
            request = probe["httpGet"]
            if request["port"] not in ports or request["path"] not in answered[request["port"]]:
                yield f"{deployment['metadata']['name']}: nobody answers {request}"
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        if annotations != {"prometheus.io/scrape": "true", "prometheus.io/port": SIGHT_PORT}:
            yield f"{deployment['metadata']['name']}: Prometheus is told {annotations}"
    for service in files.of("Service"):
        for target in _selected(files, service["spec"]["selector"]):
            target_ports = {port["name"] for port in _containers(target)[0].get("ports", ())} - {"sight"}
            yield from (
                f"Service {service['metadata']['name']}: no port {port['targetPort']}"
                for port in service["spec"]["ports"]
                if port["targetPort"] not in target_ports
            )
    if files.compose["services"]["api"]["ports"] != [f"127.0.0.1:{OPEN_PORT}:{OPEN_PORT}"]:
        yield "compose: the API's port is not published on loopback"


def wrong_images(files: Files) -> Iterator[str]:
    """One image, one tag: the version."""
    [image] = files.kustomization["images"]
    if (image["name"], image["newTag"]) != (IMAGE, version()):
        yield f"kustomization: {image}"
    for pod in [*files.of("Deployment"), *files.of("Job")]:
        yield from (f"{pod['metadata']['name']}: {run['image']}" for run in _containers(pod) if run["image"] != IMAGE)
    for name, service in files.services().items():
        extras = service["build"]["args"]["EXTRAS"] if isinstance(service["build"], dict) else ""
        if service["command"][0] == "archive" and extras != "archive":
            yield f"compose service {name}: its image cannot archive"
        if service["image"] != "-".join(filter(None, (f"{IMAGE}:{version()}", extras))):
            yield f"compose service {name}: {service['image']}"


def wrong_selectors(files: Files) -> Iterator[str]:
    """A Deployment selects its own pods; services and budgets one Deployment each, and each Deployment has a budget."""
    for deployment in files.of("Deployment"):
        labels, spec = deployment["spec"]["template"]["metadata"]["labels"], deployment["spec"]["template"]["spec"]
        spread = [rule["labelSelector"] for rule in spec.get("topologySpreadConstraints", ())]
        if any(selector["matchLabels"] != labels for selector in [deployment["spec"]["selector"], *spread]):
            yield f"Deployment {deployment['metadata']['name']} does not select its own pods"
    for service in files.of("Service"):
        if len(_selected(files, service["spec"]["selector"])) != 1:
            yield f"Service {service['metadata']['name']} selects no Deployment"
    kept = [_selected(files, budget["spec"]["selector"]["matchLabels"]) for budget in files.of("PodDisruptionBudget")]
    names = [deployment["metadata"]["name"] for selected in kept for deployment in selected]
    if any(len(selected) != 1 for selected in kept):
        yield "a PodDisruptionBudget selects no Deployment"
    if sorted(names) != sorted(deployment["metadata"]["name"] for deployment in files.of("Deployment")):
        yield f"PodDisruptionBudgets are for {names}"


def wrong_scaling(files: Files) -> Iterator[str]:
    """KEDA looks at the groups and topics of the code, and never starts more pods than there are partitions."""
    scaled = {scaler["spec"]["scaleTargetRef"]["name"]: scaler["spec"] for scaler in files.of("ScaledObject")}
    if scaled.keys() != LAG.keys():
        yield f"scaled are {sorted(scaled)}"
        return
    for name, spec in scaled.items():
        [trigger] = spec["triggers"]
        metadata = trigger["metadata"]
        if (metadata["consumerGroup"], metadata["topic"]) != LAG[name]:
            yield f"{name}: group {metadata['consumerGroup']}, topic {metadata['topic']}"
        if metadata["bootstrapServersFromEnv"] not in files.settings():
            yield f"{name}: {metadata['bootstrapServersFromEnv']} is no setting of its pods"
        if str(spec["maxReplicaCount"]) != files.settings()["TRUEUP_PARTITIONS"]:
            yield f"{name}: at most {spec['maxReplicaCount']} pods, but not as many partitions"
        if spec["minReplicaCount"] != files.named("Deployment", name)["spec"]["replicas"]:
            yield f"{name}: at least {spec['minReplicaCount']} pods, but others without KEDA"


def wrong_rights(files: Files) -> Iterator[str]:
    """No pod and no container of ours may do more than it has to, and it may write only where something is mounted."""
    for pod in [*files.of("Deployment"), *files.of("Job")]:
        spec = pod["spec"]["template"]["spec"]
        context = spec["securityContext"]
        identity = (context["runAsNonRoot"], context["runAsUser"], context["seccompProfile"]["type"])
        if identity != (True, 65534, "RuntimeDefault") or spec["automountServiceAccountToken"] is not False:
            yield f"{pod['metadata']['name']}: {context}"
        [container] = spec["containers"]
        if container["securityContext"] != {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }:
            yield f"{pod['metadata']['name']}: {container['securityContext']}"
        if {mount["name"] for mount in container["volumeMounts"]} != {volume["name"] for volume in spec["volumes"]}:
            yield f"{pod['metadata']['name']}: volumes and mounts differ"
    if files.instructions("USER") != ["65534:65534"]:
        yield "Dockerfile: USER"
    for name, service in files.services().items():
        if (service["read_only"], service["cap_drop"], *service["security_opt"]) != (True, ["ALL"], UNPRIVILEGED):
            yield f"compose service {name} may do more"


def wrong_readiness(files: Files) -> Iterator[str]:
    """Who works on is ready by its own word, the API by what it can serve; whose loop goes round is alive."""
    for deployment in files.of("Deployment"):
        [container] = _containers(deployment)
        probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
        ready = {"path": "/ready", "port": "sight"}
        if container["args"][0] == "api":
            ready = {"path": "/health", "port": "http"}
        if probes != {"readiness": ready, "liveness": {"path": "/live", "port": "sight"}}:
            yield f"{deployment['metadata']['name']}: {probes}"
    [checked] = files.instructions("HEALTHCHECK")
    if f"'http://127.0.0.1:{SIGHT_PORT}/ready'" not in checked:
        yield f"Dockerfile: {checked}"
    for name, service in files.services().items():
        if "healthcheck" in service and name not in ("api", "migrate"):
            yield f"compose service {name}: has a check of its own"


def wrong_ends(files: Files) -> Iterator[str]:
    """The API has the time that it takes to end."""
    spec = files.named("Deployment", "trueup-api")["spec"]["template"]["spec"]
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    if spec["terminationGracePeriodSeconds"] <= pause + GRACE_SECONDS:
        yield f"the API takes up to {pause + GRACE_SECONDS} s to end"


def untold_secrets(files: Files) -> Iterator[str]:
    """README says how each secret is made that a pod asks for."""
    told = (KUBERNETES / "README.md").read_text()
    for pod in [*files.of("Deployment"), *files.of("Job")]:
        for variable in _containers(pod)[0]["env"]:
            named = variable.get("valueFrom", {}).get("secretKeyRef")
            if named and (f"secret generic {named['name']} " not in told or f"--from-file={named['key']}=" not in told):
                yield f"{pod['metadata']['name']}: README does not make {named}"


def wrong_optional(files: Files) -> Iterator[str]:
    """The notary has what it signs with, from nowhere but a secret; the archiver a place that outlives its pod."""
    [notary] = _containers(files.named("Deployment", "trueup-notary"))
    signs_with = [variable for variable in notary["env"] if variable["name"] == "TRUEUP_CHECKPOINT_SECRET"]
    if [env.get("valueFrom", {}).get("secretKeyRef", {}).get("key") for env in signs_with] != ["checkpoint-secret"]:
        yield f"the notary signs with {signs_with}"
    service = files.compose["services"]["notary"]
    [secret] = service["secrets"]
    if service["environment"].get("TRUEUP_CHECKPOINT_SECRET_FILE") != f"/run/secrets/{secret}":
        yield "compose: the notary's secret is not where it looks"
    if secret not in files.compose["secrets"]:
        yield f"compose: there is no secret {secret}"
    archiver = files.named("Deployment", "trueup-archiver")
    [container], volumes = _containers(archiver), archiver["spec"]["template"]["spec"]["volumes"]
    kept = {vol["name"]: vol["persistentVolumeClaim"]["claimName"] for vol in volumes if "persistentVolumeClaim" in vol}
    mounts = {mount["mountPath"]: kept.get(mount["name"]) for mount in container["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in files.of("PersistentVolumeClaim")}
    if mounts.get(container["args"][-1]) not in claims:
        yield f"the archiver keeps in {container['args'][-1]}, and {mounts} are mounted"
    service = files.compose["services"]["archiver"]
    volume, _, folder = service["volumes"][0].partition(":")
    if folder != service["command"][-1] or volume not in files.compose["volumes"]:
        yield f"compose: the archiver keeps in {service['command'][-1]}, and {service['volumes']} are mounted"
    for name in OPTIONAL:
        spec_of_one = files.named("Deployment", f"trueup-{name}")["spec"]
        if (spec_of_one["replicas"], spec_of_one["strategy"]) != (1, {"type": "Recreate"}):
            yield f"there may be two of {name}, which hinder each other, and a volume is one pod's"
        if files.compose["services"][name].get("profiles") != [name]:
            yield f"compose starts {name} unasked"


def _containers(pod: Document) -> list[Document]:
    return list(pod["spec"]["template"]["spec"]["containers"])


def _selected(files: Files, selector: dict[str, Any]) -> list[Document]:
    deployments = files.of("Deployment")
    return [app for app in deployments if selector.items() <= app["spec"]["template"]["metadata"]["labels"].items()]


CHECKS = (
    *(unknown_variables, wrong_commands, wrong_ports, wrong_images, wrong_selectors, wrong_scaling),
    *(wrong_rights, wrong_readiness, wrong_ends, untold_secrets, wrong_optional),
)
