"""REST shapes <-> model objects. `Any` may stand here and nowhere else."""
