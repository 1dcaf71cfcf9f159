"""What Python calls of the media extension, for cffi; the headers beside it say what it does.

Types of pjmedia are those of `plugins/declarations.py`.
"""

MEDIA = """
struct vn_layout {
    uint32_t version;
    uint32_t pj_str, pj_timestamp, codec_info, codec_param, frame, codec_op, codec, factory;
};
const struct vn_layout *vn_layout(void);
"""
