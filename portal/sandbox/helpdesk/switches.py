"""The director's switches: values of settings by name, told as JSON or as a form's texts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from portal.sandbox.helpdesk.acts import Impossible
from portal.sandbox.helpdesk.outgoing import BODIES, PROOFS, Rules
from portal.sandbox.helpdesk.state import Quirks, State

Told = dict[str, Any]


def quirks(state: State, told: Told) -> Told:
    for key, value in _typed(Quirks(), told, "quirk").items():
        setattr(state.quirks, key, value)
    return asdict(state.quirks)


def webhooks(state: State, told: Told) -> Told:
    """`url`, `body` (v1, v2, v2-form), `proof`, `secret`; `delay` s, `times`, `hold` (newest first when it ends)."""
    wanted = _typed(Rules(), told, "rule")
    if wanted.get("proof", "none") not in PROOFS or wanted.get("body", "v1") not in BODIES:
        raise Impossible(f"proof is one of {', '.join(PROOFS)}; body one of {', '.join(BODIES)}")
    state.outgoing.set(**wanted)
    return {"deliveries": [delivery.describe() for delivery in state.outgoing.deliveries]}


def _typed(settings: Quirks | Rules, told: Told, what: str) -> Told:
    """The values as the fields want them: a form has only texts."""
    known = {name: type(value) for name, value in asdict(settings).items()}
    if unknown := set(told) - set(known):
        raise Impossible(f"no such {what}: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    yes = ("true", "1", "yes", "on")
    return {key: str(value).lower() in yes if known[key] is bool else known[key](value) for key, value in told.items()}
