# The production image: one image for web, webhook, workers, sender and beat (docker-compose.yml says which).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.txt requirements-dev.txt requirements-handbook.txt ./
RUN pip install --only-binary=:all: --require-hashes --requirement requirements.txt
# Only the build compiles translations, so Babel stays out of the image; the development
# requirements say which one.
RUN sed -n '/^babel==/,/[^\\]$/p' requirements-dev.txt > /tmp/babel.txt \
    && pip install --only-binary=:all: --require-hashes --requirement /tmp/babel.txt --target /tmp/babel
RUN pip install --only-binary=:all: --require-hashes --requirement requirements-handbook.txt --target /tmp/handbook
COPY . .
RUN PYTHONPATH=/tmp/babel python -m quizarena.translations \
    && PYTHONPATH=/tmp/handbook python -m quizarena.local.handbook \
    && python -m quizarena.local.production python manage.py collectstatic --noinput \
    && rm -r quizarena/local bot/sandbox docs \
    && pip uninstall --yes pip setuptools \
    && python -m compileall -q /app

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 quizarena \
    && useradd --system --uid 10001 --gid quizarena --no-create-home --shell /usr/sbin/nologin quizarena
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000 8001
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5", "quizarena.wsgi:application"]
