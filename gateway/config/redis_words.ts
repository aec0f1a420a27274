/** Words of a Redis command, split as redis-cli does; undefined when a quote is left open. */
export function redisWords(command: string): string[] | undefined {
  const words: string[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+))(?=\s|$)/y;
  const text = command.trim();
  while (word.lastIndex < text.length) {
    const match = word.exec(text);
    if (match === null) return undefined;
    words.push(match[3] ?? (match[1] ?? match[2]!).replace(/\\(.)/g, "$1"));
  }
  return words;
}
