"""What a process of ours that is started here is told: all settings of this one, and where its servers answer."""

import os

from services.run.server_settings import PREFIX, SECRETS, text_of
from services.run.settings import Settings
from services.run.stack import Endpoints


def environment_of(settings: Settings, endpoints: Endpoints) -> dict[str, str]:
    """The whole environment of the process.

    A secret that a file holds is told by its file, so a process that is started again reads it again.
    """
    told = _told(settings)
    if settings.kafka_bootstrap is None:
        told["kafka_bootstrap"] = endpoints.kafka.bootstrap
    if settings.database_url is None:
        told["database_url"] = endpoints.database_url
    ours = {f"{PREFIX}{name.upper()}" for name in type(settings).model_fields}
    others = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    return others | {f"{PREFIX}{name.upper()}": value for name, value in told.items()}


def _told(settings: Settings) -> dict[str, str]:
    """Those that are given, by field."""
    told = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None and not (name in SECRETS and getattr(settings, f"{name}_file") is not None):
            told[name] = text_of(value)
    return told
