r"""What the event-driven kernels share: the exact flow of a membrane behind an exponential synapse.

Between events $\tau_m \dot V = I - V$ and $\tau_s \dot I = -I$, so after a time h

$$ V_h = a V_0 + c I_0, \qquad I_h = b I_0, \qquad a = e^{-h / \tau_m}, \quad b = e^{-h / \tau_s},
   \quad c = \frac{\max(a, b)}{\tau_m} \cdot \frac{1 - e^{-|k| h}}{|k|}, \qquad
   k = \frac{1}{\tau_s} - \frac{1}{\tau_m} $$

where the fraction is h for equal time constants: nothing cancels as they come close, and nothing
overflows as h grows. The adjoint goes back through the transposed matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikeloom.engine.code import Code, Value

ROUNDS = 200
"""Newton steps at most; a handful is usual, one per bit where a membrane only just arrives."""


@dataclass(frozen=True)
class Decay:
    """The flow over one stretch of time, as three numbers in double precision."""

    a: Value
    b: Value
    c: Value

    def to(self, kind: str) -> Decay:
        """The same in another precision."""
        return Decay(self.a.to(kind), self.b.to(kind), self.c.to(kind))


@dataclass(frozen=True)
class Constants:
    """Time constants as a kernel gets them."""

    code: Code
    tau_mem: Value
    tau_syn: Value
    k: Value
    slow: Value
    """The longer time constant."""
    gap: Value
    """$|k|$."""

    @classmethod
    def of(cls, code: Code, mem: Value, syn: Value) -> Constants:
        """From the two time constants."""
        k, longer = (mem - syn) / (mem * syn), mem > syn
        return cls(
            code, mem, syn, k, code.choose(longer, mem, syn), code.choose(longer, k, -k)
        )  # fmt: skip

    def decay(self, h: Value) -> Decay:
        """The flow over a time h."""
        code = self.code
        slow = code.libm("expm1", -(h / self.slow)) + 1.0
        fast, area = code.local("double", slow), code.local("double", slow * h)
        with code.when(self.gap.differs(0.0)):
            less = slow * code.libm("expm1", -(h * self.gap))
            fast.set(slow + less)
            area.set(-(less / self.gap))
        mem_is_slow = self.k > 0.0
        a = code.choose(mem_is_slow, slow, fast.value)
        b = code.choose(mem_is_slow, fast.value, slow)
        return Decay(a, b, area.value / self.tau_mem)

    def top(self, v: Value, i: Value) -> Value:
        """When the potential is highest, where i > v and i > 0."""
        code = self.code
        phi = self.tau_syn * (1.0 - v / i)
        s = code.local("double", phi)
        with code.when(self.k.differs(0.0)):
            s.set(-(code.libm("log1p", -(phi * self.k)) / self.k))
        return s.value

    def crossing(self, v: Value, i: Value, h: Value, theta: Value) -> Value:
        r"""The first time in [0, h] at which the potential is $\theta$; negative if it never is.

        On its way up the membrane is concave: from the left, Newton's steps never go past the
        crossing, and from the right the first one goes to its left. They start where the chord
        over the stretch crosses, if that goes up.
        """
        code = self.code
        end = self.decay(h)
        last = end.a * v + end.c * i
        s, answer = code.local("double", 0.0), code.local("double", -1.0)
        count = code.local("double", 0.0)
        with code.when(last >= theta):
            s.set(code.choose((v < theta), h * (theta - v) / (last - v), 0.0))
        with code.while_() as turn:
            flow = self.decay(s.value)
            now, current = flow.a * v + flow.c * i, flow.b * i
            missing, rise = theta - now, current - now
            count.set(count.value + 1.0)
            started = count.value > 1.0
            arrived = (missing <= 0.0) & (started | (s.value <= 0.0) | (missing >= 0.0))
            with code.when(arrived | (count.value > float(ROUNDS))):
                answer.set(s.value)
            turn.leave_if(answer.value >= 0.0)
            past = rise <= 0.0
            turn.leave_if(past & started)
            after = s.value + missing * self.tau_mem / rise
            stuck = (after <= s.value) & started  # no number lies between
            with code.when(stuck):
                answer.set(s.value)
            turn.leave_if(answer.value >= 0.0)
            s.set(code.choose(past | (after < 0.0), 0.0, after))
            turn.leave_if(s.value > h)
        with code.when((answer.value < 0.0) & (last >= theta)):  # by rounding, just at the end
            answer.set(h)
        return answer.value
