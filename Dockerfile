FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN python -m venv /opt/headrace && /opt/headrace/bin/pip install --no-cache-dir . ./encoder

FROM python:3.13-slim
LABEL org.opencontainers.image.title="headrace" \
      org.opencontainers.image.description="An LLM router and gateway" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/headrace /opt/headrace
RUN useradd --uid 10001 --no-create-home headrace && install -d -o 10001 -g 10001 /data
USER 10001:10001
ENV PATH=/opt/headrace/bin:$PATH HEADRACE_DATA=/data XDG_CACHE_HOME=/data/cache HEADRACE_SERVER__HOST=0.0.0.0
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Listening on every address needs HEADRACE_ADMIN_SECRET; headrace says so where it is missing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["headrace"]
CMD ["up"]
