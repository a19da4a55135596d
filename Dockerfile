# One image for every service of compose.yaml; the command says which one it is.
FROM python:3.12-slim
WORKDIR /app
# The locked packages change more seldom than the code, so they are a layer below it. The project itself is installed as
# a path to this folder: the code that is copied afterwards is found there.
COPY deploy ./deploy
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN PIP_NO_CACHE_DIR=true python deploy/install.py
COPY . .
# The user may not write here, so that each start would compile it again.
RUN .venv/bin/python -m compileall -q events projections services
USER nobody
ENTRYPOINT ["/app/.venv/bin/trueup"]
