"""What is said when a codec cannot be plugged in; each case in a process of its own."""

from typing import Any

import pytest

from callengine.worker.plugins import faults
from tests.callengine.worker.plugins.processes import run_python

REPORT = """
import json, sys
{before}
import pjsua2 as pj
from callengine.worker import plugins
plugins.preload()
ep = pj.Endpoint(); ep.libCreate()
config = pj.EpConfig(); config.uaConfig.threadCnt = 0
config.logConfig.level = config.logConfig.consoleLevel = 0
ep.libInit(config)
found = [codec.codecId for codec in ep.codecEnum2()]
report = plugins.install({built_in}, bridge_rate_hz=16000)
enumerated = [codec.codecId for codec in ep.codecEnum2()]
ep.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
print(json.dumps({{"available": report.available, "why": report.unavailable, "pj": enumerated}}))
"""

HIDE_LIBRARY = """
from callengine.worker.native import libraries
class Hiding:
    def __init__(self, ffi):
        self.ffi = ffi
    def __getattr__(self, name):
        return getattr(self.ffi, name)
    def dlopen(self, name, *rest):
        if name == sys.argv[1]:
            raise OSError("cannot load library")
        return self.ffi.dlopen(name, *rest)
libraries.ffi = Hiding(libraries.ffi)
"""


def install(before: str = "", built_in: str = "found", *arguments: str) -> dict[str, Any]:
    return run_python(REPORT.format(before=before, built_in=built_in), *arguments)


def test_everything_is_available_where_everything_is_installed() -> None:
    report = install()
    assert report["available"][:5] == ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"]
    assert set(report["why"]) == {"SPEEX", "SPEEX-WB"}
    # Two payload types for AMR-WB: one for each framing.
    assert report["pj"].count("AMR-WB/16000/1") == 2
    assert report["pj"].count("opus/48000/2") == 1


def test_a_decoder_with_a_known_memory_fault_is_off_and_cannot_be_opened() -> None:
    report = install()
    reason = "one packet can corrupt memory in pjproject before 2.17"
    assert report["why"] == {
        "SPEEX": f"SPEEX is unavailable: {reason}.",
        "SPEEX-WB": f"SPEEX-WB is unavailable: {reason}.",
    }
    assert not {"SPEEX", "SPEEX-WB"} & set(report["available"])
    assert not [codec for codec in report["pj"] if codec.startswith("speex")]


def test_a_built_in_opus_with_a_fault_is_not_used() -> None:
    report = install("", "[*found, 'opus/48000/2']")
    assert "OPUS" not in report["available"]
    assert "lets one packet corrupt memory" in report["why"]["OPUS"]


@pytest.mark.parametrize(
    ("codec_id", "version", "is_faulty"),
    [
        ("speex/8000/1", "2.15.1", True),
        ("Speex/32000/1", "2.16", True),
        ("speex/8000/1", "2.17", False),
        ("speex/8000/1", "2.17-dev", False),
        ("opus/48000/2", "2.16", True),
        ("speex/8000/1", "trunk", True),
        ("PCMU/8000/1", "2.15.1", False),
    ],
)
def test_what_counts_as_a_fault(codec_id: str, version: str, is_faulty: bool) -> None:
    assert bool(faults.fault(codec_id, faults.read_version(version))) is is_faulty


@pytest.mark.parametrize(
    ("library", "codec", "package", "other"),
    [
        ("libopus.so.0", "OPUS", "libopus0", "AMR-WB"),
        ("libvo-amrwbenc.so.0", "AMR-WB", "libvo-amrwbenc0", "OPUS"),
        ("libopencore-amrwb.so.0", "AMR-WB", "libopencore-amrwb0", "OPUS"),
    ],
)
def test_a_missing_library_makes_its_codec_unavailable_and_no_other(
    library: str, codec: str, package: str, other: str
) -> None:
    report = install(HIDE_LIBRARY, "found", library)
    assert codec not in report["available"]
    assert other in report["available"]
    assert library in report["why"][codec]
    assert f"install the Debian package {package}" in report["why"][codec]
    assert not any(name.upper().startswith(codec) for name in report["pj"])


def test_another_version_of_pjsua2_is_refused_with_a_sentence() -> None:
    report = install("import pjsua2; pjsua2.__version__ = '2.99'")
    assert "PCMU" in report["available"]
    for codec in ("OPUS", "AMR-WB"):
        assert codec not in report["available"]
        assert "pjsua2 2.99" in report["why"][codec]
        assert "pjsua2-python 2.15.1.post1" in report["why"][codec]


@pytest.mark.parametrize(
    ("declared", "moved"),
    [
        ("param[16]", "param[8]"),
        ("param[16]", "param[32]"),
        ("uint32_t avg_bps; uint32_t max_bps;", "uint32_t max_bps; uint32_t avg_bps;"),
        ("int type; unsigned pt; pj_str_t encoding", "unsigned pt; int type; pj_str_t encoding"),
    ],
)
def test_a_build_with_another_layout_is_refused_and_does_not_crash(
    declared: str, moved: str
) -> None:
    swap = (
        "from callengine.worker.native import declarations as d\n"
        f"assert {declared!r} in d.PJPROJECT\n"
        f"d.PJPROJECT = d.PJPROJECT.replace({declared!r}, {moved!r})"
    )
    report = install(swap)
    # Swapped equal bit rates cannot be told apart, and do no harm.
    if "avg_bps" in declared:
        return
    for codec in ("OPUS", "AMR-WB"):
        assert codec not in report["available"]
        assert "layout" in report["why"][codec]


def test_a_codec_that_pjsua2_has_inside_is_left_as_it_is() -> None:
    report = install("", "[*found, 'AMR-WB/16000/1']")
    assert "AMR-WB" in report["available"]
    assert "AMR-WB/16000/1" not in report["pj"]
    assert "opus/48000/2" in report["pj"]


def test_codecs_missing_from_the_build_are_told() -> None:
    report = install("", "[name for name in found if 'G722' not in name]")
    assert report["why"]["G722"] == (
        "G722 is unavailable: this build of pjsua2 does not contain it."
    )
    assert set(report["why"]) == {"G722", "SPEEX", "SPEEX-WB"}
