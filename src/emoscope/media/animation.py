"""The first frame of a GIF.

Through libav: OpenCV reads GIF only since 4.11 and not in every build.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from emoscope.media.alpha import over_white
from emoscope.media.container import LIBAV_ERRORS, open_stream


def decode_gif(data: bytes) -> NDArray[np.uint8] | None:
    """First frame over white.

    Returns:
        (height, width, 3) uint8 RGB, or None where the data is damaged.
    """
    try:
        with open_stream(io.BytesIO(data), "gif") as container:
            frame = next(container.decode(video=0))
            rgba = np.asarray(frame.to_ndarray(format="rgba"), dtype=np.uint8)
    except (*LIBAV_ERRORS, StopIteration):
        return None
    return over_white(np.ascontiguousarray(rgba[:, :, :3]), rgba[:, :, 3])
