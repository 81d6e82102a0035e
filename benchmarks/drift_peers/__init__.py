"""The contenders of `benchmarks/drift.py`: what each is, how it is installed, and a small script that runs it."""
