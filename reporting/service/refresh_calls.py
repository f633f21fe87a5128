"""The calls for refreshes, their schedule and parameters over HTTP. Their logic is in the modules they call."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from livegold.reporting.powerbi.limits import REQUEST_ID_HEADER
from livegold.reporting.service.guard import Asked, Guard, ok, parsed_or_empty
from livegold.reporting.service.parameters import Parameters
from livegold.reporting.service.refresh_run import ENHANCED
from livegold.reporting.service.refreshes import Refreshes
from livegold.reporting.service.schedule import Schedules


class RefreshCalls:
    """Routes of one dataset's refreshes, schedule and parameters."""

    def __init__(self, guard: Guard, refreshes: Refreshes, schedules: Schedules, parameters: Parameters) -> None:
        self._guard = guard
        self._refreshes = refreshes
        self._schedules = schedules
        self._parameters = parameters

    def routes(self) -> list[Route]:
        at = "/datasets/{dataset}"
        return self._guard.routes(
            {
                f"{at}/refreshes": {"GET": self._history, "POST": self._start},
                f"{at}/refreshes/{{refresh}}": {"GET": self._one, "DELETE": self._cancel},
                f"{at}/refreshSchedule": {"GET": self._schedule, "PATCH": self._change_schedule},
                f"{at}/parameters": {"GET": self._all_parameters},
                f"{at}/Default.UpdateParameters": {"POST": self._update_parameters},
                f"{at}/UpdateParameters": {"POST": self._update_parameters},  # as public clients spell it
            }
        )

    def _start(self, asked: Asked) -> Response:
        """202 with an empty body. The RequestId of a plain refresh is the one shown in its history."""
        dataset = self._guard.dataset(asked)
        body = parsed_or_empty(asked.body, asked.request.headers.get("content-type", ""))
        run = self._refreshes.start(dataset, body, asked.who)
        headers = {REQUEST_ID_HEADER: run.id}
        if run.kind == ENHANCED:
            headers["x-ms-request-id"] = run.id
            headers["Location"] = f"{asked.root}{asked.request.url.path}/{run.id}"
        return Response(status_code=202, headers=headers)

    def _history(self, asked: Asked) -> Response:
        found = self._refreshes.history(self._guard.dataset(asked), asked.top())
        return ok({"@odata.context": asked.context("refreshes"), "value": found})

    def _one(self, asked: Asked) -> Response:
        detail, running = self._refreshes.one(self._guard.dataset(asked), asked.path["refresh"])
        return ok(detail, 202 if running else 200)

    def _cancel(self, asked: Asked) -> Response:
        self._refreshes.cancel(self._guard.dataset(asked), asked.path["refresh"])
        return Response(status_code=200)

    def _schedule(self, asked: Asked) -> Response:
        schedule = self._schedules.get(self._guard.dataset(asked))
        return ok({"@odata.context": asked.context("refreshSchedule"), **schedule})

    def _change_schedule(self, asked: Asked) -> Response:
        dataset = self._guard.dataset(asked)
        body = asked.json()
        self._refreshes.look(dataset)
        self._schedules.change(dataset, body, asked.who)
        return Response(status_code=200)

    def _all_parameters(self, asked: Asked) -> Response:
        found = self._parameters.all(self._guard.dataset(asked))
        return ok({"@odata.context": asked.context("parameters"), "value": found})

    def _update_parameters(self, asked: Asked) -> Response:
        self._parameters.update(self._guard.dataset(asked), asked.json())
        return Response(status_code=200)
