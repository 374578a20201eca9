# The page for a server of one's own: docker build -t koe5-demo . && docker run -p 7860:7860 -v koe5-models:/models koe5-demo
# With an NVIDIA GPU: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 ... and run --gpus all.
# With remote models, MCP tools and morphemes: docker build --build-arg EXTRAS="endpoint mcp kiwi" ...
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=""
RUN useradd --create-home --uid 1000 koe5 && mkdir /models && chown koe5 /models
WORKDIR /app
COPY requirements*.txt ./
RUN lists="--requirement requirements.txt"; \
  for extra in ${EXTRAS}; do lists="$lists --requirement requirements-$extra.txt"; done; \
  pip install --no-cache-dir --extra-index-url ${TORCH_INDEX} $lists
COPY app.py LICENSE README.md ./
COPY koe5_demo koe5_demo
COPY assets assets

USER koe5
ENV KOE5_HOST=0.0.0.0 KOE5_PORT=7860 HF_HOME=/models/hub KOE5_DATA_DIR=/models/data KOE5_LOG_FORMAT=json PYTHONUNBUFFERED=1
VOLUME /models
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
