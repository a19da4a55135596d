"""Parts of what is deployed, for tests that change one of them at a time."""

import dataclasses
from typing import Any

from tests.deploy.files import Document, Files


def container(files: Files, name: str) -> Document:
    """Of a Deployment."""
    [container] = files.named("Deployment", f"trueup-{name}")["spec"]["template"]["spec"]["containers"]
    document: Document = container
    return document


def pod(files: Files, name: str) -> Document:
    """Of a Deployment."""
    document: Document = files.named("Deployment", f"trueup-{name}")["spec"]["template"]["spec"]
    return document


def trigger(files: Files, name: str) -> Document:
    """What KEDA looks at."""
    document: Document = files.named("ScaledObject", f"trueup-{name}")["spec"]["triggers"][0]["metadata"]
    return document


def service(files: Files, name: str) -> Document:
    """Of compose."""
    document: Document = files.compose["services"][name]
    return document


def put(container: Any, key: Any, value: Any) -> None:
    """So that a lambda may assign."""
    container[key] = value


def in_dockerfile(files: Files, old: str, new: str) -> Files:
    """The same with another Dockerfile."""
    assert old in files.dockerfile
    return dataclasses.replace(files.copy(), dockerfile=files.dockerfile.replace(old, new))


#: The check that has to find it, and what is changed.
