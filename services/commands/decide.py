"""`decide`: from the present resources and a command to the facts, or to the error that refuses the command.

`resources` holds at least what the command needs: the configuration, the resource itself, those its body refers to, its
account's account plans, and resources that might share its code. `simulate` passes everything, HTTP a targeted load.
"""

from collections.abc import Sequence
from typing import assert_never

from events.facts.base import Fact
from projections.resources import Resources
from services.commands import commitment_rules, organization_rules
from services.commands.account_rules import forget
from services.commands.checks import (
    check_fixed,
    check_id_free,
    check_references,
    check_unique,
    check_unreferenced,
    check_version,
    existing,
)
from services.commands.kind import Kind
from services.commands.messages import (
    AdvanceClock,
    CancelCommitment,
    Command,
    ConfigureOrganization,
    CreateResource,
    DeleteResource,
    ForgetAccount,
    TopUpCommitment,
    TransactBalance,
    UpdateResource,
)
from services.commands.refused import AlreadyUsed
from services.commands.rules import Asked, rules_of
from services.commands.table import KINDS


def decide(resources: Resources, command: Command, partitions: int) -> list[Fact]:
    """The facts, in order; `partitions` is how many `billing.events` has. Raises: CommandError."""
    if not isinstance(command, ConfigureOrganization):
        organization_rules.check_exists(resources)
    facts: Sequence[Fact]
    match command:
        case ConfigureOrganization():
            facts = [organization_rules.configure(resources, command)]
        case CreateResource():
            facts = [_create(resources, command, partitions)]
        case UpdateResource():
            facts = [_update(resources, command)]
        case DeleteResource():
            facts = [_delete(resources, command)]
        case TopUpCommitment():
            facts = [commitment_rules.top_up(resources, command)]
        case CancelCommitment():
            facts = [commitment_rules.cancel(resources, command)]
        case TransactBalance():
            facts = [commitment_rules.transact(resources, command)]
        case ForgetAccount():
            facts = [forget(resources, command)]
        case AdvanceClock():
            facts = organization_rules.advance(resources, command)
        case _:
            assert_never(command)
    return list(facts)


def _create(resources: Resources, command: CreateResource, partitions: int) -> Fact:
    kind, asked = KINDS[command.kind], Asked(command.id, command.body, None)
    check_id_free(resources, command.id)
    _check_body(resources, kind, asked)
    more = rules_of(kind.model).created(resources, asked, partitions)
    return kind.fact("Created")(id=command.id, version=1, body=command.body, **more)


def _update(resources: Resources, command: UpdateResource) -> Fact:
    kind = KINDS[command.kind]
    entity = existing(resources, kind, command.id)
    check_version(kind.name, entity, command.version)
    check_fixed(kind, entity, command.body)
    _check_body(resources, kind, Asked(command.id, command.body, entity))
    more = rules_of(kind.model).updated(resources, entity, command)
    return kind.fact("Updated")(id=command.id, version=entity.version + 1, body=command.body, **more)


def _delete(resources: Resources, command: DeleteResource) -> Fact:
    kind = KINDS[command.kind]
    entity = existing(resources, kind, command.id)
    check_unreferenced(resources, kind, command.id)
    if command.drawn and not command.force:
        raise AlreadyUsed(kind=kind.name, name=entity.called)
    more = rules_of(kind.model).deleted(resources, entity, command)
    return kind.fact("Deleted")(id=command.id, version=entity.version + 1, force=command.force, **more)


def _check_body(resources: Resources, kind: Kind, asked: Asked) -> None:
    """Check every rule of a new or changed body. References come first, because later rules look them up."""
    check_references(resources, kind, asked.body)
    check_unique(resources, kind, asked.id, asked.body)
    rules_of(kind.model).check(resources, asked)
