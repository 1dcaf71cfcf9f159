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
    uint32_t captured;
    uint32_t way, forwarding;
};
const struct vn_layout *vn_layout(void);
const pjmedia_codec_op *vn_opus_operations(void);
const pjmedia_codec_op *vn_amr_operations(void);
const pjmedia_codec_op *vn_g729_operations(void);
void vn_short_join(pjmedia_codec_op *);

typedef struct pjmedia_port pjmedia_port;
struct vn_clock_figures { uint64_t ticks; uint64_t late; uint64_t skipped; };
int vn_clock_begin(pj_ioqueue_t *, pjmedia_port *, size_t, unsigned);
void vn_clock_run(int mixes);
int vn_clock_rest(int wait_ms);
int vn_clock_end(int wait_ms);
void vn_clock_shift(long ns);
void vn_clock_figures(struct vn_clock_figures *);
int vn_arrival_stub(int sock, char *host, int room);
int64_t vn_arrival_last(int sock);

struct vn_captured {
    int64_t at_ns; uint32_t size; uint32_t kept; uint16_t sum; uint16_t ours; uint16_t theirs;
    uint8_t direction; uint8_t family; uint8_t peer[16];
};
void vn_capture_begin(int whole, unsigned but);
void vn_capture_end(void);
int vn_capture_is_on(void);
void vn_capture_packet(int sock, int direction, const void *data, size_t size, const void *peer,
                       int64_t at_ns);
unsigned vn_capture_take(void *into, unsigned *lost);

struct vn_way {
    int sock; void *from, *to;
    uint8_t payload, payload_to; uint8_t events, events_to; uint8_t law;
    uint16_t bytes, units;
};
struct vn_forwarding {
    struct vn_way way;
    int64_t packet_ns, credit_ns, seen_ns;
    uint32_t source, source_to; uint32_t first_time, last_time; uint32_t time_offset;
    uint16_t last_number, number_offset; uint16_t span;
    uint8_t begun, last_is_audio, has_event;
};
struct vn_relay_figures { uint32_t state; uint32_t asked; uint64_t forwarded; };
int vn_forwarding_begin(struct vn_forwarding *, const struct vn_way *, int64_t now_ns);
void vn_forwarding_follow(struct vn_forwarding *, uint32_t source, uint16_t number, uint32_t time);
int vn_forwarding_take(struct vn_forwarding *, const uint8_t *packet, size_t size, int64_t now_ns,
                       uint8_t *out, size_t *length);
int vn_relay_begin(const struct vn_way *ways);
void vn_relay_end(void);
void vn_relay_let_go(const void *stream);
int vn_relay_passed_key(int sock);
void vn_relay_figures(struct vn_relay_figures *);

struct vn_halfband { float even[512]; float odd[512]; };
void vn_halfband_reset(struct vn_halfband *);
void vn_halfband_up(struct vn_halfband *, const int16_t *in, unsigned count, int16_t *out);
void vn_halfband_down(struct vn_halfband *, const int16_t *in, unsigned count, int16_t *out);
"""
