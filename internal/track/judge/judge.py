"""Runs other people's trackers on the scenes that judge (Go) wrote, and has all of them scored by TrackEval.

usage: judge.py FOLDER. Prints a Markdown table a level. Every tracker sees the same boxes, scores and, where
it wants them, the same appearance vectors. BoT-SORT also gets pictures: of the plaza clips their own, of
the crowds a textured ground that moves as the camera did, which is the best case for its estimate of the camera's motion."""

import concurrent.futures
import configparser
import contextlib
import importlib.resources
import io
import logging
import os
import pathlib
import sys

import cv2
import numpy as np
import supervision as sv
import torch
import trackeval
import yaml
from boxmot.structures import Boxes, Detections, Frame
from boxmot.trackers.box.botsort.tracker import BotSort
from boxmot.trackers.box.bytetrack.tracker import ByteTrack

RECORDED = "plaza"
MEMORY = 2  # seconds that every tracker keeps what it does not see, as in main.go


class Scene:
    def __init__(self, root, name):
        info = configparser.ConfigParser()
        info.read(f"{root}/gt/crowd-train/{name}/seqinfo.ini")
        info = info["Sequence"]
        self.name, self.fps = name, float(info["frameRate"])
        self.frames, self.size = int(info["seqLength"]), (int(info["imHeight"]), int(info["imWidth"]))
        rows = np.loadtxt(f"{root}/det/{name}.txt", delimiter=",", ndmin=2)
        self.frame = rows[:, 0].astype(int)
        self.boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], 1).astype(np.float32)
        self.scores = rows[:, 6].astype(np.float32)
        self.vectors = np.fromfile(f"{root}/det/{name}.vectors", np.float32).reshape(len(rows), -1)
        self.camera = np.loadtxt(f"{root}/det/{name}.camera", ndmin=2)
        video = pathlib.Path(f"{root}/det/{name}.video")
        self.video = video.read_text() if video.exists() else None

    def __iter__(self):
        for i in range(self.frames):
            yield i, self.frame == i + 1

    def pictures(self):
        """Of a recording its own; else a textured ground, moved as the camera was."""
        height, width = self.size
        if self.video:
            reader = cv2.VideoCapture(self.video)
            for _ in range(self.frames):
                there, picture = reader.read()
                assert there, self.video
                yield picture[:, :, ::-1]
            return
        margin = int(np.abs(self.camera).max()) + 2
        texture = ground(height + 2 * margin, width + 2 * margin)
        for x, y in self.camera:
            # Where the picture moves right by x, it shows what lies x to the left.
            yield cv2.warpAffine(texture, np.float32([[1, 0, x - margin], [0, 1, y - margin]]), (width, height))


