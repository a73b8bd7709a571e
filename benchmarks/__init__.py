"""What is measured: speed, and the numbers the README shows."""
