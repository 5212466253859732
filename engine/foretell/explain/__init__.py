"""What a model's forecast would be, and why it is what it is."""