def ground(height, width):
    """A texture with corners at several scales."""
    random, out = np.random.default_rng(5), np.zeros((height, width), np.float32)
    for cell in (4, 12, 40):
        coarse = random.random((height // cell + 2, width // cell + 2)).astype(np.float32)
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.repeat((out / 3 * 255).astype(np.uint8)[:, :, None], 3, 2)


def supervision_bytetrack(scene):
    tracker = sv.ByteTrack(frame_rate=round(scene.fps), lost_track_buffer=30 * MEMORY)
    for i, now in scene:
        got = tracker.update_with_detections(
            sv.Detections(scene.boxes[now], confidence=scene.scores[now], class_id=np.zeros(now.sum(), int)))
        yield i, got.xyxy, got.tracker_id, got.confidence


def boxmot(scene, kind):
    config = importlib.resources.files("boxmot") / "configs" / "trackers" / f"{kind.__name__.lower()}.yaml"
    options = {}

    def take(tree):
        for key, value in tree.items():
            if isinstance(value, dict) and "default" in value:
                options[key] = value["default"]
                take(value.get("activates", {}))
            elif not isinstance(value, dict):
                options[key] = value

    take(yaml.safe_load(config.read_text()))
    options.update(track_buffer=30 * MEMORY, frame_rate=round(scene.fps))
    tracker = kind(**options)
    pictures = scene.pictures() if kind is BotSort else None
    for i, now in scene:
        name, frame = str(i), None
        if pictures:
            frame = Frame(torch.from_numpy(np.ascontiguousarray(next(pictures).transpose(2, 0, 1))), name)
        got = tracker.update(
            Detections(Boxes(torch.from_numpy(scene.boxes[now])), torch.from_numpy(scene.scores[now]),
                       torch.zeros(int(now.sum()), dtype=torch.int64), name,
                       embeddings=torch.from_numpy(scene.vectors[now]) if kind is BotSort else None), frame)
        yield i, got.geometry.values.numpy(), got.track_ids.numpy(), got.scores.numpy()


THEIRS = {
    "supervision ByteTrack": supervision_bytetrack,
    "boxmot ByteTrack": lambda scene: boxmot(scene, ByteTrack),
    "boxmot BoT-SORT": lambda scene: boxmot(scene, BotSort),
}


def judge(root, scenes):
    """Scores of every tracker and scene, and the metrics, which also combine scenes."""
    config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
    config.update(GT_FOLDER=f"{root}/gt", TRACKERS_FOLDER=f"{root}/trackers", BENCHMARK="crowd", PRINT_CONFIG=False,
                  SEQ_INFO={s: None for s in scenes})
    settings = trackeval.Evaluator.get_default_eval_config()
    settings.update(PRINT_CONFIG=False, PRINT_RESULTS=False, TIME_PROGRESS=False, OUTPUT_SUMMARY=False, PLOT_CURVES=False,
                    OUTPUT_DETAILED=False, BREAK_ON_ERROR=True, USE_PARALLEL=True, NUM_PARALLEL_CORES=os.cpu_count())
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR({"PRINT_CONFIG": False}),
               trackeval.metrics.Identity({"PRINT_CONFIG": False})]
    with contextlib.redirect_stdout(io.StringIO()):
        got, _ = trackeval.Evaluator(settings).evaluate([trackeval.datasets.MotChallenge2DBox(config)], metrics)
    return got["MotChallenge2DBox"], metrics


def play(root, name):
    """What other people's trackers make of a scene."""
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    scene = Scene(root, name)
    for tracker, run in THEIRS.items():
        folder = f"{root}/trackers/crowd-train/{tracker}/data"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{name}.txt", "w") as f:
            for i, boxes, ids, scores in run(scene):
                for (x1, y1, x2, y2), number, score in zip(boxes, ids, scores):
                    f.write(f"{i + 1},{number},{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},{score:.4f},-1,-1,-1\n")


def main():
    logging.disable(logging.INFO)
    root = sys.argv[1]
    scenes = sorted(os.listdir(f"{root}/gt/crowd-train"))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        list(pool.map(play, [root] * len(scenes), scenes))
    results, metrics = judge(root, scenes)
    levels = {}
    for name in scenes:
        kind = name.rsplit("-", 1)[0]
        # "all" are the crowds: what is recorded is something else, and short.
        for level in (kind, "all") if kind != RECORDED else (kind,):
            levels.setdefault(level, []).append(name)
    levels["all"] = levels.pop("all", [])
    for level, mine in levels.items():
        if not mine:
            continue
        print(f"\n| {level} | HOTA | DetA | AssA | IDF1 | MOTA | ID switches | fragments |\n|" + " --- |" * 8)
        for tracker, got in sorted(results.items()):
            r = {m.get_name(): m.combine_sequences({s: got[s]["pedestrian"][m.get_name()] for s in mine}) for m in metrics}
            percent = [100 * np.mean(r["HOTA"][k]) for k in ("HOTA", "DetA", "AssA")]
            percent += [100 * r["Identity"]["IDF1"], 100 * r["CLEAR"]["MOTA"]]
            print(f"| {tracker} | " + " | ".join(f"{v:.1f}" for v in percent) + f" | {r['CLEAR']['IDSW']} | {r['CLEAR']['Frag']:.0f} |")


if __name__ == "__main__":
    main()
