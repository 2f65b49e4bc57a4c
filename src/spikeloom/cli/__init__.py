"""The command line; one module per command."""

from spikeloom.cli.app import commands as commands
from spikeloom.cli.app import main as main
