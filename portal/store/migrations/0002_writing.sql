-- What customers write, and the two doors: the help desk's events and who opened which ticket.

-- queue: jobs of one queue are done one after another, in the order they were put. ticket_id, result_id: the ticket a job is
-- about, and the message or ticket it made. sent_at: a call that may have had its effect began then, and its answer is not
-- known. once: the form it came from; the same form sent twice is one job.
ALTER TABLE custom_hde_outbox
    ADD COLUMN queue     VARBINARY(64)   NOT NULL DEFAULT '',
    ADD COLUMN ticket_id BIGINT UNSIGNED NULL,
    ADD COLUMN result_id BIGINT UNSIGNED NULL,
    ADD COLUMN sent_at   DATETIME(6)     NULL,
    ADD COLUMN once      VARBINARY(64)   NULL,
    ADD KEY ix_queue (queue, state),
    ADD KEY ix_finished (state, finished_at),
    ADD UNIQUE KEY ux_once (once);

-- Files that wait to be sent with a job, in chunks that every usual max_allowed_packet takes.
CREATE TABLE IF NOT EXISTS custom_hde_blob (
    job_id  BIGINT UNSIGNED NOT NULL,
    file    INT UNSIGNED    NOT NULL,
    chunk   INT UNSIGNED    NOT NULL,
    content MEDIUMBLOB      NOT NULL,
    PRIMARY KEY (job_id, file, chunk)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Tickets that belong to a shop account whoever has proven what. contact_id: the ticket's requester then; a ticket that has
-- been given to somebody else since is no longer his. jti: the widget token it carried, which vouches for one ticket.
CREATE TABLE IF NOT EXISTS custom_hde_ticket_owner (
    ticket_id  BIGINT UNSIGNED NOT NULL,
    user_id    BIGINT UNSIGNED NOT NULL,
    contact_id BIGINT UNSIGNED NOT NULL,
    evidence   VARBINARY(32)   NOT NULL,
    jti        VARBINARY(64)   NULL,
    created_at DATETIME(6)     NOT NULL,
    PRIMARY KEY (ticket_id),
    KEY ix_user (user_id, ticket_id),
    UNIQUE KEY ux_jti (jti)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Which order a ticket is about. user_id: whose order it is.
CREATE TABLE IF NOT EXISTS custom_hde_order_ticket (
    order_id   BIGINT UNSIGNED NOT NULL,
    ticket_id  BIGINT UNSIGNED NOT NULL,
    user_id    BIGINT UNSIGNED NOT NULL,
    number     VARBINARY(400)  NOT NULL,
    evidence   VARBINARY(32)   NOT NULL,
    created_at DATETIME(6)     NOT NULL,
    PRIMARY KEY (order_id, ticket_id),
    KEY ix_ticket (ticket_id),
    KEY ix_user (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Events of the help desk, each once: what happened to which ticket. No text of anybody is kept, as the ticket is read again
-- before anything is done. event_key: the event's identity, compared as bytes. seen: how often it came.
CREATE TABLE IF NOT EXISTS custom_hde_inbox (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    event_key   VARBINARY(255)  NOT NULL,
    kind        VARBINARY(64)   NOT NULL,
    ticket_id   BIGINT UNSIGNED NOT NULL,
    contact_id  BIGINT UNSIGNED NULL,
    message_id  BIGINT UNSIGNED NULL,
    happened_at DATETIME(6)     NULL,
    seen        INT UNSIGNED    NOT NULL DEFAULT 1,
    queue       VARBINARY(64)   NOT NULL DEFAULT '',
    state       VARBINARY(12)   NOT NULL DEFAULT 'waiting',
    attempts    INT UNSIGNED    NOT NULL DEFAULT 0,
    run_at      DATETIME(6)     NOT NULL,
    holder      VARBINARY(32)   NULL,
    lease_until DATETIME(6)     NULL,
    reason      VARCHAR(500)    NOT NULL DEFAULT '',
    created_at  DATETIME(6)     NOT NULL,
    finished_at DATETIME(6)     NULL,
    PRIMARY KEY (id),
    UNIQUE KEY ux_event (event_key),
    KEY ix_due (state, run_at),
    KEY ix_queue (queue, state),
    KEY ix_finished (state, finished_at),
    KEY ix_ticket (ticket_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- forgotten_at: something has happened since the copy was made; it is not fresh, whatever its age.
ALTER TABLE custom_hde_snapshot
    ADD COLUMN forgotten_at DATETIME(6) NULL,
    ADD KEY ix_forgotten (forgotten_at);
