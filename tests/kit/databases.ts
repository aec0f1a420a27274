/** PostgreSQL, MariaDB, Redis and OpenLDAP, each started for one test. */
import { freePort } from "./conn.ts";
import {
  makeDir,
  ownerOf,
  PROGRAMS,
  runProgram,
  Service,
  startProgram,
  writeFile,
} from "./services.ts";

/** The password of the administrator of each service. */
export const SERVICE_PASSWORD = "t3st-Passw0rd";

/** PostgreSQL with a user `gate`, a database `mqtt`, TLS on the same port, and the statements. */
export async function startPostgres(sql: string): Promise<Service> {
  const owner = ownerOf("postgres");
  const { dir, ca } = makeDir(owner);
  const bin = PROGRAMS.postgres!.replace(/postgres$/, "");
  const data = `${dir}/data`;
  writeFile(`${dir}/password`, SERVICE_PASSWORD, owner);
  const initdb = [
    ...["-D", data, "-U", "gate", "--auth=scram-sha-256", `--pwfile=${dir}/password`],
    ...["--encoding=UTF8", "--locale=C", "--no-sync"],
  ];
  runProgram(`${bin}initdb`, initdb, owner);
  writeFile(`${dir}/init.sql`, `CREATE DATABASE mqtt;\n\\c mqtt\n${sql}`, owner);
  const port = freePort();
  const settings = [
    "fsync=off",
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${dir}`,
    "ssl=on",
    `ssl_cert_file=${dir}/server.pem`,
    `ssl_key_file=${dir}/server.key`,
  ].flatMap((setting) => ["-c", setting]);
  const args = ["-D", data, "-p", String(port), ...settings];
  const child = await startProgram(PROGRAMS.postgres!, args, owner, port);
  const url = `postgresql://gate:${SERVICE_PASSWORD}@127.0.0.1:${port}/postgres`;
  runProgram(`${bin}psql`, [url, "-v", "ON_ERROR_STOP=1", "-f", `${dir}/init.sql`], owner);
  return new Service(child, dir, port, port, ca);
}

/** MariaDB with a user `gate`, a database `mqtt`, TLS on the same port, and the statements. */
export async function startMariadb(sql: string): Promise<Service> {
  const owner = ownerOf("mysql");
  const { dir, ca } = makeDir(owner);
  const data = `${dir}/data`;
  runProgram("mariadb-install-db", [
    "--no-defaults",
    `--datadir=${data}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
  ], owner);
  const setUp = [
    "CREATE DATABASE mqtt;",
    `CREATE USER gate@'127.0.0.1' IDENTIFIED BY '${SERVICE_PASSWORD}';`,
    `CREATE USER gate@localhost IDENTIFIED BY '${SERVICE_PASSWORD}';`,
    "GRANT ALL ON mqtt.* TO gate@'127.0.0.1';",
    "GRANT ALL ON mqtt.* TO gate@localhost;",
    "USE mqtt;",
  ];
  // The server reads one statement a line from this file.
  const statements = sql.split(/;\s*\n/).map((one) => one.trim().replace(/\s*\n\s*/g, " "));
  const tables = statements.filter((one) => one !== "").map((one) => `${one};`);
  writeFile(`${dir}/init.sql`, [...setUp, ...tables, ""].join("\n"), owner);
  const port = freePort();
  const child = await startProgram(
    PROGRAMS.mariadb!,
    [
      "--no-defaults",
      `--datadir=${data}`,
      "--bind-address=127.0.0.1",
      `--port=${port}`,
      `--socket=${dir}/socket`,
      `--pid-file=${dir}/pid`,
      `--init-file=${dir}/init.sql`,
      `--ssl-cert=${dir}/server.pem`,
      `--ssl-key=${dir}/server.key`,
      "--innodb-flush-method=nosync",
    ],
    owner,
    port,
  );
  return new Service(child, dir, port, port, ca);
}

/** Redis with a password and a TLS port; `lines` are added to its configuration. */
export async function startRedis(...lines: string[]): Promise<Service> {
  const owner = ownerOf("redis");
  const { dir, ca } = makeDir(owner);
  const [port, tlsPort] = [freePort(), freePort()];
  const config = [
    "bind 127.0.0.1",
    `port ${port}`,
    `tls-port ${tlsPort}`,
    `tls-cert-file ${dir}/server.pem`,
    `tls-key-file ${dir}/server.key`,
    `tls-ca-cert-file ${dir}/ca.pem`,
    "tls-auth-clients no",
    `dir ${dir}`,
    'save ""',
    `requirepass ${SERVICE_PASSWORD}`,
    ...lines,
  ];
  writeFile(`${dir}/redis.conf`, config.join("\n"), owner);
  const child = await startProgram(PROGRAMS.redis!, [`${dir}/redis.conf`], owner, port);
  return new Service(child, dir, port, tlsPort, ca);
}

/** A sentinel that watches one master by the name `gate`; `lines` are added. */
export async function startSentinel(master: Service, ...lines: string[]): Promise<Service> {
  const owner = ownerOf("redis");
  const { dir, ca } = makeDir(owner);
  const port = freePort();
  const config = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${dir}`,
    `sentinel monitor gate 127.0.0.1 ${master.port} 1`,
    `sentinel auth-pass gate ${SERVICE_PASSWORD}`,
    ...lines,
  ];
  writeFile(`${dir}/sentinel.conf`, config.join("\n"), owner);
  const args = [`${dir}/sentinel.conf`, "--sentinel"];
  const child = await startProgram(PROGRAMS.redis!, args, owner, port);
  return new Service(child, dir, port, port, ca);
}

/** OpenLDAP with `dc=example,dc=com`, a service account `cn=gate`, and the entries (LDIF). */
export async function startSlapd(ldif: string): Promise<Service> {
  const owner = ownerOf("openldap");
  const { dir, ca } = makeDir(owner);
  Deno.mkdirSync(`${dir}/db`);
  if (owner.uid !== undefined) Deno.chownSync(`${dir}/db`, owner.uid, owner.gid!);
  const config = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'isSuperuser' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.2 NAME 'isEnabled' EQUALITY booleanMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.3 NAME 'mqttPublishTopic' EQUALITY caseExactMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.4 NAME 'mqttSubscriptionTopic' EQUALITY caseExactMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.5 NAME 'mqttPubSubTopic' EQUALITY caseExactMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.6 NAME 'mqttAclRule' EQUALITY caseExactMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.7 NAME 'mqttUser' SUP top AUXILIARY MAY ( isSuperuser $
  isEnabled $ mqttPublishTopic $ mqttSubscriptionTopic $ mqttPubSubTopic $ mqttAclRule ) )
pidfile ${dir}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${dir}/server.pem
TLSCertificateKeyFile ${dir}/server.key
database mdb
suffix "dc=example,dc=com"
rootdn "cn=gate,dc=example,dc=com"
rootpw ${SERVICE_PASSWORD}
directory ${dir}/db
`;
  writeFile(`${dir}/slapd.conf`, config, owner);
  const base = `dn: dc=example,dc=com
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

`;
  writeFile(`${dir}/init.ldif`, base + ldif, owner);
  const slapadd = PROGRAMS.slapd!.replace(/slapd$/, "slapadd");
  runProgram(slapadd, ["-f", `${dir}/slapd.conf`, "-l", `${dir}/init.ldif`], owner);
  const [port, tlsPort] = [freePort(), freePort()];
  const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tlsPort}`;
  const args = ["-f", `${dir}/slapd.conf`, "-h", urls, "-d", "0"];
  const child = await startProgram(PROGRAMS.slapd!, args, owner, port);
  return new Service(child, dir, port, tlsPort, ca);
}
