"""The tables of a Bitrix shop as its own installer declares them, in two generations of its core.

Old = main 17.5, new = main 25.5; the module sale is in schema_sale.py. Only the tables the portal reads, but those
whole: every NOT NULL column without a default is there, so that a row which Bitrix would refuse is refused here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from portal.sandbox import schema_sale

Generation = Literal["old", "new"]


def create(execute: Callable[[str], object], generation: Generation) -> None:
    """Create the tables through `execute(statement)`, in the current database and with its character set."""
    for statement in statements(generation):
        execute(statement)


def statements(generation: Generation) -> list[str]:
    """CREATE TABLE IF NOT EXISTS …, one a table of this generation."""
    other = "[old]" if generation == "new" else "[new]"
    made = []
    for block in [*TABLES.strip().split("\n\n"), *schema_sale.TABLES.strip().split("\n\n")]:
        head, *lines = (line.strip() for line in block.splitlines())
        if other not in head:
            body = " ".join(re.sub(r"^\[\w+\] ", "", line) for line in lines if not line.startswith(other))
            made.append(f"CREATE TABLE IF NOT EXISTS {head.split()[0]} ({body.rstrip(',')})")
    return made


# A line or a table marked [old] or [new] belongs to that generation alone.
TABLES = """
b_user
    ID int NOT NULL AUTO_INCREMENT, TIMESTAMP_X timestamp, LOGIN varchar(50) NOT NULL,
    [old] PASSWORD varchar(50) NOT NULL, CHECKWORD varchar(50),
    [new] PASSWORD varchar(255) NOT NULL, CHECKWORD varchar(255),
    ACTIVE char(1) NOT NULL DEFAULT 'Y', NAME varchar(50), LAST_NAME varchar(50), EMAIL varchar(255),
    LAST_LOGIN datetime, DATE_REGISTER datetime NOT NULL, LID char(2), PERSONAL_PROFESSION varchar(255),
    PERSONAL_WWW varchar(255), PERSONAL_ICQ varchar(255), PERSONAL_GENDER char(1), PERSONAL_BIRTHDATE varchar(50),
    PERSONAL_PHOTO int, PERSONAL_PHONE varchar(255), PERSONAL_FAX varchar(255), PERSONAL_MOBILE varchar(255),
    PERSONAL_PAGER varchar(255), PERSONAL_STREET text, PERSONAL_MAILBOX varchar(255), PERSONAL_CITY varchar(255),
    PERSONAL_STATE varchar(255), PERSONAL_ZIP varchar(255), PERSONAL_COUNTRY varchar(255), PERSONAL_NOTES text,
    WORK_COMPANY varchar(255), WORK_DEPARTMENT varchar(255), WORK_POSITION varchar(255), WORK_WWW varchar(255),
    WORK_PHONE varchar(255), WORK_FAX varchar(255), WORK_PAGER varchar(255), WORK_STREET text,
    WORK_MAILBOX varchar(255), WORK_CITY varchar(255), WORK_STATE varchar(255), WORK_ZIP varchar(255),
    WORK_COUNTRY varchar(255), WORK_PROFILE text, WORK_LOGO int, WORK_NOTES text, ADMIN_NOTES text,
    STORED_HASH varchar(32), XML_ID varchar(255), PERSONAL_BIRTHDAY date, EXTERNAL_AUTH_ID varchar(255),
    CHECKWORD_TIME datetime, SECOND_NAME varchar(50), CONFIRM_CODE varchar(8), LOGIN_ATTEMPTS int,
    LAST_ACTIVITY_DATE datetime, AUTO_TIME_ZONE char(1), TIME_ZONE varchar(50), TIME_ZONE_OFFSET int,
    TITLE varchar(255) NULL, BX_USER_ID varchar(32) NULL, LANGUAGE_ID char(2) NULL,
    [new] BLOCKED char(1) NOT NULL DEFAULT 'N', PASSWORD_EXPIRED char(1) NOT NULL DEFAULT 'N',
    PRIMARY KEY (ID), UNIQUE KEY ix_login (LOGIN, EXTERNAL_AUTH_ID), INDEX ix_b_user_email (EMAIL),
    INDEX ix_b_user_activity_date (LAST_ACTIVITY_DATE), INDEX IX_B_USER_XML_ID (XML_ID),
    [new] INDEX ix_user_last_login (LAST_LOGIN), INDEX ix_user_date_register (DATE_REGISTER),

