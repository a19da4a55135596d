"""The routers of all paths below an organization."""

from functools import cache

from fastapi import APIRouter

from services.api import (
    accounts,
    automatic_acts,
    balances,
    bill_config,
    bill_jobs,
    bill_life,
    bills,
    by_name,
    commitments,
    corrected,
    corrections,
    data_explorer,
    data_exports,
    events,
    insight,
    line_items,
    measurements,
    moved,
    organization,
    outlook,
    overview,
    proofs,
    rejected,
    schedules,
    snapshot,
    statements,
    system,
    unbilled,
    usage_query,
    void_matching,
    webhook_deliveries,
    webhook_secrets,
    webhooks,
    what_if,
)
from services.api.memos import memo_router
from services.api.resources import resource_router


@cache
def organization_routers() -> tuple[APIRouter, ...]:
    """The routers, made once, because no route holds anything of its app.

    The table's routes come last, so that their `/{id}` matches no literal path of the other routers.
    """
    return (
        organization.router,
        accounts.router,
        snapshot.router,
        balances.router,
        schedules.schedule_router(),
        commitments.router,
        automatic_acts.router,
        bills.router,
        unbilled.router,
        line_items.router,
        what_if.router,
        bill_life.router,
        bill_config.router,
        statements.router,
        memo_router(),
        bill_jobs.router,
        measurements.router,
        corrected.router,
        corrections.router,
        void_matching.router,
        rejected.router,
        insight.router,
        system.router,
        moved.router,
        outlook.router,
        overview.router,
        by_name.router,
        proofs.router,
        usage_query.router,
        data_explorer.router,
        data_exports.router,
        events.router,
        webhook_deliveries.router,
        webhook_secrets.router,
        webhooks.router,
        resource_router(),
    )
