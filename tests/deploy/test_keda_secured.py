"""KEDA's rule for a Kafka with a login, TLS and a topic prefix: it enters as it is told, and looks at whole names."""

import copy
from typing import Any

import yaml

from services.kafka import Cluster
from tests.deploy.checks import LAG
from tests.deploy.files import KUBERNETES, Document, documents, read

SECURED = KUBERNETES / "keda" / "secured"
#: The parameters of KEDA's trigger for Kafka by which it is let in, and the values that it knows for two of them.
PARAMETERS = {"username", "password", "ca", "cert", "key", "keyPassword"}
SASL, TLS = {"plaintext", "scram_sha256", "scram_sha512"}, {"enable", "disable"}
PREFIX = "acme."


def patched(rule: Document, patch: str) -> Document:
    """A ScaledObject with these operations of RFC 6902 done; of members and of list's places, as they are used here."""
    made = copy.deepcopy(rule)
    for operation in yaml.safe_load(patch):
        *way, last = operation["path"].strip("/").split("/")
        node: Any = made
        for step in way:
            node = node[int(step) if isinstance(node, list) else step]
        assert (operation["op"] == "replace") == (last in node), operation
        node[last] = operation["value"]
    return made


def secured() -> dict[str, Document]:
    """What the component makes of each rule, by the Deployment that is scaled."""
    [component] = documents(SECURED / "kustomization.yaml")
    made_documents = {}
    for rule in read().scaled:
        name = rule["metadata"]["name"]
        made = rule
        for patch in component["patches"]:
            if patch["target"]["name"] in (name, "trueup-(ingest|projector)"):
                made = patched(made, patch["patch"])
        made_documents[made["spec"]["scaleTargetRef"]["name"]] = made
    return made_documents


def test_each_rule_enters_by_the_authentication_that_is_there() -> None:
    [authentication] = documents(SECURED / "trigger-authentication.yaml")
    assert authentication["kind"] == "TriggerAuthentication"
    assert {secret["parameter"] for secret in authentication["spec"]["secretTargetRef"]} <= PARAMETERS
    rules = secured()
    assert rules.keys() == LAG.keys()
    for name, rule in rules.items():
        [trigger] = rule["spec"]["triggers"]
        assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}, name
        assert trigger["metadata"]["sasl"] in SASL and trigger["metadata"]["tls"] in TLS, name


def test_each_rule_looks_at_the_whole_names_that_a_prefix_makes() -> None:
    cluster = Cluster("kafka:9092", prefix=PREFIX)
    for name, rule in secured().items():
        metadata = rule["spec"]["triggers"][0]["metadata"]
        group, topic = LAG[name]
        assert (metadata["consumerGroup"], metadata["topic"]) == (cluster.group(group), cluster.topic(topic))


def test_the_component_has_all_that_its_folder_has_and_the_readme_makes_its_secret() -> None:
    [component] = documents(SECURED / "kustomization.yaml")
    assert component["components"] == [".."]
    assert {*component["resources"], "kustomization.yaml"} == {path.name for path in SECURED.iterdir()}
    told = (KUBERNETES / "README.md").read_text()
    [authentication] = documents(SECURED / "trigger-authentication.yaml")
    for secret in authentication["spec"]["secretTargetRef"]:
        assert f"secret generic {secret['name']} " in told and f"--from-file={secret['key']}=" in told
