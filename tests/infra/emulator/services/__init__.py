"""What moto lacks, one file a service."""
