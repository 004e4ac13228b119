"""Floor 2, upper half: HelpDeskEddy in our words; the vendor's names stop here."""
