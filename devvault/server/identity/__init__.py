"""Who a program is: the endpoints that give out tokens."""
