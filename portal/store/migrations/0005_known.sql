-- Of whom the help desk has been told, for as long as the account is there. contact_id: who had his address then, NULL for
-- nobody. told_at: by the database's clock, before the account was read.
CREATE TABLE IF NOT EXISTS custom_hde_pushed (
    user_id    BIGINT UNSIGNED NOT NULL,
    contact_id BIGINT UNSIGNED NULL,
    told_at    DATETIME(6)     NOT NULL,
    PRIMARY KEY (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- It was kept in cursors, two of each account.
INSERT INTO custom_hde_pushed (user_id, contact_id, told_at)
    SELECT CAST(SUBSTRING(CAST(p.name AS CHAR), 8) AS UNSIGNED), CAST(CAST(c.value AS CHAR) AS UNSIGNED),
        CAST(CAST(p.value AS CHAR) AS DATETIME(6))
    FROM custom_hde_cursor p LEFT JOIN custom_hde_cursor c ON c.name = CONCAT('contact:', SUBSTRING(p.name, 8))
    WHERE LEFT(p.name, 7) = 'pushed:'
    ON DUPLICATE KEY UPDATE told_at = VALUES(told_at);

-- told: what a note about the order has said last, in whatever ticket of it; the same in each row of the order.
ALTER TABLE custom_hde_order_ticket
    ADD COLUMN told VARBINARY(64) NULL;

UPDATE custom_hde_order_ticket t JOIN custom_hde_cursor c ON c.name = CONCAT('order:', t.order_id) SET t.told = c.value;

DELETE FROM custom_hde_cursor WHERE SUBSTRING_INDEX(name, ':', 1) IN ('pushed', 'contact', 'order');

-- status: the ticket's own, as it was when the event was applied. turned: the rules about a change of status were asked then,
-- whatever event it was: the help desk's own may be missing, or come late.
ALTER TABLE custom_hde_inbox
    ADD COLUMN status VARBINARY(64) NULL,
    ADD COLUMN turned TINYINT       NOT NULL DEFAULT 0;

-- What is due is asked by kind, once a second by each process, and a thousand jobs of one kind hide no job of another.
ALTER TABLE custom_hde_outbox
    ADD KEY ix_kind (state, kind, run_at);
