"""What a process shows at its port of metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

#: By the sample's name and, of a histogram's buckets, the bound.
Shown = dict[tuple[str, str | None], float]


async def shown(url: str) -> Shown:
    """What the process at this URL shows now; of samples with other labels the last."""
    async with httpx.AsyncClient(timeout=30) as client:
        text = (await client.get(f"{url}/metrics")).text
    families = text_string_to_metric_families(text)
    return {(one.name, one.labels.get("le")): one.value for family in families for one in family.samples}
