"""What commands show on stderr while they work."""
