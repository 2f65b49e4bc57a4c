"""Which simulator runs a network: the compiled one where it can."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from spikeloom.engine.backends import BackendError, FallbackWarning, check_name
from spikeloom.plasticity import compiled, reference
from spikeloom.plasticity.job import Job
from spikeloom.plasticity.sources import device_of
from spikeloom.plasticity.state import Result

if TYPE_CHECKING:
    from spikeloom.plasticity.network import Network


def simulator(net: Network, backend: str, job: Job) -> Callable[[Network, Job], Result]:
    """The function that runs it: `compiled.run` or `reference.run`.

    Args:
        net: The network.
        backend: As of `Network.run`.
        job: What is to be run.

    Returns:
        The function.

    Raises:
        BackendError: If the compiled loop was asked for and cannot run it.
    """
    check_name(backend)
    if backend == "reference":
        return reference.run
    reason = compiled.why_not(net, job.batch, job.learn)
    if not job.steps:
        reason = reason or "there is no time step"
    if reason is None:
        return compiled.run
    if backend == "cpu":
        raise BackendError(f'Network got backend="cpu", and {reason}. Use backend="auto".')
    if job.steps and device_of(net).type == "cpu" and reason not in net._warned:
        net._warned.add(reason)
        warnings.warn(
            f"Network runs on the plain loop, correct but hundreds of times slower: {reason}.",
            FallbackWarning,
            stacklevel=4,
        )
    return reference.run
