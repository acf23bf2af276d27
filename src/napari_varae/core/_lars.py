"""The engine of the lasso path: least angle regression, all targets advancing together.

The lasso is written without signs: each predictor stands twice, as it is and negated, as 2 P doors with Gram matrix
[[G, -G], [-G, G]], correlations (c, -c) and coefficients b >= 0. Every target walks down its own penalty. With active
doors A and M = G_AA^-1,

    d b_A / d penalty = -M w_A,     c = cross - G b,     d c / d penalty = G M w_A,

until something happens: a correlation meets its boundary penalty w_j and that door enters, the path ends, or a
coefficient meets zero and its door leaves. All these events stand side by side as columns of two tables,

    [P doors | none | P negated doors | end | slots of active doors],

`gap`, the distance still to go, and `rate`, how fast it shrinks; the next event is the smallest gap / rate. In the
slots the gap is the coefficient itself and the rate its slope. Each target keeps M in a padded array of slots; to
enter and to leave are the same symmetric rank-one update of it. An empty slot holds the door `end`, whose Gram matrix
is zero.

A predictor that is almost a combination of active ones would make M useless. It changes places instead with the active
one whose coefficient it would soon push to zero: where the path crosses a stretch of some 1e-6 of the penalty, it is
taken to jump. If it would push none to zero it is kept out; then the penalty is smaller than what it could explain.

A step is some fifty operations on small arrays, so that their calls cost more than their numbers: numpy, whose calls
are cheap, does most of it, and torch the few large ones, on one thread. To wait for another thread at each of them
makes a path many times slower as soon as anything else runs on the computer.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_varae.core._linear import factorise

__all__ = ["Array", "Front", "Numbers", "spread"]

COLLINEAR = 1e-11
"""A predictor of which the active ones leave less than this share of its variance unexplained is collinear.

Predictors are thus equal when they differ by less than 3e-6 of their deviation."""
DOUBTFUL = 1e-4
"""Share of unexplained variance below which it is computed with care."""
PUSHED = 0.1
"""Share of the others' speed at which an active coefficient must move for its predictor to be exchanged."""
AGAIN = 1 - 1e-9
"""Share of the penalty at its last exchange to which a path must come down for another one."""
PARALLEL = 1e-11
"""A gap that shrinks slower than this does not close: the correlation runs along its boundary."""
DRIFT = 1e-10
"""Largest error in the slope of an active correlation before M is computed afresh."""
NOISE = 1e-3
"""Error of an active correlation, as a share of the penalty, at which a path goes no further."""
NOTHING = 1e-12
"""Share of the largest penalty that is as good as 0: below it, rounding decides who enters and leaves."""
INFLATED = 1e5
"""Variance inflation of a predictor from which its leaving costs M too many digits: M is then computed afresh."""
TINY = 1e-100
"""A gap this small is closed, a predictor with a variance this small is constant."""

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


def spread(dense: Array, rows: Numbers, doors: Numbers, values: Array) -> None:
    """Write the values behind doors, shape (R, m), as signed coefficients into rows of `dense`, shape (.., P + 1)."""
    half = dense.shape[1]
    negated = doors >= half
    dense[rows[:, None], doors - half * negated] = np.where(negated, -values, values)


