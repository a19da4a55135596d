"""The first route of all: finds by a look into a table which route a request below an organization is for.

The framework tries one after the other, nearly two hundred patterns for the last of them.
"""

from collections import defaultdict
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from services.api.declaring import DeclaredRoute
from services.api.scopes import PREFIX

#: Of `/organizations/{orgId}/commitments/{id}`: which part is the first below the organization.
_FIRST = PREFIX.count("/") + 1


class Shortcut(BaseRoute):
    """Leads to the first of the routes that takes the request. What it does not find, the others answer: whatever is
    outside organizations, a path that there is not, another method.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        #: By method, number of parts and the first part below the organization, in the order of the routes.
        self._routes = defaultdict[tuple[str, int, str], list[DeclaredRoute]](list)
        for route in routes:
            if isinstance(route, DeclaredRoute) and route.path.startswith(f"{PREFIX}/"):
                self._routes[_place_of(route.method, route.path)].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route says whether it takes a request."""
        if scope["type"] == "http" and not scope.get("root_path"):
            for route in self._routes.get(_place_of(scope["method"], scope["path"]), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """By the route that was found."""
        await scope["route"].handle(scope, receive, send)


def _place_of(method: str, path: str) -> tuple[str, int, str]:
    parts = path.split("/")
    return method, len(parts), parts[_FIRST] if len(parts) > _FIRST else ""
