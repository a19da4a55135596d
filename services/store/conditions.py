"""SQL conditions on the content of rows of `store.entities` and of events, written so that an index answers them.

Under row security Postgres uses no index for an expression over a row, such as a field of its body
(0013_row_security.sql says why). Instead, functions of the database look the value up, or a column of the row narrows
the search. Everywhere $1 is the organization; `row` is the row's name in the query.
"""


def has_code(row: str, kind: str, codes: str) -> str:
    """The row is of this kind, and has one of these codes; both are placeholders, or literals."""
    return f"{row}.id IN (SELECT store.ids_with_codes($1, {kind}, {codes}))"


def is_of_account(row: str, account: str) -> str:
    """The row belongs to this account, through its field `accountId`: the rows of the account's root are searched."""
    root = f"(SELECT root_id FROM store.entities WHERE organization = $1 AND kind = 'account' AND id = {account})"
    return f"{row}.root_id = {root} AND {row}.body->>'accountId' = {account}"


def names_one_of(row: str, field: str, ids: str) -> str:
    """The row's field, a reference, has one of these ids."""
    return f"{refers_to(row, ids)} AND {row}.body->>'{field}' = ANY({ids})"


def refers_to(row: str, ids: str) -> str:
    """The row has one of these ids anywhere."""
    return f"({row}.kind, {row}.id) IN (SELECT of_kind, of_id FROM store.referring($1, {ids}))"


def is_rule_waiting_for(row: str, names: str) -> str:
    """The row is an active rule that waits for one of these."""
    return f"{row}.kind = 'notificationConfiguration' AND {row}.id IN (SELECT store.rules_waiting_for($1, {names}))"


#: No event has a position after it.
LAST_POSITION = 2**63 - 1
#: Of events; $2 is the bill's id.
OF_BILL = "position IN (SELECT store.events_of_bill($1, $2))"


def of_each_type(asked: str, which: str, order: str, most: str, columns: str = "position") -> str:
    """Columns of events of several types, in the order of their positions, `ASC` or `DESC`: at most a limit.

    `asked` is a table with each `type`, `which` is a further condition on events, rows `e`. Each type takes one look
    into the index, so no more events are read than are shown.
    """
    return f"""
SELECT found.* FROM {asked} CROSS JOIN LATERAL (
    SELECT {columns} FROM store.events e
    WHERE e.organization = $1 AND e.type = asked.type AND {which} ORDER BY e.position {order} LIMIT {most}
) found ORDER BY found.position {order} LIMIT {most}
"""


def code_at(stream: str, position: str) -> str:
    """The code of a stream's resource as of a position; null if there was none."""
    return f"""(
    SELECT held.data->'body'->>'code' FROM store.events held
    WHERE held.organization = $1 AND held.stream = {stream} AND held.position <= {position}
        AND held.data->'body' IS NOT NULL
    ORDER BY held.version DESC LIMIT 1
)"""
