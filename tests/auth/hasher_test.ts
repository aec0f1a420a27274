import assert from "node:assert/strict";
import { createHash, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import bcrypt from "bcryptjs";
import { createHasher, HASH_QUEUE_MAX, type Hasher } from "../../gateway/auth/hasher.ts";
import type { HashAlgorithm } from "../../gateway/auth/password.ts";
import { realClock } from "../../gateway/clock.ts";
import { silentLog } from "../../gateway/observe/log.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function withHasher(run: (hasher: Hasher) => Promise<void>, workers = 1) {
  const hasher = createHasher(realClock(), silentLog, workers);
  try {
    await run(hasher);
  } finally {
    hasher.close();
  }
}

Deno.test("quick hashes put the salt where salt_position says, and answer at once", async () => {
  await withHasher(async (hasher) => {
    for (
      const [name, digest] of [["md5", "md5"], ["sha", "sha1"], ["sha256", "sha256"], [
        "sha512",
        "sha512",
      ]] as const
    ) {
      const hex = (text: string) => createHash(digest).update(text).digest("hex");
      for (
        const [position, hash] of [
          ["prefix", hex("saltpw")],
          ["suffix", hex("pwsalt")],
          ["disable", hex("pw")],
        ] as const
      ) {
        const algorithm: HashAlgorithm = { name, salt_position: position };
        const stored = { hash: hash.toUpperCase(), salt: "salt" };
        assert.equal(hasher.verify(algorithm, bytes("pw"), stored), true, `${name} ${position}`);
        assert.equal(hasher.verify(algorithm, bytes("pW"), stored), false);
        assert.equal(hasher.verify(algorithm, bytes(""), stored), false);
      }
    }
    await Promise.resolve();
  });
});

Deno.test("plain compares bytes, capitals included", async () => {
  await withHasher(async (hasher) => {
    const plain: HashAlgorithm = { name: "plain", salt_position: "disable" };
    assert.equal(hasher.verify(plain, bytes("Secret"), { hash: "Secret", salt: "" }), true);
    assert.equal(hasher.verify(plain, bytes("secret"), { hash: "Secret", salt: "" }), false);
    const salted: HashAlgorithm = { name: "plain", salt_position: "suffix" };
    assert.equal(hasher.verify(salted, bytes("pw"), { hash: "pwNaCl", salt: "NaCl" }), true);
    await Promise.resolve();
  });
});

Deno.test("bcrypt: $2a$, $2b$ and $2y$ match, a published vector too; the hash is no password", async () => {
  await withHasher(async (hasher) => {
    const algorithm: HashAlgorithm = { name: "bcrypt", salt_rounds: 10 };
    const vector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    const check = (password: string, hash: string) =>
      hasher.verify(algorithm, bytes(password), { hash, salt: "" });
    assert.equal(await check("U*U", vector), true);
    assert.equal(await check("U*U", vector.replace("$2a$", "$2y$")), true);
    assert.equal(await check("U*U", vector.replace("$2a$", "$2b$")), true);
    assert.equal(await check("U*V", vector), false);
    assert.equal(await check(vector, vector), false);
    for (const broken of ["", "$2a$", "$2x$05$abc", "plain", vector.slice(0, -1), `${vector}x`]) {
      assert.equal(await check("U*U", broken), false, broken);
    }
    assert.equal(await check("U*U", vector.replace("$05$", "$31$")), false, "too dear to check");
    assert.equal(
      hasher.verify(algorithm, new Uint8Array([0xff]), { hash: vector, salt: "" }),
      false,
    );
    assert.equal(check("U*U", vector), true, "a proven password is answered at once");
    const own = await hasher.hash({ name: "bcrypt", salt_rounds: 5 }, bytes("pw"));
    assert.equal(bcrypt.compareSync("pw", own.hash), true);
  });
});

Deno.test("pbkdf2 equals the runtime's own for every mac_fun and length", async () => {
  await withHasher(async (hasher) => {
    for (const mac_fun of ["sha", "sha224", "sha256", "sha384", "sha512"] as const) {
      const digest = mac_fun === "sha" ? "sha1" : mac_fun;
      for (const dk_length of [undefined, 10]) {
        const size = dk_length ?? createHash(digest).digest().length;
        const hash = pbkdf2Sync("pw", "salt", 7, size, digest).toString("hex");
        const algorithm: HashAlgorithm = { name: "pbkdf2", mac_fun, iterations: 7, dk_length };
        assert.equal(await hasher.verify(algorithm, bytes("pw"), { hash, salt: "salt" }), true);
        assert.equal(await hasher.verify(algorithm, bytes("px"), { hash, salt: "salt" }), false);
        assert.equal(await hasher.verify(algorithm, bytes("pw"), { hash, salt: "Salt" }), false);
      }
    }
  });
});

