"""Every policy document of the stack: pure functions from names to dictionaries.

Resources are named by ARN; `*` stands only where the service knows nothing narrower, and a condition narrows it there.
Documents are made of names and not of other resources' outputs: a plan then shows them whole, to people and scanners.
The KMS key names the roles that may use it in its own policy, so no role needs a statement about keys.
"""
