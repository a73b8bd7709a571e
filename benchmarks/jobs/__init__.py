"""What child processes measure, one job a file: each has `run(arguments) -> results`, JSON both."""
