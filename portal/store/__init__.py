"""Floor 2, lower half: our own tables, custom_hde_*."""
