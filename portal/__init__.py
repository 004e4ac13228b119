"""My Requests: a customer portal and a bridge between a 1C-Bitrix shop and a HelpDeskEddy help desk."""
