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
    """What signs what is sent. `secret`: `whsec_` and 24 to 64 bytes in base64, made here unless it is given. `type`,
    `apiKey`, `empty` and `version` are m3ter's, and are taken and not kept."""

    type: Literal["M3TER_SIGNED_REQUEST"] | None = None
    api_key: Text | None = None
    secret: Secret | None = None
    empty: bool | None = None
    version: Int32 | None = None


class SecretBody(Model):
    """A secret in the place of the one that holds: this, or one that is made here. The one before it signs, too, for
    so many hours yet, a day unless said."""

    secret: Secret | None = None
    overlap_hours: Annotated[int, between(0, OVERLAP_MAX_HOURS)] | None = None


class DeliveriesReplay(Model):
    """All that were given up, as many as `most` (1 to 1000, 1000 unless said)."""

    most: Annotated[int, between(1, 1_000)] | None = None


class CredentialsShown(Shown):
    """What signs, without the secret; `secret` stands in the answer that made it, once and never again."""

    type: Literal["M3TER_SIGNED_REQUEST"]
    secret: str | None = None


class WebhookCredentials(Shown):
    """What signs what is sent there."""

    credentials: CredentialsShown | None = None


class SecretShown(Shown):
    """A secret that signs; `ends` says until when, if it was replaced. Its value stands in the answer that made it,
    once and never again."""

    id: str
    dt_created: datetime
    created_by: str
    ends: datetime | None = None
    secret: str | None = None


class SecretsShown(Shown):
    """The secrets that sign, the newest first: one, or two while the one before the last is good yet."""

    data: tuple[SecretShown, ...]


class DeliveryShown(Shown):
    """A delivery. `id` is what the receiver knows it by, `webhook-id`. One that is WAITING stands behind another one
    about the same subject; a PENDING one has its `nextAttempt`; a DEAD one was given up. `body` is what is sent."""

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
    """Of a delivery that only tries."""

    organization: str
    webhook_id: str


class WebhookSent(Shown):
    """What a webhook destination is sent. `type` is what its filter knows the event by; `data` is the event as
    GET `events/{id}` answers it."""

    type: str
    timestamp: datetime
    data: EventAnswer | Tried


class ReplayedShown(Shown):
    """How many deliveries are to be sent once more; `more`: whether others were given up, too."""

    replayed: int
    more: bool


def _webhook_body() -> type[BaseModel]:
    fields: dict[str, Any] = {name: (field.rebuild_annotation(), field) for name, field in Webhook.model_fields.items()}
    fields["credentials"] = (Credentials | None, None)
    return create_model(Webhook.__name__, __base__=Model, __doc__=Webhook.__doc__, **fields)


#: What is sent to make a webhook or to change it: its body, and what signs.
WebhookBody: Any = _webhook_body()
WebhookShown = create_model(
    "WebhookWritten", __base__=(WebhookCredentials, answer_of(Webhook)), __doc__=Webhook.__doc__
)
