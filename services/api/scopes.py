"""THE table of scopes for requests below an organization: `read` for GET, `write` for all others, except those listed
here.
"""

from services.access.scopes import Scope

PREFIX = "/organizations/{orgId}"
Needed = frozenset[Scope]

_READ, _WRITE, _USAGE, _AUDIT, _ADMIN = (frozenset({scope}) for scope in Scope)
#: Whoever sends usage may see what becomes of that usage.
_REFUSED = _USAGE | _AUDIT

_WEBHOOKS = "/integrationdestinations/webhooks"

#: THE list of POSTs that change nothing, for which an Idempotency-Key is meaningless.
TELLING = frozenset(
    {
        ("POST", "/usage/query"),
        ("POST", "/bills/preview"),
        ("POST", "/bills/whatif"),
        ("POST", "/bills/{bill}/statement/csv"),
        ("POST", "/dataexplorer/commitments/obligations"),
        ("POST", "/dataexplorer/commitments/download/json"),
        ("POST", "/balances/{balanceId}/balancechargeschedules/preview"),
        ("POST", "/balances/{balanceId}/balancetransactionschedules/preview"),
    }
)

#: Method and path; a key needs one of the scopes.
OTHERS: dict[tuple[str, str], Needed] = {
    **dict.fromkeys(TELLING, _READ),
    ("POST", "/measurements"): _USAGE,
    ("POST", "/usage/rejected/replay"): _USAGE,
    ("GET", "/usage/rejected"): _REFUSED,
    ("GET", "/usage/held"): _REFUSED,
    ("GET", "/usage/rejected/{id}"): _REFUSED,
    ("GET", "/usage/rejected/{id}/bytes"): _REFUSED,
    ("GET", "/measurements/failedIngest/getDownloadUrl"): _REFUSED,
    ("GET", "/bills/{bill}/lineitems/{line}/explain"): _AUDIT,
    ("GET", "/commitments/{id}/history"): _AUDIT,
    ("GET", "/conservation"): _AUDIT,
    ("GET", "/audit/checkpoints"): _AUDIT,
    ("GET", "/audit/inclusion"): _AUDIT,
    ("GET", "/audit/consistency"): _AUDIT,
    ("GET", "/events"): _AUDIT,
    ("GET", "/events/types"): _AUDIT,
    ("GET", "/events/fields"): _AUDIT,
    ("GET", "/events/{id}"): _AUDIT,
    # They tell where an organization's events go.
    ("POST", _WEBHOOKS): _ADMIN,
    **dict.fromkeys((("PUT", f"{_WEBHOOKS}/{{id}}"), ("DELETE", f"{_WEBHOOKS}/{{id}}")), _ADMIN),
    ("PUT", f"{_WEBHOOKS}/{{id}}/active"): _ADMIN,
    ("POST", f"{_WEBHOOKS}/{{id}}/secrets"): _ADMIN,
    ("DELETE", f"{_WEBHOOKS}/{{id}}/secrets/{{secretId}}"): _ADMIN,
    # They contain the events themselves.
    ("GET", f"{_WEBHOOKS}/{{id}}/deliveries"): _AUDIT,
    ("GET", f"{_WEBHOOKS}/{{id}}/deliveries/{{deliveryId}}"): _AUDIT,
    # They cannot be undone.
    ("POST", "/accounts/{id}/forget"): _ADMIN,
    ("PUT", "/organizationconfig"): _ADMIN,
    ("PUT", "/statementconfig"): _ADMIN,
    ("POST", "/clock"): _ADMIN,
}


def changes(method: str, path: str) -> bool:
    """Whether a request to a route may change something."""
    return method != "GET" and (method, path.removeprefix(PREFIX)) not in TELLING


#: Paths that a link opens as well, without a token (`links.py`).
LINKED = frozenset(
    {
        *("/usage/rejected/{id}/bytes", "/dataexplorer/commitments/download/json/file", "/bills/{bill}/statement"),
        "/dataexports/jobs/{job}/file",
    }
)

#: OpenAPI's names of the ways to sign in: with a token, by a link, and for a token.
TOKEN, BY_LINK, CREDENTIALS = "token", "link", "accessKey"
#: Outside organizations no scope is needed; all other paths there are public.
_OUTSIDE = {("POST", "/oauth/token"): CREDENTIALS}


def needed_by(method: str, path: str) -> Needed:
    """The scopes of which a route needs one; none outside organizations."""
    below = path.removeprefix(PREFIX)
    if below == path:
        return frozenset()
    return OTHERS.get((method, below), _READ if method == "GET" else _WRITE)


def security_of(method: str, path: str) -> list[dict[str, list[str]]]:
    """The needed scopes in OpenAPI's form: alternatives."""
    outside = _OUTSIDE.get((method, path))
    if outside is not None:
        return [{outside: []}]
    by_token: list[dict[str, list[str]]] = [{TOKEN: [scope.value]} for scope in sorted(needed_by(method, path))]
    return [*by_token, {BY_LINK: []}] if path.removeprefix(PREFIX) in LINKED else by_token
