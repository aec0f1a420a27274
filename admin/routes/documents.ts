/**
 * The description of the API: as a document for programs and as a page for people.
 */
import type { Hono } from "hono";
import { html, raw } from "hono/html";
import {
  type AdminDeps,
  type AdminEnv,
  type AnyOperation,
  type Api,
  requireCaller,
} from "../api.ts";
import { openApiDocument } from "../openapi.ts";

/** `/api-docs…`, unless `dashboard.swagger_support` is off. Needs credentials as all the rest. */
export function documentRoutes(app: Hono<AdminEnv>, { control }: AdminDeps, api: Api): void {
  let document: object | undefined;
  const paths = ["/api-docs/openapi.json", "/api-docs/swagger.json", "/api-spec.json"];
  for (const path of paths) {
    app.get(path, (context) => {
      if (!control.config.current.dashboard.swagger_support) return context.notFound();
      requireCaller(context);
      document ??= openApiDocument(api.operations);
      return context.json(document);
    });
  }
  app.get("/api-docs", (context) => {
    if (!control.config.current.dashboard.swagger_support) return context.notFound();
    requireCaller(context);
    return context.html(page(api.operations));
  });
}

function page(operations: readonly AnyOperation[]) {
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>natsgate API</title>
      </head>
      <body>
        <h1>natsgate API</h1>
        <p>
          All paths are below <code>/api/v5</code>. Programs read
          <a href="/api-docs/openapi.json">the OpenAPI document</a>.
        </p>
        ${raw(tags.map((tag) => section(tag, operations)).join("\n"))}
      </body>
    </html>
  `;
}

/** Everything here is from the table of operations, so there is nothing to escape but by habit. */
function section(tag: string, operations: readonly AnyOperation[]): string {
  const rows = operations.filter((one) => one.tag === tag).map(({ method, path, summary }) =>
    `<tr><td>${method.toUpperCase()}</td><td><code>${escaped(path)}</code></td>` +
    `<td>${escaped(summary)}</td></tr>`
  );
  return `<h2>${escaped(tag)}</h2><table>${rows.join("")}</table>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
