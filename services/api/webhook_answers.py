"""Bodies and answers of webhooks, beside the resource itself."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, create_model

from events.resources.base import Model
from events.resources.bounds import Int32, Text, between, characters, rule
from events.resources.webhooks import Webhook
from services.api.events import EventAnswer
from services.api.shown import Shown, answer_of
from services.webhooks.deliveries import Status
from services.webhooks.kept_secrets import OVERLAP_MAX_HOURS
from services.webhooks.signing import BYTES_LEAST, BYTES_MOST, is_secret

_SECRET = f"must be whsec_ and {BYTES_LEAST} to {BYTES_MOST} bytes in base64"
_SECRET_MAX = 100
Secret = Annotated[str, characters(_SECRET_MAX), rule(is_secret, _SECRET)]
SIGNED: Literal["M3TER_SIGNED_REQUEST"] = "M3TER_SIGNED_REQUEST"


class Credentials(Model):
    """The key that signs requests to the destination. `secret`: `whsec_` and 24 to 64 bytes in base64; by default it is
    made here. `type`, `apiKey`, `empty` and `version` are m3ter's; they are accepted and not stored.
    """

    type: Literal["M3TER_SIGNED_REQUEST"] | None = None
    api_key: Text | None = None
    secret: Secret | None = None
    empty: bool | None = None
    version: Int32 | None = None


class SecretBody(Model):
    """A secret that replaces the present one; by default it is made here. The previous one signs as well for so many
    more hours, by default 24.
    """

    secret: Secret | None = None
    overlap_hours: Annotated[int, between(0, OVERLAP_MAX_HOURS)] | None = None


class DeliveriesReplay(Model):
    """A number of deliveries that were given up, at most `most` (1 to 1000, by default 1000)."""

    most: Annotated[int, between(1, 1_000)] | None = None


class CredentialsShown(Shown):
    """The kind of key that signs; `secret` is only in the answer that made it, once and never again."""

    type: Literal["M3TER_SIGNED_REQUEST"]
    secret: str | None = None


class WebhookCredentials(Shown):
    """The key that signs requests to the destination."""

    credentials: CredentialsShown | None = None


class SecretShown(Shown):
    """A secret that signs; if it was replaced, `ends` says until when. Its value is only in the answer that made it,
    once and never again.
    """

    id: str
    dt_created: datetime
    created_by: str
    ends: datetime | None = None
    secret: str | None = None


class SecretsShown(Shown):
    """The secrets that sign, newest first: one, or two while the previous one is still valid."""

    data: tuple[SecretShown, ...]


class DeliveryShown(Shown):
    """A delivery. The receiver knows its `id` as `webhook-id`. A WAITING delivery comes after another one about the
    same subject; a PENDING one has its `nextAttempt`; a DEAD one was given up. `body` is its content.
    """

    id: str
    event_id: str | None = None
    event_type: str
    subject: str
    status: Status
    attempts: int
    dt_created: datetime
    next_attempt: datetime | None = None
    last_attempt: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    ended: datetime | None = None
    body: str | None = None


class Tried(Shown):
    """The content of a test delivery."""

    organization: str
    webhook_id: str


class WebhookSent(Shown):
    """The request to a webhook destination. `type` is the event's name in its filter; `data` is the event as GET
    `events/{id}` answers it.
    """

    type: str
    timestamp: datetime
    data: EventAnswer | Tried


class ReplayedShown(Shown):
    """The number of deliveries that will be sent again; `more`: whether there are further ones that were given up."""

    replayed: int
    more: bool


def _webhook_body() -> type[BaseModel]:
    fields: dict[str, Any] = {name: (field.rebuild_annotation(), field) for name, field in Webhook.model_fields.items()}
    fields["credentials"] = (Credentials | None, None)
    return create_model(Webhook.__name__, __base__=Model, __doc__=Webhook.__doc__, **fields)


#: The body for creating or changing a webhook: the resource's members, and the key that signs.
WebhookBody: Any = _webhook_body()
WebhookShown = create_model(
    "WebhookWritten", __base__=(WebhookCredentials, answer_of(Webhook)), __doc__=Webhook.__doc__
)
