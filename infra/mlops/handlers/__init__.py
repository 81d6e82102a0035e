"""The Lambda functions of the loop: the standard library and boto3 alone, and decisions that are pure functions."""
