"""Puts a function around one of moto's own."""

import functools


def around(owner, name):
    """A decorator: the function takes the place of `owner.name` and gets the original as its first argument."""
    original = getattr(owner, name)

    def install(function):
        @functools.wraps(original)
        def replacement(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return function

    return install
