"""A SageMaker pipeline definition, executed step by step on this machine: what AWS documents, and no AWS."""
