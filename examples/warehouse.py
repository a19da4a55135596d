"""What `trueup export` has written, as a warehouse and a ledger read it, with DuckDB:

    python examples/warehouse.py FOLDER

FOLDER has the Parquet files of bill lines, of a journal, or of both, of one organization or of several.
"""

import sys
from pathlib import Path
from typing import Any

import duckdb

#: A line's amount by month is a list, so that the line itself is one row.
REVENUE = """
SELECT strftime(part.month, '%Y-%m') AS month, currency, sum(part.amount) AS revenue
FROM (SELECT currency, unnest(months) AS part FROM read_parquet($files) WHERE recognition = 'REVENUE')
GROUP BY ALL ORDER BY ALL
"""
TRIAL_BALANCE = """
SELECT ledger_account, currency, sum(debit) AS debit, sum(credit) AS credit, sum(debit) - sum(credit) AS balance
FROM read_parquet($files) GROUP BY ALL ORDER BY ALL
"""
#: There is none: each bill balances in each currency on each day.
UNBALANCED = """
SELECT bill_id, currency, date FROM read_parquet($files)
GROUP BY ALL HAVING sum(debit) <> sum(credit) ORDER BY ALL
"""


def asked(query: str, folder: Path, kind: str) -> list[tuple[Any, ...]]:
    """The rows of an answer; none where there are no files of this kind."""
    files = [str(path) for path in sorted(folder.glob(f"*/{kind}/*.parquet"))]
    return duckdb.execute(query, {"files": files}).fetchall() if files else []


def main() -> None:
    """Revenue by month, then what a ledger would hold."""
    folder = Path(sys.argv[1])
    for month, currency, revenue in asked(REVENUE, folder, "bill-lines"):
        print(f"revenue {month} {currency} {revenue:.2f}")
    if unbalanced := asked(UNBALANCED, folder, "journal"):
        sys.exit(f"does not balance: {unbalanced}")
    for account, currency, debit, credit, balance in asked(TRIAL_BALANCE, folder, "journal"):
        print(f"ledger {account} {currency} debit {debit:.2f} credit {credit:.2f} balance {balance:.2f}")


if __name__ == "__main__":
    main()
