"""What stands on an organization's invoices beside the bill: who sells, the tax, a foot, a logo."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.accounts import Address
from events.resources.base import Model, Name, Resource
from events.resources.bounds import Text, characters, is_from_client, rule

#: Largest logo, of its text in base64.
LOGO_MAX = 64_000
#: Largest width and height of a logo: few bytes may be spread out to very many.
PIXELS_MAX = 2_000
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def _is_png(text: str) -> bool:
    """By its first bytes: what it is, its width and its height."""
    try:
        image = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    width, height = (int.from_bytes(image[place : place + 4]) for place in (16, 20))
    return image.startswith(_PNG) and 0 < width <= PIXELS_MAX and 0 < height <= PIXELS_MAX


class Seller(Model):
    """Who sells, as invoices name it. The country of its address is a code of two letters."""

    name: Name
    address: Address | None = None
    #: What it is known to the tax office by, such as a VAT number.
    tax_number: Text | None = None
    registration_number: Text | None = None
    email_address: Text | None = None
    iban: Text | None = None


class StatementConfig(Resource):
    """One per organization. What is left out does not stand on its invoices."""

    seller: Seller
    #: Percent that is put on the sum of a bill; without it no tax is charged on it, and none is named.
    tax_rate: Annotated[NonNegative, rule(lambda value: value <= 100, "must not be greater than 100")] | None = None
    tax_name: Text | None = None
    #: The foot of every invoice, such as how it is to be paid.
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
