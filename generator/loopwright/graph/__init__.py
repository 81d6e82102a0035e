"""The resource graph of a generated repository: from its Pulumi program to data, without an engine."""
