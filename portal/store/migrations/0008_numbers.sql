-- What a text says of orders, and what an operator says of that. user_id of custom_hde_order_ticket is whose order it is.

-- state: linked counts; suggested (a probable person's, or not quite sure), foreign (somebody else's: a warning for operators)
-- and removed (an operator's no) do not. kin: the order is the present requester's: what customers are shown asks for that,
-- as an operator may link anything. sure: no quotation alone, no look-alike. author: the operator whose word it is.
ALTER TABLE custom_hde_order_ticket
    ADD COLUMN state  VARBINARY(12) NOT NULL DEFAULT 'linked',
    ADD COLUMN kin    TINYINT       NOT NULL DEFAULT 1,
    ADD COLUMN sure   TINYINT       NOT NULL DEFAULT 1,
    ADD COLUMN author VARCHAR(255)  NOT NULL DEFAULT '';

-- Each word of an operator, kept: what was there before it ('' for nothing), and who took it back, when.
CREATE TABLE IF NOT EXISTS custom_hde_order_word (
    id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    order_id        BIGINT UNSIGNED NOT NULL,
    ticket_id       BIGINT UNSIGNED NOT NULL,
    user_id         BIGINT UNSIGNED NOT NULL,
    operator        VARCHAR(255)    NOT NULL,
    said            VARBINARY(12)   NOT NULL,
    before_state    VARBINARY(12)   NOT NULL,
    before_evidence VARBINARY(32)   NOT NULL,
    before_author   VARCHAR(255)    NOT NULL,
    created_at      DATETIME(6)     NOT NULL,
    undone_by       VARCHAR(255)    NOT NULL DEFAULT '',
    undone_at       DATETIME(6)     NULL,
    PRIMARY KEY (id),
    KEY ix_pair (ticket_id, order_id),
    KEY ix_user (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
