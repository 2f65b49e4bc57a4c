"""The command line; one module per command."""

from .app import commands as commands
from .app import main as main
