"""Names of the axes of parameters: what a mesh's rules map to mesh axes.

| name | axis |
|---|---|
| `embed` | the width that layers hand on to each other; also the features that enter a model |
| `mlp` | the width inside a layer or between two layers |
| `classes` | the outputs of the model |
| `vocab` | rows of an embedding |
| `kernel_height`, `kernel_width` | the window of a convolution |
| `channels_in`, `channels_out` | channels that a convolution reads and writes |

Every parameter carries the metadata `axes`, a tuple with one name for each of its dimensions,
and never the same name twice: a mesh axis can divide only one dimension of an array.
"""

EMBED = "embed"
MLP = "mlp"
CLASSES = "classes"
VOCAB = "vocab"
CHANNELS_IN = "channels_in"
CHANNELS_OUT = "channels_out"
KERNEL = ("kernel_height", "kernel_width", CHANNELS_IN, CHANNELS_OUT)
