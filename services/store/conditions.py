"""How rows of `store.entities` and events are found by what stands inside them, so that an index answers.

Under row security no expression over a row, such as a field of its body, is looked up in an index
(0013_row_security.sql says why): functions of the database do it, or a column of the row that narrows it down.
Everywhere $1 is the organization; `row` is the row's name in the query.
"""


def has_code(row: str, kind: str, codes: str) -> str:
    """It is of this kind, and has one of these codes; both are placeholders, or literals."""
    return f"{row}.id IN (SELECT store.ids_with_codes($1, {kind}, {codes}))"


def is_of_account(row: str, account: str) -> str:
    """It belongs to this account, being of a kind whose owner is `accountId`: its root's rows are looked through."""
    root = f"(SELECT root_id FROM store.entities WHERE organization = $1 AND kind = 'account' AND id = {account})"
    return f"{row}.root_id = {root} AND {row}.body->>'accountId' = {account}"


def names_one_of(row: str, field: str, ids: str) -> str:
    """Its field, which is a reference, names one of these."""
    return f"{refers_to(row, ids)} AND {row}.body->>'{field}' = ANY({ids})"


def refers_to(row: str, ids: str) -> str:
    """It names one of these ids anywhere."""
    return f"({row}.kind, {row}.id) IN (SELECT of_kind, of_id FROM store.referring($1, {ids}))"


def is_rule_waiting_for(row: str, names: str) -> str:
    """It is an active rule that waits for one of these."""
    return f"{row}.kind = 'notificationConfiguration' AND {row}.id IN (SELECT store.rules_waiting_for($1, {names}))"


#: Of events; $2 is the bill's id.
OF_BILL = "position IN (SELECT store.events_of_bill($1, $2))"


def of_each_type(asked: str, which: str, order: str, most: str, columns: str = "position") -> str:
    """Columns of events of several types, in the order of their positions, `ASC` or `DESC`: at most so many.

    `asked` is a table that has each `type`, `which` what events, rows `e`, have to fulfil besides. A look into the
    index for each type: however much else there is, no more is read than is shown.
    """
    return f"""
SELECT found.* FROM {asked} CROSS JOIN LATERAL (
    SELECT {columns} FROM store.events e
    WHERE e.organization = $1 AND e.type = asked.type AND {which} ORDER BY e.position {order} LIMIT {most}
) found ORDER BY found.position {order} LIMIT {most}
"""


def code_at(stream: str, position: str) -> str:
    """The code that the resource of a stream had as of a position; null if there was none."""
    return f"""(
    SELECT held.data->'body'->>'code' FROM store.events held
    WHERE held.organization = $1 AND held.stream = {stream} AND held.position <= {position}
        AND held.data->'body' IS NOT NULL
    ORDER BY held.version DESC LIMIT 1
)"""