Deno.test("what hash() makes, verify() accepts, and nothing else", async () => {
  await withHasher(async (hasher) => {
    const position = fc.constantFrom("prefix", "suffix", "disable");
    const algorithm = fc.oneof(
      fc.record({
        name: fc.constantFrom("plain", "md5", "sha", "sha256", "sha512"),
        salt_position: position,
      }),
      fc.record({
        name: fc.constant("pbkdf2"),
        mac_fun: fc.constantFrom("sha", "sha256", "sha512"),
        iterations: fc.integer({ min: 1, max: 5 }),
      }),
    ) as fc.Arbitrary<HashAlgorithm>;
    await fc.assert(
      fc.asyncProperty(
        algorithm,
        fc.string({ unit: "grapheme" }),
        fc.string(),
        async (chosen, pw, other) => {
          const stored = await hasher.hash(chosen, bytes(pw));
          assert.equal(await hasher.verify(chosen, bytes(pw), stored), true);
          if (other !== pw) assert.equal(await hasher.verify(chosen, bytes(other), stored), false);
        },
      ),
      { numRuns: 200 },
    );
  });
});

Deno.test("a full queue answers busy, and close() lets nobody hang", async () => {
  const hasher = createHasher(realClock(), silentLog, 1);
  const algorithm: HashAlgorithm = { name: "bcrypt", salt_rounds: 10 };
  const hash = "$2a$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  const all = Array.from(
    { length: HASH_QUEUE_MAX + 2 },
    (_, i) => hasher.verify(algorithm, bytes(`pw${i}`), { hash, salt: "" }),
  );
  assert.equal(await all.at(-1), "busy", "one runs, the queue is full, this one is too many");
  hasher.close();
  assert.deepEqual(new Set(await Promise.all(all)), new Set(["busy"]));
});

Deno.test("50 bcrypt logins at once leave the event loop free", async () => {
  await withHasher(async (hasher) => {
    const stored = await hasher.hash({ name: "bcrypt", salt_rounds: 7 }, bytes("right"));
    const algorithm: HashAlgorithm = { name: "bcrypt", salt_rounds: 7 };
    const logins = Array.from(
      { length: 50 },
      (_, i) => hasher.verify(algorithm, bytes(i % 2 ? "right" : `wrong${i}`), stored),
    );
    let turns = 0;
    let done = false;
    const all = Promise.all(logins).finally(() => done = true);
    while (!done) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      turns++;
    }
    const answers = await all;
    assert.equal(answers.filter((ok) => ok === true).length, 25);
    // 26 distinct jobs ran elsewhere; had one of them blocked this loop there were few turns.
    assert.ok(turns > 26, `only ${turns} turns of the loop`);
  });
});

Deno.test("workers start one a turn of the event loop, and none for a login that was prepared for", async () => {
  const RealWorker = globalThis.Worker;
  const startedIn: number[] = [];
  let turn = 0, counting = true;
  const count = () => {
    turn++;
    if (counting) setTimeout(count);
  };
  setTimeout(count);
  globalThis.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof RealWorker>) {
      super(...args);
      startedIn.push(turn);
    }
  };
  const algorithm: HashAlgorithm = { name: "bcrypt", salt_rounds: 4 };
  const stored = { hash: "$2b$04$TUQxsctSgsMWIfFKwc2Tdu44GS3Sj9a1zqvsMZyx/o1uuJuHHMGUy", salt: "" };
  const threeLogins = (hasher: Hasher) =>
    Promise.all(["a", "b", "c"].map((text) => hasher.verify(algorithm, bytes(text), stored)));
  try {
    for (const prepared of [false, true]) {
      const hasher = createHasher(realClock(), silentLog, 3);
      startedIn.length = 0;
      if (prepared) await hasher.prepare();
      const before = startedIn.length;
      assert.deepEqual(await threeLogins(hasher), [false, false, false]);
      assert.equal(new Set(startedIn).size, startedIn.length, `in turns ${startedIn}`);
      assert.equal(before, prepared ? 3 : 0);
      if (prepared) assert.equal(startedIn.length, 3, "the logins started none");
      await hasher.prepare();
      assert.equal(startedIn.length, 3, "those that were missing, and no more");
      hasher.close();
    }
  } finally {
    globalThis.Worker = RealWorker;
    counting = false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
