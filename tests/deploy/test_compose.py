"""compose.yaml starts one broker or three, and each of them is where the others look for it."""

from typing import Any

import pytest

from tests.deploy.files import OPTIONAL, ROOT, read

SERVICES: dict[str, dict[str, Any]] = read().compose["services"]


def brokers(profile: str) -> dict[str, dict[str, Any]]:
    """What the profile starts, by name."""
    return {name: service for name, service in SERVICES.items() if profile in service.get("profiles", ())}


def test_unless_told_otherwise_it_is_one_broker() -> None:
    assert "COMPOSE_PROFILES=one" in (ROOT / ".env").read_text().splitlines()
    assert (len(brokers("one")), len(brokers("three"))) == (1, 3)
    assert all(
        profile in ("one", "three", *OPTIONAL)
        for service in SERVICES.values()
        for profile in service.get("profiles", ())
    )


@pytest.mark.parametrize("profile", ["one", "three"])
def test_brokers_find_each_other_and_are_found(profile: str) -> None:
    started = brokers(profile)
    voters = ",".join(f"{service['environment']['KAFKA_NODE_ID']}@{name}:9093" for name, service in started.items())
    replicas = str(min(3, len(started)))
    published = set()
    for name, service in started.items():
        told = service["environment"]
        assert told["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        inside, host = (text.split("//")[1] for text in told["KAFKA_ADVERTISED_LISTENERS"].split(","))
        assert inside == f"{name}:9092"
        assert service["ports"] == [f"{host}:9094"]
        assert all(f"//:{port}" in told["KAFKA_LISTENERS"] for port in (9092, 9093, 9094))
        assert told["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == replicas
        # What ours are told as Kafka's address: the service's name, or one that all three share.
        assert name == "kafka" or service["networks"] == {"default": {"aliases": ["kafka"]}}
        published.add(host)
    assert len(published) == len(started)
    bootstraps = {
        service["environment"]["TRUEUP_KAFKA_BOOTSTRAP"] for service in SERVICES.values() if "build" in service
    }
    assert bootstraps == {"kafka:9092"}


def test_whoever_needs_kafka_waits_for_each_broker_that_there_is() -> None:
    names = {*brokers("one"), *brokers("three")}
    for name, service in SERVICES.items():
        if "build" in service:
            waits = service["depends_on"]
            assert all(waits[kafka] == {"condition": "service_healthy", "required": False} for kafka in names), name
            assert waits["postgres"] == {"condition": "service_healthy"}
            assert name == "migrate" or waits["migrate"] == {"condition": "service_completed_successfully"}
