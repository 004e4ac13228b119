"""Who does as the README says has given the portal all that it reads: a table it may not read is as if it were not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_every_table_that_is_read_is_among_the_grants_of_the_readme() -> None:
    granted = set(re.findall(r"ON sitemanager\.(b_\w+)", (ROOT / "README.md").read_text("utf-8")))
    read = {
        table
        for module in (ROOT / "portal/bitrix").glob("*.py")
        for table in re.findall(r"\bb_[a-z]\w+", module.read_text("utf-8"))
    }
    assert "b_sale_order" in read and read <= granted, read - granted
