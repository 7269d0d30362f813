# The provider for production: `idp serve`. The worker is the same image with the command `worker`.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/guidon
COPY requirements.txt requirements-build.txt ./
RUN /opt/guidon/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements-build.txt
COPY setup.cfg pyproject.toml requirements.in README.md ./
COPY idp idp
COPY portal portal
COPY templates templates
COPY static static
COPY migrations migrations
COPY translations translations
# Without build isolation nothing is fetched here that no lock file names.
RUN /opt/build/bin/python -m pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /dist . \
 && /opt/guidon/bin/python -m pip install --no-deps --no-index /dist/*.whl \
 && /opt/guidon/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /srv/guidon --create-home guidon
COPY --from=build /opt/guidon /opt/guidon
ENV PATH=/opt/guidon/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Keys and settings come from outside: mount the keys read-only (0600, owned by uid 10001) and set IDP_... and DATABASE_URL.
WORKDIR /srv/guidon
USER guidon
EXPOSE 8000
ENTRYPOINT ["idp"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
