"""The project's own code as processes of its own environment: jobs, the server, and the functions."""
