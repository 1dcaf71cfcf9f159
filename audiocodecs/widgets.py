"""The codec picker as a form widget: a text input that drag, touch and keys can fill."""

from typing import Any

from django import forms
from django.apps import apps
from django.forms.renderers import BaseRenderer
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from audiocodecs.arranging import Arrangement, StoredList
from audiocodecs.availability import unavailable_codecs
from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.lists import CodecListError, names_in, parse_codec_list
from audiocodecs.picker import present


class CodecListInput(forms.TextInput):
    """Codec names in a text input; with JavaScript, and its media, the picker instead of it.

    Text that is no codec list is left to the person to mend: it gets the input alone.
    `is_platform` is for the platform list itself, which falls back to the built-in order.
    """

    def __init__(self, attrs: dict[str, Any] | None = None, *, is_platform: bool = False) -> None:
        super().__init__({"class": "vTextField", **(attrs or {})})
        self.is_platform = is_platform

    @property
    def media(self) -> forms.Media:
        """The files of the picker, and what makes it look at home in the Django admin."""
        styles = ("css/codec.css", "css/picker.css", "css/picker-admin.css")
        names = ("lists", "asking", "field", "keys")
        scripts = ["js/dragging.js", *(f"js/picker-{name}.js" for name in names), "js/picker.js"]
        library = "vendor/sortablejs/Sortable.min.js"
        return forms.Media(css={"all": styles}, js=(library, *scripts))

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        text = super().render(name, value, attrs, renderer)
        element = (attrs or {}).get("id") or f"id_{name}"
        try:
            stored = StoredList(parse_text(value))
        except CodecListError:
            return text
        fallback = self._fallback()
        picker = present(
            Arrangement.of(stored, fallback),
            base=stored,
            fallback=fallback,
            unavailable=unavailable_codecs(),
            submits=False,
        )
        words = "the built-in order" if self.is_platform else "the platform list"
        texts = {"fallback_words": words, "follow_words": f"Use {words}"}
        context = {"input": text, "picker": picker, "element": f"{element}-picker", "list": texts}
        return render_to_string("codecs/field.html", context)

    def _fallback(self) -> tuple[str, ...]:
        if self.is_platform:
            return PLATFORM_CODECS
        # By name: fields show this widget, and models are made of fields.
        settings: Any = apps.get_model("audiocodecs", "PlatformSettings")
        codecs: tuple[str, ...] = settings.load().codec_names
        return codecs


def parse_text(value: Any) -> tuple[str, ...]:
    """Return the codecs named in a text, or in a list; raises CodecListError for anything else."""
    names = value if isinstance(value, list | tuple) else names_in(str(value or ""))
    return parse_codec_list(names) if names else ()
