-- The ledger: which state of a ticket an event has been applied to, and people without an account in the shop.

-- version: the ticket's own time of its last change, as it was when the event was applied; an older one is stale.
-- heard_at: what the event makes old has been forgotten; that is done before anybody is asked.
ALTER TABLE custom_hde_inbox
    ADD COLUMN version  DATETIME(6) NULL,
    ADD COLUMN heard_at DATETIME(6) NULL,
    ADD KEY ix_heard (heard_at);

UPDATE custom_hde_inbox SET heard_at = created_at WHERE state NOT IN ('waiting', 'running');

-- Who wrote to the help desk from an address that no account holds; user_id once an account has proven the address.
CREATE TABLE IF NOT EXISTS custom_hde_profile (
    contact_id BIGINT UNSIGNED NOT NULL,
    email      VARBINARY(255)  NOT NULL,
    name       VARCHAR(255)    NOT NULL DEFAULT '',
    phone      VARBINARY(32)   NOT NULL DEFAULT '',
    user_id    BIGINT UNSIGNED NULL,
    created_at DATETIME(6)     NOT NULL,
    PRIMARY KEY (contact_id),
    KEY ix_email (email),
    KEY ix_user (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What the order's field says of a ticket. ticket_number: as people know it, '' for its id. standing: open, closed, or gone
-- (deleted, or somebody else's now: kept, as it may come back).
ALTER TABLE custom_hde_order_ticket
    ADD COLUMN ticket_number VARBINARY(64) NOT NULL DEFAULT '',
    ADD COLUMN standing      VARBINARY(12) NOT NULL DEFAULT 'open';
