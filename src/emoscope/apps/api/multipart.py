"""Forms with a file, taken apart while they come: the file goes to disk, fields stay small."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.multipart import MultipartParser, parse_options_header

from emoscope.apps.api.problems import ProblemError

_MOST_FIELDS = 32
_MOST_FIELD_BYTES = 4096
FILE_FIELD = "file"


class FormReader:
    """Reads ``multipart/form-data`` with one file and a few short fields.

    Args:
        content_type: of the request.
        write: takes the bytes of the file.

    Attributes:
        file_name: as the client named it; None until the file has begun.
        file_type: its media type, empty where the client said none.
        fields: the other fields.

    Raises:
        ProblemError: 422, no boundary is given.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], None]) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise _bad("the form has no boundary", "Content-Type")
        self.file_name: str | None = None
        self.file_type = ""
        self.fields: dict[str, str] = {}
        self.is_whole = False
        self._write = write
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = b"", b""
        self._field: str | None = None
        self._data = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._on_header,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_end,
                    "on_end": self._on_form_end,
                },
            )
        except ValueError as error:
            raise _bad("the form's boundary cannot be used", "Content-Type") from error

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            ProblemError: 422, no such form.
            OSError: the file cannot be written.
        """
        try:
            self._parser.write(data)
        except ValueError as error:  # MultipartParseError and the limits on headers
            raise _bad(f"the form cannot be read: {error}") from error

    def finish(self) -> None:
        """The body has ended.

        Raises:
            ProblemError: 422, the form is cut off or holds no file.
        """
        if not self.is_whole:
            raise _bad("the form is cut off")
        if self.file_name is None:
            raise _bad(f"the form has no file; send it in the field {FILE_FIELD!r}", FILE_FIELD)

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = _text(options.get(b"name", b""))
        if b"filename" in options:
            if name != FILE_FIELD:
                raise _bad(f"a file in the field {name!r}; send it in {FILE_FIELD!r}", name)
            if self.file_name is not None:
                raise _bad("more than one file; send each in a request of its own", FILE_FIELD)
            self.file_name = _text(options[b"filename"])
            self.file_type = _text(self._headers.get(b"content-type", b""))
            self._field = None
        elif name in self.fields or len(self.fields) >= _MOST_FIELDS:
            raise _bad(f"the field {name!r} is one too many", name)
        else:
            self._field, self._data = name, b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._write(data[start:end])
            return
        self._data += data[start:end]
        if len(self._data) > _MOST_FIELD_BYTES:
            raise ProblemError(
                422,
                "invalid-value",
                f"the field {self._field!r} is longer than {_MOST_FIELD_BYTES} bytes",
                field=self._field,
                limit=_MOST_FIELD_BYTES,
            )

    def _on_end(self) -> None:
        if self._field is not None:
            self.fields[self._field] = _text(self._data)

    def _on_form_end(self) -> None:
        self.is_whole = True


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _bad(detail: str, field: str | None = None) -> ProblemError:
    return ProblemError(422, "invalid-form", detail, field=field)
