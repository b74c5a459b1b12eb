"""Right-size AWS Lambda functions: measure, estimate, decide.

The package's core does no I/O: it asks for measurements and is told what they
returned. The edges (`tuner.backends`, `tuner.aws`, `tuner.local`, `tuner.cli`) act.
"""

__version__ = "0.1.0"
