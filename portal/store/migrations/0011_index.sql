-- Our index of tickets: what a customer's list is filtered, sorted and searched by. It grants nothing, and may be emptied at any
-- time. body: the ticket as our copies have it. head: what is searched of its subject and number, words: of its messages and
-- files (NULL: not read yet), both folded; said: the same as people read it, to cut a snippet from.
CREATE TABLE IF NOT EXISTS custom_hde_ticket (
    ticket_id  BIGINT UNSIGNED NOT NULL,
    contact_id BIGINT UNSIGNED NOT NULL,
    email      VARBINARY(320)  NOT NULL,
    status     VARBINARY(16)   NOT NULL,
    channel    VARBINARY(16)   NOT NULL,
    created_at DATETIME(6)     NOT NULL,
    active_at  DATETIME(6)     NOT NULL,
    updated_at DATETIME(6)     NOT NULL,
    kept_at    DATETIME(6)     NOT NULL,
    body       BLOB            NOT NULL,
    head       BLOB            NOT NULL,
    words      MEDIUMBLOB      NULL,
    said       MEDIUMBLOB      NULL,
    PRIMARY KEY (ticket_id),
    KEY ix_contact (contact_id, active_at),
    KEY ix_kept (kept_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Whose tickets are to be read into the index. next_page: of his lists, 0 once they are read and messages are.
CREATE TABLE IF NOT EXISTS custom_hde_index_want (
    contact_id  BIGINT UNSIGNED NOT NULL,
    next_page   INT UNSIGNED    NOT NULL DEFAULT 1,
    run_at      DATETIME(6)     NOT NULL,
    finished_at DATETIME(6)     NULL,
    PRIMARY KEY (contact_id),
    KEY ix_due (finished_at, run_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
