"""The operator's settings for webhooks."""

from dataclasses import dataclass, field

from services.erasure.operators_key import keyring_of
from services.personal.keyring import Keyring
from services.run.settings import Settings
from services.webhooks.addresses import Reach
from services.webhooks.sealing import Sealer


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """The permitted receivers, and the key that encrypts secrets."""

    reach: Reach = field(default_factory=Reach)
    sealer: Sealer = field(default_factory=lambda: Sealer(None))
    #: The operator's key for personal data in the sent events.
    keyring: Keyring = field(default_factory=Keyring)

    @classmethod
    def of(cls, settings: Settings) -> "WebhookRules":
        """The rules in the settings."""
        reach = Reach(settings.webhook_networks, settings.webhook_allow_http, float(settings.webhook_seconds))
        sealer = Sealer(None if settings.webhook_key is None else settings.webhook_key.get_secret_value())
        return cls(reach, sealer, keyring_of(settings))
