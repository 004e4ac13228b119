-- What customers say of how a request went. One of a customer and ticket; score: good or bad.
CREATE TABLE IF NOT EXISTS custom_hde_rating (
    user_id    BIGINT UNSIGNED NOT NULL,
    ticket_id  BIGINT UNSIGNED NOT NULL,
    score      VARBINARY(8)    NOT NULL,
    words      TEXT            NOT NULL,
    rated_at   DATETIME(6)     NOT NULL,
    PRIMARY KEY (user_id, ticket_id),
    KEY ix_score (score)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
