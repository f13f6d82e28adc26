"""Train the person detector; stop and start it as you like.

    python -m models.training.train models/training/edge-person.toml --data DATA --run RUN

RUN keeps `log.jsonl` and, every two minutes, `checkpoint.pt`. The same command goes on from there,
with the shards that are collected and labelled by then. A GPU is used where there is one.

On a few CPU cores that others use too, one process a core learns nearly twice as much, and `--fast`
twice as much again:

    python -m torch.distributed.run --nproc_per_node 2 -m models.training.train ... --fast

Each takes one thread (`--threads 1`) and draws half a batch; the first writes.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader

from models.training.batches import Batches
from models.training.check import quality
from models.training.fast import made_fast, pays
from models.training.loss import PersonLoss
from models.training.muon import Muon, is_matrix
from models.training.network import PersonNet, grown
from models.training.pool import Pool
from models.training.settings import Phase, Schedule, Settings, read_settings
from models.training.sources import Label, read_sources

#: Of the processes that learn together; the first one writes.
RANK, PROCESSES = (int(os.environ.get(name, n)) for name, n in (("RANK", "0"), ("WORLD_SIZE", "1")))
_CHECKPOINT_EVERY_S = 120.0
_CHECK_EVERY_S = 600.0
_LOG_EVERY = 50


def _optimisers(net: PersonNet, schedule: Schedule) -> list[torch.optim.Optimizer]:
    matrices = [m.weight for m in net.modules() if schedule.muon and is_matrix(m)]
    known = set(map(id, matrices))
    rest = [p for p in net.parameters() if id(p) not in known]
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": schedule.weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=schedule.learning_rate,
        fused=True,
    )
    if not matrices:
        return [adam]
    return [adam, Muon(matrices, schedule.learning_rate, schedule.weight_decay)]


class Trainer:
    """Owns network, average, optimisers and the clock of the schedule."""

    def __init__(self, settings: Settings, run: Path, device: torch.device) -> None:
        torch.manual_seed(settings.schedule.seed)
        self.settings, self.run, self.device = settings, run, device
        how = settings.network
        # Channels last: depthwise convolutions then train twice as fast on a CPU.
        self.net = PersonNet(how.widths, how.depths, how.neck).to(device)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).eval()
        self.optimisers = _optimisers(self.net, settings.schedule)
        self.loss = PersonLoss(settings.loss)
        self.step, self.trained_s = 0, 0.0

    # --- schedule ---

    @property
    def progress(self) -> float:
        return self.trained_s / (60 * self.settings.schedule.minutes)

    def phase(self) -> Phase:
        return [p for p in self.settings.schedule.phases if p.start <= self.progress][-1]

    def _rate(self) -> float:
        schedule = self.settings.schedule
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.progress, 1)))
        share = schedule.final_share + (1 - schedule.final_share) * cosine
        return schedule.learning_rate * share * min(1, (self.step + 1) / schedule.warm_up_steps)

    # --- one step ---

    def learn(self, images: Tensor, truth: Tensor, seen: Tensor) -> Mapping[str, float]:
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self._rate()
        size = (images.shape[3], images.shape[2])
        pixels = images.to(self.device).float()
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        loss, parts = self.loss(self.net(pixels), truth.to(self.device), seen.to(self.device), size)
        self.net.zero_grad(set_to_none=True)
        loss.backward()
        self._agree()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self._follow()
        return parts

    @torch.no_grad()
    def _agree(self) -> None:
        """Processes that learn together share gradients and the clock of the schedule."""
        if not distributed.is_initialized():
            return
        learnt = [p.grad for p in self.net.parameters() if p.grad is not None]
        clock = torch.tensor([self.trained_s])
        flat = torch.cat([clock, *(grad.flatten() for grad in learnt)])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        self.trained_s = float(flat[0])
        at = 1
        for grad in learnt:
            grad.copy_(flat[at : at + grad.numel()].view_as(grad))
            at += grad.numel()

    @torch.no_grad()
    def _follow(self) -> None:
        decay = self.settings.schedule.ema * (1 - math.exp(-self.step / 1000))
        mine, own = self.average.state_dict(), self.net.state_dict()
        for name, value in mine.items():
            if value.dtype.is_floating_point:
                value.lerp_(own[name], 1 - decay)
            else:
                value.copy_(own[name])

    # --- checkpoints ---

    def save(self) -> None:
        if RANK:
            return
        state = {
            "settings": msgspec.json.encode(self.settings).decode(),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "trained_s": self.trained_s,
        }
        temporary = self.run / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(self.run / "checkpoint.pt")

    def resume(self) -> bool:
        path = self.run / "checkpoint.pt"
        if not path.exists():
            return False
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.step, self.trained_s = state["step"], state["trained_s"]
        return True

    def begin_from(self, path: Path) -> None:
        """Take the averaged weights of another run (its checkpoint, or what export kept).

        A smaller network grows: at first it answers what it answered.
        """
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        weights = grown(state["average"], self.net)
        for net in (self.net, self.average):
            net.load_state_dict(weights)

    def note(self, **facts: float) -> None:
        if RANK:
            return
        line = {"step": self.step, "minutes": round(self.trained_s / 60, 2), **facts}
        with (self.run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(line, flush=True)


def _part(phase: Phase) -> Phase:
    """What one of the processes draws."""
    return msgspec.structs.replace(phase, batch=max(1, phase.batch // PROCESSES))


def _feed(trainer: Trainer, pool: Pool, workers: int) -> Iterator[Any]:
    """Batches of the current phase, for ever."""
    while True:
        phase = trainer.phase()
        source = Batches(pool, trainer.settings, _part(phase), (RANK, trainer.step))
        loader = DataLoader(source, batch_size=None, num_workers=workers)
        for batch in loader:
            yield batch
            if trainer.phase() != phase:
                break


def train(
    trainer: Trainer, pool: Pool, left_out: Sequence[tuple[Path, Label]], workers: int
) -> None:
    """Until the schedule is over."""
    saved_s = checked_s = trainer.trained_s
    sums: dict[str, float] = {}
    began_s = time.monotonic()
    for batch in _feed(trainer, pool, workers):
        now_s = time.monotonic()
        trainer.trained_s += now_s - began_s
        began_s = now_s
        for name, value in trainer.learn(*batch).items():
            sums[name] = sums.get(name, 0.0) + value
        if trainer.step % _LOG_EVERY == 0:
            trainer.note(**{name: round(value / _LOG_EVERY, 4) for name, value in sums.items()})
            sums.clear()
        if trainer.trained_s - saved_s > _CHECKPOINT_EVERY_S:
            saved_s = trainer.trained_s
            trainer.save()
        if trainer.trained_s - checked_s > _CHECK_EVERY_S or trainer.progress >= 1:
            checked_s = trainer.trained_s
            if not RANK:
                trainer.note(**quality(trainer.average, left_out, limit=60))
            began_s = time.monotonic()
        if trainer.progress >= 1:
            break
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="what collect and label wrote")
    parser.add_argument("--sources", type=Path, default=Path(__file__).with_name("sources.toml"))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="begin with the weights of this file")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="on CPU cores: see fast.py")
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    if PROCESSES > 1:
        distributed.init_process_group("gloo")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = read_settings(options.settings)
    sources = read_sources(options.sources)
    pool = Pool.read(sources, options.data, settings)
    left_out = [(options.data / f"{s.shard_name}.zip", s.label) for s in sources if s.left_out]
    print(len(pool), "pictures", flush=True)
    trainer = Trainer(settings, options.run, device)
    if not trainer.resume() and options.init:
        trainer.begin_from(options.init)
    if options.fast and pays():
        made_fast(trainer.net)
    elif options.fast:
        print("this processor does not know bfloat16: PyTorch's own layers are faster", flush=True)
    print("from step", trainer.step, "on", device, flush=True)
    train(trainer, pool, left_out, options.workers)


if __name__ == "__main__":
    main()
