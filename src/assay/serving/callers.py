"""Who calls: the key that must come with a request, and the groups its caller belongs to.

A request belongs to the group ``public`` and to those named in the header that the operator
declared. Only an authenticating proxy that always sets or strips that header may stand in
front; without the option the header is not read at all.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from fastapi import Request

from assay.documents import PUBLIC
from assay.serving.errors import Refused
from assay.serving.schemas import ErrorBody


@dataclass(frozen=True, slots=True)
class Callers:
    """What is asked of callers: ``api_key`` None asks for none, ``groups_header`` None trusts no header."""

    api_key: str | None
    groups_header: str | None

    def authorise(self, request: Request) -> None:
        """Raise Refused(401) unless the key came as a bearer token."""
        sent = request.headers.get("authorization", "").encode()
        if self.api_key is not None and not hmac.compare_digest(sent, f"Bearer {self.api_key}".encode()):
            body = ErrorBody(
                message="the API key is missing or wrong", type="invalid_request_error", code="invalid_api_key"
            )
            raise Refused(401, body, {"WWW-Authenticate": "Bearer"})

    def groups(self, request: Request) -> frozenset[str]:
        """The groups the caller may read as."""
        sent = request.headers.get(self.groups_header, "") if self.groups_header else ""
        return frozenset({PUBLIC, *(name.strip() for name in sent.split(",") if name.strip())})
