"""A model of a user's own whose code was changed after it was trained."""

from framework.models import MLP


class Changed(MLP):
    """The same parameters, another function."""

    def __call__(self, inputs, *, train, rngs=None):
        return -super().__call__(inputs, train=train, rngs=rngs)
