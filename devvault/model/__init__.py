"""What a vault is. Pure: no I/O, no third-party import; time comes in as an argument."""
