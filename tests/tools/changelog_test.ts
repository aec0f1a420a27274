/** Changes by files: that those which are there are well-formed, and how they are folded in. */
import assert from "node:assert/strict";
import { fold, parseFragment, readFragments } from "../../tools/changelog.ts";

Deno.test("changes: every file is well-formed", () => {
  for (const { name, text } of readFragments()) parseFragment(name, text);
});

Deno.test("changes: a file with a wrong name or text is refused by name", () => {
  const wrong = [
    ["news-a.md", "Something."],
    ["fix.md", "Something."],
    ["fix-a.txt", "Something."],
    ["fix-a.md", ""],
    ["fix-a.md", "One.\n\nTwo."],
    ["fix-a.md", "no end"],
  ] as const;
  for (const [name, text] of wrong) {
    assert.throws(() => parseFragment(name, text), (error: Error) => error.message.includes(name));
  }
});

Deno.test("changes: a new release goes on top, by kind", () => {
  const changes = [parseFragment("fix-b.md", "B.\n"), parseFragment("feature-a.md", "A.\n")];
  const before = "# Changelog\n\nText.\n\n## 0.1.0 (2026-01-02)\n\n### Fixes\n\n- Old.\n";
  assert.equal(
    fold(before, changes, "0.2.0", "2026-03-04"),
    "# Changelog\n\nText.\n\n## 0.2.0 (2026-03-04)\n\n### Features\n\n- A.\n\n" +
      "### Fixes\n\n- B.\n\n## 0.1.0 (2026-01-02)\n\n### Fixes\n\n- Old.\n",
  );
});

Deno.test("changes: a release that was begun is completed and dated", () => {
  const before = "# Changelog\n\n## 0.1.0 (not released)\n\n### Features\n\n- Old.\n";
  const changes = [parseFragment("feature-a.md", "A."), parseFragment("safety-s.md", "S.")];
  assert.equal(
    fold(before, changes, "0.1.0", "2026-03-04"),
    "# Changelog\n\n## 0.1.0 (2026-03-04)\n\n### Safety\n\n- S.\n\n### Features\n\n- Old.\n- A.\n",
  );
});
