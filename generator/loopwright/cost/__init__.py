"""What a resource graph costs a month: list prices, assumptions, and a rule for every type of resource."""
