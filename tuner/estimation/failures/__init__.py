"""Which configurations fail too often, or cannot run at all."""
