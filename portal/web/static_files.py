"""Our CSS, script and icons: hashed names, kept by browsers for ever."""

from __future__ import annotations

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath

from portal.errors import NotFound
from portal.web.answers import Answer
from portal.web.reading import get
from portal.web.site import Site
from portal.web.visitor import AnyRequest

IMMUTABLE = "public, max-age=31536000, immutable"


@get("/static/{name:str}")
async def static(request: AnyRequest, site: NamedDependency[Site], name: FromPath[str]) -> Answer:
    """One file under its hashed name, gzipped for whoever takes it."""
    found = site.statics.get(name, gzip="gzip" in request.headers.get("accept-encoding", ""))
    if found is None:
        raise NotFound
    headers = {"cache-control": IMMUTABLE, "vary": "accept-encoding"}
    if found.encoding:
        headers["content-encoding"] = found.encoding
    return Response(found.body, media_type=found.content_type, headers=headers)
