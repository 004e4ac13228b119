-- When a ticket was closed, opened again, or put into a state of the help desk's own, as far as we have heard of it.
CREATE TABLE IF NOT EXISTS custom_hde_turn (
    ticket_id BIGINT UNSIGNED NOT NULL,
    at        DATETIME(6)     NOT NULL,
    closed    TINYINT         NOT NULL,
    name      VARBINARY(255)  NOT NULL DEFAULT '',
    PRIMARY KEY (ticket_id, at),
    KEY ix_at (at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
