"""`python -m tests.bench.helpdesk --port N [--crowd]`: the sandbox help desk, with the tickets of the cast."""

from __future__ import annotations

import argparse

from portal.sandbox.helpdesk import serve
from tests.bench import cast

if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--crowd", action="store_true")
    told = arguments.parse_args()
    customers = cast.CROWD if told.crowd else [*cast.REGULARS, *cast.STRANGERS, cast.BUSY, cast.LOYAL]
    serve(cast.helpdesk_for(customers), "127.0.0.1", told.port)
