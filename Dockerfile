# BUILD_IMAGE has npm. RUNTIME_IMAGE is a base without shell and package manager that has the C and C++ libraries which Node needs
# (distroless "cc"), of the same Debian release. By tag, so that a build without arguments works; a release gives both by digest.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# With optional packages: the programs that esbuild runs are among them. Of all this only dist/ goes into the image.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

# Code that is compiled already starts sooner and in less memory. Node takes it for this version, these flags, this path and
# this user alone, so it is made as it is used; whoever runs as another user goes without.
FROM ${BUILD_IMAGE} AS compiled
COPY --from=build /usr/local/bin/node /app/node
COPY --from=build /build/dist/keyturn.mjs /app/keyturn.mjs
RUN chown 65532:65532 /app
USER 65532:65532
ENV NODE_COMPILE_CACHE=/app/compile-cache
RUN ["/app/node", "--disable-sigusr1", "--max-semi-space-size=8", "/app/keyturn.mjs", "--help"]

FROM ${RUNTIME_IMAGE}
COPY --from=compiled /app /app
COPY --from=build /build/dist/keyturn.cdx.json /build/dist/LICENSES.txt /app/
COPY LICENSE /app/LICENSE
WORKDIR /app
USER 65532:65532
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache
# Large pieces of memory go back to the system when they are done with, instead of staying as holes (docs/adr/0039-memory.md).
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
# No inspector by signal: it would show values to whoever may send one. A small young generation lowers the peak of a busy time by a quarter.
ENTRYPOINT ["/app/node", "--disable-sigusr1", "--max-semi-space-size=8", "/app/keyturn.mjs"]
