"""What the server is made of: the door, the service, the answers, what is said about them."""
