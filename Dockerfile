# syntax=docker/dockerfile:1.10
# docker build --target cpu -t searchengine:cpu .      towers by OpenVINO, torch without CUDA
# docker build --target cuda -t searchengine:cuda .    torch with its own CUDA libraries
# docker build --target ray -t searchengine:ray .      the same with Ray: for deploy/ray
# Nobody has built this file yet: no Docker engine was at hand where it was written.

FROM python:3.12.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

FROM base AS sources
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY configs configs
COPY searchengine searchengine
COPY ingest ingest

# requirements.lock names everything that tests need, too: here it only says which versions.
FROM sources AS build-cpu
RUN python -m venv /opt/searchengine \
    # Both from one place: a torch without CUDA and a torchvision with it do not go together.
    && /opt/searchengine/bin/pip install --index-url https://download.pytorch.org/whl/cpu \
        --constraint requirements.lock torch torchvision \
    && /opt/searchengine/bin/pip install --constraint requirements.lock '.[fast,pdf]'

FROM sources AS build-cuda
RUN python -m venv /opt/searchengine \
    && /opt/searchengine/bin/pip install --constraint requirements.lock '.[pdf]'

FROM sources AS build-ray
RUN python -m venv /opt/searchengine \
    && /opt/searchengine/bin/pip install --constraint requirements.lock '.[pdf,ray,s3]'

FROM base AS runtime
RUN groupadd --gid 10001 searchengine \
    && useradd --uid 10001 --gid searchengine --create-home searchengine \
    && install --directory --owner=searchengine --group=searchengine /data /cache
ENV PATH=/opt/searchengine/bin:$PATH \
    SEARCHENGINE_DATA_DIR=/data \
    SEARCHENGINE_CACHE_DIR=/cache/searchengine \
    HF_HOME=/cache/huggingface
USER 10001:10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=8)"]
ENTRYPOINT ["searchengine"]
CMD ["serve", "--host", "0.0.0.0"]

FROM runtime AS cuda
COPY --from=build-cuda /opt/searchengine /opt/searchengine
ENV SEARCHENGINE_MODEL__DEVICE=cuda

FROM runtime AS ray
COPY --from=build-ray /opt/searchengine /opt/searchengine
ENV SEARCHENGINE_MODEL__DEVICE=auto

FROM runtime AS cpu
COPY --from=build-cpu /opt/searchengine /opt/searchengine
