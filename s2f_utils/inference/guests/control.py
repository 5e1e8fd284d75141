"""A drawing as a ControlNet for scribbles knows it: white lines on black."""

from __future__ import annotations

import numpy as np

from s2f_utils.pictures import images, sketches

LINE, AROUND = 0.002, 0.02  # standard deviations, shares of the side: of a line, and of the tone around it
FROM, FULLY = 0.04, 0.12  # darker than what is around, of [0, 1]: where a line begins, and is one


def lines_of(square: np.ndarray, size_px: int) -> np.ndarray:
    """The lines of a cleaned drawing, uint8 (S, S, 3), white on black: uint8 (size_px, size_px, 3).

    A line is what is darker than what is around it (a difference of Gaussians, Marr and Hildreth 1980): soft shading
    leaves nothing, and pale lines become as white as dark ones.
    """
    import cv2

    large = images.resize(square, size_px, "stretch").astype(np.float32) @ sketches.GREY / 255
    narrow, wide = (
        cv2.GaussianBlur(large, (0, 0), share * size_px, borderType=cv2.BORDER_REFLECT_101) for share in (LINE, AROUND)
    )
    ink = np.clip((wide - narrow - FROM) / (FULLY - FROM), 0, 1)
    return np.repeat(images.rounded(255 * ink)[..., None], 3, axis=2)
