"""`edge-agent models eval`: how many people a model finds on labelled pictures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.models.shared import add_json, add_models, add_size, chosen_models, progress
from edge_agent.cli.numbers import picture_size, whole
from edge_agent.errors import EXIT_OK
from edge_agent.geometry import FrameSize

if TYPE_CHECKING:
    from edge_agent.detect import OnnxDetector, ResolvedModel
    from edge_agent.tools.trial.quality import Report


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "eval",
        help="how many people it finds on labelled pictures",
        description="AP@0.5, and recall where 1 and 0.1 false positives per picture are "
        "tolerated: each picture whole, in one inference, detections that score .02 or more.",
    )
    add_models(parser)
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="PATH",
        help="folder of pictures (labels: YOLO txt, COCO json, MOT gt.txt), zip or folder of zips "
        "(pictures and YOLO txt), or a video (MOT)",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="COCO json or MOT gt.txt, if not found beside"
    )
    parser.add_argument(
        "--label-size", type=picture_size, metavar="WxH", help="what MOT's pixels refer to"
    )
    parser.add_argument(
        "--person-class", type=whole(0, 10**9), metavar="N", help="the labels' class of people"
    )
    parser.add_argument("--every", type=whole(1, 10**6), default=1, help="each N-th picture only")
    parser.add_argument(
        "--limit", type=whole(1, 10**9), metavar="N", help="at most N, spread evenly"
    )
    add_size(parser)
    add_json(parser)
    parser.set_defaults(func=_eval)


def _eval(arguments: argparse.Namespace) -> int:
    from edge_agent.tools.trial.formats import open_labelled
    from edge_agent.tools.trial.pictures import Choice
    from edge_agent.tools.trial.quality import assess

    choice = Choice(arguments.every, arguments.limit, arguments.person_class, arguments.label_size)
    data = open_labelled(arguments.images, arguments.labels, choice)
    detectors = _opened(chosen_models(arguments.models), arguments.size or ())
    with progress("pictures", data.count) as advance:
        report = assess(detectors, data, advance)
    if arguments.json:
        print(json.dumps(_eval_json(report, data.what, data.remarks), indent=2))
        return EXIT_OK
    for remark in data.remarks:
        print(f"note: {remark}", file=sys.stderr)
    ignored = f", {report.ignored} ignored" if report.ignored else ""
    print(f"{data.what}: {report.pictures} pictures, {report.people} people{ignored}\n")
    print("| model | input | AP | recall at 1 fp | at .1 fp | ms |")
    print("|---|---|---|---|---|---|")
    for score in report.scores:
        quality = score.quality
        print(
            f"| {score.model} | {score.width}x{score.height} | {quality.ap:.3f} "
            f"| {quality.recall_at_1:.3f} | {quality.recall_at_01:.3f} | {score.ms:.1f} |"
        )
    return EXIT_OK


def _eval_json(report: Report, what: str, remarks: Sequence[str]) -> dict[str, Any]:
    return {
        "data": what,
        "remarks": list(remarks),
        "pictures": report.pictures,
        "people": report.people,
        "ignored": report.ignored,
        "models": [
            {
                "model": score.model,
                "input": [score.width, score.height],
                "ap": round(score.quality.ap, 4),
                "recall_at_1_fp": round(score.quality.recall_at_1, 4),
                "recall_at_0.1_fp": round(score.quality.recall_at_01, 4),
                "ms": round(score.ms, 2),
            }
            for score in report.scores
        ],
    }


def _opened(models: Sequence[ResolvedModel], sizes: Sequence[FrameSize]) -> list[OnnxDetector]:
    """Each model at its own size, or at each of `sizes`."""
    from edge_agent.detect import OnnxDetector

    variants = [model.at(size) for model in models for size in sizes] or models
    return [OnnxDetector.open(model) for model in variants]
