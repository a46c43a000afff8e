def files(seed):
    return iter([])
