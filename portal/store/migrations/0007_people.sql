-- Who is who, for operators. Nothing here is read when it is asked what a customer may see.

-- What operators have said, word by word; rows are added only (and go when a shop account they are about is deleted). a, b: the two
-- whom it is about, in the order of their bytes. verdict: same, not, or undo with the word that is undone, once.
CREATE TABLE IF NOT EXISTS custom_hde_word (
    id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    a_kind   VARBINARY(8)    NOT NULL,
    a_id     BIGINT UNSIGNED NOT NULL,
    b_kind   VARBINARY(8)    NOT NULL,
    b_id     BIGINT UNSIGNED NOT NULL,
    verdict  VARBINARY(8)    NOT NULL,
    undoes   BIGINT UNSIGNED NULL,
    operator VARBINARY(400)  NOT NULL,
    said_at  DATETIME(6)     NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY ux_undoes (undoes),
    KEY ix_a (a_kind, a_id, b_kind, b_id),
    KEY ix_b (b_kind, b_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The word that holds between two of them: the newest that is not undone.
CREATE TABLE IF NOT EXISTS custom_hde_said (
    a_kind   VARBINARY(8)    NOT NULL,
    a_id     BIGINT UNSIGNED NOT NULL,
    b_kind   VARBINARY(8)    NOT NULL,
    b_id     BIGINT UNSIGNED NOT NULL,
    verdict  VARBINARY(8)    NOT NULL,
    word_id  BIGINT UNSIGNED NOT NULL,
    operator VARBINARY(400)  NOT NULL,
    said_at  DATETIME(6)     NOT NULL,
    PRIMARY KEY (a_kind, a_id, b_kind, b_id),
    KEY ix_b (b_kind, b_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Our index of what Bitrix has none of: phones of accounts (order_id 0), phones and addresses of orders. value: E.164, or an
-- address in lower case. Made anew by walking over the shop; may be emptied at any time.
CREATE TABLE IF NOT EXISTS custom_hde_trace (
    value    VARBINARY(320)  NOT NULL,
    user_id  BIGINT UNSIGNED NOT NULL,
    order_id BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (value, user_id, order_id),
    KEY ix_user (user_id, order_id),
    KEY ix_order (order_id, user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

ALTER TABLE custom_hde_ticket_owner
    ADD KEY ix_contact (contact_id, user_id);

ALTER TABLE custom_hde_profile
    ADD KEY ix_phone (phone);
