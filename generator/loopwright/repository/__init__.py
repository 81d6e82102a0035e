"""From a template and answers to a repository: bytes, a plan, and the one module that writes."""
