import assert from "node:assert/strict";
import { ImportProblem, importUsers, readUsers } from "../../gateway/auth/user_import.ts";
import { UserTable } from "../../gateway/auth/users.ts";
import { DEFAULT_ALGORITHM } from "../../gateway/auth/password.ts";
import { memoryUsers, testAccess } from "./config.ts";
import { mqttCredentials, outcome, principalOf, testHasher } from "./kit.ts";

const BUILT_IN = `[[authentication]]
mechanism = "password_based"
backend = "built_in_database"
`;

async function withFile(name: string, text: string, run: (path: string) => Promise<void>) {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
    await run(`${dir}/${name}`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("built-in users: right, wrong, absent, empty, unknown, oversize", async () => {
  await withFile(
    "u.csv",
    "user_id,password,is_superuser\nalice,a-pass,false\nroot,r-pass,true\n",
    async (path) => {
      await using on = await testAccess(`${BUILT_IN}bootstrap_file = "${path}"`);
      const cases: [string | undefined, string | undefined, string][] = [
        ["alice", "a-pass", "in: alice"],
        ["alice", "A-pass", "out: bad_username_or_password"],
        ["alice", "", "out: bad_username_or_password"],
        ["alice", undefined, "out: bad_username_or_password"],
        ["alice", "x".repeat(100_000), "out: bad_username_or_password"],
        ["ALICE", "a-pass", "out: not_authorized"],
        ["", "a-pass", "out: not_authorized"],
        [undefined, "a-pass", "out: not_authorized"],
        ["x".repeat(100_000), "a-pass", "out: not_authorized"],
      ];
      for (const [user, password, expected] of cases) {
        assert.equal(await on.login(user, password), expected, `${user?.slice(0, 9)}`);
      }
      const who = on.access.authenticatorFor("mqtt:tcp:default")
        .authenticate(mqttCredentials("root", "r-pass"));
      assert.equal((await principalOf(who)).superuser, true);
      assert.ok(!on.lines.join("\n").includes("a-pass"));
    },
  );
});

Deno.test("built-in users by client id; each algorithm stays with its hash", async () => {
  const store = memoryUsers();
  const byId = `${BUILT_IN}user_id_type = "clientid"\n`;
  await withFile("u.json", '[{"user_id": "client-1", "password": "pw"}]', async (path) => {
    for (
      const algorithm of [
        '{ name = "sha512", salt_position = "suffix" }',
        '{ name = "bcrypt", salt_rounds = 5 }',
      ]
    ) {
      const text = `${byId}bootstrap_file = "${path}"\npassword_hash_algorithm = ${algorithm}`;
      await using on = await testAccess(text, undefined, store);
      assert.equal(await on.login(undefined, "pw"), "in: undefined");
      assert.equal(await on.login("anyone", "pw"), "in: anyone");
      assert.equal(await on.login("anyone", "no"), "out: bad_username_or_password");
    }
  });
  const record = new UserTable(store, "mqtt:global").record("client-1");
  assert.equal(record?.algorithm.name, "sha512", "the second start left the user as it was");
});

Deno.test("chains have users of their own, and stopping deletes nobody", async () => {
  const store = memoryUsers();
  const text = `${BUILT_IN}
[gateway.nats.authentication]
mechanism = "password_based"
backend = "built_in_database"`;
  {
    await using on = await testAccess(text, undefined, store);
    const stored = await on.access.hasher.hash(DEFAULT_ALGORITHM, new TextEncoder().encode("pw"));
    const record = {
      password_hash: stored.hash,
      salt: stored.salt,
      is_superuser: false,
      algorithm: DEFAULT_ALGORITHM,
    };
    on.access.users("nats:global").put("alice", record);
    assert.equal(await on.login("alice", "pw"), "out: not_authorized", "not an MQTT user");
  }
  await using again = await testAccess(text, undefined, store);
  const nats = again.access.authenticatorFor("nats:tcp:default");
  assert.equal(await outcome(nats.authenticate(mqttCredentials("alice", "pw"))), "in: alice");
  assert.equal(again.access.users("nats:global").size, 1);
  assert.deepEqual(again.access.users("nats:global").get("alice"), {
    user_id: "alice",
    is_superuser: false,
  });
  again.access.users("nats:global").clear();
  assert.equal(
    await outcome(nats.authenticate(mqttCredentials("alice", "pw"))),
    "out: not_authorized",
  );
});

Deno.test("a user that cannot be written is said so", () => {
  const table = new UserTable({ ...memoryUsers(), commit: () => false }, "c");
  const record = {
    password_hash: "x",
    salt: "",
    is_superuser: false,
    algorithm: DEFAULT_ALGORITHM,
  };
  assert.throws(() => table.put("a", record), /could not be written/);
  assert.throws(() => table.put("", record), /user id/);
  assert.throws(() => table.put("x".repeat(70_000), record), /user id/);
});

Deno.test("CSV: any order, quotes, CRLF, and rows named when they are wrong", () => {
  const good = readUsers(
    '\ufeffis_superuser,user_id,password\r\ntrue,"a,""b""",p w\r\n\r\nno,c,d',
    "csv",
    "plain",
  );
  assert.deepEqual(good, [
    { user_id: 'a,"b"', secret: "p w", salt: "", is_superuser: true },
    { user_id: "c", secret: "d", salt: "", is_superuser: false },
  ]);
  const hash = readUsers("user_id,password_hash,salt\na,h,s\nb,h2,\n", "csv", "hash");
  assert.deepEqual(hash.map(({ secret, salt }) => [secret, salt]), [["h", "s"], ["h2", ""]]);
  const bad: [string, "csv" | "json", RegExp][] = [
    ["", "csv", /empty_users/],
    ["user_id,password\n", "csv", /empty_users/],
    ["user_id,password\na,b\n,c\n", "csv", /row 2 has no user_id/],
    ["user_id,password\na,\n", "csv", /row 1 has no password/],
    ["user_id\na\n", "csv", /row 1 has no password/],
    ["user_id,password\na,b,c\n", "csv", /row 1 has 3 fields/],
    ['user_id,password\n"a,b\n', "csv", /quote/],
    ["{}", "json", /array/],
    ["[7]", "json", /row 1 is not an object/],
    ["[]", "json", /empty_users/],
    ['[{"user_id": 7, "password": "x"}]', "json", /row 1 has no user_id/],
  ];
  for (const [text, format, part] of bad) {
    assert.throws(() => readUsers(text, format, "plain"), (error: Error) => {
      assert.ok(error instanceof ImportProblem);
      assert.match(error.message, part, text);
      return true;
    });
  }
});

Deno.test("import counts what is new, changed and the same", async () => {
  using hasher = testHasher();
  const table = new UserTable(memoryUsers(), "c");
  const run = (text: string, type: "plain" | "hash") =>
    importUsers(readUsers(text, "csv", type), type, table, DEFAULT_ALGORITHM, hasher, false);
  const first = "user_id,password_hash,salt\na,h1,s\nb,h2,s\n";
  assert.deepEqual(await run(first, "hash"), {
    total: 2,
    success: 2,
    override: 0,
    skipped: 0,
    failed: 0,
  });
  const second = "user_id,password_hash,salt\na,h1,s\nb,h3,s\nc,h4,\n";
  assert.deepEqual(await run(second, "hash"), {
    total: 3,
    success: 1,
    override: 1,
    skipped: 1,
    failed: 0,
  });
  assert.equal(table.record("b")?.password_hash, "h3");
  assert.equal((await run("user_id,password\nd,pw\n", "plain")).success, 1);
  assert.equal((await run("user_id,password\nd,pw\n", "plain")).skipped, 1);
  assert.equal((await run("user_id,password,is_superuser\nd,pw,true\n", "plain")).override, 1);
  assert.equal(table.size, 4);
});

Deno.test("a bootstrap file that is missing or broken is a warning", async () => {
  await using missing = await testAccess(`${BUILT_IN}bootstrap_file = "/nowhere.csv"`);
  assert.ok(missing.lines.some((line) => line.includes("bootstrap file cannot be used")));
  await withFile("u.csv", "user_id,password\na,\n", async (path) => {
    await using broken = await testAccess(`${BUILT_IN}bootstrap_file = "${path}"`);
    assert.ok(broken.lines.some((line) => line.includes("row 1 has no password")));
  });
});
