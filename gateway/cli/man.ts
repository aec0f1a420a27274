/** `natsgate man`: the manual page, made from the table of commands. */
import { EXIT } from "../errors.ts";
import { BUILT, VERSION } from "../version.ts";
import { COMMANDS } from "./commands.ts";
import { optionHelp } from "./help.ts";
import { TOPICS } from "./help_topics.ts";
import { type Arguments, operandUsage } from "./parse.ts";
import type { Io } from "./io.ts";

/** Prints the page in the man(7) format. */
export function run(_args: Arguments, io: Io): number {
  io.out(manPage());
  return EXIT.ok;
}

/** The page. */
export function manPage(): string {
  let page = `.TH NATSGATE 1 "${BUILT}" "natsgate ${VERSION}"
.SH NAME
natsgate \\- NATS and MQTT clients on one broker
.SH SYNOPSIS
.B natsgate
[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]
.SH DESCRIPTION
Without a command, the gateway is started.
.SH COMMANDS
`;
  for (const command of COMMANDS) {
    const usage = `${command.name} ${operandUsage(command)}`.trim();
    page += `.SS ${escape(usage)}\n${sentence(command.summary)}\n`;
    if (command.text !== undefined) page += `.PP\n${escape(command.text)}\n`;
    for (const operand of command.operands) {
      page += `.TP\n.I ${escape(operand.name)}\n${sentence(operand.help)}\n`;
    }
    for (const option of command.options) {
      const value = option.value === undefined ? "" : `=\\fI${escape(option.value)}\\fR`;
      const short = option.short === undefined ? "" : `\\fB\\-${option.short}\\fR, `;
      page += `.TP\n${short}\\fB\\-\\-${escape(option.name)}\\fR${value}\n` +
        `${sentence(optionHelp(option))}\n`;
    }
    page += ".PP\nExample:\n.PP\n.nf\n.RS\n" +
      command.examples.map((example) => `${escape(example)}\n`).join("") + ".RE\n.fi\n";
  }
  for (const topic of TOPICS) {
    const [title = "", ...lines] = topic.text.trimEnd().split("\n");
    page += `.SH ${escape(title.toUpperCase())}\n.nf\n${
      escape(lines.join("\n").trimStart())
    }\n.fi\n`;
  }
  return page;
}

function sentence(text: string): string {
  return escape(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
}

/** Text in which nothing means anything to the formatter. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq")
    .replace(/^([.'])/gm, "\\&$1").replaceAll("`", "\\(ga").replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti");
}
