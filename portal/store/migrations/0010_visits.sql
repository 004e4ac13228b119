-- What customers have seen: of a ticket, up to which of its own times. ticket_id 0: from when on things are new to him; what
-- was before has been read elsewhere.
CREATE TABLE IF NOT EXISTS custom_hde_visit (
    user_id   BIGINT UNSIGNED NOT NULL,
    ticket_id BIGINT UNSIGNED NOT NULL,
    seen_at   DATETIME(6)     NOT NULL,
    PRIMARY KEY (user_id, ticket_id),
    KEY ix_newest (user_id, seen_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
