"""The local service's error responses, with the status, code and body format users have seen. Not client errors."""

from __future__ import annotations

import math
from typing import Any


class Problem(Exception):
    """An error response. `code` is the API's error code; `retry_after` is in seconds."""

    def __init__(self, status: int, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after)))}

    @property
    def body(self) -> dict[str, Any]:
        """`error.message` is in every body because public clients rely on it; 400 has the details users report."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.status in (400, 413):
            detail = {"code": "DetailsMessage", "detail": {"type": 1, "value": self.message}}
            error["pbi.error"] = {"code": self.code, "parameters": {}, "details": [detail]}
        return {"error": error}


def bad_request(message: str) -> Problem:
    return Problem(400, "BadRequest", message)


def invalid_request(message: str) -> Problem:
    return Problem(400, "InvalidRequest", message)


def no_such_dataset(dataset: str) -> Problem:
    return Problem(404, "PowerBIEntityNotFound", f"Dataset {dataset} not found")


def no_such_table(table: str) -> Problem:
    return Problem(404, "ItemNotFound", f"Table {table} not found")


def not_a_push_dataset(dataset: str) -> Problem:
    """With the message that users have seen."""
    return Problem(404, "ItemNotFound", f"Dataset {dataset} is not Push API dataset.")


class NotForApplications(Problem):
    """My workspace requested by a service principal: status and `Message` are as users report, `error` is ours."""

    def __init__(self) -> None:
        super().__init__(403, "Forbidden", "API is not accessible for application")

    @property
    def body(self) -> dict[str, Any]:
        return {"Message": self.message, **super().body}


def too_large(message: str) -> Problem:
    return Problem(413, "RequestEntityTooLarge", message)


def too_many(message: str, retry_after: float) -> Problem:
    seconds = max(1, math.ceil(retry_after))
    return Problem(429, "TooManyRequests", f"{message}. Retry in {seconds} seconds.", retry_after=retry_after)


def not_authorized(message: str) -> Problem:
    return Problem(401, "PowerBINotAuthorizedException", message)


def token_expired() -> Problem:
    return Problem(403, "TokenExpired", "Access token has expired, resubmit with a new access token")
