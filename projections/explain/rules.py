"""The rule of each line type in a sentence, with the numbers of the rules in the law book."""

from events.facts.bills import LineType

_IN = "docs/rules.md"
RULES: dict[LineType, str] = {
    "USAGE": "C of the units at each slice's end less C at its start, each rounded to the minor unit, without what is"
    " billed as separate overage. Where several prices hold in the billing period, what does not add up (MIN, MAX,"
    " LATEST, MEAN, UNIQUE) costs C x the price's days / the period's days. A pooled charge is divided by each"
    f" account's own quantity ({_IN} 3.2, 3.7, 4.1 and 7.6).",
    "USAGE_CREDIT": "What a credit pricing is worth over the period's units, never more than there is to credit"
    f" ({_IN} 3.16).",
    "STANDING_CHARGE": "The plan's standing charge x days / full days of the billing periods that it covers; the amount"
    f" is the one that holds on the first of them ({_IN} 3.11 and 8.8).",
    "MINIMUM_SPEND": "The prorated minimum less the period's usage charges at normal rates, before draws, overage and"
    " credits, and of a plan's minimum less what its pricings' own minimums charge, too; billed in advance: the whole"
    " prorated minimum, of a plan's less its pricings'. The amount is the one that holds when the billing period starts"
    f" ({_IN} 3.12 to 3.14 and 8.8).",
    "MINIMUM_SPEND_REFUND": "A minimum spend that was billed in advance is restated to the shortfall at the period's"
    f" end ({_IN} 3.14).",
    "COUNTER_RUNNING_TOTAL_CHARGE": f"C(value at the period's start), prorated in a partial period ({_IN} 3.15).",
    "COUNTER_ADJUSTMENT_DEBIT": f"Rises inside the period: (C(new) - C(old)) x days left / full days ({_IN} 3.15).",
    "COUNTER_ADJUSTMENT_CREDIT": f"Falls inside the period: (C(new) - C(old)) x days left / full days ({_IN} 3.15).",
    "COMMITMENT_CONSUMED": "Each slice of the charge draws min(what it still owes, what the commitment has left), in"
    " draw order. The draw stands on the charge's bill, on a line for each commitment and charge line"
    f" ({_IN} 4.6 and 7.3).",
    "BALANCE_CONSUMED": "Each slice of the charge draws min(what it still owes, what the balance has left), in draw"
    " order. The draw stands on the charge's bill, on a line for each balance and charge line"
    f" ({_IN} 4.6 and 7.3).",
    "OVERAGE_SURCHARGE": "Usage that commitments and balances left uncovered x overageSurchargePercent / 100, rounded"
    " once per charge; of a pool, divided by what each account has left uncovered"
    f" ({_IN} 5.3 and 7.8).",
    "OVERAGE_USAGE": "Usage that commitments and balances left uncovered, as a line of its own; with"
    " overagePricingBands the units beyond exhaustion by these bands, from 0, which a pool divides, slice by slice, by"
    f" what each account has left uncovered ({_IN} 5.4 to 5.6 and 7.8).",
    "CREDIT_MEMO": "A credit that was put on the bill by hand; it draws nothing and is never restated.",
    "DEBIT_MEMO": "A debit that was put on the bill by hand; it draws nothing and is never restated.",
}
FEE = (
    "What is outstanding of the prepayment, over its fee dates by weight: each part but the last rounded down, the last"
    f" is what is left ({_IN} 6.2, 6.3 and 6.14)."
)
TRUE_UP = (
    "What the commitment period owes less what counted toward it, at least 0, restated when more counts"
    f" ({_IN} 6.7 and 8.6)."
)
NOTHING_DUE = f"Nothing is due any more under terms and quantities as they now are: it goes back ({_IN} 8.4)."
OTHER = "A line of this type is not derived from usage or terms."
