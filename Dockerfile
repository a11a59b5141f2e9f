# The HTTP service: models inside, nothing fetched when it runs.
#
#   docker build -t emoscope .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/key:/run/secrets/emoscope_key:ro" emoscope

FROM python:3.12-slim AS build
WORKDIR /build
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY docs/models ./docs/models
COPY docs/responsible-use.md ./docs/
COPY src ./src
ARG EXTRAS=api
RUN python -m venv /opt/emoscope \
    && /opt/emoscope/bin/pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]"
ENV EMOSCOPE_CACHE=/opt/emoscope/models
RUN /opt/emoscope/bin/emoscope models fetch yunet

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin emoscope
COPY --from=build /opt/emoscope /opt/emoscope
ENV PATH=/opt/emoscope/bin:$PATH \
    EMOSCOPE_CACHE=/opt/emoscope/models \
    EMOSCOPE_OFFLINE=1 \
    PYTHONUNBUFFERED=1
USER emoscope
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["emoscope"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--api-key-file", "/run/secrets/emoscope_key"]
