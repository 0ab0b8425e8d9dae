# Three stages: `build` makes the virtual environment, `root` the file system, the last one keeps that file system as
# a single layer, so that what was deleted is really gone. docs/decisions/0005-image-without-layers.md tells why.
# The base: Python 3.11.17 on Debian 12. To renew it: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG PYTHON_IMAGE=python:3.11.17-slim-bookworm@sha256:2333bd330d12de02514770b3585cad313644316047cdee24a7acfdece6de6efb

FROM ${PYTHON_IMAGE} AS build
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The newest binutils of the base's Debian: it only removes debug symbols and does not reach the image.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY locks/build.lock locks/service.lock locks/
RUN python -m venv tools \
    && tools/bin/pip install --quiet --require-hashes -r locks/build.lock \
    && tools/bin/uv venv --quiet --python /usr/local/bin/python /opt/ticktape \
    && tools/bin/uv pip install --quiet --python /opt/ticktape/bin/python --require-hashes -r locks/service.lock
COPY pyproject.toml README.md LICENSE ./
COPY eventlog/ eventlog/
COPY feed/ feed/
COPY indicators/ indicators/
COPY market/ market/
COPY replicator/ replicator/
COPY service/ service/
COPY supabase/ supabase/
RUN tools/bin/python -m hatchling build -t wheel \
    && tools/bin/uv pip install --quiet --python /opt/ticktape/bin/python --no-deps dist/*.whl
COPY deploy/slim.sh deploy/
RUN sh deploy/slim.sh /opt/ticktape

FROM ${PYTHON_IMAGE} AS root
# pip and the parts of the standard library that need a screen or install software; no program stays set-uid.
WORKDIR /usr/local
RUN rm -rf include lib/pkgconfig share/man bin/2to3* bin/idle* bin/pip* bin/pydoc* bin/wheel \
    lib/python3.11/ensurepip lib/python3.11/idlelib lib/python3.11/lib2to3 lib/python3.11/pydoc_data \
    lib/python3.11/tkinter lib/python3.11/turtledemo lib/python3.11/site-packages/* \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && groupadd --gid 10001 ticktape \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin ticktape \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/ticktape /opt/ticktape
COPY health_check.py /app/
COPY deploy/warm_bytecode.py /tmp/
# The root file system is read-only at run time, so bytecode is written here, once, for what is really imported.
RUN /opt/ticktape/bin/python /tmp/warm_bytecode.py && rm /tmp/warm_bytecode.py

FROM scratch
# The whole file system is what is meant here.
# hadolint ignore=DL3067
COPY --from=root / /
ENV PATH=/opt/ticktape/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data
WORKDIR /app
USER 10001:10001
VOLUME ["/data"]
STOPSIGNAL SIGTERM
# Whether it runs and records. What else may be wrong is for the operator; no restart and no other version mends it.
HEALTHCHECK --interval=60s --timeout=30s --start-period=90s --retries=3 \
    CMD ["/bin/sh", "-c", "ticktape health --alive || exit 1"]
ENTRYPOINT ["ticktape"]
CMD ["run"]
