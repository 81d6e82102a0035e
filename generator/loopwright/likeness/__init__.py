"""What two stacks have in common: graphs in a form that can be compared, and what may differ between them."""
