"""JSON that many records of the log have in common, written once per account, publisher and charge."""

import msgspec

_encode = msgspec.json.Encoder().encode


def quoted(value: object) -> str:
    """A text, or a map of texts, as JSON."""
    return _encode(value).decode()


def owner_json(organization: str, account_id: str) -> str:
    """Whose record it is, up to the text of its time."""
    return f',"organization":{quoted(organization)},"account":{quoted(account_id)},"time":"'


def origin_json(source: str, meter_id: str) -> str:
    """Who published what was measured, up to the text of when."""
    return f',"usageSource":{quoted(source)},"meterId":{quoted(meter_id)},"ts":"'


def charge_json(aggregation_id: str, pricing_id: str, account_plan_id: str, segment: str) -> str:
    """A charge, up to the text of its amount."""
    ids = f'"pricingId":{quoted(pricing_id)},"accountPlanId":{quoted(account_plan_id)}'
    segmented = f',"segment":{quoted(segment)}' if segment else ""
    return f'{{"aggregationId":{quoted(aggregation_id)},{ids}{segmented},"amount":"'