b_user_stored_auth
    ID int NOT NULL AUTO_INCREMENT, USER_ID int NOT NULL, DATE_REG datetime NOT NULL, LAST_AUTH datetime NOT NULL,
    STORED_HASH varchar(32) NOT NULL, TEMP_HASH char(1) NOT NULL DEFAULT 'N', IP_ADDR int unsigned NOT NULL,
    PRIMARY KEY (ID), INDEX ux_user_hash (USER_ID),

b_user_session [new]
    SESSION_ID varchar(250) NOT NULL, TIMESTAMP_X timestamp NOT NULL, SESSION_DATA longtext,
    PRIMARY KEY (SESSION_ID), INDEX ix_user_session_time (TIMESTAMP_X),

b_sec_session
    SESSION_ID varchar(250) NOT NULL, TIMESTAMP_X timestamp NOT NULL, SESSION_DATA longtext,
    PRIMARY KEY (SESSION_ID),

b_user_auth_action
    ID int NOT NULL AUTO_INCREMENT, USER_ID int NOT NULL, PRIORITY int NOT NULL DEFAULT 100, ACTION varchar(20),
    ACTION_DATE datetime NOT NULL,
    [new] APPLICATION_ID varchar(255) NULL,
    PRIMARY KEY (ID), INDEX ix_auth_action_user (USER_ID, PRIORITY), INDEX ix_auth_action_date (ACTION_DATE),

b_user_phone_auth [new]
    USER_ID int NOT NULL, PHONE_NUMBER varchar(25) NOT NULL, OTP_SECRET text, ATTEMPTS int DEFAULT 0,
    CONFIRMED char(1) DEFAULT 'N', DATE_SENT datetime,
    PRIMARY KEY (USER_ID), UNIQUE INDEX ix_user_phone_auth_number (PHONE_NUMBER),

b_user_group
    USER_ID int NOT NULL, GROUP_ID int NOT NULL, DATE_ACTIVE_FROM datetime, DATE_ACTIVE_TO datetime,
    UNIQUE KEY ix_user_group (USER_ID, GROUP_ID), INDEX ix_user_group_group (GROUP_ID),

b_group
    ID int NOT NULL AUTO_INCREMENT, TIMESTAMP_X timestamp, ACTIVE char(1) NOT NULL DEFAULT 'Y',
    C_SORT int NOT NULL DEFAULT '100', ANONYMOUS char(1) NOT NULL DEFAULT 'N',
    [new] IS_SYSTEM char(1) NOT NULL DEFAULT 'Y',
    NAME varchar(255) NOT NULL, DESCRIPTION varchar(255), SECURITY_POLICY text, STRING_ID varchar(255),
    PRIMARY KEY (ID),

b_option
    [old] MODULE_ID varchar(50), NAME varchar(50) NOT NULL, VALUE text,
    [new] MODULE_ID varchar(50) NOT NULL, NAME varchar(100) NOT NULL, VALUE mediumtext,
    DESCRIPTION varchar(255), SITE_ID char(2),
    [old] UNIQUE KEY ix_option (MODULE_ID, NAME, SITE_ID),
    [new] PRIMARY KEY (MODULE_ID, NAME),
    INDEX ix_option_name (NAME),

b_lang
    LID char(2) NOT NULL, SORT int NOT NULL DEFAULT '100', DEF char(1) NOT NULL DEFAULT 'N',
    ACTIVE char(1) NOT NULL DEFAULT 'Y', NAME varchar(50) NOT NULL, DIR varchar(50) NOT NULL,
    FORMAT_DATE varchar(50) NULL, FORMAT_DATETIME varchar(50) NULL, FORMAT_NAME varchar(255) NULL,
    WEEK_START int NULL, CHARSET varchar(255) NULL, LANGUAGE_ID char(2) NOT NULL, DOC_ROOT varchar(255),
    DOMAIN_LIMITED char(1) NOT NULL DEFAULT 'N', SERVER_NAME varchar(255), SITE_NAME varchar(255),
    EMAIL varchar(255), CULTURE_ID int, PRIMARY KEY (LID),
    [new] INDEX ix_b_lang_def_active (DEF, ACTIVE),

b_option_site [new]
    MODULE_ID varchar(50) NOT NULL, NAME varchar(100) NOT NULL, SITE_ID char(2) NOT NULL, VALUE mediumtext,
    PRIMARY KEY (MODULE_ID, NAME, SITE_ID), INDEX ix_option_site_module_site (MODULE_ID, SITE_ID),
"""
