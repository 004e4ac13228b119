"""Floor 2: the shop in our words; every b_* name lives here."""
