"""Training: one loop in plain torch, runs that survive a crash, and the folder that holds them."""

from spikeloom.train import online as online
from spikeloom.train.checkpoint import load_checkpoint as load_checkpoint
from spikeloom.train.checkpoint import save_checkpoint as save_checkpoint
from spikeloom.train.classifier import fit_classifier as fit_classifier
from spikeloom.train.distributed import processes as processes
from spikeloom.train.history import Epoch as Epoch
from spikeloom.train.history import History as History
from spikeloom.train.image_task import ImageTask as ImageTask
from spikeloom.train.interrupt import Interrupted as Interrupted
from spikeloom.train.loop import fit as fit
from spikeloom.train.run import Run as Run
from spikeloom.train.run import new_folder as new_folder
from spikeloom.train.run import read_json as read_json
from spikeloom.train.seed import rng_state as rng_state
from spikeloom.train.seed import seed_everything as seed_everything
from spikeloom.train.seed import set_rng_state as set_rng_state
from spikeloom.train.tally import tally as tally
from spikeloom.train.task import Task as Task
from spikeloom.train.task import evaluate as evaluate
from spikeloom.train.truncated import truncated as truncated
