"""Routes that take the request and give the response: FastAPI documents them, and no more.

For other routes it goes over their parameters with every request. Searches are asked for more often
than all else together, and read theirs themselves (``service.parameters``).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response


class PlainRoute(APIRoute):
    """The class of a router's routes: ``APIRouter(route_class=PlainRoute)``.

    Raises ``TypeError`` where a route asks for more than ``request``.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's own function."""
        function: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        if list(inspect.signature(function).parameters) != ["request"]:
            raise TypeError(f"{self.name}: a plain route takes the request, and nothing else")
        return function
