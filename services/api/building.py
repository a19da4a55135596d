"""Validators of facts and bodies, made before the first request needs them."""

from collections.abc import Iterator

from pydantic import BaseModel

from events.facts.base import FactModel
from events.resources.base import Model


def build_models() -> None:
    """Make the validators of all facts, of what is in them, and of all bodies; else each is made at its first use."""
    for base in (FactModel, Model):
        for model in _made_of(base):
            if "[" not in model.__name__:  # a generic model with its arguments is there to be inherited from only
                model.model_rebuild()


def _made_of(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _made_of(model)
