# BUILD_IMAGE has npm. RUNTIME_IMAGE is a base without shell and package manager that has the C library (distroless "cc").
# A release gives both by digest.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=optional
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM ${RUNTIME_IMAGE}
COPY --from=build /usr/local/bin/node /app/node
COPY --from=build /build/dist/keyturn.mjs /app/keyturn.mjs
COPY --from=build /build/dist/keyturn.cdx.json /build/dist/LICENSES.txt /app/
COPY LICENSE /app/LICENSE
WORKDIR /app
USER 65532:65532
ENV NODE_ENV=production
# No inspector by signal: it would show values to whoever may send one.
ENTRYPOINT ["/app/node", "--disable-sigusr1", "/app/keyturn.mjs"]
