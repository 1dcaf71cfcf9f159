"""What forms of an allowance have in common."""

from typing import Any

from django.core.exceptions import ValidationError


class CountriesToldOnce:
    """Says one thing of countries: what cannot be read of them is not missing as well."""

    errors: Any

    def _update_errors(self, errors: ValidationError) -> None:
        if "countries" in self.errors:
            errors.error_dict.pop("countries", None)
        super()._update_errors(errors)  # type: ignore[misc]
