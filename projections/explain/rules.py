"""The rule of each line type in a sentence, with the place in domain.md that it stands at."""

from events.facts.bills import LineType

RULES: dict[LineType, str] = {
    "USAGE": "C of the units at each slice's end less C at its start, each rounded to the minor unit, without what is"
    " billed as separate overage (domain.md 3, 4.1, 5).",
    "USAGE_CREDIT": "What a credit pricing is worth over the period's units, never more than there is to credit"
    " (domain.md 3).",
    "STANDING_CHARGE": "The plan's standing charge x days / full days of the billing period (domain.md 3).",
    "MINIMUM_SPEND": "The prorated minimum less the period's usage charges at normal rates, before draws, overage and"
    " credits; billed in advance: the whole prorated minimum (domain.md 3).",
    "MINIMUM_SPEND_REFUND": "A minimum spend that was billed in advance is restated to the shortfall at the period's"
    " end (domain.md 3).",
    "COUNTER_RUNNING_TOTAL_CHARGE": "C(value at the period's start), prorated in a partial period (domain.md 3).",
    "COUNTER_ADJUSTMENT_DEBIT": "Rises inside the period: (C(new) - C(old)) x days left / full days (domain.md 3).",
    "COUNTER_ADJUSTMENT_CREDIT": "Falls inside the period: (C(new) - C(old)) x days left / full days (domain.md 3).",
    "COMMITMENT_CONSUMED": "Each slice draws min(what it still owes, what the commitment has left), in draw order"
    " (domain.md 4.2 to 4.6).",
    "BALANCE_CONSUMED": "Each slice draws min(what it still owes, what the balance has left), in draw order"
    " (domain.md 4.2 to 4.6).",
    "OVERAGE_SURCHARGE": "Usage that commitments and balances left uncovered x overageSurchargePercent / 100, rounded"
    " once per charge (domain.md 5).",
    "OVERAGE_USAGE": "Usage that commitments and balances left uncovered, as a line of its own; with"
    " overagePricingBands rated by them, from 0 (domain.md 5).",
    "CREDIT_MEMO": "A credit that was put on the bill by hand; it draws nothing and is never restated (domain.md 8).",
    "DEBIT_MEMO": "A debit that was put on the bill by hand; it draws nothing and is never restated (domain.md 8).",
}
FEE = (
    "What is outstanding of the prepayment, over its fee dates by weight: each part but the last rounded down, the last"
    " is what is left (domain.md 6)."
)
TRUE_UP = (
    "What the commitment period owes less what counted toward it, at least 0, restated when more counts"
    " (domain.md 6, 8)."
)
NOTHING_DUE = "Nothing is due any more under terms and quantities as they now are: it goes back (domain.md 8)."
OTHER = "A line of this type is not derived from usage or terms."
