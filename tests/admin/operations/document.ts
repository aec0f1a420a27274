/** The OpenAPI document as a judge of answers. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";

/** An operation as the document has it. */
export interface DocumentedOperation {
  readonly security?: readonly unknown[];
  readonly "x-viewer"?: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, unknown>> }>
  >;
}

/** The document, looked up by `method path`. */
export class ApiDocument {
  readonly operations = new Map<string, DocumentedOperation>();
  readonly #judge = new Ajv2020({ strict: false, allErrors: true });

  constructor(
    readonly document: {
      readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
    },
  ) {
    this.#judge.addSchema({ ...document, $id: "api" });
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        this.operations.set(`${method} ${path}`, operation);
      }
    }
  }

  /** The operation. Fails when there is none. */
  get(name: string): DocumentedOperation {
    const operation = this.operations.get(name);
    assert.ok(operation, `the document has no ${name}`);
    return operation;
  }

  /** Reads the answer; fails when it is not what the document announces for its status. */
  async read(name: string, response: Response): Promise<unknown> {
    const { status } = response;
    const text = await response.text();
    const announced = this.get(name).responses[status];
    assert.ok(announced, `${name}: ${status} is not announced: ${text.slice(0, 300)}`);
    if (announced.content === undefined) {
      assert.equal(text, "", `${name}: ${status} has a body`);
      return undefined;
    }
    const [type] = Object.keys(announced.content);
    const given = response.headers.get("content-type") ?? "";
    assert.ok(given.startsWith(type!), `${name}: ${status} is ${given} instead of ${type}`);
    if (type !== "application/json") return text;
    const [method, path] = name.split(" ") as [string, string];
    const place = ["paths", path, method, "responses", String(status), "content", type, "schema"];
    const valid = this.#judge.getSchema(`api#/${place.map(pointerPart).join("/")}`);
    assert.ok(valid, `${name}: ${status} has no schema`);
    const answer = JSON.parse(text);
    assert.ok(
      valid(answer),
      `${name}: ${status} is not as announced: ${this.#judge.errorsText(valid.errors)}\n${
        text.slice(0, 2000)
      }`,
    );
    return answer;
  }
}

/** A part of a JSON pointer in a URI. */
function pointerPart(part: string): string {
  return encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
}
