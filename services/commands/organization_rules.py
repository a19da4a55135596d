"""Rules of the organization itself: its configuration and its test clock."""

from datetime import UTC, datetime

from events.facts.clock import ClockTicked
from events.facts.resources import OrganizationConfigured
from projections.resources import Resources
from services.commands.checks import check_aware, check_version
from services.commands.messages import AdvanceClock, ConfigureOrganization
from services.commands.refused import InvalidField, NoTestClock, UnknownOrganization

#: The time of a test clock before its first move: earlier than any story.
TEST_CLOCK_START = datetime(1970, 1, 1, tzinfo=UTC)


def check_exists(resources: Resources) -> None:
    """Check that the organization exists. Raises: UnknownOrganization."""
    if resources.config is None:
        raise UnknownOrganization(organization=resources.organization)


def configure(resources: Resources, command: ConfigureOrganization) -> OrganizationConfigured:
    """The fact of a configuration; the first needs no version. Raises: VersionConflict, InvalidField."""
    config = resources.config
    if config is not None:
        check_version("organizationConfig", config, command.version)
        for field, now, was in (
            ("testClock", bool(command.body.test_clock), bool(config.body.test_clock)),
            ("personalData", command.body.keeps_keys, config.body.keeps_keys),
        ):
            if now != was:
                raise InvalidField(field=field, rule="is set at creation and never changes")
    version = 1 if config is None else config.version + 1
    return OrganizationConfigured(id=resources.organization, version=version, body=command.body)


def advance(resources: Resources, command: AdvanceClock) -> list[ClockTicked]:
    """The fact of a moved clock; empty if the clock already has that time. Raises: NoTestClock, InvalidField for an
    earlier time.
    """
    if not resources.has_test_clock:
        raise NoTestClock(organization=resources.organization)
    now, stands = check_aware(command.now), clock_of(resources)
    if now < stands:
        raise InvalidField(field="now", rule=f"must not be before the clock, which stands at {stands.isoformat()}")
    return [ClockTicked(now=now)] if now > stands or resources.clock is None else []


def clock_of(resources: Resources) -> datetime:
    """The time of the organization's test clock."""
    return resources.clock or TEST_CLOCK_START
