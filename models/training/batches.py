"""Batches drawn in worker processes, reproducible from seed and step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from edge_agent.detect import find_model
from models.training.augment import Augmenter, Pictures
from models.training.dense import DenseTeacher
from models.training.settings import Phase, Settings

#: More people than this in one picture: the last ones (the smallest) are left out as ignored.
MOST_BOXES = 60


class Batches(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Endless (images uint8 (b, 3, h, w), truth float32 (b, m, 6), seen float32 (b, cells, 5), see
    loss) of one phase."""

    def __init__(
        self, pictures: Pictures, settings: Settings, phase: Phase, first: tuple[int, int]
    ) -> None:
        """`first`: which of the processes that learn together this is, and its next step."""
        self._augmenter = Augmenter(pictures, replace(settings.augmentation, mosaic=phase.mosaic))
        self._pictures, self._phase = pictures, phase
        self._rank, self._first = first
        self._seed = settings.schedule.seed
        self._model = find_model(settings.dense)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        cv2.setNumThreads(0)
        teacher = DenseTeacher(self._model.path, self._model.manifest.person_class)
        worker = get_worker_info()
        begin, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self._first + begin
        while True:
            yield self._batch(step, teacher)
            step += stride

    def _batch(self, step: int, teacher: DenseTeacher) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self._seed, step, self._rank))
        batch = self._phase.batch
        width, height = self._phase.sizes[rng.integers(len(self._phase.sizes))]
        images = np.empty((batch, 3, height, width), np.uint8)
        clean = np.empty_like(images)
        truth = np.zeros((batch, MOST_BOXES, 6), np.float32)
        most = 1
        for i in range(batch):
            index = self._pictures.any_index(rng)
            picture, before, boxes = self._augmenter.draw(index, width, height, rng)
            images[i], clean[i] = picture.transpose(2, 0, 1), before.transpose(2, 0, 1)
            boxes = boxes[np.argsort(-(boxes[:, 3] - boxes[:, 1]))][:MOST_BOXES]
            truth[i, : len(boxes), :5] = boxes
            truth[i, : len(boxes), 5] = 1
            most = max(most, len(boxes))
        seen = torch.from_numpy(teacher.look(clean))
        return torch.from_numpy(images), torch.from_numpy(truth[:, :most]), seen
