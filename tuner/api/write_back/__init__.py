"""Writing recommendations back to the files of a project, and proposing them as pull requests."""
