"""The types of charges and of bill lines. Each row has everything particular about a type, except how its amount is
computed and worded.
"""

from typing import NamedTuple

from events.facts.bills import ChargeType, LineType
from events.resources.organization import CreditKind

_IN = "docs/rules.md"
NOT_DERIVED = "A line of this type is not derived from usage or terms."
#: The rule for a COMMITMENT_FEE line of a minimum.
TRUE_UP = (
    "What the commitment period owes less what counted toward it, at least 0, restated when more counts"
    f" ({_IN} 6.7 and 8.6)."
)


class LineTypeRow(NamedTuple):
    """A type of bill line. Explanations quote its rule: a sentence, with the rule's numbers."""

    type: LineType
    rule: str
    #: Whether its quantity is a count; the quantity of other lines is 0 or 1.
    counted: bool = False
    #: What it is paid out of: a draw on a commitment, or on a balance. None: it is no draw.
    draws_on: CreditKind | None = None
    #: What it is called behind its charge where the terms that it goes by have no description: it is about overage.
    overage: str = ""
    #: It was put on its bill by hand: it draws nothing, and no later bill corrects it.
    memo: bool = False
    #: Its amount was put there as something that is taken off.
    taken_off: bool = False
    #: It pays ahead for a commitment or balance, and is earned when that is drawn; only a true-up pays afterwards.
    paid_ahead: bool = False


#: In the order in which lines stand on a bill.
LINES: dict[LineType, LineTypeRow] = {
    row.type: row
    for row in (
        LineTypeRow(
            "STANDING_CHARGE",
            "The plan's or plan group's standing charge x days / full days of the billing periods that it covers; the"
            f" amount is the one that holds on the first of them ({_IN} 3.11, 3.24 and 8.8).",
        ),
        LineTypeRow(
            "COUNTER_RUNNING_TOTAL_CHARGE",
            f"C(value at the period's start), prorated in a partial period ({_IN} 3.15).",
            counted=True,
        ),
        LineTypeRow(
            "COUNTER_ADJUSTMENT_DEBIT",
            f"Rises inside the period: (C(new) - C(old)) x days left / full days ({_IN} 3.15).",
            counted=True,
        ),
        LineTypeRow(
            "USAGE",
            "C of the units at each slice's end less C at its start, each rounded to the minor unit, without what is"
            " billed as separate overage. Where several prices hold in the billing period, what does not add up (MIN,"
            " MAX, LATEST, MEAN, UNIQUE) costs C x the price's days / the period's days, and a formula what its value"
            " moves by on the price's days. A pooled charge is divided by each account's own quantity"
            f" ({_IN} 3.2, 3.7, 3.22, 4.1 and 7.6).",
            counted=True,
        ),
        LineTypeRow(
            "OVERAGE_USAGE",
            "Usage that commitments and balances left uncovered, as a line of its own; with overagePricingBands the"
            " units beyond exhaustion by these bands, from 0, which a pool divides, slice by slice, by what each"
            f" account has left uncovered ({_IN} 5.4 to 5.6 and 7.8).",
            counted=True,
            overage="Overage",
        ),
        LineTypeRow(
            "MINIMUM_SPEND",
            "The prorated minimum less the period's usage charges at normal rates, before draws, overage and credits,"
            " and of a plan's minimum less what its pricings' own minimums charge, too, of a plan group's less what"
            " those of its plans do; billed in advance: the whole prorated minimum, less theirs. The amount is the one"
            f" that holds when the billing period starts ({_IN} 3.12 to 3.14, 3.25 and 8.8).",
        ),
        LineTypeRow(
            "MINIMUM_SPEND_REFUND",
            f"A minimum spend that was billed in advance is restated to the shortfall at the period's end ({_IN}"
            " 3.14).",
        ),
        LineTypeRow(
            "AD_HOC",
            "A charge that was put on the account as it is: its amount, or its units at its unit price, rounded to the"
            f" minor unit ({_IN} 3.18).",
            counted=True,
        ),
        LineTypeRow(
            "COUNTER_ADJUSTMENT_CREDIT",
            f"Falls inside the period: (C(new) - C(old)) x days left / full days ({_IN} 3.15).",
            counted=True,
        ),
        LineTypeRow(
            "USAGE_CREDIT",
            f"What a credit pricing is worth over the period's units, never more than there is to credit ({_IN} 3.16).",
            counted=True,
        ),
        LineTypeRow("CREDIT_DEDUCTION", NOT_DERIVED),
        LineTypeRow(
            "COMMITMENT_CONSUMED",
            "Each slice of the charge draws min(what it still owes, what the commitment has left), in draw order. The"
            f" draw stands on the charge's bill, on a line for each commitment and charge line ({_IN} 4.6 and 7.3).",
            draws_on="PREPAYMENT",
        ),
        LineTypeRow(
            "BALANCE_CONSUMED",
            "Each slice of the charge draws min(what it still owes, what the balance has left), in draw order. The"
            f" draw stands on the charge's bill, on a line for each balance and charge line ({_IN} 4.6 and 7.3).",
            draws_on="BALANCE",
        ),
        LineTypeRow(
            "OVERAGE_SURCHARGE",
            "Usage that commitments and balances left uncovered x overageSurchargePercent / 100, rounded once per"
            f" charge; of a pool, divided by what each account has left uncovered ({_IN} 5.3 and 7.8).",
            overage="Overage Surcharge",
        ),
        LineTypeRow(
            "COMMITMENT_FEE",
            "What is outstanding of the prepayment, over its fee dates by weight: each part but the last rounded"
            f" down, the last is what is left ({_IN} 6.2, 6.3 and 6.14).",
            paid_ahead=True,
        ),
        LineTypeRow(
            "BALANCE_FEE",
            "A fee for one of the account's balances, put on it once or by a schedule: its amount, or its units at its"
            f" unit price, rounded to the minor unit ({_IN} 3.18 and 3.26).",
            paid_ahead=True,
        ),
        LineTypeRow("MANUAL_ADJUSTMENT", NOT_DERIVED, counted=True),
        LineTypeRow(
            "DEBIT_MEMO",
            "A debit that was put on the bill by hand; it draws nothing and is never restated.",
            counted=True,
            memo=True,
        ),
        LineTypeRow(
            "CREDIT_MEMO",
            "A credit that was put on the bill by hand; it draws nothing and is never restated.",
            counted=True,
            memo=True,
            taken_off=True,
        ),
    )
}
READING_PLACE: dict[str, int] = {line_type: place for place, line_type in enumerate(LINES)}
#: By what is drawn on, the type of the line.
DRAWN_AS: dict[CreditKind, LineType] = {row.draws_on: row.type for row in LINES.values() if row.draws_on is not None}
DRAWS: tuple[LineType, ...] = tuple(DRAWN_AS.values())
MEMO_TYPES: tuple[LineType, ...] = tuple(row.type for row in LINES.values() if row.memo)


