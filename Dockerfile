# The image of lamsonproxy: a venv in a slim Python, no root, and nothing that is needed only for building.
#
#   docker build -t lamsonproxy .
#   docker run -v ./app:/srv/app:ro -v kept:/var/lib/lamsonproxy lamsonproxy
#
# lamson.toml and the application belong into /srv/app, what is kept into /var/lib/lamsonproxy. The root may be
# read-only where /tmp is a tmpfs. docs/containers.md has the rest.

FROM python:3.13-slim AS build
WORKDIR /build

# The whole lock, checked against its hashes; of it only what lamsonproxy itself asks for is installed below.
COPY requirements.lock ./
RUN pip wheel --quiet --no-deps --require-hashes --wheel-dir wheels -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY lamsonproxy lamsonproxy
RUN python -m venv tools \
 && tools/bin/pip install --quiet --no-index --find-links wheels hatchling \
 && tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels . \
 && python -m venv --without-pip /opt/lamsonproxy \
 && tools/bin/pip --python /opt/lamsonproxy/bin/python install --quiet --no-index --find-links wheels \
      "lamsonproxy[authentication,html,jinja,mariadb,scanners]"

FROM python:3.13-slim
# The same number everywhere, so that a volume still belongs to us after the image was made anew.
RUN useradd --uid 10025 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin lamsonproxy \
 && install -d -o lamsonproxy -g lamsonproxy -m 0700 /var/lib/lamsonproxy \
 && install -d /srv/app
COPY --from=build /opt/lamsonproxy /opt/lamsonproxy
ENV PATH=/opt/lamsonproxy/bin:$PATH \
    LAMSON_QUARANTINE__PATH=/var/lib/lamsonproxy/quarantine

# By number: an orchestrator that asks for "not root" cannot look names up in an image.
USER 10025:10025
WORKDIR /srv/app
VOLUME /var/lib/lamsonproxy
EXPOSE 10025 9125
# `docker stop` says it, and we drain: stop_grace_period must be above limits.drain_s (25).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=15s --start-period=30s CMD ["lamson", "check", "--live"]
CMD ["lamson", "run"]
