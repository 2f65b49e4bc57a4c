"""Training: one loop in plain torch, runs that survive a crash, and the folder that holds them."""

from .checkpoint import load_checkpoint as load_checkpoint
from .checkpoint import save_checkpoint as save_checkpoint
from .history import Epoch as Epoch
from .history import History as History
from .interrupt import Interrupted as Interrupted
from .loop import fit as fit
from .run import Run as Run
from .run import new_folder as new_folder
from .run import read_json as read_json
from .seed import rng_state as rng_state
from .seed import seed_everything as seed_everything
from .seed import set_rng_state as set_rng_state
from .task import Task as Task
from .task import evaluate as evaluate
