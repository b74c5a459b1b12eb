"""Calls to AWS: sessions, typed clients, errors, retries, S3, logs and the price list."""
