"""`python -m spikeloom` is the command `spikeloom`."""

from spikeloom.cli import main

raise SystemExit(main())
