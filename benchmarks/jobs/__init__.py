"""Jobs of child processes, one per file, each with `run(arguments) -> results`, both JSON."""
