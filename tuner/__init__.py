"""Right-size AWS Lambda functions: measure, estimate, decide."""

__version__ = "0.1.0"
