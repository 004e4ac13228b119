"""`get` of what is only read: HEAD is answered as well, with the same headers and nothing else (RFC 9110).

Not for what is spent by being opened or costs a call, and not for streams, which hold something until they were read:
those take litestar's own.
"""

from __future__ import annotations

from functools import partial

from litestar import route
from litestar.enums import HttpMethod

get = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
