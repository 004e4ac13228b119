-- Keys that matter are binary: MySQL's default collation folds case, accents and trailing spaces.
-- Times are UTC, written with UTC_TIMESTAMP(6).

-- Which help desk contacts a shop account may read, and why.
-- contact_id 0 is the proof of the address itself; the contacts that carry the address follow as rows of their own.
CREATE TABLE IF NOT EXISTS custom_hde_user_map (
    user_id    BIGINT UNSIGNED NOT NULL,
    contact_id BIGINT UNSIGNED NOT NULL,
    email      VARBINARY(320)  NOT NULL,
    evidence   VARBINARY(32)   NOT NULL,
    sees       TINYINT         NOT NULL DEFAULT 0,
    created_at DATETIME(6)     NOT NULL,
    PRIMARY KEY (user_id, contact_id, email),
    KEY ix_contact (contact_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What waits to be done outside, kept before it is done. user_id: whose words these are; they go when he goes.
-- holder is new with every claim: a worker that was thought dead and is not changes nothing any more.
CREATE TABLE IF NOT EXISTS custom_hde_outbox (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    kind        VARBINARY(32)   NOT NULL,
    user_id     BIGINT UNSIGNED NULL,
    payload     LONGBLOB        NOT NULL,
    state       VARBINARY(12)   NOT NULL DEFAULT 'waiting',
    attempts    INT UNSIGNED    NOT NULL DEFAULT 0,
    run_at      DATETIME(6)     NOT NULL,
    holder      VARBINARY(32)   NULL,
    lease_until DATETIME(6)     NULL,
    reason      VARCHAR(500)    NOT NULL DEFAULT '',
    created_at  DATETIME(6)     NOT NULL,
    finished_at DATETIME(6)     NULL,
    PRIMARY KEY (id),
    KEY ix_due (state, run_at),
    KEY ix_user (user_id),
    KEY ix_holder (holder)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The last good copy of what the help desk told us. It never grants sight, and holds no internal note.
-- brief: what a list of tickets wants to know of a conversation.
-- holder, lease_until: who is renewing it, so that many processes cause one call.
CREATE TABLE IF NOT EXISTS custom_hde_snapshot (
    kind        VARBINARY(16)  NOT NULL,
    id          VARBINARY(340) NOT NULL,
    body        LONGBLOB       NULL,
    fetched_at  DATETIME(6)    NULL,
    brief       VARBINARY(160) NOT NULL DEFAULT '',
    holder      VARBINARY(32)  NULL,
    lease_until DATETIME(6)    NULL,
    PRIMARY KEY (kind, id),
    KEY ix_age (fetched_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The budget: as many rows as calls a minute. A row is free again 60 s after its call ended.
CREATE TABLE IF NOT EXISTS custom_hde_api_slot (
    id      INT UNSIGNED  NOT NULL,
    holder  VARBINARY(32) NOT NULL,
    free_at DATETIME(6)   NOT NULL,
    PRIMARY KEY (id),
    KEY ix_free (free_at),
    KEY ix_holder (holder)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Small facts that every process must agree on: the schema's version, the help desk's ban, watermarks.
CREATE TABLE IF NOT EXISTS custom_hde_cursor (
    name       VARBINARY(64)  NOT NULL,
    value      VARBINARY(255) NOT NULL,
    until      DATETIME(6)    NULL,
    updated_at DATETIME(6)    NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
