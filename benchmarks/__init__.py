"""What it costs, what it survives, what it leaves behind: measured beside the official packages. See README.md."""
