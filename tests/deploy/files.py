"""What is deployed, read: the manifests as kustomize would put them together, compose.yaml, the Dockerfile."""

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
KUBERNETES = ROOT / "deploy" / "kubernetes"
#: The name under which manifests speak of the image; the kustomization says which one it is.
IMAGE = "trueup"
#: Processes that an overlay may take, each a component with a folder of its name.
OPTIONAL = ("notary", "archiver")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs our image. `variables`: literal values; "" where a secret or something like it gives it."""

    where: str
    arguments: Sequence[str]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Files:
    """All of it. A copy may be changed without harm to others."""

    kustomization: Document
    resources: list[Document]
    scaled: list[Document]
    optional: list[Document]
    compose: Document
    dockerfile: str

    def copy(self) -> "Files":
        """To be changed."""
        return copy.deepcopy(self)

    def of(self, kind: str) -> list[Document]:
        """The manifests of a kind."""
        return [document for document in [*self.resources, *self.scaled, *self.optional] if document["kind"] == kind]

    def named(self, kind: str, name: str) -> Document:
        """The one manifest with this kind and name."""
        [document] = [document for document in self.of(kind) if document["metadata"]["name"] == name]
        return document

    def settings(self) -> dict[str, str]:
        """What the ConfigMap says."""
        [made] = self.kustomization["configMapGenerator"]
        return dict(line.partition("=")[::2] for line in made["literals"])

    def services(self) -> dict[str, Document]:
        """What compose starts from our image."""
        return {name: service for name, service in self.compose["services"].items() if "build" in service}

    def containers(self) -> Iterator[Container]:
        """All that run our image, of Kubernetes and of compose."""
        for pod in [*self.of("Deployment"), *self.of("Job")]:
            for container in pod["spec"]["template"]["spec"]["containers"]:
                given = {variable["name"]: str(variable.get("value", "")) for variable in container["env"]}
                where = f"{pod['kind']} {pod['metadata']['name']}"
                yield Container(where, container["args"], self.settings() | given)
        for name, service in self.services().items():
            yield Container(f"compose service {name}", service["command"], service["environment"])

    def variables_of_image(self) -> dict[str, str]:
        """What the Dockerfile says."""
        return dict(pair.split("=", 1) for line in self.instructions("ENV") for pair in line.split())

    def instructions(self, name: str) -> list[str]:
        """What follows each such instruction of the Dockerfile, its lines put together."""
        whole = re.sub(r"^#.*\n", "", self.dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
        return re.findall(rf"^{name} (.*)$", whole, re.MULTILINE)


def documents(path: Path) -> list[Document]:
    """Of one YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def read() -> Files:
    """As they stand in the repository."""
    [kustomization] = documents(KUBERNETES / "kustomization.yaml")
    return Files(
        kustomization,
        [document for name in kustomization["resources"] for document in documents(KUBERNETES / name)],
        documents(KUBERNETES / "keda" / "scaled-objects.yaml"),
        [document for name in OPTIONAL for document in documents(KUBERNETES / name / f"{name}.yaml")],
        documents(ROOT / "compose.yaml")[0],
        (ROOT / "Dockerfile").read_text(),
    )


def version() -> str:
    """The product's."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version
