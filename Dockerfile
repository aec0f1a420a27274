# The image of a release: `natsgate service docker`, for several architectures at once. The
# binaries are compiled before (`deno task compile`), so nothing is built or downloaded here.
FROM debian:13-slim AS data
ARG TARGETARCH
COPY dist/ /dist/
RUN case "$TARGETARCH" in arm64) cpu=aarch64 ;; *) cpu=x86_64 ;; esac && \
    install -m 755 "/dist/$cpu-unknown-linux-gnu/natsgate" /natsgate && mkdir /data

# The binary is linked against glibc.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=data /natsgate /usr/bin/natsgate
COPY --from=data --chown=nonroot:nonroot /data /var/lib/natsgate
WORKDIR /var/lib/natsgate
# In a container, 127.0.0.1 is reached by nobody. Configure an authenticator before you publish
# these ports: without one, every client is let in.
ENV NATSGATE_NODE__DATA_DIR=/var/lib/natsgate \
    NATSGATE_GATEWAY__NATS__LISTENERS__TCP__DEFAULT__BIND=4222 \
    NATSGATE_GATEWAY__NATS__LISTENERS__WS__DEFAULT__BIND=9222 \
    NATSGATE_LISTENERS__TCP__DEFAULT__BIND=1883 \
    NATSGATE_LISTENERS__WS__DEFAULT__BIND=8083
EXPOSE 4222 9222 1883 8083
VOLUME /var/lib/natsgate
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/usr/bin/natsgate", "health"]
ENTRYPOINT ["/usr/bin/natsgate"]
