"""Parts of what is deployed, for tests that change one of them at a time."""

import dataclasses
from typing import Any

from tests.deploy.files import Document, Files


def container(files: Files, name: str) -> Document:
    """Of a Deployment."""
    [one] = files.named("Deployment", f"trueup-{name}")["spec"]["template"]["spec"]["containers"]
    found: Document = one
    return found


def pod(files: Files, name: str) -> Document:
    """Of a Deployment."""
    found: Document = files.named("Deployment", f"trueup-{name}")["spec"]["template"]["spec"]
    return found


def trigger(files: Files, name: str) -> Document:
    """What KEDA looks at."""
    found: Document = files.named("ScaledObject", f"trueup-{name}")["spec"]["triggers"][0]["metadata"]
    return found


def service(files: Files, name: str) -> Document:
    """Of compose."""
    found: Document = files.compose["services"][name]
    return found


def put(place: Any, key: Any, value: Any) -> None:
    """So that a lambda may assign."""
    place[key] = value


def in_dockerfile(files: Files, old: str, new: str) -> Files:
    """The same with another Dockerfile."""
    assert old in files.dockerfile
    return dataclasses.replace(files.copy(), dockerfile=files.dockerfile.replace(old, new))


#: The check that has to find it, and what is changed.
