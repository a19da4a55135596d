"""The rights that `trueup doctor` looks for are those of the page, and what each process needs."""

from services.archive.manifest import TOPICS as KEPT
from services.doctor.kafka_needs import ARCHIVED, PROCESSES, rights_of
from tests.servers.rights import documented


def test_the_rights_that_are_looked_for_are_those_of_the_page() -> None:
    looked_for = {
        (one.process, one.operation.name.replace("_", "").lower(), one.kind, one.name)
        for process in PROCESSES
        for one in rights_of(process)
    }
    assert looked_for == {right[:4] for right in documented() if right.principal != "publisher"}


def test_the_archive_keeps_what_its_rights_are_for() -> None:
    assert set(ARCHIVED) == set(KEPT)
