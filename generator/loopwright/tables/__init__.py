"""A data file of any kind to one clean Parquet file, and what is in it."""
