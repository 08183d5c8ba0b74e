# The service and its page in a container of its own, and as a Hugging Face Space of kind Docker:
#   docker build -t colorizegan:local . && docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 colorizegan:local
# Under another name than localhost add it behind the image's: --allow-host photos.example
FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY colorizegan colorizegan
COPY examples/photos examples/photos
RUN python -m venv /srv/colorizegan \
    && /srv/colorizegan/bin/pip install --no-cache-dir --no-compile -c constraints.txt ".[serve]"

FROM python:3.12-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin colorizegan
COPY --from=build /srv/colorizegan /srv/colorizegan
COPY app.py /srv/app.py
ENV PATH=/srv/colorizegan/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER colorizegan
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["python", "/srv/app.py", "--host", "0.0.0.0", "--port", "8000"]
