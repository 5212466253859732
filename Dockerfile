# foretell serve: docker build -t foretell .      on a CPU
#                 docker build -t foretell --build-arg TORCH=cu128 .      with CUDA
FROM python:3.12-slim AS build
ARG TORCH=cpu
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY engine engine
COPY recipes recipes
COPY data data
# The line of torch in the constraints names a version alone; where its wheels come from decides about CUDA.
RUN python -m venv /opt/foretell \
    && /opt/foretell/bin/pip install --no-cache-dir --constraint constraints.txt \
       --extra-index-url "https://download.pytorch.org/whl/${TORCH}" ".[service,sql]"

FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /home/foretell --create-home foretell \
    && install --directory --owner foretell --mode 0700 /srv/foretell
COPY --from=build /opt/foretell /opt/foretell
ENV PATH=/opt/foretell/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
VOLUME /srv/foretell
EXPOSE 8800
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8800/healthz', headers={'Host': 'localhost'}), timeout=4)"]
ENTRYPOINT ["foretell"]
CMD ["serve", "--home", "/srv/foretell", "--host", "0.0.0.0"]
