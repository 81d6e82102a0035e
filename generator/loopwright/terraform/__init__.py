"""Terraform JSON made from a resource graph: one way, for reading, for checking, and for those who apply it instead."""
