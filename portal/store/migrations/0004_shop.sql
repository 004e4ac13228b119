-- As of which state of the shop we have put a job: what tells, of a change that is found by looking, that it is known already.
-- stamp: Unix seconds of the row's last change by the shop's clock, 0 for none.
CREATE TABLE IF NOT EXISTS custom_hde_shop_seen (
    kind      VARBINARY(32)   NOT NULL,
    object_id BIGINT UNSIGNED NOT NULL,
    stamp     BIGINT          NOT NULL,
    seen_at   DATETIME(6)     NOT NULL,
    PRIMARY KEY (kind, object_id),
    KEY ix_age (seen_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
