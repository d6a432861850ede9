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
from assay.serving.errors import CALLER, Refused
from assay.serving.schemas import ErrorBody


@dataclass(frozen=True, slots=True)
class Who:
    """A user and a session, None where the headers do not name one."""

    user: str | None
    session: str | None


@dataclass(frozen=True, slots=True)
class Callers:
    """What is asked of callers: ``api_key`` None asks for none; of the headers, None trusts none.

    ``user_header`` and ``session_header`` name who asks, whatever the request itself says of it.
    """

    api_key: str | None
    groups_header: str | None
    user_header: str | None = None
    session_header: str | None = None

    async def authorise(self, request: Request) -> None:
        """Raise Refused(401) unless the key came as a bearer token."""
        if self.api_key is None:
            return
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(_bytes(sent.strip()), self.api_key.encode())
        if scheme.lower() != "bearer" or not right:
            body = ErrorBody(message="the API key is missing or wrong", type=CALLER, code="invalid_api_key")
            raise Refused(401, body, {"WWW-Authenticate": "Bearer"})

    async def groups(self, request: Request) -> frozenset[str]:
        """The groups the caller may read as.

        Raises Refused(400) where the header came twice: one of them may be the caller's own, which a
        proxy that adds instead of replacing has let through.
        """
        names = (_only(request, self.groups_header) or "").split(",")
        return frozenset({PUBLIC, *(name.strip() for name in names if name.strip())})

    async def who(self, request: Request) -> Who:
        """The user and the session that the headers name. Raises Refused(400) likewise."""
        user, session = _only(request, self.user_header), _only(request, self.session_header)
        return Who((user or "").strip() or None, (session or "").strip() or None)


def _only(request: Request, header: str | None) -> str | None:
    sent = request.headers.getlist(header) if header else []
    if len(sent) > 1:
        raise Refused(400, ErrorBody(message=f"the header {header} came twice", type=CALLER))
    return _bytes(sent[0]).decode("utf-8", "replace") if sent else None


def _bytes(header: str) -> bytes:
    """A header as it was sent; servers hand it on decoded as Latin-1."""
    return header.encode("latin-1", "replace")
