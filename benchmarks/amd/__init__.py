"""Who has answered? How often and how soon the local server's detector says it rightly."""
