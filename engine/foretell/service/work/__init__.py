"""What jobs do, a file each: a function `run(order)` that calls the library, writes `order.target` whole, and returns a summary."""
