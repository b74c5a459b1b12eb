"""Holds worker processes to Lambda's CPU share and memory limit."""
