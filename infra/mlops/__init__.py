"""The components of one model's loop on AWS. They never import each other; `infra/__main__.py` is where they meet."""
