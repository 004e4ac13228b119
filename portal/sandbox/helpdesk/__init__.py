"""A help desk to live with: it plays HelpDeskEddy for the demo and the tests, in both dialects, oddities included.

    with running(State()) as address: ...      # beside a test
    serve(state, "127.0.0.1", 8091)            # in the foreground
    seed_demo(state)                           # Anna, Boris and forty strangers' tickets
    with kept(path) as state: ...              # the same, remembered in a file

Where it goes from a call to an answer: vendor.py -> v1.py or v2.py -> acts.py -> state.py. It shares no decoder with
the portal: it plays the other side.
"""

from portal.sandbox.helpdesk.app import create_app
from portal.sandbox.helpdesk.keeper import kept
from portal.sandbox.helpdesk.seed import seed_demo
from portal.sandbox.helpdesk.server import running, serve
from portal.sandbox.helpdesk.state import State

__all__ = ["State", "create_app", "kept", "running", "seed_demo", "serve"]
