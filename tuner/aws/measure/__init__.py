"""Invocations of a function in AWS: inspection, preconditions, provisioning, scheduling and logs."""
