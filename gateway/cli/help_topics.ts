/**
 * Help that belongs to no single command.
 */

/** One topic of `natsgate help TOPIC`. */
export interface Topic {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  readonly text: string;
}

/** All topics, in the order of the overview. */
export const TOPICS: readonly Topic[] = [
  {
    name: "exit-codes",
    summary: "what the number means that the program ends with",
    text: `Exit codes

  0   done, or stopped as asked
  1   done, and the answer is no (nobody answers a request, two files differ, ...)
  2   the command line makes no sense
  69  a port, the store or a server that is needed cannot be had
  70  a bug in natsgate
  74  something could not be kept: the disk is full, or may not be written
  78  the configuration is invalid; \`natsgate check\` lists every problem
`,
  },
  {
    name: "configuration",
    summary: "where settings come from and which one wins",
    text: `Configuration, the later one wins

  built-in defaults      the gateway runs without any file
  the file               --config FILE, else ./config.toml if it is there
  the overlay            <data_dir>/overlay.toml, written by the admin API and the dashboard
  the environment        NATSGATE_ and the name in capitals, "__" for ".":
                         NATSGATE_GATEWAY__NATS__SERVER_NAME=edge-7
  --set NAME=VALUE       VALUE is TOML, else text: --set gateway.nats.mountpoint=edge/

Your file is never rewritten. SIGHUP or \`natsgate reload\` reads it again: everything is checked
first, and nothing changes if anything is wrong. The shipped config.toml lists every setting.
`,
  },
  {
    name: "files",
    summary: "what is read and written, and where",
    text: `Files

  config.toml               the configuration, in the current directory unless --config says else
  <data_dir>/natsgate.db    sessions, waiting and retained messages, users, rules (SQLite)
  <data_dir>/natsgate.db.damaged-DATE   a damaged one; what could be read of it is in natsgate.db
  <data_dir>/admin.key      the API key that the first start makes; for its owner only
  <data_dir>/overlay.toml   what the admin API and the dashboard changed; without it, your file holds

<data_dir> is node.data_dir, "data" in the current directory unless --data-dir or the configuration
says else. The service's is /var/lib/natsgate: commands use its key where the other has none.
There is no log file: lines go to standard error.
`,
  },
  {
    name: "names",
    summary: "how NATS subjects and MQTT topics correspond",
    text: `Names: one tree, two spellings

  NATS            MQTT
  t.a             t/a           levels are joined by "." or "/"
  t.*             t/+           one level
  t.>             t/#           the rest: one or more levels for NATS, zero or more for MQTT
  queue group q   $share/q/t/a  one group for members of both protocols

What one side cannot spell is escaped, so that every name arrives and none collide: a "." inside
an MQTT level is "%2E" in NATS, an empty level is "%". \`natsgate translate NAME\` shows both.
`,
  },
  {
    name: "signals",
    summary: "how a running gateway is told to stop or reload",
    text: `Signals

  SIGTERM, SIGINT   stop: clients are told, queues flushed, the store closed; 10 s at most
  SIGHUP            read the configuration again and take it on, all of it or nothing
  SIGUSR2           lame duck: no new connections; clients are told to move on, closed one by
                    one over node.lame_duck_duration, then it stops
`,
  },
  {
    name: "urls",
    summary: "addresses that the test clients take",
    text: `URLs of pub, sub, request and bench

  nats://host:4222     tls://host:4223       ws://host:9222     wss://host:9223
  mqtt://host:1883     mqtts://host:8883     ws://host:8083/mqtt   wss://host:8084/mqtt

ws and wss speak MQTT when the path is /mqtt, else NATS; --protocol says otherwise. User name and
password go into the URL: mqtt://user:secret@host. Missing ports are the usual ones above.
`,
  },
];
