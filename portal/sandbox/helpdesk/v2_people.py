"""Dialect v2: users, their notes, and the identity of a chat visitor."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import Any

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.state import API_USER, Person, State
from portal.sandbox.helpdesk.v2_lists import ordered, within
from portal.sandbox.helpdesk.v2_shapes import bad, deleted, missing, one, paged, show_date, show_user, success
from portal.sandbox.helpdesk.wire import Answer, Call, route
from portal.sandbox.helpdesk.words import USER_FIELDS, by_name

TEXTS = ("name", "lastname", "email", "phone", "status")


def list_users(state: State, call: Call) -> Answer:
    people = list(state.people.values())
    if not state.quirks.ignore_filters:
        people = _filtered(state, call.query, people)
    return paged(call, ordered(call.query.get("order_by", ""), people), partial(show_user, state))


def _filtered(state: State, query: dict[str, str], people: list[Person]) -> list[Person]:
    if query.get("id_list"):
        wanted = {word.strip() for word in query["id_list"].split(",")}
        people = [person for person in people if str(person.id) in wanted]
    if query.get("group_list"):
        groups = {word.strip() for word in query["group_list"].split(",")}
        people = [person for person in people if ("2" if person.staff else "1") in groups]
    if words := query.get("search", "").strip().casefold():
        exact = query.get("exact_search") == "1" and not state.quirks.loose_search
        people = [person for person in people if _found(person, words, exact)]
    return within(state, query, people)


def _found(person: Person, words: str, exact: bool) -> bool:
    """The search knows no fields: it looks at name, address and phone as text."""
    texts = [text.casefold() for text in (person.full_name, person.email, person.phone) if text]
    return words in texts if exact else any(words in text for text in texts)


def get_user(state: State, call: Call, user_id: int) -> Answer:
    """An object, or (it is anybody's guess when) an array of one."""
    person = state.people.get(user_id)
    if person is None:
        return missing(state, "User", user_id)
    shown = show_user(state, person)
    return success([shown]) if user_id % 2 else one(state, shown)


def create_user(state: State, call: Call) -> Answer:
    """Answers 200. An address that somebody has already is refused (inferred: no document says how)."""
    email = str(call.fields.get("email") or "")
    if not call.fields.get("name") or "@" not in email:
        return bad(state, "name and email are required")
    if state.person_by_email(email):
        return bad(state, "user with this email already exists")
    person = acts.add_contact(state, email)
    _set_values(state, person, call.fields)
    return one(state, show_user(state, person))


def change_user(state: State, call: Call, user_id: int) -> Answer:
    """Reads JSON only, as for tickets."""
    person = state.people.get(user_id)
    if person is None:
        return missing(state, "User", user_id)
    told = call.fields if call.encoding == "json" else {}
    other = state.person_by_email(str(told.get("email") or ""))
    if other and other is not person:
        return bad(state, "user with this email already exists")
    _set_values(state, person, told)
    return one(state, show_user(state, person))


def _set_values(state: State, person: Person, told: dict[str, Any]) -> None:
    changes = {key: str(told[key]) for key in TEXTS if told.get(key) is not None}
    if "organization" in told:
        changes["organization"] = str(told["organization"])
    fields = {**person.fields, **by_name(USER_FIELDS, told.get("custom_fields"))}
    acts.change_contact(state, person, fields=fields, **changes)


def delete_user(state: State, call: Call, user_id: int) -> Answer:
    if user_id not in state.people or user_id == API_USER:
        return missing(state, "User", user_id)
    del state.people[user_id]
    state.changed()
    return deleted(f"User with id {{{user_id}}} successfully deleted")


def list_notes(state: State, call: Call, user_id: int) -> Answer:
    person = state.people.get(user_id)
    return missing(state, "User", user_id) if person is None else paged(call, person.notes, dict)


def create_note(state: State, call: Call, user_id: int) -> Answer:
    person = state.people.get(user_id)
    if person is None:
        return missing(state, "User", user_id)
    if not call.fields.get("text"):
        return bad(state, "text is required")
    date = show_date(state, time.time())
    note = {"id": state.next_id(), "user_id": API_USER, "text": str(call.fields["text"]), "date_created": date}
    person.notes.append(note)
    state.changed()
    return success(note)


def delete_note(state: State, call: Call, user_id: int, note_id: int) -> Answer:
    person = state.people.get(user_id)
    kept = [note for note in person.notes if note["id"] != note_id] if person else []
    if person is None or len(kept) == len(person.notes):
        return missing(state, "Note", note_id)
    person.notes = kept
    state.changed()
    return deleted(f"Note with id {{{note_id}}} successfully deleted")


def chat_visitor(state: State, call: Call) -> Answer:
    """The same visitor gets the same id again: it opens his chat history, so it is as good as a password."""
    known = "|".join(str(call.fields.get(key) or "") for key in ("email", "name", "phone"))
    return success({"id": hashlib.sha256(f"{state.api_key}|{known}".encode()).hexdigest()[:32]})


ROUTES = (
    route("GET", "/users", list_users),
    route("POST", "/users", create_user),
    route("GET", "/users/{}", get_user),
    route("PUT", "/users/{}", change_user),
    route("DELETE", "/users/{}", delete_user),
    route("GET", "/users/{}/notes", list_notes),
    route("POST", "/users/{}/notes", create_note),
    route("DELETE", "/users/{}/notes/{}", delete_note),
    route("POST", "/chat/visitor/id", chat_visitor),
)