class ChargeTypeRow(NamedTuple):
    """A type of charge; the bill line of a charge has the same type."""

    type: ChargeType
    #: It is rated from usage: it alone may have overage, and usage explains it.
    metered: bool = False
    #: It rides on the bill of one billing period, and may cover several (rules 3.11).
    rides: bool = False
    #: It reduces other charges, and draws nothing (rules 3.16).
    credit: bool = False
    #: Whether a command put it on the account; no account plan stands behind it.
    one_off: bool = False
    #: Whether balances may pay for it, even though commitments do not.
    of_balances: bool = False
    #: Whether the remainder of a credit is paid out; other credits never make the sum of their scope negative.
    payable: bool = False


#: Types of charges that draw are in the order of rules 4.2.
CHARGES: dict[ChargeType, ChargeTypeRow] = {
    row.type: row
    for row in (
        ChargeTypeRow("STANDING_CHARGE", rides=True),
        ChargeTypeRow("COUNTER_RUNNING_TOTAL_CHARGE"),
        ChargeTypeRow("COUNTER_ADJUSTMENT_DEBIT"),
        ChargeTypeRow("USAGE", metered=True),
        ChargeTypeRow("MINIMUM_SPEND"),
        ChargeTypeRow("AD_HOC", one_off=True, of_balances=True),
        ChargeTypeRow("BALANCE_FEE", one_off=True),
        ChargeTypeRow("COUNTER_ADJUSTMENT_CREDIT", credit=True, payable=True),
        ChargeTypeRow("USAGE_CREDIT", credit=True),
    )
}
METERED = frozenset(row.type for row in CHARGES.values() if row.metered)
RIDING: frozenset[str] = frozenset(row.type for row in CHARGES.values() if row.rides)
#: The place of a charge that draws among the others whose service starts on the same day.
DRAW_RANK: dict[ChargeType, int] = {
    charge_type: rank for rank, charge_type in enumerate(row.type for row in CHARGES.values() if not row.credit)
}