class Front:
    """The B = N K paths still under way, each at its own penalty; made from what :func:`_walk.walk` takes."""

    def __init__(self, gram: Array, cross: Array, weights: Array, stop: Array, most: int | None = None) -> None:
        n, k, p = cross.shape
        b, self.half, self.end = n * k, p + 1, 2 * p + 1
        self.gram = np.zeros((n, p + 1, p + 1))
        self.gram[:, :p, :p] = gram
        self.doors_gram = np.empty((n, 2, p + 1, 2, p + 1))
        self.doors_gram[:, 0, :, 0] = self.doors_gram[:, 1, :, 1] = self.gram
        self.doors_gram[:, 0, :, 1] = self.doors_gram[:, 1, :, 0] = -self.gram
        self.doors_gram = self.doors_gram.reshape(n, 2 * p + 2, 2 * p + 2)
        self.cross, self.weights = np.zeros((b, p + 1)), np.zeros((b, p + 1))
        self.cross[:, :p], self.weights[:, :p], self.stop = cross.reshape(b, p), weights.reshape(b, p), stop.reshape(b)
        self.rows, self.most = np.arange(b), most
        self.parallel, self.drift = PARALLEL * weights.max(), DRIFT * weights.max()
        self.done, self.banned, self.live = np.zeros(b, dtype=bool), np.zeros(b, dtype=bool), b
        self.floor, self.exchanged = self.stop, np.zeros(b)
        self.vacant = width = min(8, p + 1)
        self.slots = np.full((b, width), self.end)
        self.gap, self.rate = np.zeros((b, 2 * p + 2 + width)), np.zeros((b, 2 * p + 2 + width))
        self.inverse = np.zeros((b, width, width))
        self.held: Mask | None = None
        self._view()
        correlation = self.cross
        if (weights == 0).any():
            self._admit_unpenalised()
            correlation = self._renew(np.zeros(b))
        self.exchanged[:] = np.inf
        top = np.divide(np.abs(correlation), self.weights, out=np.zeros((b, p + 1)), where=self.weights > 0).max(1)
        self.floor = np.maximum(self.stop, NOTHING * np.abs(self.cross).max(1) / max(weights.max(), TINY))
        self.gap[:, self.end] = top - self.floor
        self.done = self.gap[:, self.end] <= 0
        self._measure(correlation, top)
        self._aim()

    def _admit_unpenalised(self) -> None:
        """Let the predictors without a penalty enter first, never to leave."""
        own = self.gram.diagonal(axis1=1, axis2=2)[self.owner]
        waiting = (self.weights == 0) & (own > 0)
        while (enters := waiting.any(1)).any():
            door = waiting.argmax(1)
            waiting[self.everyone, door] = False
            self._pivot(np.where(enters, door, self.end))
        self.held = np.zeros(self.gap.shape, dtype=bool)
        self.held[:, self.end + 1 :] = self.slots != self.end

    @property
    def penalty(self) -> Array:
        """Penalty at which each path stands."""
        here: Array = self.floor + self.gap[:, self.end]
        return np.where(self.done, np.minimum(self.stop, here), here)

    def point(self, which: Numbers) -> tuple[Numbers, Array, Numbers, Array]:
        """Say where some paths stand: rows of N x K, penalties, doors and values, as :func:`spread` takes them."""
        values = self.coefficients if self.held is not None else np.maximum(self.coefficients, 0)
        return self.rows[which], self.penalty[which], self.slots[which], values[which]

    def move(self) -> Numbers:
        """Move each path to its next event, and list those that moved at all."""
        speed = self.rate / np.maximum(self.gap, TINY)
        if self.held is not None:
            speed[self.held] = 0
        self.event = speed.argmax(1)
        self.event[self.done] = self.end
        at = self.starts + self.event
        if ((self.rate.take(at) <= self.parallel) & (self.event < self.end)).any():
            speed[:, : self.end][self.rate[:, : self.end] <= self.parallel] = 0
            self.event = np.where(self.done, self.end, speed.argmax(1))
            at = self.starts + self.event
        step = np.maximum(np.minimum(self.gap.take(at) / self.rate.take(at), self.gap[:, self.end]), 0)
        torch.from_numpy(self.gap).addcmul_(torch.from_numpy(step)[:, None], torch.from_numpy(self.rate), value=-1)
        self.gap.put(at, 0)
        self.done |= self.event == self.end
        self.live = len(self.rows) - np.count_nonzero(self.done)
        moved: Numbers = step.nonzero()[0]
        return moved

    def turn(self) -> Numbers:
        """Let the door of the event enter or leave, find out where that leads, and list the paths that jumped."""
        self.jumped = np.zeros(0, dtype=np.int64)
        self._pivot(self.event)
        if self.most is not None:
            unpenalised = 0 if self.held is None else self.held.sum(1)
            self._halt(((self.slots != self.end).sum(1) - unpenalised >= self.most).nonzero()[0])
        self._aim()
        return self.jumped

    def _pivot(self, event: Numbers) -> None:
        """Update the active sets, M and the slopes."""
        door, place = np.minimum(event, self.end), self._free_slots()
        leaves = event > self.end
        gone = leaves.nonzero()[0]
        corner = self.corner + door * (self.end + 1)
        probe = self.doors_gram.take(corner[:, None] + self.slots)
        if len(gone):
            place[gone] = event[gone] - (self.end + 1)
            probe[gone] = 0
            probe[gone, place[gone]] = 1
        change = np.matmul(probe[:, None, :], self.inverse)[:, 0]
        own = self.doors_gram.take(corner + door)
        pivot = own - np.einsum("ij,ij->i", change, probe)
        doubtful = ((pivot < DOUBTFUL * own) & ~leaves).nonzero()[0]
        if len(doubtful):
            pivot[doubtful] = self._distance(doubtful, door[doubtful], change[doubtful])
        enters = pivot > COLLINEAR * own + TINY
        factor = np.divide(1, pivot, out=np.zeros_like(pivot), where=enters | leaves)
        change[self.everyone, place] -= enters
        self.slopes += change * (factor * self.rate.take(self.starts + event))[:, None]
        update, scaled = torch.from_numpy(change), torch.from_numpy(change * factor[:, None])
        torch.from_numpy(self.inverse).addcmul_(scaled[:, :, None], update[:, None, :])
        if len(gone):
            variance = self._clear(gone, place[gone])
        self.slots[self.everyone, place] = np.where(enters, door, self.end)
        entered = enters.nonzero()[0]
        self.gap[entered, door[entered]] = self.gap[entered, self._opposite(door[entered])] = np.inf
        if len(gone) and (self.banned[gone].any() or (-pivot[gone] * variance > INFLATED).any()):
            self.banned[gone] = False
            self._measure(self._renew(self.penalty), self.penalty)
        if len(entered) + len(gone) + np.count_nonzero(self.done) < len(event):
            self._exchange((~(enters | leaves | self.done)).nonzero()[0], door, change)

    def _distance(self, rows: Numbers, door: Numbers, change: Array) -> Array:
        """Compute what active predictors leave unexplained of others: slower, but M may have lost every digit."""
        weight, slots = np.hstack([-change, np.ones((len(rows), 1))]), np.hstack([self.slots[rows], door[:, None]])
        at = self.corner[rows, None, None] + (self.end + 1) * slots[:, :, None] + slots[:, None]
        distance: Array = np.einsum("ij,ijk,ik->i", weight, self.doors_gram.take(at), weight)
        return distance

    def _clear(self, gone: Numbers, place: Numbers) -> Array:
        """Empty the slots of doors that leave, and return their variances."""
        door = self.slots[gone, place]
        self.gap[gone, door] = 0
        self.gap[gone, self._opposite(door)] = 2 * self.penalty[gone] * self.weights[gone, door % self.half]
        self.slopes[gone, place] = 0
        self.inverse[gone, place] = 0
        self.inverse[gone, :, place] = 0
        variance: Array = self.doors_gram.take(self.corner[gone] + door * (self.end + 2))
        return variance

    def _exchange(self, shut: Numbers, door: Numbers, change: Array) -> None:
        """Let doors that are collinear with active ones take the place of the first of these that they push to zero.

        Where they push none, or at one penalty push again, they are banned until an active one leaves.
        """
        pushed, penalty = change[shut] > 0, self.penalty
        if self.held is not None:
            pushed &= ~self.held[shut, self.end + 1 :]
        room = np.divide(self.coefficients[shut], change[shut], out=np.full(pushed.shape, np.inf), where=pushed)
        place = room.argmin(1)
        variance = self.doors_gram.take(self.corner[shut, None] + (self.end + 2) * self.slots[shut])
        force = change[shut] * np.sqrt(variance)
        swaps = (pushed * force)[np.arange(len(shut)), place] > PUSHED * np.abs(force).max(1)
        swaps &= penalty[shut] < AGAIN * self.exchanged[shut]
        moved, banned = shut[swaps], shut[~swaps]
        self.jumped = moved
        self.slots[moved, place[swaps]] = door[moved]
        self.exchanged[moved], self.banned[moved] = penalty[moved], False
        if len(moved):
            self._measure(self._renew(penalty), penalty)
        self.gap[banned, door[banned]] = self.gap[banned, self._opposite(door[banned])] = np.inf
        self.banned[banned] = True

    def _aim(self) -> None:
        """Find how fast each gap shrinks as the penalty falls."""
        if self._rates() > self.drift:
            self._measure(self._renew(self.penalty), self.penalty)
            self._rates()
        self.rate[:, self.end] = 1

    def _rates(self) -> float:
        """Compute the rates of all doors, and return the largest one of an active door: it should be zero."""
        turn = self._times_gram(self._signed(self.slopes))
        np.add(self.weights, turn, out=self.rate[:, : self.half])
        np.subtract(self.weights, turn, out=self.rate[:, self.half : self.end + 1])
        return float(np.abs(self.rate.take(self.starts[:, None] + self.slots)).max())

    def _renew(self, penalty: Array) -> Array:
        """Compute M, slopes and coefficients afresh from the active sets, and return the correlations."""
        used = self.slots != self.end
        factor = factorise(*map(torch.from_numpy, (self.doors_gram, self.slots, used)))
        weight = np.take_along_axis(np.hstack([self.weights, self.weights]), self.slots, 1)
        cross = np.take_along_axis(np.hstack([self.cross, -self.cross]), self.slots, 1)
        aims = np.stack([-weight, cross - penalty[:, None] * weight], 2)
        solution = torch.cholesky_solve(torch.from_numpy(aims), factor).numpy()
        self.slopes[:], self.coefficients[:] = solution[:, :, 0], solution[:, :, 1]
        self.inverse = torch.cholesky_inverse(factor).numpy() * (used[:, :, None] & used[:, None, :])
        return self.cross - self._times_gram(self._signed(self.coefficients))

    def _measure(self, correlation: Array, penalty: Array) -> None:
        """Measure the gaps of all doors from the correlations; those of active doors are closed to further entry."""
        shut = np.isinf(self.gap[:, : self.end]) & self.banned[:, None]
        reach = np.where(self.weights > 0, penalty[:, None] * self.weights, np.inf)
        self.gap[:, : self.half] = reach - correlation
        self.gap[:, self.half : self.end] = (reach + correlation)[:, :-1]
        rows, slots = (self.slots != self.end).nonzero()
        door = self.slots[rows, slots]
        noise = np.abs(self.gap[rows, door])
        self._halt(rows[(noise > NOISE * penalty[rows]) & (noise < np.inf)])
        self.gap[rows, door] = self.gap[rows, self._opposite(door)] = np.inf
        self.gap[:, : self.end][shut] = np.inf

    def _halt(self, which: Numbers) -> None:
        """Let some paths end where they stand."""
        self.floor[which] += self.gap[which, self.end]
        self.gap[which, self.end] = 0

    def _opposite(self, door: Numbers) -> Numbers:
        opposite: Numbers = (door + self.half) % (2 * self.half)
        return opposite

    def _signed(self, slots: Array) -> Array:
        """Spread values in slots over the predictors, shape (B, P + 1)."""
        dense = np.zeros((len(slots), self.half))
        spread(dense, self.everyone, self.slots, slots)
        return dense

    def _times_gram(self, dense: Array) -> Array:
        stacked = torch.from_numpy(dense.reshape(len(self.gram), -1, self.half))
        return (stacked @ torch.from_numpy(self.gram)).numpy().reshape(dense.shape)

    def _free_slots(self) -> Numbers:
        """Find a free slot for each path, making more when one may have none."""
        if self.vacant == 0:
            self.vacant = int((self.slots == self.end).sum(1).min())
        if self.vacant == 0:
            width = self.slots.shape[1]
            self.vacant = more = min(max(8, width // 3), self.half - width)
            self.slots = np.pad(self.slots, ((0, 0), (0, more)), constant_values=self.end)
            self.gap, self.rate = (np.pad(table, ((0, 0), (0, more))) for table in (self.gap, self.rate))
            self.held = None if self.held is None else np.pad(self.held, ((0, 0), (0, more)))
            self.inverse = np.pad(self.inverse, ((0, 0), (0, more), (0, more)))
            self._view()
        self.vacant -= 1
        free: Numbers = (self.slots == self.end).argmax(1)
        return free

    def _view(self) -> None:
        """Name parts of the tables and where their rows start, after they were made anew."""
        self.coefficients, self.slopes = self.gap[:, self.end + 1 :], self.rate[:, self.end + 1 :]
        self.everyone = np.arange(len(self.gap))
        self.starts = self.everyone * self.gap.shape[1]
        self.owner = self.everyone // (len(self.gap) // len(self.gram))
        self.corner = self.owner * (self.end + 1) ** 2

    def drop_done(self) -> None:
        """Go on with the paths that have not ended; the N x K arrangement stays rectangular."""
        live = ~self.done.reshape(len(self.gram), -1)
        grams, columns = np.flatnonzero(live.any(1)), np.flatnonzero(live.any(0))
        kept = (grams[:, None] * live.shape[1] + columns).ravel()
        if len(kept) == len(self.rows):
            return
        if len(grams) < len(self.gram):
            self.gram, self.doors_gram = self.gram[grams], self.doors_gram[grams]
        for name in ("cross", "weights", "stop", "floor", "rows", "done", "banned", "exchanged", "slots", "gap", "rate",
                     "inverse", "event", "held"):  # fmt: skip
            if (table := getattr(self, name)) is not None:
                setattr(self, name, table[kept])
        self._view()

    def where_it_stands(self, max_steps: int) -> str:
        """Say in words where the paths stopped."""
        row = int(self.done.argmin())
        active = int((self.slots[row] != self.end).sum())
        return (
            f"After {max_steps} steps {self.live} solution paths had not reached their end; number {self.rows[row]} "
            f"stood at penalty {self.penalty[row]:.6g} with {active} coefficients, on its way to "
            f"{self.stop[row]:.6g}. Raise max_steps or the smallest penalty."
        )
