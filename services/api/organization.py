"""Paths of the organization itself: its configuration and, in one with a test clock, its time.

A test clock stands at 1970-01-01T00:00:00Z until its first POST. Every command of such an organization is dated by the
clock, and usage counts as arrived in it, so a story begins by setting the clock to its first day.
"""

from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.resources.organization import OrganizationConfig
from services.api.answers import Time
from services.api.bill_bodies import ClockBody
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.sent import Body, Sent
from services.api.shown import answer_of
from services.api.wire import answer, document_of
from services.commands.messages import AdvanceClock, ConfigureOrganization
from services.commands.refused import InvalidField
from services.store.execute import now_of

router = organization_router("organization")
_CONFIG, _CLOCK = Body(OrganizationConfig, version="optional"), Body(ClockBody)


@router.put("/organizationconfig", response_model=answer_of(OrganizationConfig))
async def configure(call: Caller, sent: Annotated[Sent[OrganizationConfig], Depends(_CONFIG)]) -> Response:
    """Replace the configuration; the first PUT brings the organization into being."""

    async with in_turn(call, must_exist=False) as turn:
        given = sent.read()
        if given.body.keeps_keys and not call.api.keyring.is_there:
            raise InvalidField(field="personalData", rule="needs a key of the operator's: TRUEUP_PERSONAL_KEY_FILE")
        done = await turn.execute(ConfigureOrganization(given.body, given.version, turn.now))
    assert done.after.config is not None
    return answer(document_of(done.after.config))


@router.get("/organizationconfig", response_model=answer_of(OrganizationConfig))
async def configuration(call: Caller) -> Response:
    """The organization's configuration."""
    async with call.reading() as connection:
        resources = await call.configured(connection)
    assert resources.config is not None
    return answer(document_of(resources.config))


@router.post("/clock", response_model=Time)
async def advance_clock(call: Caller, sent: Annotated[Sent[ClockBody], Depends(_CLOCK)]) -> Response:
    """Move the test clock forward: `{"now": "2026-02-01T00:00:00Z"}`."""

    async def work(turn: Turn) -> dict[str, Any]:
        done = await turn.execute(AdvanceClock(sent.read().body.now))
        return {"now": now_of(done.after)}

    return await once(call, sent, work)


@router.get("/clock", response_model=Time)
async def clock(call: Caller) -> Response:
    """The organization's time: that of its test clock, if it has one, else the real time."""
    async with call.reading() as connection:
        return answer({"now": now_of(await call.configured(connection))})
