# One target per service. Each image holds the service's own folder, shared/ and the packages of its own hashed
# requirement file, and nothing else: what is not in an image cannot be called by whoever breaks into it.
#
#   docker build --target authentication_service --tag urna-authentication_service .

FROM python:3.12-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1


# The packages are installed in stages of their own, so that neither pip's leavings nor the requirement files come into
# an image. All are downloaded first, because most services need the same ones.
FROM base AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/* \
 && python -m venv --without-pip /opt/urna
WORKDIR /build

# Only wheels are taken: a package that wanted a compiler would stop the build here.
FROM packages AS wheels
COPY requirements/*.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip download --require-hashes --only-binary :all: --no-deps --dest /wheels $(printf -- '--requirement %s ' *.txt)

FROM packages AS installer
COPY --chmod=0555 deploy/packages.sh ./

FROM installer AS authentication_packages
COPY requirements/authentication_service.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh authentication_service.txt

FROM installer AS admin_packages
COPY requirements/admin_service.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh admin_service.txt

FROM installer AS voting_station_packages
COPY requirements/voting_station_service.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh voting_station_service.txt

FROM installer AS daemon_packages
COPY requirements/daemon.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh daemon.txt

FROM installer AS results_packages
COPY requirements/results_service.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh results_service.txt

FROM installer AS operator_packages
COPY requirements/operator.txt ./
RUN --mount=from=wheels,source=/wheels,target=/wheels ./packages.sh operator.txt


# What every service of ours runs on. The code belongs to root and is only readable to the user that runs it.
FROM base AS runtime
RUN groupadd --gid 10001 urna \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin urna
WORKDIR /srv/urna
COPY shared/ shared/
# The code is compiled here, because the file system is read-only once it runs.
RUN python -m compileall -q shared
ENV PATH=/opt/urna/bin:$PATH \
    PYTHONPATH=/srv/urna \
    HOME=/tmp \
    ENVIRONMENT=production \
    SECRETS_DIR=/run/secrets \
    BIND=0.0.0.0
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.vendor="Urna" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="python:3.12-slim-bookworm"
STOPSIGNAL SIGTERM


# The check asks whether the process lives, not whether its database does: a container that is ended because a database
# is away would only come back to the same database, and the requests it was answering would be lost. It is patient, because
# a swarm ends what fails it three times, and too much work is no reason to have fewer to do it.
FROM runtime AS web
COPY --chmod=0555 deploy/healthcheck.sh /usr/local/lib/urna/healthcheck.sh
HEALTHCHECK --interval=10s --timeout=30s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["/usr/local/lib/urna/healthcheck.sh"]


FROM web AS authentication_service
LABEL org.opencontainers.image.title="urna-authentication_service" \
      org.opencontainers.image.description="Accounts and tokens of Urna"
COPY --from=authentication_packages /opt/urna /opt/urna
COPY migrations/__init__.py migrations/environment.py migrations/
COPY migrations/accounts/ migrations/accounts/
COPY authentication_service/ authentication_service/
RUN python -m compileall -q authentication_service migrations
# Of the container that sends mails.
COPY --chmod=0555 deploy/heartbeat.sh /usr/local/lib/urna/heartbeat.sh
ENV PORT=5000
EXPOSE 5000
USER 10001:10001
CMD ["gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", "authentication_service.app:create_app()"]


FROM web AS admin_service
LABEL org.opencontainers.image.title="urna-admin_service" \
      org.opencontainers.image.description="Participants and elections of Urna"
COPY --from=admin_packages /opt/urna /opt/urna
COPY migrations/__init__.py migrations/environment.py migrations/
COPY migrations/election/ migrations/election/
COPY admin_service/ admin_service/
RUN python -m compileall -q admin_service migrations
ENV PORT=5001
EXPOSE 5001
USER 10001:10001
CMD ["gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", "admin_service.app:create_app()"]


FROM web AS voting_station_service
LABEL org.opencontainers.image.title="urna-voting_station_service" \
      org.opencontainers.image.description="Takes the ballots of the polling stations in for Urna"
COPY --from=voting_station_packages /opt/urna /opt/urna
COPY voting_station_service/ voting_station_service/
RUN python -m compileall -q voting_station_service
ENV PORT=5002
EXPOSE 5002
USER 10001:10001
CMD ["gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", "voting_station_service.app:create_app()"]


FROM web AS results_service
LABEL org.opencontainers.image.title="urna-results_service" \
      org.opencontainers.image.description="Results of Urna"
COPY --from=results_packages /opt/urna /opt/urna
COPY results_service/ results_service/
RUN python -m compileall -q results_service
ENV PORT=5003
EXPOSE 5003
USER 10001:10001
CMD ["gunicorn", "--no-control-socket", "--config", "python:shared.web.gunicorn", "results_service.app:create_app()"]


FROM runtime AS daemon
LABEL org.opencontainers.image.title="urna-daemon" \
      org.opencontainers.image.description="Judges and records the ballots that Urna took in"
COPY --from=daemon_packages /opt/urna /opt/urna
COPY daemon/ daemon/
RUN python -m compileall -q daemon
ENV HEARTBEAT_FILE=/tmp/heartbeat \
    METRICS_BIND=0.0.0.0 \
    METRICS_PORT=5004
EXPOSE 5004
COPY --chmod=0555 deploy/heartbeat.sh /usr/local/lib/urna/heartbeat.sh
HEALTHCHECK --interval=10s --timeout=30s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["/usr/local/lib/urna/heartbeat.sh"]
USER 10001:10001
CMD ["python", "-m", "daemon.app"]


# The command urna for those who tend a deployment. Nobody serves anything here: it waits for `docker exec`, or is given a
# command of its own.
FROM runtime AS operator
LABEL org.opencontainers.image.title="urna-operator" \
      org.opencontainers.image.description="The command by which people tend Urna"
COPY --from=operator_packages /opt/urna /opt/urna
COPY migrations/ migrations/
COPY cli/ cli/
RUN python -m compileall -q cli migrations
COPY --chmod=0555 deploy/urna.sh /usr/local/bin/urna
# The volume of the archives takes its owner from here.
RUN install -d -o 10001 -g 10001 -m 0700 /archives
USER 10001:10001
CMD ["sleep", "infinity"]


# nginx itself with two folders that its user may write to (a volume takes the owner of the folder it is mounted on), and
# with the script that makes a certificate for development. Its configuration comes in from outside.
FROM nginx:1.27 AS nginx
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="urna-nginx" \
      org.opencontainers.image.description="The only way into Urna: TLS, limits, routing" \
      org.opencontainers.image.vendor="Urna" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="nginx:1.27"
RUN install -d -o 101 -g 101 -m 0700 /var/lib/urna/tls /var/lib/urna/bodies
COPY --chmod=0555 deploy/nginx/certificate.sh /docker-entrypoint.d/40-certificate.sh
COPY --chmod=0555 deploy/nginx/start.sh /usr/local/lib/urna/start.sh
HEALTHCHECK --interval=10s --timeout=30s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8081/health/live"]
USER 101:101
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/usr/local/lib/urna/start.sh"]
CMD []
