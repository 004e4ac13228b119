-- What a customer takes away: one archive of all his requests at a time, made by the worker, kept for a day.

-- plan: which requests, decided once; an archive that was interrupted goes on with number `done` of them. size: bytes of the
-- files so far. finished_at: it is whole.
CREATE TABLE IF NOT EXISTS custom_hde_export (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    user_id     BIGINT UNSIGNED NOT NULL,
    locale      VARBINARY(8)    NOT NULL,
    plan        MEDIUMBLOB      NULL,
    done        INT UNSIGNED    NOT NULL DEFAULT 0,
    total       INT UNSIGNED    NOT NULL DEFAULT 0,
    size        BIGINT UNSIGNED NOT NULL DEFAULT 0,
    created_at  DATETIME(6)     NOT NULL,
    finished_at DATETIME(6)     NULL,
    PRIMARY KEY (id),
    UNIQUE KEY ux_user (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Its files, in chunks that every usual max_allowed_packet takes, in the order of their ids. place: of which request of the plan.
-- name: in the archive; '' for what only we read.
CREATE TABLE IF NOT EXISTS custom_hde_export_part (
    id        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    export_id BIGINT UNSIGNED NOT NULL,
    place     INT UNSIGNED    NOT NULL,
    name      VARBINARY(400)  NOT NULL,
    content   MEDIUMBLOB      NOT NULL,
    PRIMARY KEY (id),
    KEY ix_export (export_id, id),
    KEY ix_place (export_id, place)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What went when a customer had his copies deleted: numbers, no words of his.
CREATE TABLE IF NOT EXISTS custom_hde_receipt (
    user_id   BIGINT UNSIGNED NOT NULL,
    erased_at DATETIME(6)     NOT NULL,
    counts    VARBINARY(400)  NOT NULL,
    PRIMARY KEY (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
