/** What came of a question about permissions. */
import type { Decision } from "../../gateway/control.ts";
import { Facts, Tag } from "./parts.tsx";

/** Allowed or denied, by which rule, and where that is from. */
export function DecisionFacts({ decision: { allowed, rule, source } }: { decision: Decision }) {
  return (
    <div role="status" id="outcome">
      <Facts
        facts={[
          ["Decision", <Tag good={allowed}>{allowed ? "allowed" : "denied"}</Tag>],
          ["Rule", <code>{rule}</code>],
          ["From", source],
        ]}
      />
    </div>
  );
}
