"""Beside the house: a help desk and a shop to live with. Only cli.py and the tests import it."""
