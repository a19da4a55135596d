"""The operator's settings for webhooks."""

from dataclasses import dataclass, field

from services.erasure.operators_key import keyring_of
from services.personal.keyring import Keyring
from services.run.settings import Settings
from services.webhooks.addresses import ReceiverRules
from services.webhooks.sealing import Sealer


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """The permitted receivers, and the key that encrypts secrets."""

    reach: ReceiverRules = field(default_factory=ReceiverRules)
    sealer: Sealer = field(default_factory=lambda: Sealer(None))
    #: The operator's key for personal data in the sent events.
    keyring: Keyring = field(default_factory=Keyring)

    @classmethod
    def of(cls, settings: Settings) -> "WebhookRules":
        """The rules in the settings."""
        reach = ReceiverRules(settings.webhook_networks, settings.webhook_allow_http, float(settings.webhook_seconds))
        sealer = Sealer(None if settings.webhook_key is None else settings.webhook_key.get_secret_value())
        return cls(reach, sealer, keyring_of(settings))
