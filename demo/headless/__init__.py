"""Both frameworks without devices, rooms or network: audio in and out at the speed of speech."""
