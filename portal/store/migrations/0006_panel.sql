-- The operator's panel.

-- Open panels. handle: the SHA-256 of what the panel's forms carry, which itself is kept nowhere. jti: the link that opened it,
-- so that a link opens one panel. A panel is an operator's, about a ticket or an order. seen_at: his last act.
CREATE TABLE IF NOT EXISTS custom_hde_panel_handle (
    handle     BINARY(32)      NOT NULL,
    jti        VARBINARY(64)   NOT NULL,
    operator   VARBINARY(400)  NOT NULL,
    ticket_id  BIGINT UNSIGNED NULL,
    order_id   BIGINT UNSIGNED NULL,
    opened_at  DATETIME(6)     NOT NULL,
    seen_at    DATETIME(6)     NOT NULL,
    PRIMARY KEY (handle),
    UNIQUE KEY ux_jti (jti),
    KEY ix_seen (seen_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Who looked whom up, and when. Numbers only: no name, no address, no words that were searched for. panel: the first bytes of the
-- handle's hash, which tell one sitting from another. whom: the kind of whom_id (account, contact, order, word), empty where the act
-- has nobody yet.
CREATE TABLE IF NOT EXISTS custom_hde_panel_audit (
    id        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    at        DATETIME(6)     NOT NULL,
    operator  VARBINARY(400)  NOT NULL,
    panel     BINARY(8)       NOT NULL,
    act       VARBINARY(16)   NOT NULL,
    ticket_id BIGINT UNSIGNED NULL,
    order_id  BIGINT UNSIGNED NULL,
    whom      VARBINARY(16)   NOT NULL DEFAULT '',
    whom_id   BIGINT UNSIGNED NULL,
    PRIMARY KEY (id),
    KEY ix_at (at),
    KEY ix_whom (whom, whom_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
