"""ISO 4217: how many digits a currency's minor unit has."""

_NOT_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {currency: digits for digits, currencies in _NOT_TWO.items() for currency in currencies.split()}


def minor_digits(currency: str) -> int:
    """Digits after the point of an amount that can be paid: USD 2, JPY 0, KWD 3; 2 for a currency unknown to ISO."""
    return _DIGITS.get(currency.upper(), 2)
