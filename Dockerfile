# One image for every process; the command says which one it is: compose.yaml, deploy/kubernetes/.
# It runs beside a Kafka and a Postgres that are given: the embedded ones are not in it.
#
# A tag moves and a digest does not: for a build that can be made again, and an image that was looked at, give the base by
# digest: docker build --build-arg PYTHON=python:3.12-slim-trixie@sha256:... .
ARG PYTHON=python:3.12-slim-trixie

FROM ${PYTHON} AS build
WORKDIR /app
# The locked packages change more seldom than the code, so they are a layer below it. The project itself is installed as
# a path to this folder: the code that is copied afterwards is found there.
COPY deploy ./deploy
COPY requirements.lock pyproject.toml README.md LICENSE ./
# `--build-arg EXTRAS=archive` for an image that archives, too.
ARG EXTRAS=""
RUN PIP_NO_CACHE_DIR=true python deploy/install.py runtime /opt/trueup ${EXTRAS}
COPY events ./events
COPY projections ./projections
COPY services ./services
# Nobody may write there, so that each start would compile it again; a copy's times may differ, its contents do not.
RUN /opt/trueup/bin/python -m compileall -q --invalidation-mode unchecked-hash events projections services

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Trueup" \
      org.opencontainers.image.description="Event-sourced billing: commitments, usage, draw-down, true-up" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed or built from here on. /archive is where a volume for `trueup archive` is mounted: a new one is the
# user's as this folder is.
RUN rm -r "$(python -c 'import ensurepip; print(*ensurepip.__path__)')" && \
    python -m pip uninstall --yes --quiet --root-user-action=ignore pip && \
    install --directory --owner=65534 --group=65534 /archive
WORKDIR /app
COPY --from=build /opt/trueup /opt/trueup
COPY --from=build /app/events ./events
COPY --from=build /app/projections ./projections
COPY --from=build /app/services ./services
# The root may be mounted read-only: what is written goes to /tmp, which is given as a mount then. Metrics and probes are
# asked from outside the container; whoever publishes no port lets nobody else in.
# What is larger than 4 MB is given back to the system at once (`ALLOCATION` in services/run/process.py).
ENV PATH=/opt/trueup/bin:$PATH \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    PYTHONDONTWRITEBYTECODE=1 \
    TRUEUP_HOME=/tmp/trueup \
    TRUEUP_SIGHT_HOST=0.0.0.0 \
    TRUEUP_SIGHT_PORT=9464
# `nobody` by number, for whoever checks that it is not root without looking into the image.
USER 65534:65534
EXPOSE 8000 9464
# Whether a process gets on with its work.
HEALTHCHECK --interval=15s --timeout=8s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as it; it.urlopen('http://127.0.0.1:9464/ready', timeout=5)"]
ENTRYPOINT ["trueup"]
