# One image for every service of compose.yaml; the command says which one it is.
FROM python:3.12-slim
WORKDIR /app
# The locked packages change more seldom than the code: they are a layer of their own.
COPY deploy ./deploy
COPY requirements.lock pyproject.toml README.md ./
RUN UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 python deploy/install.py
COPY . .
RUN python deploy/install.py
USER nobody
ENTRYPOINT ["/app/.venv/bin/trueup"]
