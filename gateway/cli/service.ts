/** `natsgate service`: files that make the gateway a service of the machine. */
import { EXIT } from "../errors.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Where things are. */
interface Places {
  readonly binary: string;
  readonly config: string;
  readonly data_dir: string;
  readonly user: string;
}

/** Prints the file for a service manager. */
export function run(args: Arguments, io: Io): number {
  const places: Places = {
    binary: args.text("binary") ?? "",
    config: args.text("config") ?? "",
    data_dir: args.text("data-dir") ?? "",
    user: args.text("user") ?? "",
  };
  const make = { systemd, openrc, docker }[args.operand(0)];
  if (make === undefined) throw new Error("Bug in natsgate: a service manager without a file");
  io.out(make(places));
  return EXIT.ok;
}

/** True when this runtime can tell systemd that it is ready (`systemd.ts`). */
function canNotify(): boolean {
  return typeof Deno.listenDatagram === "function";
}

function systemd({ binary, config, data_dir, user }: Places): string {
  const kind = canNotify() ? "Type=notify\nWatchdogSec=30s" : "Type=exec";
  // A directory below /var/lib is made by systemd; another must be there.
  const state = /^\/var\/lib\/([\w./-]+)$/.exec(data_dir)?.[1];
  const directory = state === undefined
    ? `ReadWritePaths=${data_dir}`
    : `StateDirectory=${state}\nStateDirectoryMode=0700`;
  return `# /etc/systemd/system/natsgate.service
[Unit]
Description=natsgate, NATS and MQTT gateway
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
${kind}
ExecStart=${binary} --config ${config} --data-dir ${data_dir}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2s
# 78: the configuration is invalid; starting again would not help.
RestartPreventExitStatus=78
TimeoutStopSec=15s
User=${user}
${directory}
LimitNOFILE=1048576

# Secrets need not be readable for the service: name them in the configuration as
# file:///run/credentials/natsgate.service/nats_token
#LoadCredential=nats_token:/etc/natsgate/nats_token

# Ports below 1024.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE

# No MemoryDenyWriteExecute: the JavaScript engine compiles to machine code.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
# The JavaScript engine guards its machine code by memory protection keys where the CPU has them.
# A call that is not listed fails, instead of ending the process.
SystemCallFilter=@system-service @pkey
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
`;
}

function openrc({ binary, config, data_dir, user }: Places): string {
  return `#!/sbin/openrc-run
# /etc/init.d/natsgate

name="natsgate"
description="NATS and MQTT gateway"
description_reload="read the configuration again; connections stay"
extra_started_commands="reload"

# Starts it again after a crash, until that happens ten times in a minute.
supervisor="supervise-daemon"
respawn_delay="2"
respawn_max="10"
respawn_period="60"
command="${binary}"
command_args="--config ${config} --data-dir ${data_dir}"
command_user="${user}"
umask="077"
pidfile="/run/\${RC_SVCNAME}.pid"
error_log="/var/log/natsgate.log"
retry="TERM/15/KILL/5"
rc_ulimit="-n 1048576"

depend() {
	use net dns logger
	after firewall
}

check() {
	\${command} check --config ${config} >&2
}

start_pre() {
	checkpath --directory --owner ${user} --mode 0700 ${data_dir}
	checkpath --file --owner ${user} --mode 0640 \${error_log}
	check
}

# With a configuration that is not valid, what runs goes on.
stop_pre() {
	[ "\${RC_CMD}" != restart ] || check
}

reload() {
	ebegin "Reloading \${RC_SVCNAME}"
	check && supervise-daemon "\${RC_SVCNAME}" --signal HUP --pidfile "\${pidfile}"
	eend $?
}
`;
}

function docker({ data_dir }: Places): string {
  return `# docker build -t natsgate . && docker run -p 4222:4222 -p 1883:1883 -v natsgate:${data_dir} natsgate
FROM debian:13-slim AS data
RUN mkdir /data

# The binary is linked against glibc.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY natsgate /usr/bin/natsgate
COPY --from=data --chown=nonroot:nonroot /data ${data_dir}
WORKDIR ${data_dir}
# In a container, 127.0.0.1 is reached by nobody. Configure an authenticator before you publish
# these ports: without one, every client is let in.
ENV NATSGATE_NODE__DATA_DIR=${data_dir} \\
    NATSGATE_GATEWAY__NATS__LISTENERS__TCP__DEFAULT__BIND=4222 \\
    NATSGATE_GATEWAY__NATS__LISTENERS__WS__DEFAULT__BIND=9222 \\
    NATSGATE_LISTENERS__TCP__DEFAULT__BIND=1883 \\
    NATSGATE_LISTENERS__WS__DEFAULT__BIND=8083
EXPOSE 4222 9222 1883 8083
VOLUME ${data_dir}
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/usr/bin/natsgate", "health"]
ENTRYPOINT ["/usr/bin/natsgate"]
`;
}
