"""What the operator's settings ask of webhooks."""

from dataclasses import dataclass, field

from services.erasure.operators_key import keyring_of
from services.personal.keyring import Keyring
from services.run.settings import Settings
from services.webhooks.addresses import Reach
from services.webhooks.sealing import Sealer


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """Where they may lead, and what their secrets are encrypted with."""

    reach: Reach = field(default_factory=Reach)
    sealer: Sealer = field(default_factory=lambda: Sealer(None))
    #: The operator's key of what is personal in what they are sent.
    keyring: Keyring = field(default_factory=Keyring)

    @classmethod
    def of(cls, settings: Settings) -> "WebhookRules":
        """Those of the settings."""
        reach = Reach(settings.webhook_networks, settings.webhook_allow_http, float(settings.webhook_seconds))
        sealer = Sealer(None if settings.webhook_key is None else settings.webhook_key.get_secret_value())
        return cls(reach, sealer, keyring_of(settings))
