import assert from "node:assert/strict";
import {
  ACCESS_LDAP,
  CLIENT_INFO,
  LOGIN,
  MOUNTPOINT,
  placeholders,
  templateProblem,
} from "../../gateway/config/template.ts";

Deno.test("placeholders lists the names, escaped dollars left out", () => {
  assert.deepEqual(placeholders("a/${x}/${$}{no}${y.z}$ {} ${}"), ["x", "y.z", ""]);
});

Deno.test("templateProblem knows the names of each place", () => {
  for (
    const [template, scope] of [
      ["${Packet.user}${Packet.anything}", CLIENT_INFO],
      ["${generated}", CLIENT_INFO],
      ["${username}/${client_attrs.site}/", MOUNTPOINT],
      ["no placeholder, $ and {x}", MOUNTPOINT],
      ["${password}", LOGIN],
    ] as const
  ) assert.equal(templateProblem(template, scope), undefined, template);
  for (
    const [template, scope] of [
      ["${password}", MOUNTPOINT],
      ["${Packet.}", CLIENT_INFO],
      ["${Packet}", CLIENT_INFO],
      ["${client_attrs}", MOUNTPOINT],
      ["${peerport}", ACCESS_LDAP],
      ["${}", LOGIN],
    ] as const
  ) assert.match(templateProblem(template, scope) ?? "", /^unknown placeholder/, template);
});

Deno.test("a placeholder that is never closed is no text", () => {
  for (const odd of ["${Packet.user", "a ${", "${${Packet.user}", "${Packet.user}-${Packet"]) {
    assert.match(templateProblem(odd, CLIENT_INFO) ?? "", /not closed/, odd);
  }
  for (const good of ["${$}{ as it is", "$ {", "{", "}", "${Packet.user}}"]) {
    assert.equal(templateProblem(good, CLIENT_INFO), undefined, good);
  }
});
