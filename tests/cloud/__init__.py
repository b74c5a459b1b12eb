"""A local AWS, strict where it matters to a tool that changes and invokes Lambda functions.

Lambda and the Price List API are implemented here; S3, IAM, STS, KMS, CloudWatch Logs,
CloudFormation and Step Functions are moto's, with each deviation from AWS that a test
could miss fixed in one named place. Start it with `python -m tests.cloud --port 5055`, or use
the pytest fixtures of `tests.cloud.fixtures`.
"""
