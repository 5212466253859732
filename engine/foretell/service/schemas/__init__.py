"""What the API takes and answers, a file a resource; a work reads its order with the same classes."""
