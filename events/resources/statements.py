"""The organization's data on an invoice beside the bill: the seller, the tax, a footer, a logo."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.accounts import Address
from events.resources.base import Model, Name, Resource
from events.resources.bounds import Text, characters, is_from_client, rule

#: Largest logo, in characters of base64.
LOGO_MAX = 64_000
#: Largest width and height of a logo, because a small compressed file can hold a huge image.
PIXELS_MAX = 2_000
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def _is_png(text: str) -> bool:
    """Whether the bytes begin like a PNG of an allowed width and height."""
    try:
        image = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    width, height = (int.from_bytes(image[place : place + 4]) for place in (16, 20))
    return image.startswith(_PNG) and 0 < width <= PIXELS_MAX and 0 < height <= PIXELS_MAX


class Seller(Model):
    """The seller named on invoices. The country of the address is a two-letter code."""

    name: Name
    address: Address | None = None
    #: The seller's id at the tax office, such as a VAT number.
    tax_number: Text | None = None
    registration_number: Text | None = None
    email_address: Text | None = None
    iban: Text | None = None


class StatementConfig(Resource):
    """The statement configuration of an organization. Fields that are left out do not appear on its invoices."""

    seller: Seller
    #: Percent added to the sum of a bill; without it, the invoice shows no tax.
    tax_rate: Annotated[NonNegative, rule(lambda value: value <= 100, "must not be greater than 100")] | None = None
    tax_name: Text | None = None
    #: The footer of every invoice, such as payment instructions.
    note: Annotated[str, characters(2_000)] | None = None
    #: A PNG, in base64.
    logo: Annotated[str, Field(min_length=1), characters(LOGO_MAX)] | None = None

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info):
            if self.logo is not None and not _is_png(self.logo):
                raise ValueError(f"logo: must be a PNG of at most {PIXELS_MAX} pixels a side, in base64")
            if self.tax_rate and self.seller.tax_number is None:
                raise ValueError("seller.taxNumber: is required where a tax is charged")
        return self
