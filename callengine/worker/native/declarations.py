"""What Python calls of the media extension, for cffi; the headers beside it say what it does.

Types of pjmedia are those of `plugins/declarations.py`.
"""

from pathlib import Path

STATES = "\n".join(
    line
    for line in (Path(__file__).parent / "codecs" / "state.h").read_text().splitlines()
    if not line.startswith("#")
)
"""The state of each codec, read from the header that C includes."""

MEDIA = """
struct vn_layout {
    uint32_t version;
    uint32_t pj_str, pj_timestamp, codec_info, codec_param, frame, codec_op, codec, factory;
    uint32_t opus, amr, g729;
};
const struct vn_layout *vn_layout(void);
const pjmedia_codec_op *vn_opus_operations(void);
const pjmedia_codec_op *vn_amr_operations(void);
const pjmedia_codec_op *vn_g729_operations(void);
"""
