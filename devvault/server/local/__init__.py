"""Our own plane, for the owner of the home, over the socket."""
