"""The record of a run: written as samples arrive, read to go on, and closed where payloads are to be hidden."""
