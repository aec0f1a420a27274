/**
 * What every `DocumentStore` does. Run by the test of each implementation.
 */
import assert from "node:assert/strict";
import type { DocumentStore } from "../../gateway/store/types.ts";

/** Registers the tests. `open` gives an empty store, which is closed with the block. */
export function documentsContract(
  name: string,
  open: () => Disposable & { readonly documents: DocumentStore },
): void {
  const test = (what: string, run: (documents: DocumentStore) => void) =>
    Deno.test(`${name}: ${what}`, () => {
      using opened = open();
      run(opened.documents);
    });

  test("a document comes back as it was put", (documents) => {
    const value = { name: "Zoë", tags: [1, null, true], nested: { empty: {} } };
    documents.put("user", "zoë", value);
    assert.deepEqual(documents.get("user", "zoë"), value);
    documents.put("user", "zoë", "another");
    assert.equal(documents.get("user", "zoë"), "another");
    assert.equal(documents.count("user"), 1);
  });

  test("callers share no object with the store", (documents) => {
    const value = { superuser: false };
    documents.put("user", "a", value);
    value.superuser = true;
    const read = documents.get("user", "a") as typeof value;
    assert.equal(read.superuser, false);
    read.superuser = true;
    assert.deepEqual(documents.get("user", "a"), { superuser: false });
  });

  test("kinds are apart", (documents) => {
    documents.put("user", "a", 1);
    documents.put("ban", "a", 2);
    assert.equal(documents.get("user", "a"), 1);
    assert.equal(documents.delete("user", "a"), true);
    assert.equal(documents.get("ban", "a"), 2);
    assert.equal(documents.count("user"), 0);
    assert.deepEqual(documents.list("user", { limit: 10 }), []);
  });

  test("what is not there is undefined, and deleting it says so", (documents) => {
    assert.equal(documents.get("user", "a"), undefined);
    assert.equal(documents.delete("user", "a"), false);
    assert.equal(documents.count("user"), 0);
    documents.put("user", "a", null);
    assert.equal(documents.get("user", "a"), null);
    assert.equal(documents.delete("user", "a"), true);
    assert.equal(documents.get("user", "a"), undefined);
  });

  test("a list is in the order of code points", (documents) => {
    // In UTF-16 the last of these would come before U+FFFD.
    const keys = ["", "A", "a", "a/b", "ab", "é", "\ufffd", "😀"];
    for (const key of keys.toReversed()) documents.put("k", key, key);
    const listed = documents.list("k", { limit: 100 });
    assert.deepEqual(listed.map(({ key }) => key), keys);
    assert.deepEqual(listed.map(({ value }) => value), keys);
  });

  test("pages follow each other without gap or overlap", (documents) => {
    const keys = Array.from({ length: 25 }, (_, i) => `key${String(i).padStart(2, "0")}`);
    for (const key of keys) documents.put("k", key, 0);
    const seen: string[] = [];
    let page = documents.list("k", { limit: 10 });
    while (page.length > 0) {
      assert(page.length <= 10);
      seen.push(...page.map(({ key }) => key));
      page = documents.list("k", { after: seen.at(-1)!, limit: 10 });
    }
    assert.deepEqual(seen, keys);
  });

  test("the empty key is on the first page only", (documents) => {
    documents.put("k", "", 0);
    documents.put("k", "a", 0);
    assert.deepEqual(documents.list("k", { limit: 1 }).map(({ key }) => key), [""]);
    assert.deepEqual(documents.list("k", { after: "", limit: 1 }).map(({ key }) => key), ["a"]);
  });

  test("a prefix picks keys, with pages too", (documents) => {
    for (const key of ["a", "b", "b%", "b1", "b2", "b_", "B1", "c"]) documents.put("k", key, 0);
    const keys = (prefix: string, after?: string) =>
      documents.list("k", { prefix, limit: 10, ...(after === undefined ? {} : { after }) })
        .map(({ key }) => key);
    assert.deepEqual(keys("b"), ["b", "b%", "b1", "b2", "b_"]);
    assert.deepEqual(keys("b", "b1"), ["b2", "b_"]);
    assert.deepEqual(keys("b", "a"), ["b", "b%", "b1", "b2", "b_"]);
    assert.deepEqual(keys("b", "c"), []);
    assert.deepEqual(keys("b%"), ["b%"]);
    assert.deepEqual(keys("x"), []);
  });
}
