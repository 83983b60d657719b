"""What the screen can show, one file each."""
