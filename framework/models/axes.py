"""Names of the axes of parameters and activations: what a mesh's rules map to mesh axes.

| name | axis |
|---|---|
| `embed` | the width that layers hand on to each other; also the features that enter a model |
| `mlp` | the width inside a layer or between two layers |
| `heads`, `kv_heads` | heads of attention: of the queries, and of the keys and values |
| `head_dim` | the width of one head |
| `classes` | the outputs of the model |
| `vocab` | rows of an embedding, and the tokens that a language model predicts |
| `positions` | places that have a learned vector each |
| `layers` | the leading axis of a stack of equal layers that one scan runs through |
| `expert` | experts of a mixture |
| `routes` | the experts as the router scores them, which every device needs whole |
| `kernel_height`, `kernel_width` | the window of a convolution, or a patch |
| `channels_in`, `channels_out` | channels that a convolution reads and writes |

Activations use the same names and

| name | axis |
|---|---|
| `batch` | examples |
| `sequence` | tokens or patches of an example |
| `kv_sequence` | the same inside attention, as keys and values: whole, so that no rule names it |
| `capacity` | places of an expert |
| `whole` | any axis that must be in one piece where it is used |
| `height`, `width` | rows and columns of an image |

Every parameter carries the metadata `axes`, a tuple with one name for each of its dimensions,
and never the same name twice: a mesh axis can divide only one dimension of an array.
"""

EMBED = "embed"
MLP = "mlp"
HEADS = "heads"
KV_HEADS = "kv_heads"
HEAD_DIM = "head_dim"
CLASSES = "classes"
VOCAB = "vocab"
POSITIONS = "positions"
LAYERS = "layers"
EXPERT = "expert"
ROUTES = "routes"
CHANNELS_IN = "channels_in"
CHANNELS_OUT = "channels_out"
WINDOW = ("kernel_height", "kernel_width")
KERNEL = (*WINDOW, CHANNELS_IN, CHANNELS_OUT)

BATCH = "batch"
SEQUENCE = "sequence"
KV_SEQUENCE = "kv_sequence"
CAPACITY = "capacity"
WHOLE = "whole"
IMAGE = (BATCH, "height", "width", CHANNELS_OUT)
