"""What the service does: one function per operation; synchronous; every one passes the gate."""
