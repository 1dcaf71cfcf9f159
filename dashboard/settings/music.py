"""What parties on hold hear: given as a file, or taken away."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from audiocodecs.holdmusic import ALLOWED, MAX_BYTES, MEND, Music, read_wav
from audiocodecs.models import HoldMusic
from dashboard.parts.access import requires


class MusicForm(forms.Form):
    """A file to be heard."""

    file = forms.FileField(
        label="File", widget=forms.FileInput(attrs={"accept": ".wav,audio/wav"}), help_text=ALLOWED
    )

    def clean_file(self) -> tuple[str, Music]:
        """Return the file's name and what can be played of it; say what else is wrong."""
        file = self.cleaned_data["file"]
        assert isinstance(file, UploadedFile)
        try:
            return file.name or "music.wav", read_wav(file.read(MAX_BYTES + 1))
        except ValueError as error:
            raise ValidationError(str(error)) from error


@requires("audiocodecs.view_platformsettings", post="audiocodecs.change_platformsettings")
def music(request: HttpRequest) -> HttpResponse:
    """Show what is heard on hold; take another file."""
    sent = request.method == "POST"
    form = MusicForm(request.POST if sent else None, request.FILES if sent else None)
    if sent and form.is_valid():
        HoldMusic.keep(*form.cleaned_data["file"])
        messages.success(request, "Saved. The next call that is put on hold hears it.")
        return redirect("hold-music")
    row = HoldMusic.objects.filter(pk=HoldMusic.SINGLETON_ID).first()
    context = {"form": form, "row": row, "mend": MEND}
    status = 422 if form.errors else 200
    return render(request, "settings/music.html", context, status=status)


@requires(post="audiocodecs.change_platformsettings")
def remove(request: HttpRequest) -> HttpResponse:
    """Have parties on hold hear silence again."""
    HoldMusic.objects.all().delete()
    messages.success(request, "Removed. Parties on hold hear silence.")
    return redirect("hold-music")
