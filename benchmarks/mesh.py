"""The face mesh of mediapipe 0.10.14 on pictures: `python benchmarks/mesh.py PICTURES.npy
MESHES.npy`.

Runs in an environment of its own, for mediapipe needs numpy < 2. uint8 (N, H, W, 3) → float64 (N,
478, 2) in pixels, NaN where no face is found. A face fills an aligned picture: it is found more
often with a rim around it, enlarged.
"""

import importlib
import sys

import cv2
import numpy as np

ENLARGED = 2


def main() -> None:
    """Find them."""
    options = {
        "static_image_mode": True,
        "refine_landmarks": True,
        "max_num_faces": 1,
        "min_detection_confidence": 0.3,
    }
    net, meshes = importlib.import_module("mediapipe").solutions.face_mesh.FaceMesh(**options), []
    for picture in np.load(sys.argv[1]):
        rim = picture.shape[0] // 4
        wider = cv2.copyMakeBorder(picture, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
        found = net.process(cv2.resize(wider, None, fx=ENLARGED, fy=ENLARGED)).multi_face_landmarks
        size = np.array(wider.shape[1::-1])
        shares = (
            [(one.x, one.y) for one in found[0].landmark] if found else np.full((478, 2), np.nan)
        )
        meshes.append(np.array(shares) * size - rim)
    np.save(sys.argv[2], np.stack(meshes))


if __name__ == "__main__":
    main()
